import itertools
from datetime import timedelta
from typing import Any

import pytest
from cluster_fake import ON_DEMAND, SPOT, Cluster
from gate import Crash, Gate

from transload.conductor import lifecycle, record, watch

RUN = "nightly-20261123T180000Z"


def crash(operation: str) -> None:
    raise Crash


def fail(cluster: Cluster, exit_code: int | None, reason: str = "", status_reason: str = "", **facts: Any) -> dict[str, Any]:
    """The run of a job that ran and failed like this."""
    cluster.job()
    cluster.schedule()
    job_id = cluster.only(RUN)
    cluster.batch.advance(job_id, "RUNNING")
    cluster.batch.jobs[job_id].update(facts)
    cluster.batch.fail(job_id, exit_code, reason, status_reason)
    cluster.deliver()
    return cluster.store.get(RUN)


def test_a_failed_run_keeps_its_exit_code_its_times_and_its_reason_in_words(cluster: Cluster):
    cluster.job()
    cluster.schedule()
    job_id = cluster.only(RUN)
    cluster.batch.advance(job_id, "RUNNING")
    cluster.later(minutes=3)
    cluster.batch.fail(job_id, 3)
    cluster.later(minutes=1)
    cluster.deliver()
    run = cluster.store.get(RUN)
    assert (run["status"], run["exit_code"], run["cause"], run["reason"]) == ("FAILED", 3, "application", "exited with code 3")
    assert (run["started_at"], run["ended_at"]) == ("2026-11-23T18:00:00Z", "2026-11-23T18:03:00Z")
    assert run["image_digest"] == "sha256:" + "a" * 64
    assert run["job_definition"].endswith("job-definition/c-nightly:3")
    assert run["log_stream"] == f"{RUN}/default/0"
    assert run["attempt_details"] == [
        {
            "started_at": "2026-11-23T18:00:00Z",
            "stopped_at": "2026-11-23T18:03:00Z",
            "exit_code": 3,
            "reason": "Essential container in task exited",
            "log_stream": f"{RUN}/default/0",
        }
    ]


def test_a_run_that_succeeds_is_not_told(cluster: Cluster):
    cluster.job()
    cluster.schedule()
    cluster.batch.succeed(cluster.only(RUN))
    cluster.deliver()
    run = cluster.store.get(RUN)
    assert (run["status"], run["exit_code"]) == ("SUCCEEDED", 0)
    assert cluster.mails() == []
    assert cluster.store.last_of_all()["nightly"]["status"] == "SUCCEEDED"


@pytest.mark.parametrize(
    ("exit_code", "reason", "status_reason", "cause", "words"),
    [
        (1, "", "Essential container in task exited", "application", "exited with code 1"),
        (127, "", "Essential container in task exited", "application", "exited with code 127 (the command was not found)"),
        (137, "", "Essential container in task exited", "application", "exited with code 137 (SIGKILL)"),
        (
            137,
            "OutOfMemoryError: Container killed due to memory usage",
            "",
            "out_of_memory",
            "out of memory: give it more memory_mib",
        ),
        (137, "", "Job attempt duration exceeded timeout", "timeout", "stopped by its timeout"),
        (None, "CannotPullContainerError: not found", "Task failed to start", "image", "the image could not be pulled"),
        (None, "", "Timeout waiting for network interface provisioning to complete.", "network", "the network was not reachable"),
        (
            None,
            "ResourceInitializationError: unable to pull secrets: dial tcp",
            "Task failed to start",
            "network",
            "the network was not",
        ),
        (None, "ResourceInitializationError: access denied", "Task failed to start", "platform", "AWS could not start or keep"),
        (None, "DockerTimeoutError: Could not transition", "", "platform", "AWS could not start or keep"),
        (None, "", "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY", "capacity", "no capacity to run it"),
        (None, "", "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT", "capacity", "no capacity to run it"),
        (None, "", "", "platform", "ended without an exit code"),
    ],
)
def test_reasons_of_the_platform_are_told_apart_from_exits_of_the_application(
    cluster: Cluster, exit_code: int | None, reason: str, status_reason: str, cause: str, words: str
):
    run = fail(cluster, exit_code, reason, status_reason)
    assert (run["status"], run["cause"], run.get("exit_code")) == ("FAILED", cause, exit_code)
    assert run["reason"].startswith(words)


def test_a_job_that_failed_with_exit_code_0_is_not_said_to_have_none(cluster: Cluster):
    run = fail(cluster, 0, "", "")
    assert (run["status"], run["cause"]) == ("FAILED", "platform")
    assert run["reason"] == "failed in AWS Batch although it exited with code 0"


