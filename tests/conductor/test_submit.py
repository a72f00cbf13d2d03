from datetime import timedelta

import pytest
from cluster_fake import ON_DEMAND, START, Cluster
from gate import Crash, Gate

from transload.conductor import context, lifecycle, submit, watch
from transload.conductor.batch import UnsureError
from transload.conductor.runs import CLAIM

RUN = "nightly-20261123T180000Z"


def crash(operation: str) -> None:
    raise Crash


def asked(cluster: Cluster) -> dict:
    """The last SubmitJob request."""
    return [request for operation, request in cluster.batch.asked if operation == "submitjob"][-1]


def test_a_scheduled_run_is_submitted_under_its_run_id(cluster: Cluster):
    cluster.job()
    answer = cluster.schedule()
    assert answer["run_id"] == RUN
    assert answer["status"] == "SUBMITTED"
    assert answer["batch_job_id"] == cluster.only(RUN)


def test_a_schedule_that_is_delivered_twice_submits_once(cluster: Cluster):
    cluster.job()
    first, second = cluster.schedule(), cluster.schedule()
    assert first == second
    assert len(cluster.batch.jobs) == 1


def test_two_expressions_that_fire_at_the_same_time_are_one_run(cluster: Cluster):
    cluster.job()
    cluster.schedule(schedule="arn:one")
    cluster.schedule(schedule="arn:two")
    assert len(cluster.batch.jobs) == 1


def test_the_container_is_told_what_it_is_run_for(cluster: Cluster):
    cluster.job()
    cluster.schedule()
    environment = {one["name"]: one["value"] for one in asked(cluster)["containerOverrides"]["environment"]}
    assert environment == {"TRANSLOAD_JOB": "nightly", "TRANSLOAD_RUN_ID": RUN, "TRANSLOAD_SCHEDULED_FOR": "2026-11-23T18:00:00Z"}


def test_every_override_reaches_batch_and_the_run_keeps_all_but_values_of_the_environment(cluster: Cluster):
    cluster.job()
    overrides = {"command": ["load", "--all"], "environment": {"TOKEN": "s3cr3t-value"}, "vcpu": 0.5, "memory_mib": 2048}
    answer = cluster.run(overrides={**overrides, "array_size": 4, "timeout_seconds": 600})
    request = asked(cluster)
    container = request["containerOverrides"]
    assert container["command"] == ["load", "--all"]
    assert {"name": "TOKEN", "value": "s3cr3t-value"} in container["environment"]
    assert container["resourceRequirements"] == [{"type": "VCPU", "value": "0.5"}, {"type": "MEMORY", "value": "2048"}]
    assert (request["arrayProperties"], request["timeout"]) == ({"size": 4}, {"attemptDurationSeconds": 600})
    run = cluster.store.get(answer["run_id"])
    assert run["overrides"] == {
        "command": ["load", "--all"],
        "environment": ["TOKEN"],
        "vcpu": 0.5,
        "memory_mib": 2048,
        "array_size": 4,
        "timeout_seconds": 600,
    }
    assert (run["vcpu"], run["memory_mib"], run["trigger"], run["triggered_by"]) == (0.5, 2048, "person", "ana")


def test_a_definition_with_a_stop_timeout_is_overridden_in_its_own_form(cluster: Cluster):
    cluster.job(stop_timeout_seconds=90)
    cluster.run(overrides={"command": ["send"], "vcpu": 1})
    assert "containerOverrides" not in asked(cluster)
    ((container,),) = [task["containers"] for task in asked(cluster)["ecsPropertiesOverride"]["taskProperties"]]
    assert container["name"] == "default"
    assert container["command"] == ["send"]
    assert container["resourceRequirements"] == [{"type": "VCPU", "value": "1"}]
    assert "TRANSLOAD_RUN_ID" in [one["name"] for one in container["environment"]]


