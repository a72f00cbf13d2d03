from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest
from cluster_fake import ON_DEMAND, Cluster
from gate import Crash, Gate

from transload.conductor import lifecycle, watch
from transload.conductor.batch import UnsureError

FLOW = "nightly-20261123T180000Z"
STEPS = [
    {"name": "report", "job": "report", "after": ["load", "fetch"]},
    {"name": "fetch", "job": "fetch", "after": []},
    {"name": "load", "job": "load", "after": ["fetch"]},
    {"name": "mail", "job": "mail", "after": ["report"]},
]


def crash(operation: str) -> None:
    raise Crash


@pytest.fixture
def flow(cluster: Cluster) -> Cluster:
    """fetch, then load, then report, then mail."""
    for name in ("fetch", "load", "report", "mail"):
        cluster.job(name)
    cluster.declare("nightly", kind="flow", steps=STEPS, concurrency="forbid", enabled=True, expressions=[], timezone="UTC")
    return cluster


def step(cluster: Cluster, name: str, flow: str = FLOW) -> dict[str, Any]:
    """The run of a step."""
    (one,) = [one for one in cluster.store.get(flow)["steps"] if one["name"] == name]
    return cluster.store.get(one["run_id"])


def states(cluster: Cluster, flow: str = FLOW) -> dict[str, str]:
    return {one["name"]: cluster.store.get(one["run_id"])["status"] for one in cluster.store.get(flow)["steps"]}


def end(cluster: Cluster, name: str, exit_code: int = 0, flow: str = FLOW) -> None:
    job_id = step(cluster, name, flow)["batch_job_ids"][-1]
    if exit_code:
        cluster.batch.advance(job_id, "RUNNING")
        cluster.batch.fail(job_id, exit_code)
    else:
        cluster.batch.succeed(job_id)
    cluster.deliver()


@contextmanager
def crash_at_submission(cluster: Cluster, job: str) -> Generator[None]:
    """The process dies before it submits this job."""

    def submitting(params: dict[str, Any], **_: Any) -> None:
        if params["jobName"].startswith(f"{job}-"):
            raise Crash

    events = cluster.clients["submit"].meta.events
    events.register("provide-client-params.batch.SubmitJob", submitting)
    yield
    events.unregister("provide-client-params.batch.SubmitJob", submitting)


def test_every_step_is_submitted_at_once_and_held_back_by_batch(flow: Cluster):
    answer = flow.schedule()
    assert (answer["run_id"], answer["status"]) == (FLOW, "SUBMITTED")
    ids = {name: step(flow, name)["batch_job_id"] for name in ("fetch", "load", "report", "mail")}
    requests = {request["jobName"].split("-")[0]: request for operation, request in flow.batch.asked if operation == "submitjob"}
    assert "dependsOn" not in requests["fetch"]
    assert requests["load"]["dependsOn"] == [{"jobId": ids["fetch"]}]
    assert requests["report"]["dependsOn"] == [{"jobId": ids["load"]}, {"jobId": ids["fetch"]}]
    assert requests["mail"]["dependsOn"] == [{"jobId": ids["report"]}]
    assert [job["status"] for job in flow.batch.jobs.values()] == ["SUBMITTED", "PENDING", "PENDING", "PENDING"]


def test_the_runs_of_the_steps_know_their_flow(flow: Cluster):
    flow.schedule()
    run = step(flow, "load")
    assert (run["flow"], run["step"], run["flow_run_id"], run["trigger"]) == ("nightly", "load", FLOW, "flow")
    assert run["scheduled_for"] == "2026-11-23T18:00:00Z"
    assert flow.store.history("load") == [run]


def test_the_flow_succeeds_with_its_last_step(flow: Cluster):
    flow.schedule()
    for name in ("fetch", "load", "report"):
        end(flow, name)
        assert flow.store.get(FLOW)["status"] in ("SUBMITTED", "RUNNING")
    flow.later(minutes=5)
    end(flow, "mail")
    run = flow.store.get(FLOW)
    assert (run["status"], run["started_at"], run["ended_at"]) == ("SUCCEEDED", "2026-11-23T18:00:00Z", "2026-11-23T18:05:00Z")
    assert flow.store.live() == []
    assert flow.store.locks() == {}
    assert flow.mails() == []