def test_a_job_that_somebody_ended_in_the_console_is_stopped(cluster: Cluster):
    run = fail(cluster, 143, "", "wrong day", isTerminated=True)
    assert (run["status"], run["reason"]) == ("STOPPED", "ended in AWS Batch by somebody (wrong day)")
    assert cluster.mails() == []


def test_attempts_are_counted_and_kept(cluster: Cluster):
    cluster.job()
    cluster.schedule()
    job_id = cluster.only(RUN)
    for _ in range(2):
        cluster.batch.advance(job_id, "RUNNING")
        cluster.batch.retry(job_id, None, "CannotPullContainerError: timeout", "Task failed to start")
    cluster.batch.succeed(job_id)
    cluster.deliver()
    run = cluster.store.get(RUN)
    assert (run["status"], run["attempts"]) == ("SUCCEEDED", 3)
    assert [one["reason"] for one in run["attempt_details"][:2]] == ["Task failed to start; CannotPullContainerError: timeout"] * 2


def test_news_of_a_run_whose_record_is_gone_are_left_alone(cluster: Cluster):
    cluster.job()
    cluster.schedule()
    cluster.batch.fail(cluster.only(RUN), 1)
    for key in (("nightly", "20261123T180000Z"), ("#live", RUN), ("#lock", "nightly")):
        cluster.dynamodb.delete_item(TableName=cluster.runs_table, Key={"job": {"S": key[0]}, "run": {"S": key[1]}})
    cluster.later(days=401)
    cluster.deliver()
    assert cluster.store.get(RUN) is None
    assert cluster.mails() == []


def test_events_in_any_order_and_twice_end_in_the_same_run(cluster: Cluster):
    cluster.job(concurrency="allow")
    orders = list(itertools.permutations(range(4)))[::3]
    for number, order in enumerate(orders):
        run_id = cluster.run(run=f"20261123T180000Z-{number:04x}")["run_id"]
        cluster.batch.events.clear()
        cluster.batch.advance(cluster.only(run_id), "RUNNING")
        cluster.batch.fail(cluster.only(run_id), 4)
        events = list(cluster.batch.events)
        assert len(events) == 4
        cluster.deliver([events[place] for place in order] + [events[place] for place in order])
        run = cluster.store.get(run_id)
        assert (run["status"], run["exit_code"]) == ("FAILED", 4)
    assert len(cluster.mails()) == len(orders)


def test_late_news_does_not_take_a_run_back(cluster: Cluster):
    cluster.job()
    cluster.schedule()
    job_id = cluster.only(RUN)
    cluster.batch.advance(job_id, "RUNNING")
    early = cluster.batch.events[0]
    cluster.deliver()
    cluster.deliver([early])
    assert cluster.store.get(RUN)["status"] == "RUNNING"
    cluster.batch.retry(job_id, None, "", "Task failed to start")
    second = cluster.batch.events[-1]
    cluster.deliver()
    assert cluster.store.get(RUN)["status"] == "RUNNABLE", "the second attempt waits"
    cluster.deliver([early, second])
    assert cluster.store.get(RUN)["status"] == "RUNNABLE"


def test_late_news_does_not_take_a_run_back_that_went_on_meanwhile(cluster: Cluster):
    cluster.job()
    cluster.schedule()
    cluster.batch.advance(cluster.only(RUN), "RUNNING")
    early, *_, last = cluster.batch.events
    with Gate(cluster.clients).at(1, "before", lambda _: cluster.deliver([last])):
        cluster.deliver([early])
    assert cluster.store.get(RUN)["status"] == "RUNNING"


def test_of_two_that_end_a_run_at_once_the_first_is_right(cluster: Cluster):
    # Without a lock, whose end would say it as well.
    cluster.job(concurrency="allow")
    cluster.schedule()
    cluster.deliver()
    cluster.batch.advance(cluster.only(RUN), "RUNNING")
    cluster.batch.fail(cluster.only(RUN), 1)
    stopped = {"status": "STOPPED", "cause": "stopped", "reason": "stopped by ana", "rank": 1009}
    with Gate(cluster.clients).at(1, "before", lambda _: cluster.store.end(cluster.store.get(RUN), stopped)):
        cluster.deliver([cluster.batch.events[-1]])
    assert cluster.store.get(RUN)["status"] == "STOPPED"
    assert cluster.mails() == []