def test_an_array_job_is_submitted_with_its_declared_size(cluster: Cluster):
    cluster.job(array_size=10)
    cluster.schedule()
    assert asked(cluster)["arrayProperties"] == {"size": 10}
    cluster.job("single", array_size=10)
    cluster.run("single", overrides={"array_size": 1})
    assert "arrayProperties" not in asked(cluster), "Batch takes arrays of two children or more"


def test_runs_by_hand_in_one_second_are_two_runs(cluster: Cluster):
    cluster.job(concurrency="allow")
    one, two = cluster.run(), cluster.run()
    assert one["run_id"] != two["run_id"]
    assert one["run_id"].startswith("nightly-20261123T180000Z-")
    assert len(cluster.batch.live()) == 2


def test_a_run_by_hand_with_its_run_given_is_safe_to_repeat(cluster: Cluster):
    cluster.job()
    assert cluster.run(run="20261123T180501Z-ab12") == cluster.run(run="20261123T180501Z-ab12")
    assert len(cluster.batch.jobs) == 1


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({}, "the event names no job"),
        ({"job": "#cluster"}, "the event names no job"),
        ({"job": "nightly", "trigger": "moon"}, "trigger must be one of schedule, person, flow, retry, got 'moon'"),
        ({"job": "nightly", "trigger": "schedule"}, "a scheduled run needs scheduled_for"),
        ({"job": "nightly", "overrides": {"cpu": 1}}, "unknown override cpu; known are array_size, command"),
        ({"job": "nightly", "run": "today"}, "run must look like 20261123T180000Z or 20261123T180501Z-ab12, got 'today'"),
    ],
)
def test_an_event_that_is_none_is_refused_in_words(cluster: Cluster, event: dict, message: str):
    cluster.job()
    with pytest.raises(ValueError, match=message):
        submit.submit(cluster.conductor, event)


# Concurrency


def test_the_next_run_yields_while_the_one_before_runs(cluster: Cluster):
    cluster.job()
    first = cluster.schedule()
    cluster.later(days=1)
    second = cluster.schedule(at=cluster.time)
    assert (second["status"], second["yielded_to"]) == ("SKIPPED", first["run_id"])
    assert second["reason"] == f"{RUN} is still SUBMITTED"
    assert cluster.store.get(second["run_id"])["cause"] == "concurrency"
    assert len(cluster.batch.jobs) == 1


def test_yielding_to_one_run_again_and_again_is_told_once(cluster: Cluster):
    cluster.job()
    cluster.schedule()
    for _ in range(3):
        cluster.later(minutes=5)
        cluster.schedule(at=cluster.time)
    assert len(cluster.mails()) == 1
    assert cluster.mails()[0].startswith("nightly was skipped")


def test_the_lock_is_free_after_the_end(cluster: Cluster):
    cluster.job()
    cluster.batch.succeed(cluster.only(cluster.schedule()["run_id"]))
    cluster.deliver()
    assert cluster.store.lock("nightly") is None
    assert cluster.store.live() == []
    cluster.later(days=1)
    assert cluster.schedule(at=cluster.time)["status"] == "SUBMITTED"


def test_a_lock_is_taken_over_when_the_end_of_its_run_was_never_delivered(cluster: Cluster):
    cluster.job()
    cluster.batch.succeed(cluster.only(cluster.schedule()["run_id"]))
    cluster.batch.events.clear()
    cluster.later(days=1)
    assert cluster.schedule(at=cluster.time)["status"] == "SUBMITTED"
    assert cluster.store.get(RUN)["status"] == "SUCCEEDED"


def test_a_lock_is_taken_over_when_batch_does_not_know_the_job_any_more(cluster: Cluster):
    cluster.job()
    cluster.schedule()
    cluster.batch.forget(cluster.only(RUN))
    cluster.later(days=8)
    assert cluster.schedule(at=cluster.time)["status"] == "SUBMITTED"
    assert (cluster.store.get(RUN)["status"], cluster.store.get(RUN)["cause"]) == ("FAILED", "platform")