def test_a_failed_step_names_the_steps_it_held_back(flow: Cluster):
    flow.schedule()
    end(flow, "fetch")
    end(flow, "load", 3)
    assert states(flow) == {"fetch": "SUCCEEDED", "load": "FAILED", "report": "SKIPPED", "mail": "SKIPPED"}
    assert step(flow, "load")["holds_back"] == ["report", "mail"]
    assert step(flow, "report")["reason"] == "held back: step load did not succeed"
    run = flow.store.get(FLOW)
    assert (run["status"], run["exit_code"], run["cause"]) == ("FAILED", 3, "application")
    assert run["reason"] == "step load failed: exited with code 3; held back: report, mail"
    (mail,) = flow.mails()
    assert mail.startswith("load failed: exited with code 3")
    assert "flow: nightly, step load\nheld back: report, mail\n" in mail


def test_events_of_held_back_steps_may_come_before_that_of_the_failed_one(flow: Cluster):
    flow.schedule()
    end(flow, "fetch")
    job_id = step(flow, "load")["batch_job_id"]
    flow.batch.advance(job_id, "RUNNING")
    flow.batch.fail(job_id, 3)
    flow.deliver(list(reversed(flow.batch.events)))
    assert states(flow) == {"fetch": "SUCCEEDED", "load": "FAILED", "report": "SKIPPED", "mail": "SKIPPED"}
    assert flow.store.get(FLOW)["status"] == "FAILED"


def test_a_rerun_from_the_failed_step_leaves_out_what_succeeded(flow: Cluster):
    flow.schedule()
    end(flow, "fetch")
    end(flow, "load", 3)
    flow.later(hours=1)
    answer = flow.run(from_run=FLOW)
    again = answer["run_id"]
    assert flow.store.get(again)["from_run"] == FLOW
    assert [job["jobName"].split("-")[0] for job in flow.batch.live()] == ["load", "report", "mail"]
    assert flow.batch.jobs[step(flow, "load", again)["batch_job_id"]]["dependsOn"] == []
    for name in ("load", "report", "mail"):
        end(flow, name, flow=again)
    assert flow.store.get(again)["status"] == "SUCCEEDED"
    assert states(flow, again) == dict.fromkeys(("fetch", "load", "report", "mail"), "SUCCEEDED")
    assert flow.store.get(again)["started_at"] == "2026-11-23T19:00:00Z"


@pytest.mark.parametrize(
    ("from_run", "message"),
    [
        ("nightly-20200101T000000Z", "there is no run nightly-20200101T000000Z of this flow"),
        (FLOW, f"{FLOW} is still SUBMITTED"),
    ],
)
def test_a_rerun_of_what_cannot_be_run_again_is_refused(flow: Cluster, from_run: str, message: str):
    flow.schedule()
    with pytest.raises(ValueError, match=message):
        flow.run(from_run=from_run)


def test_a_rerun_of_a_flow_that_succeeded_is_refused(flow: Cluster):
    flow.schedule()
    for name in ("fetch", "load", "report", "mail"):
        end(flow, name)
    with pytest.raises(ValueError, match="there is nothing to run again"):
        flow.run(from_run=FLOW)


def test_a_step_that_spot_took_carries_those_behind_it_to_its_second_try(flow: Cluster):
    flow.schedule()
    end(flow, "fetch")
    flow.batch.reclaim(step(flow, "load")["batch_job_id"])
    flow.deliver()
    second = step(flow, "load")["batch_job_id"]
    assert flow.batch.jobs[second]["jobQueue"] == ON_DEMAND
    assert states(flow)["report"] == "PENDING"
    report = flow.batch.jobs[step(flow, "report")["batch_job_id"]]
    assert second in [one["jobId"] for one in report["dependsOn"]]
    for name in ("load", "report", "mail"):
        end(flow, name)
    assert flow.store.get(FLOW)["status"] == "SUCCEEDED"
    assert flow.mails() == []
    assert [len(flow.batch.named(step(flow, name)["run_id"])) for name in ("fetch", "load", "report", "mail")] == [1, 2, 2, 2]