def test_an_event_may_be_faster_than_the_writing_of_the_job_id(cluster: Cluster):
    cluster.job()

    def faster(operation: str) -> None:
        cluster.batch.advance(cluster.only(RUN), "RUNNING")
        cluster.deliver()

    with Gate(cluster.clients).at(2, "after", faster):
        cluster.schedule()
    run = cluster.store.get(RUN)
    assert run["status"] == "RUNNING"
    assert run["batch_job_ids"] == [cluster.only(RUN)]
    assert run["submitted_at"] == "2026-11-23T18:00:00Z"


def test_a_job_that_ended_before_its_id_was_written_keeps_its_end(cluster: Cluster):
    cluster.job()

    def faster(operation: str) -> None:
        cluster.batch.advance(cluster.only(RUN), "RUNNING")
        cluster.batch.fail(cluster.only(RUN), 9)
        cluster.deliver()

    with Gate(cluster.clients).at(2, "after", faster):
        answer = cluster.schedule()
    assert answer["status"] == "FAILED"
    assert cluster.store.get(RUN)["exit_code"] == 9


def test_jobs_of_others_in_the_queue_are_left_alone(cluster: Cluster):
    detail = {"jobName": "somebody-else", "jobId": "1", "jobQueue": SPOT, "status": "FAILED"}
    event = {"source": "aws.batch", "detail-type": "Batch Job State Change", "detail": detail}
    assert record.record(cluster.conductor, event) == {"ignored": "not a run of this cluster"}
    assert record.record(cluster.conductor, {"source": "aws.ecs"}) == {"ignored": "not an event of AWS Batch"}


def test_a_clone_of_a_job_under_the_same_name_does_not_touch_the_run(cluster: Cluster):
    cluster.job()
    cluster.schedule()
    detail = {**cluster.batch.jobs[cluster.only(RUN)], "jobId": "another", "status": "FAILED"}
    cluster.deliver([{"source": "aws.batch", "detail-type": "Batch Job State Change", "detail": detail}])
    assert cluster.store.get(RUN)["status"] == "SUBMITTED"


# Spot


def test_a_run_that_spot_took_goes_once_to_on_demand(cluster: Cluster):
    cluster.job()
    cluster.schedule()
    cluster.batch.reclaim(cluster.only(RUN))
    events = list(cluster.batch.events)
    cluster.deliver()
    first, second = cluster.batch.named(RUN)
    assert cluster.batch.jobs[second]["jobQueue"] == ON_DEMAND
    run = cluster.store.get(RUN)
    assert (run["status"], run["submission"], run["queue"], run["batch_job_ids"]) == ("SUBMITTED", 2, ON_DEMAND, [first, second])
    assert cluster.store.lock("nightly")["holder"] == RUN
    cluster.deliver(events)
    assert len(cluster.batch.named(RUN)) == 2
    cluster.batch.succeed(second)
    cluster.deliver()
    assert cluster.store.get(RUN)["status"] == "SUCCEEDED"
    assert cluster.mails() == []


def test_without_an_on_demand_queue_a_reclaim_is_the_end(cluster: Cluster):
    cluster.declare("#cluster", **{**cluster.store.cluster(), "job": "#cluster", "on_demand_queue": ""})
    cluster.job()
    cluster.schedule()
    cluster.batch.reclaim(cluster.only(RUN))
    cluster.deliver()
    assert (cluster.store.get(RUN)["status"], cluster.store.get(RUN)["cause"]) == ("FAILED", "spot")
    assert len(cluster.batch.jobs) == 1


def test_two_that_see_the_same_reclaim_submit_one_job(cluster: Cluster):
    cluster.job()
    cluster.schedule()
    cluster.deliver()
    cluster.batch.reclaim(cluster.only(RUN))
    failed = cluster.batch.events[-1]
    # The next start finds the end as well, just before it is written down here.
    with Gate(cluster.clients).at(1, "before", lambda _: cluster.schedule(at=cluster.time + timedelta(minutes=5))):
        cluster.deliver([failed])
    assert [job["jobQueue"] for job in cluster.batch.jobs.values()] == [SPOT, ON_DEMAND]
    assert cluster.store.get(RUN)["batch_job_ids"] == cluster.batch.named(RUN)


def test_on_demand_is_the_last_try(cluster: Cluster):
    cluster.job()
    cluster.schedule()
    cluster.batch.reclaim(cluster.only(RUN))
    cluster.deliver()
    second = cluster.batch.named(RUN)[1]
    cluster.batch.advance(second, "RUNNING")
    cluster.batch.fail(second, 137, "", "Your Spot Task was interrupted.")
    cluster.deliver()
    assert (cluster.store.get(RUN)["status"], cluster.store.get(RUN)["cause"]) == ("FAILED", "spot")
    assert len(cluster.batch.named(RUN)) == 2