def test_waiting_runs_start_one_after_the_other_in_their_order(cluster: Cluster):
    cluster.job(concurrency="queue")
    ids = []
    for _ in range(3):
        ids.append(cluster.schedule(at=cluster.time)["run_id"])
        cluster.later(minutes=1)
    assert [cluster.store.get(one)["status"] for one in ids] == ["SUBMITTED", "QUEUED", "QUEUED"]
    for number in range(3):
        assert [job["jobName"] for job in cluster.batch.live()] == [ids[number]]
        cluster.batch.succeed(cluster.only(ids[number]))
        cluster.deliver()
    assert [cluster.store.get(one)["status"] for one in ids] == ["SUCCEEDED"] * 3


def test_only_so_many_runs_may_wait(cluster: Cluster):
    cluster.job(concurrency="queue")
    answers = []
    for _ in range(submit.MAX_WAITING + 2):
        answers.append(cluster.schedule(at=cluster.time))
        cluster.later(minutes=1)
    assert [answer["status"] for answer in answers] == ["SUBMITTED"] + ["QUEUED"] * submit.MAX_WAITING + ["SKIPPED"]
    assert "20 runs wait already" in answers[-1]["reason"]


def test_runs_of_one_second_wait_in_their_order(cluster: Cluster):
    cluster.job(concurrency="queue")
    cluster.schedule()
    cluster.later(minutes=1)
    whole = cluster.run()["run_id"]
    cluster.later(milliseconds=500)
    cluster.run()
    cluster.batch.succeed(cluster.only(RUN))
    cluster.deliver()
    assert [job["jobName"] for job in cluster.batch.live()] == [whole]


def test_a_queue_loses_no_run_when_the_holder_ends_before_the_waiting_run_is_written(cluster: Cluster):
    cluster.job(concurrency="queue")
    cluster.schedule()
    cluster.later(minutes=1)

    def ends(operation: str) -> None:
        cluster.batch.succeed(cluster.only(RUN))
        cluster.deliver()

    # The first write is the claim that the lock refuses, the second the run that waits.
    gate = Gate(cluster.clients)
    with gate.at(2, "before", ends):
        second = cluster.schedule(at=cluster.time)
    assert second["status"] == "SUBMITTED"
    cluster.later(minutes=1)
    third = cluster.schedule(at=cluster.time)["run_id"]
    cluster.batch.succeed(cluster.only(second["run_id"]))
    with gate.at(1, "after", crash), pytest.raises(Crash):
        cluster.deliver()
    watch.watch(cluster.process())
    assert cluster.store.get(third)["status"] == "SUBMITTED"


def test_a_run_with_values_in_its_environment_does_not_wait(cluster: Cluster):
    cluster.job(concurrency="queue")
    cluster.schedule()
    answer = cluster.run(overrides={"environment": {"DAY": "2026-11-01"}})
    assert answer["status"] == "SKIPPED"
    assert "not stored" in answer["reason"]


def test_a_waiting_run_that_is_stopped_never_starts(cluster: Cluster):
    cluster.job(concurrency="queue")
    cluster.schedule()
    cluster.later(minutes=1)
    waiting = cluster.schedule(at=cluster.time)["run_id"]
    lifecycle.stop(cluster.conductor, waiting, "ana")
    cluster.batch.succeed(cluster.only(RUN))
    cluster.deliver()
    assert cluster.store.get(waiting)["status"] == "STOPPED"
    assert cluster.batch.named(waiting) == []


def test_replace_starts_the_new_run_when_the_old_one_has_really_ended(cluster: Cluster):
    cluster.job(concurrency="replace")
    cluster.schedule()
    cluster.batch.advance(cluster.only(RUN), "RUNNING")
    cluster.deliver()
    cluster.later(minutes=5)
    new = cluster.schedule(at=cluster.time)
    assert (new["status"], new["yielded_to"]) == ("QUEUED", RUN)
    assert len(cluster.batch.live()) == 1, "the old one has its stop timeout"
    cluster.batch.kill(cluster.only(RUN))
    cluster.deliver()
    old = cluster.store.get(RUN)
    assert (old["status"], old["cause"], old["reason"]) == ("STOPPED", "replaced", f"replaced by {new['run_id']}")
    assert [job["jobName"] for job in cluster.batch.live()] == [new["run_id"]]
    assert cluster.mails() == []