def test_the_flow_holds_the_locks_of_its_steps(flow: Cluster):
    flow.schedule()
    assert sorted(flow.store.locks()) == ["fetch", "load", "mail", "nightly", "report"]
    flow.later(minutes=1)
    assert flow.schedule("report", at=flow.time)["yielded_to"] == FLOW


def test_a_flow_yields_to_a_run_of_one_of_its_jobs(flow: Cluster):
    load = flow.run("load")["run_id"]
    answer = flow.schedule()
    assert (answer["status"], answer["yielded_to"]) == ("SKIPPED", load)
    assert len(flow.batch.jobs) == 1


def test_a_flow_that_waits_starts_when_all_its_locks_are_free(flow: Cluster):
    flow.declare("nightly", kind="flow", steps=STEPS, concurrency="queue", enabled=True)
    load, mail = flow.run("load")["run_id"], flow.run("mail")["run_id"]
    assert flow.schedule()["status"] == "QUEUED"
    flow.batch.succeed(flow.only(load))
    flow.deliver()
    assert flow.store.get(FLOW)["status"] == "QUEUED"
    flow.batch.succeed(flow.only(mail))
    flow.deliver()
    assert flow.store.get(FLOW)["status"] == "SUBMITTED"
    assert len(flow.batch.live()) == 4


def test_a_job_that_replaces_does_not_end_a_flow_that_uses_it(flow: Cluster):
    flow.job("load", concurrency="replace")
    flow.schedule()
    flow.later(minutes=1)
    assert flow.schedule("load", at=flow.time)["status"] == "QUEUED"
    assert flow.store.get(FLOW).get("stop") is None


def test_a_stopped_flow_stops_its_steps(flow: Cluster):
    flow.schedule()
    end(flow, "fetch")
    flow.batch.advance(step(flow, "load")["batch_job_id"], "RUNNING")
    flow.deliver()
    lifecycle.stop(flow.conductor, FLOW, "ana")
    flow.deliver()
    assert flow.store.get(FLOW)["status"] == "RUNNING"
    flow.batch.kill(step(flow, "load")["batch_job_id"])
    flow.deliver()
    assert states(flow) == {"fetch": "SUCCEEDED", "load": "STOPPED", "report": "STOPPED", "mail": "STOPPED"}
    run = flow.store.get(FLOW)
    assert (run["status"], run["reason"]) == ("STOPPED", "stopped by ana")
    assert flow.store.locks() == {}
    assert flow.mails() == []


def test_a_disabled_step_keeps_the_flow_from_starting(flow: Cluster):
    flow.store.disable("load", "ana", flow.time)
    answer = flow.schedule()
    assert (answer["status"], answer["reason"]) == ("SKIPPED", "load was disabled by ana")


def test_a_flow_with_a_job_nobody_declared_fails_before_any_step(flow: Cluster):
    flow.dynamodb.delete_item(TableName=flow.jobs_table, Key={"job": {"S": "load"}})
    answer = flow.schedule()
    assert (answer["status"], answer["reason"]) == ("FAILED", "no job named load is declared in this cluster")
    assert flow.batch.jobs == {}
    assert flow.mails()[0].startswith("nightly failed")


def test_a_step_that_batch_refuses_holds_back_those_behind_it(flow: Cluster):
    flow.batch.definitions = {"c-fetch", "c-report", "c-mail"}
    answer = flow.schedule()
    assert states(flow) == {"fetch": "SUBMITTED", "load": "FAILED", "report": "SKIPPED", "mail": "SKIPPED"}
    assert answer["status"] in ("SUBMITTED", "RUNNING")
    end(flow, "fetch")
    assert flow.store.get(FLOW)["status"] == "FAILED"


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14])
def test_a_flow_whose_process_died_while_it_began_is_begun_to_the_end(flow: Cluster, number: int, moment: str):
    with Gate(flow.clients).at(number, moment, crash), pytest.raises(Crash):
        flow.schedule()
    flow.later(minutes=2)
    flow.schedule()
    assert [job["jobName"].split("-")[0] for job in flow.batch.jobs.values()] == ["fetch", "load", "report", "mail"]
    for name in ("fetch", "load", "report", "mail"):
        end(flow, name)
    assert flow.store.get(FLOW)["status"] == "SUCCEEDED"


