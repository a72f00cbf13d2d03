"""Batch's state changes reach the Lambda functions that rules in the emulator name, and the functions really run."""

import io
import json
import textwrap
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ._jobs import JobCloud, started, wait_for

_KEEPER = """
    import json, os
    def handler(event, context):
        with open(os.environ["KEPT"], "a") as kept:
            print(json.dumps(event), file=kept)
        if os.environ.get("FAILS"):
            raise RuntimeError("cannot keep it")
        return {"function": context.function_name}
"""


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobCloud]:
    with started(tmp_path_factory.mktemp("events")) as cloud:
        yield cloud


def function(jobs: JobCloud, name: str, code: str, **environment: str) -> str:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("keeper.py", textwrap.dedent(code))
    answer = jobs.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=jobs.execution_role,
        Handler="keeper.handler",
        Code={"ZipFile": packed.getvalue()},
        Environment={"Variables": environment},
    )
    return answer["FunctionArn"]


def rule(jobs: JobCloud, name: str, function_arn: str, kind: str = "Batch Job State Change", **detail: Any) -> None:
    events = jobs.client("events")
    pattern = {"source": ["aws.batch"], "detail-type": [kind], "detail": detail}
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": function_arn}])


def kept(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_each_change_of_a_job_reaches_the_function_of_the_rule_in_its_own_environment(jobs: JobCloud, tmp_path: Path) -> None:
    queue = jobs.queue("FARGATE", "watched")
    rule(jobs, "all", function(jobs, "keep-all", _KEEPER, KEPT=str(tmp_path / "kept")), jobQueue=[queue])
    image = jobs.image("flaky", "import os, sys\nsys.exit(os.environ['AWS_BATCH_JOB_ATTEMPT'] == '1')\n")
    definition = jobs.define(
        "flaky", image, retryStrategy={"attempts": 2}, properties={"environment": [{"name": "A", "value": "1"}]}
    )
    job_id = jobs.submit(definition, queue="watched", name="watched-1")
    jobs.ended(job_id)
    assert jobs.control("quiet") == {"quiet": True}
    seen = kept(tmp_path / "kept")
    assert [one["detail"]["status"] for one in seen] == [*["RUNNABLE", "STARTING", "RUNNING"] * 2, "SUCCEEDED"]
    assert [len(one["detail"]["attempts"]) for one in seen] == [0, 0, 0, 1, 1, 1, 2]
    last = seen[-1]
    assert last["resources"] == [last["detail"]["jobArn"]]
    assert (
        last["detail"].items() >= {"jobName": "watched-1", "jobId": job_id, "jobQueue": queue, "jobDefinition": definition}.items()
    )
    assert last["detail"]["container"]["exitCode"] == 0
    assert last["detail"]["container"]["environment"] == [{"name": "A", "value": "1"}]
    assert last["detail"]["statusReason"] == "Essential container in task exited"


def test_a_rule_hears_only_what_its_pattern_asks_for(jobs: JobCloud, tmp_path: Path) -> None:
    queue = jobs.queue("FARGATE", "picky")
    rule(
        jobs, "failures", function(jobs, "keep-failures", _KEEPER, KEPT=str(tmp_path / "kept")), jobQueue=[queue], status=["FAILED"]
    )
    for name, program in (("good", ""), ("bad", "raise SystemExit(3)")):
        jobs.ended(jobs.submit(jobs.define(name, jobs.image(name, program)), queue="picky", name=name))
    jobs.control("quiet")
    assert [one["detail"]["jobName"] for one in kept(tmp_path / "kept")] == ["bad"]


def test_an_array_tells_of_the_parent_and_of_each_child(jobs: JobCloud, tmp_path: Path) -> None:
    queue = jobs.queue("FARGATE", "arrays")
    rule(jobs, "arrays", function(jobs, "keep-arrays", _KEEPER, KEPT=str(tmp_path / "kept")), jobQueue=[queue])
    job_id = jobs.submit(jobs.define("good", jobs.image("good", "")), queue="arrays", arrayProperties={"size": 2})
    jobs.ended(job_id)
    jobs.control("quiet")
    seen = [one["detail"] for one in kept(tmp_path / "kept")]
    assert [one["status"] for one in seen if one["jobId"] == job_id] == ["PENDING", "SUCCEEDED"]
    assert [one["status"] for one in seen if one["jobId"] == f"{job_id}:1"] == ["RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED"]
    assert seen[-1]["arrayProperties"]["statusSummary"]["SUCCEEDED"] == 2


def test_a_job_too_large_for_its_queue_is_announced_and_cancelled_when_its_time_is_up(jobs: JobCloud, tmp_path: Path) -> None:
    queue = jobs.queue("FARGATE", "small", vcpus=1)
    reason = "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE"
    limit = {"reason": reason, "state": "RUNNABLE", "maxTimeSeconds": 1, "action": "CANCEL"}
    jobs.batch.update_job_queue(jobQueue=queue, jobStateTimeLimitActions=[limit])
    arn = function(jobs, "keep-blocked", _KEEPER, KEPT=str(tmp_path / "kept"))
    rule(jobs, "blocked", arn, kind="Batch Job Queue Blocked", jobQueue=[queue])
    sizes = [{"type": "VCPU", "value": "2"}, {"type": "MEMORY", "value": "4096"}]
    definition = jobs.define("large", jobs.image("good", ""), properties={"resourceRequirements": sizes})
    job_id = jobs.submit(definition, queue="small")
    behind = jobs.submit(jobs.define("good", jobs.image("good", "")), queue="small")
    words = f"{reason} - CE(s) associated with the job queue cannot meet the CPU requirement of the job."
    stuck = jobs.describe(job_id)
    assert (stuck["status"], stuck["statusReason"]) == ("RUNNABLE", words)
    ended = jobs.ended(job_id)
    assert (ended["status"], ended["statusReason"]) == ("FAILED", f"Canceled by JobStateTimeLimit action due to reason: {reason}")
    assert jobs.ended(behind)["status"] == "SUCCEEDED"
    jobs.control("quiet")
    assert [(one["detail"]["jobId"], one["detail"]["statusReason"]) for one in kept(tmp_path / "kept")] == [(job_id, words)]


def test_on_demand_each_event_comes_twice_and_out_of_order(jobs: JobCloud, tmp_path: Path) -> None:
    queue = jobs.queue("FARGATE", "disorderly")
    rule(jobs, "disorder", function(jobs, "keep-disorder", _KEEPER, KEPT=str(tmp_path / "kept")), jobQueue=[queue])
    jobs.control("disorder", copies=2, shuffle=16)
    try:
        job_id = jobs.submit(jobs.define("good", jobs.image("good", "")), queue="disorderly", arrayProperties={"size": 8})
        jobs.ended(job_id)
        assert jobs.control("quiet") == {"quiet": True}
    finally:
        jobs.control("disorder")
    seen = [(one["id"], one["detail"]["status"]) for one in kept(tmp_path / "kept")]
    assert len(seen) == 2 * len(set(seen)) == 2 * (2 + 8 * 4)
    assert seen != sorted(seen, key=lambda one: [each[0] for each in seen].index(one[0])), "copies do not follow each other"


def test_a_function_that_fails_is_tried_twice_more_and_then_its_event_goes_to_its_queue(jobs: JobCloud, tmp_path: Path) -> None:
    arn = function(jobs, "fails", _KEEPER, KEPT=str(tmp_path / "kept"), FAILS="yes")
    sqs, functions = jobs.client("sqs"), jobs.client("lambda")
    address = sqs.create_queue(QueueName="given-up")["QueueUrl"]
    destination = {"OnFailure": {"Destination": "arn:aws:sqs:eu-west-1:123456789012:given-up"}}
    functions.put_function_event_invoke_config(FunctionName="fails", DestinationConfig=destination)
    assert functions.invoke(FunctionName=arn, InvocationType="Event", Payload=json.dumps({"job": "x"}))["StatusCode"] == 202
    message = wait_for(lambda: sqs.receive_message(QueueUrl=address).get("Messages"))[0]
    record = json.loads(message["Body"])
    assert record["requestPayload"] == {"job": "x"}
    assert record["responsePayload"] == {"errorMessage": "RuntimeError: cannot keep it"}
    assert len(kept(tmp_path / "kept")) == 3
    [stream] = jobs.logs.describe_log_streams(logGroupName="/aws/lambda/fails")["logStreams"]
    name = {"logGroupName": "/aws/lambda/fails", "logStreamName": stream["logStreamName"]}
    # What it printed is written some moments later.
    wait_for(lambda: str(jobs.logs.get_log_events(**name)["events"]).count("'RuntimeError: cannot keep it'") == 3)
    log = (jobs.home / "moto.log").read_text()
    assert 'the event is given up: RuntimeError: cannot keep it; event {"job": "x"}' in log


def test_a_call_answers_with_what_the_handler_returns_or_raises(jobs: JobCloud, tmp_path: Path) -> None:
    functions = jobs.client("lambda")
    good = functions.invoke(FunctionName=function(jobs, "answers", _KEEPER, KEPT=str(tmp_path / "kept")), Payload=b"{}")
    assert json.load(good["Payload"]) == {"function": "answers"}
    bad = functions.invoke(FunctionName=function(jobs, "raises", _KEEPER, KEPT=str(tmp_path / "kept"), FAILS="1"), Payload=b"{}")
    assert bad["FunctionError"] == "Unhandled"
    assert json.load(bad["Payload"]) == {"errorType": "RuntimeError", "errorMessage": "cannot keep it"}
    slow = functions.invoke(
        FunctionName=function(jobs, "slow", "import time\nhandler = lambda *_: time.sleep(60)\n"), Payload=b"{}"
    )
    assert json.load(slow["Payload"])["errorMessage"] == "Task timed out after 3.00 seconds"