def test_replace_keeps_only_the_newest_of_those_that_wait(cluster: Cluster):
    cluster.job(concurrency="replace")
    cluster.schedule()
    cluster.batch.advance(cluster.only(RUN), "RUNNING")
    cluster.later(minutes=5)
    second = cluster.schedule(at=cluster.time)["run_id"]
    cluster.later(minutes=5)
    third = cluster.schedule(at=cluster.time)["run_id"]
    cluster.batch.kill(cluster.only(RUN))
    cluster.deliver()
    assert (cluster.store.get(second)["status"], cluster.store.get(second)["cause"]) == ("STOPPED", "replaced")
    assert cluster.batch.named(second) == []
    assert cluster.store.get(third)["status"] == "SUBMITTED"


def test_replace_ends_the_one_that_waits_after_a_crash_too(cluster: Cluster):
    cluster.job(concurrency="replace")
    cluster.schedule()
    cluster.batch.advance(cluster.only(RUN), "RUNNING")
    cluster.deliver()
    cluster.later(minutes=5)
    second = cluster.schedule(at=cluster.time)["run_id"]
    cluster.later(minutes=5)
    with Gate(cluster.clients).at(1, "after", crash), pytest.raises(Crash):
        cluster.schedule(at=cluster.time)
    watch.watch(cluster.process())
    cluster.batch.kill(cluster.only(RUN))
    cluster.deliver()
    assert cluster.batch.named(second) == []
    assert [job["jobName"] for job in cluster.batch.live()] == ["nightly-20261123T181000Z"]


def test_replace_does_not_leave_an_older_run_to_come_after_it(cluster: Cluster):
    cluster.job(concurrency="replace")
    cluster.schedule()
    cluster.batch.advance(cluster.only(RUN), "RUNNING")
    cluster.deliver()
    cluster.later(minutes=5)
    second = cluster.schedule(at=cluster.time)["run_id"]
    cluster.batch.kill(cluster.only(RUN))
    # The end is written, and the process dies before it starts the run that waited.
    with Gate(cluster.clients).at(1, "after", crash), pytest.raises(Crash):
        cluster.deliver()
    cluster.later(minutes=1)
    third = cluster.schedule(at=cluster.time)
    assert third["status"] == "SUBMITTED"
    assert cluster.store.get(second)["status"] == "STOPPED"


def test_replace_does_not_stop_a_flow_that_waits_for_the_job(cluster: Cluster):
    cluster.job("load", concurrency="replace")
    cluster.declare("whole", kind="flow", steps=[{"name": "load", "job": "load", "after": []}], concurrency="queue")
    cluster.run("load")
    cluster.later(minutes=1)
    waiting = cluster.schedule("whole", at=cluster.time)["run_id"]
    cluster.later(minutes=1)
    cluster.run("load")
    assert cluster.store.get(waiting)["status"] == "QUEUED"


def test_allow_lets_runs_overlap(cluster: Cluster):
    cluster.job(concurrency="allow")
    cluster.schedule()
    cluster.later(minutes=5)
    assert cluster.schedule(at=cluster.time)["status"] == "SUBMITTED"
    assert len(cluster.batch.live()) == 2
    assert cluster.store.locks() == {}


# Disabled


def test_a_disabled_job_is_skipped_with_who_and_why(cluster: Cluster):
    cluster.job()
    cluster.store.disable("nightly", "ana", cluster.time, why="the database moves")
    answer = cluster.schedule()
    assert answer["status"] == "SKIPPED"
    assert answer["reason"] == "nightly was disabled by ana: the database moves"
    assert cluster.store.get(RUN)["cause"] == "disabled"
    assert cluster.batch.jobs == {}