def test_values_of_a_person_go_along_to_on_demand(cluster: Cluster):
    cluster.job()
    run_id = cluster.run(overrides={"environment": {"DAY": "2026-11-01"}})["run_id"]
    cluster.batch.reclaim(cluster.only(run_id))
    cluster.deliver()
    second = cluster.batch.jobs[cluster.batch.named(run_id)[1]]
    assert {"name": "DAY", "value": "2026-11-01"} in second["container"]["environment"]


@pytest.mark.parametrize(("number", "moment"), [(2, "after"), (3, "before"), (3, "after")])
def test_the_way_to_on_demand_survives_a_crash(cluster: Cluster, number: int, moment: str):
    cluster.job()
    run_id = cluster.run(overrides={"environment": {"DAY": "2026-11-01"}})["run_id"]
    cluster.deliver()
    cluster.batch.reclaim(cluster.only(run_id))
    failed = cluster.batch.events[-1]
    with Gate(cluster.clients).at(number, moment, crash), pytest.raises(Crash):
        cluster.deliver([failed])
    cluster.later(minutes=5)
    watch.watch(cluster.conductor)
    _, second = cluster.batch.named(run_id)
    assert {"name": "DAY", "value": "2026-11-01"} in cluster.batch.jobs[second]["container"]["environment"]
    assert cluster.store.get(run_id)["batch_job_ids"][-1] == second


def test_a_stopped_run_does_not_go_to_on_demand(cluster: Cluster):
    cluster.job()
    cluster.schedule()
    cluster.batch.advance(cluster.only(RUN), "RUNNING")
    lifecycle.stop(cluster.conductor, RUN, "ana")
    cluster.batch.fail(cluster.only(RUN), 137, "", "Your Spot Task was interrupted.")
    cluster.deliver()
    assert cluster.store.get(RUN)["status"] == "STOPPED"
    assert len(cluster.batch.named(RUN)) == 1


# Stopping


def test_a_stopped_run_ends_when_batch_has_ended_it(cluster: Cluster):
    cluster.job()
    cluster.schedule()
    cluster.batch.advance(cluster.only(RUN), "RUNNING")
    cluster.deliver()
    assert lifecycle.stop(cluster.conductor, RUN, "ana")["status"] == "RUNNING"
    assert cluster.store.lock("nightly") is not None, "it still runs"
    cluster.batch.kill(cluster.only(RUN))
    cluster.deliver()
    run = cluster.store.get(RUN)
    assert (run["status"], run["cause"], run["reason"], run["exit_code"]) == ("STOPPED", "stopped", "stopped by ana", 143)
    assert cluster.store.lock("nightly") is None
    assert cluster.mails() == []


def test_a_run_that_was_done_before_the_stop_reached_it_succeeded(cluster: Cluster):
    cluster.job()
    cluster.schedule()
    cluster.batch.advance(cluster.only(RUN), "RUNNING")
    lifecycle.stop(cluster.conductor, RUN, "ana")
    cluster.batch.succeed(cluster.only(RUN))
    cluster.deliver()
    assert cluster.store.get(RUN)["status"] == "SUCCEEDED"


def test_a_run_that_had_failed_before_the_stop_reached_it_failed(cluster: Cluster):
    cluster.job()
    cluster.schedule()
    cluster.batch.advance(cluster.only(RUN), "RUNNING")
    cluster.batch.fail(cluster.only(RUN), 3)
    lifecycle.stop(cluster.conductor, RUN, "ana")
    cluster.deliver()
    run = cluster.store.get(RUN)
    assert (run["status"], run["exit_code"], run["reason"]) == ("FAILED", 3, "exited with code 3")
    assert len(cluster.mails()) == 1


def test_a_run_that_is_stopped_while_it_is_submitted_is_ended_in_batch(cluster: Cluster):
    cluster.job()
    with Gate(cluster.clients).at(1, "after", lambda _: lifecycle.stop(cluster.conductor, RUN, "ana")):
        cluster.schedule()
    cluster.deliver()
    assert cluster.store.get(RUN)["status"] == "STOPPED"
    assert cluster.batch.live() == []


def test_stopping_what_is_over_or_was_never_there(cluster: Cluster):
    cluster.job()
    cluster.schedule()
    cluster.batch.succeed(cluster.only(RUN))
    cluster.deliver()
    assert lifecycle.stop(cluster.conductor, RUN, "ana")["status"] == "SUCCEEDED"
    with pytest.raises(LookupError, match="no run nightly-20200101T000000Z"):
        lifecycle.stop(cluster.conductor, "nightly-20200101T000000Z", "ana")