def test_a_throttled_step_is_submitted_by_the_next_try(flow: Cluster):
    flow.batch.errors.append(("submitjob", 429, "TooManyRequestsException", "slow down"))
    with pytest.raises(UnsureError):
        flow.schedule()
    flow.later(minutes=1)
    assert flow.schedule()["status"] == "SUBMITTED"
    assert len(flow.batch.jobs) == 4


def test_a_flow_whose_events_were_lost_is_brought_up_to_date(flow: Cluster):
    flow.schedule()
    for name in ("fetch", "load", "report", "mail"):
        flow.batch.succeed(step(flow, name)["batch_job_id"])
    flow.batch.events.clear()
    flow.later(minutes=5)
    watch.watch(flow.conductor)
    assert flow.store.get(FLOW)["status"] == "SUCCEEDED"
    assert flow.store.locks() == {}


def test_two_steps_of_one_job_are_two_runs(cluster: Cluster):
    cluster.job("load")
    steps = [{"name": "east", "job": "load", "after": []}, {"name": "west", "job": "load", "after": ["east"]}]
    cluster.declare("both", kind="flow", steps=steps, concurrency="forbid")
    run_id = cluster.run("both")["run_id"]
    assert len({one["run_id"] for one in cluster.store.get(run_id)["steps"]}) == 2
    for name in ("east", "west"):
        end(cluster, name, flow=run_id)
    assert cluster.store.get(run_id)["status"] == "SUCCEEDED"


def test_a_step_that_nobody_went_on_with_is_held_back_when_the_one_before_it_fails(flow: Cluster):
    flow.schedule()
    end(flow, "fetch")
    first = step(flow, "load")["batch_job_id"]
    flow.batch.reclaim(first)
    # The steps behind it are claimed for their second job, and the process dies before it submits that of `report`.
    with crash_at_submission(flow, "report"), pytest.raises(Crash):
        flow.deliver()
    assert (step(flow, "report")["submission"], step(flow, "report")["status"]) == (2, "ACCEPTED")
    end(flow, "load", 3)
    flow.batch.events.clear()
    flow.later(minutes=5)
    watch.watch(flow.process())
    flow.later(minutes=5)
    watch.watch(flow.process())
    assert states(flow) == {"fetch": "SUCCEEDED", "load": "FAILED", "report": "SKIPPED", "mail": "SKIPPED"}
    assert flow.store.get(FLOW)["status"] == "FAILED"
    assert flow.store.locks() == {}


def test_a_step_that_is_being_submitted_again_is_not_submitted_by_the_flow_as_well(cluster: Cluster):
    for name in ("left", "right"):
        cluster.job(name)
    steps = [{"name": name, "job": name, "after": []} for name in ("left", "right")]
    cluster.declare("nightly", kind="flow", steps=steps, concurrency="forbid")
    with crash_at_submission(cluster, "right"), pytest.raises(Crash):
        cluster.schedule()
    cluster.later(minutes=3)
    cluster.batch.reclaim(step(cluster, "left")["batch_job_id"])
    (*_, failed) = cluster.batch.events
    with Gate(cluster.clients).on("SubmitJob", "before", lambda _: watch.watch(cluster.process())):
        cluster.deliver([failed])
    assert len(cluster.batch.named(step(cluster, "left")["run_id"])) == 2


def test_a_flow_cannot_be_a_step(flow: Cluster):
    flow.declare("outer", kind="flow", steps=[{"name": "all", "job": "nightly", "after": []}], concurrency="forbid")
    answer = flow.schedule("outer")
    assert (answer["status"], answer["reason"]) == ("FAILED", "nightly is a flow itself: a step runs a job")