def test_a_job_is_disabled_only_until_the_time_given(cluster: Cluster):
    cluster.job()
    cluster.store.disable("nightly", "ana", cluster.time, until=START + timedelta(hours=1))
    assert cluster.schedule()["reason"] == "nightly was disabled by ana until 2026-11-23T19:00:00Z"
    cluster.later(hours=1)
    assert cluster.schedule(at=cluster.time)["status"] == "SUBMITTED"


def test_an_enabled_job_runs_again(cluster: Cluster):
    cluster.job()
    cluster.store.disable("nightly", "ana", cluster.time)
    cluster.store.enable("nightly")
    assert cluster.schedule()["status"] == "SUBMITTED"


def test_a_run_that_waits_does_not_start_when_its_job_was_disabled_meanwhile(cluster: Cluster):
    cluster.job(concurrency="queue")
    cluster.schedule()
    cluster.later(minutes=1)
    waiting = cluster.schedule(at=cluster.time)["run_id"]
    cluster.store.disable("nightly", "ana", cluster.time, why="the database moves")
    cluster.batch.succeed(cluster.only(RUN))
    cluster.deliver()
    run = cluster.store.get(waiting)
    assert (run["status"], run["cause"], run["reason"]) == (
        "SKIPPED",
        "disabled",
        "nightly was disabled by ana: the database moves",
    )
    assert cluster.store.live() == []


def test_a_job_whose_schedule_is_not_enabled_runs_by_hand_only(cluster: Cluster):
    cluster.job(enabled=False)
    assert cluster.schedule()["status"] == "SKIPPED"
    assert cluster.run()["status"] == "SUBMITTED"


# What cannot be submitted


def test_a_job_nobody_declared_is_told_and_not_tried_again(cluster: Cluster):
    answer = cluster.schedule("gone")
    assert answer == {
        "run_id": "gone-20261123T180000Z",
        "status": "FAILED",
        "reason": "no job named gone is declared in this cluster",
    }
    assert cluster.mails()[0].startswith("gone could not start")


def test_what_batch_refuses_ends_the_run_frees_the_lock_and_is_told(cluster: Cluster):
    cluster.job()
    cluster.batch.definitions = set()
    answer = cluster.schedule()
    assert answer["status"] == "FAILED"
    assert answer["reason"] == "could not be submitted: ClientException: Job definition c-nightly not found"
    assert cluster.store.get(RUN)["cause"] == "submit"
    assert cluster.store.lock("nightly") is None
    assert cluster.mails()[0].startswith("nightly failed: could not be submitted")


def test_a_request_that_is_too_large_says_what_to_do(cluster: Cluster):
    cluster.job()
    answer = cluster.run(overrides={"environment": {"LIST": "x" * 31_000}})
    assert answer["status"] == "FAILED"
    assert "AWS Batch takes 30720: put large values into S3 and pass the key" in answer["reason"]
    assert cluster.batch.jobs == {}


def test_a_throttled_submission_is_raised_and_done_by_the_next_try(cluster: Cluster):
    cluster.job()
    cluster.batch.errors.append(("submitjob", 429, "TooManyRequestsException", "slow down"))
    with pytest.raises(UnsureError, match="slow down"):
        cluster.schedule()
    cluster.later(minutes=1)
    assert cluster.schedule()["status"] == "SUBMITTED"
    assert len(cluster.batch.jobs) == 1


def test_a_submission_whose_answer_was_lost_is_adopted_not_repeated(cluster: Cluster):
    cluster.job()
    cluster.batch.errors.append(("submitjob", 502, "", "bad gateway"))
    with pytest.raises(UnsureError):
        cluster.schedule()
    cluster.later(minutes=1)
    assert cluster.schedule()["batch_job_id"] == cluster.only(RUN)


# Crashes