# Arrays


def test_an_array_reports_children_failed_of_total(cluster: Cluster):
    cluster.job(array_size=3)
    cluster.schedule()
    parent = cluster.only(RUN)
    for index, status in ((0, "RUNNING"), (0, "SUCCEEDED"), (1, "FAILED"), (2, "SUCCEEDED")):
        cluster.batch.child(parent, index, status)
    cluster.deliver()
    run = cluster.store.get(RUN)
    assert run["array"] == {"size": 3, "succeeded": 2, "failed": 1}
    assert (run["status"], run["reason"]) == ("FAILED", "1 of 3 array children failed")
    assert "array: 1 of 3 children failed" in cluster.mails()[0]


def test_children_refresh_the_counts_and_nothing_else(cluster: Cluster):
    cluster.job(array_size=3)
    cluster.schedule()
    parent = cluster.only(RUN)
    cluster.batch.child(parent, 0, "FAILED")
    cluster.deliver()
    run = cluster.store.get(RUN)
    assert (run["status"], run["array"]) == ("RUNNING", {"size": 3, "succeeded": 0, "failed": 1})
    asked = len(cluster.batch.asked)
    cluster.batch.child(parent, 1, "SUCCEEDED")
    cluster.deliver()
    assert len(cluster.batch.asked) == asked, "a large array would ask for its counts all the time"
    cluster.later(seconds=11)
    cluster.batch.child(parent, 1, "SUCCEEDED")
    cluster.deliver()
    assert cluster.store.get(RUN)["array"] == {"size": 3, "succeeded": 1, "failed": 1}


def test_the_final_counts_are_asked_for_when_the_event_has_none(cluster: Cluster):
    cluster.job(array_size=2)
    cluster.schedule()
    parent = cluster.only(RUN)
    cluster.batch.child(parent, 0, "SUCCEEDED")
    cluster.batch.child(parent, 1, "SUCCEEDED")
    event = cluster.batch.events[-1]
    event["detail"]["arrayProperties"] = {"size": 2}
    cluster.deliver([event])
    assert cluster.store.get(RUN)["array"] == {"size": 2, "succeeded": 2, "failed": 0}


# A blocked queue


def test_a_blocked_queue_is_told_as_stuck_once(cluster: Cluster):
    cluster.job()
    cluster.schedule()
    detail = {
        **cluster.batch.jobs[cluster.only(RUN)],
        "status": "RUNNABLE",
        "statusReason": "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
    }
    event = {"source": "aws.batch", "detail-type": "Batch Job Queue Blocked", "detail": detail}
    cluster.deliver([event, event])
    (mail,) = cluster.mails()
    assert mail.startswith("nightly cannot start: MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT")


# The end is told exactly once


@pytest.mark.parametrize(("number", "moment"), [(1, "after"), (2, "before")])
def test_a_failure_is_told_even_if_the_process_dies_first(cluster: Cluster, number: int, moment: str):
    cluster.job()
    cluster.schedule()
    cluster.deliver()
    cluster.batch.advance(cluster.only(RUN), "RUNNING")
    cluster.batch.fail(cluster.only(RUN), 1)
    failed = cluster.batch.events[-1]
    with Gate(cluster.clients).at(number, moment, crash), pytest.raises(Crash):
        cluster.deliver([failed])
    cluster.deliver([failed])
    assert cluster.mails() == []
    cluster.later(minutes=5)
    watch.watch(cluster.conductor)
    watch.watch(cluster.conductor)
    (mail,) = cluster.mails()
    assert mail.startswith("nightly failed: exited with code 1")


def test_the_summary_of_a_job_is_its_newest_run(cluster: Cluster):
    cluster.job(concurrency="allow")
    older = cluster.schedule()["run_id"]
    cluster.later(days=1)
    newer = cluster.schedule(at=cluster.time)["run_id"]
    cluster.batch.succeed(cluster.only(newer))
    cluster.deliver()
    cluster.batch.advance(cluster.only(older), "RUNNING")
    cluster.batch.fail(cluster.only(older), 1)
    cluster.deliver()
    assert cluster.store.last_of_all()["nightly"]["run_id"] == newer
    assert [run["run_id"] for run in cluster.store.history("nightly")] == [newer, older]
    assert [run["run_id"] for run in cluster.store.history("nightly", status="FAILED")] == [older]
    assert [run["run_id"] for run in cluster.store.history("nightly", since=cluster.time)] == [newer]