@pytest.mark.parametrize(("number", "moment", "submitted"), [(1, "after", 0), (2, "before", 0), (2, "after", 1), (3, "before", 1)])
def test_a_run_whose_process_died_is_gone_on_with_when_its_claim_is_over(
    cluster: Cluster, number: int, moment: str, submitted: int
):
    cluster.job()
    gate = Gate(cluster.clients)
    with gate.at(number, moment, crash), pytest.raises(Crash):
        cluster.schedule()
    assert cluster.schedule()["status"] == "ACCEPTED", "whoever claimed it may still be at it"
    assert len(cluster.batch.jobs) == submitted
    cluster.later(seconds=CLAIM.total_seconds())
    assert cluster.schedule()["status"] == "SUBMITTED"
    cluster.only(RUN)


def test_of_two_that_go_on_with_a_run_only_one_submits_it(cluster: Cluster):
    cluster.job()
    gate = Gate(cluster.clients)
    with gate.at(1, "after", crash), pytest.raises(Crash):
        cluster.schedule()
    cluster.later(minutes=2)
    run = cluster.store.get(RUN)
    # The other has claimed it and is about to submit.
    with gate.at(1, "before", lambda _: cluster.store.reclaim(run, cluster.time)):
        assert cluster.schedule()["status"] == "ACCEPTED"
    assert cluster.batch.jobs == {}


def test_watch_goes_on_with_a_run_that_nobody_asks_for_again(cluster: Cluster):
    cluster.job()
    gate = Gate(cluster.clients)
    with gate.at(1, "after", crash), pytest.raises(Crash):
        cluster.schedule()
    cluster.later(minutes=5)
    watch.watch(cluster.conductor)
    assert cluster.store.get(RUN)["status"] == "SUBMITTED"
    cluster.only(RUN)


def test_a_crashed_run_with_values_in_its_environment_is_not_started_without_them(cluster: Cluster):
    cluster.job()
    gate = Gate(cluster.clients)
    event = {"run": "20261123T180000Z-ab12", "overrides": {"environment": {"DAY": "2026-11-01"}}}
    with gate.at(1, "after", crash), pytest.raises(Crash):
        cluster.run(**event)
    cluster.later(minutes=5)
    watch.watch(cluster.conductor)
    run = cluster.store.get("nightly-20261123T180000Z-ab12")
    assert (run["status"], run["cause"]) == ("FAILED", "submit")
    assert "start it again" in run["reason"]


def test_the_same_event_again_brings_the_values_again(cluster: Cluster):
    cluster.job()
    gate = Gate(cluster.clients)
    event = {"run": "20261123T180000Z-ab12", "overrides": {"environment": {"DAY": "2026-11-01"}}}
    with gate.at(1, "after", crash), pytest.raises(Crash):
        cluster.run(**event)
    cluster.later(minutes=2)
    assert cluster.run(**event)["status"] == "SUBMITTED"
    assert {"name": "DAY", "value": "2026-11-01"} in asked(cluster)["containerOverrides"]["environment"]


def test_who_woke_up_too_late_leaves_the_run_to_the_next(cluster: Cluster):
    cluster.job()
    gate = Gate(cluster.clients)
    with gate.at(1, "after", lambda _: cluster.later(minutes=2)):
        assert cluster.schedule()["status"] == "ACCEPTED"
    assert cluster.batch.jobs == {}
    assert cluster.schedule()["status"] == "SUBMITTED"


def test_a_run_of_an_on_demand_job_goes_to_its_own_queue(cluster: Cluster):
    cluster.job(queue=ON_DEMAND)
    cluster.schedule()
    assert asked(cluster)["jobQueue"] == ON_DEMAND


def test_a_process_that_is_kept_reads_the_cluster_anew_for_every_event(cluster: Cluster, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TRANSLOAD_JOBS_TABLE", cluster.jobs_table)
    monkeypatch.setenv("TRANSLOAD_RUNS_TABLE", cluster.runs_table)
    kept = context.from_environment()
    vars(kept)["_clients"].update(cluster.clients)
    assert kept.cluster["alert_topic"] == cluster.topic
    cluster.declare("#cluster", **{**cluster.store.cluster(), "job": "#cluster", "alert_topic": "arn:another"})
    again = context.from_environment()
    assert again.cluster["alert_topic"] == "arn:another"
    assert again.client("batch") is kept.client("batch")
