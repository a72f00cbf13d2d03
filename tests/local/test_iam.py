"""The platform's roles at work: MiniStack with AUTH=true holds every request against the policies that prod registers."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from transload.testing import run_program

from ._authorised import ACCOUNT, SOMEBODY_ELSES, Caller, Platform, is_allowed, ministack

PROJECT = Path(__file__).parents[2]
FOLDERS = ("exports", "feeds", "aggregates", "imports/incoming", "imports/done")

# All that a job may do, of all that is tried below: operation and place.
MAY = {
    "nightly-export": {("put", "data/exports")},
    "product-feed": {("put", "data/feeds")},
    "hourly-aggregate": {("list", "app-logs"), ("get", "app-logs/records"), ("put", "data/aggregates")},
    "metrics-sender": {("list", "data"), ("send", "app-logs")},
    "data-import": {
        ("list", "data"),
        ("get", "data/imports/incoming"),
        ("get", "data/imports/done"),
        ("put", "data/imports/done"),
    },
    # Not a job: the role of Firehose.
    "app-logs": {("list", "app-logs"), ("get", "app-logs/records"), ("put", "app-logs/records")},
    # Not a job either, and nothing of the platform's data is its business.
    "platform-submit": set(),
}


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    region = "ap-northeast-1"
    with ministack(tmp_path_factory.mktemp("ministack"), region) as endpoint:
        yield Platform(endpoint, region, run_program(PROJECT, stack="prod"))


def _tries(platform: Platform) -> dict[tuple[str, str], tuple[str, str, dict[str, Any]]]:
    """(operation, place) -> service, method and arguments of a real call: every operation on everything that is there."""
    buckets = {name: platform.physical("aws:s3/bucket:Bucket", name) for name in ("data", "app-logs")}
    buckets[SOMEBODY_ELSES] = SOMEBODY_ELSES
    folders = {("data", folder) for folder in FOLDERS} | {("app-logs", "records"), (SOMEBODY_ELSES, "exports")}
    found: dict[tuple[str, str], tuple[str, str, dict[str, Any]]] = {
        ("list", name): ("s3", "list_objects_v2", {"Bucket": bucket}) for name, bucket in buckets.items()
    }
    for name, folder in folders:
        place = {"Bucket": buckets[name], "Key": f"{folder}/proof.txt"}
        found["put", f"{name}/{folder}"] = ("s3", "put_object", place | {"Body": b"proof"})
        found["get", f"{name}/{folder}"] = ("s3", "get_object", place)
        found["delete", f"{name}/{folder}"] = ("s3", "delete_object", place)
    for name, stream in (("app-logs", "app-logs-prod"), (SOMEBODY_ELSES, SOMEBODY_ELSES)):
        records = {"DeliveryStreamName": stream, "Records": [{"Data": b"{}"}]}
        found["send", name] = ("firehose", "put_record_batch", records)
    return found


def _allowed(platform: Platform, caller: Caller) -> set[tuple[str, str]]:
    clients = {service: caller.client(service) for service in ("s3", "firehose")}
    return {
        attempt
        for attempt, (service, method, arguments) in _tries(platform).items()
        if is_allowed(clients[service], method, **arguments)
    }


def test_the_account_itself_may_do_all_that_is_tried(platform: Platform) -> None:
    assert _allowed(platform, platform.root) == set(_tries(platform))


def test_a_role_without_a_policy_may_do_nothing(platform: Platform) -> None:
    assert _allowed(platform, platform.made("nobody")) == set()


@pytest.mark.parametrize("role", MAY)
def test_a_role_may_do_what_it_names_and_is_refused_its_neighbours_folders_and_buckets(platform: Platform, role: str) -> None:
    assert _allowed(platform, platform.assume(role)) == MAY[role]


def test_every_job_is_proved(platform: Platform) -> None:
    assert set(platform.recording.exports["jobs"]) <= set(MAY)


def test_nobody_takes_a_role_that_is_bound_to_a_source_account(platform: Platform) -> None:
    """A service says on whose account's behalf it takes a role. Even the account's own root does not, and is refused."""
    taken = {}
    for role in platform.recording.all("aws:iam/role:Role"):
        try:
            platform.take(role.outputs["arn"])
        except ClientError as error:
            taken[role.name] = error.response["Error"]["Code"]
    bound = {
        role.name for role in platform.recording.all("aws:iam/role:Role") if "aws:SourceAccount" in role.inputs["assumeRolePolicy"]
    }

    assert taken == dict.fromkeys(bound, "AccessDenied")
    assert set(MAY) - {"platform-submit"} <= bound


def test_the_conductor_reads_jobs_writes_runs_and_tells_its_own_topic(platform: Platform) -> None:
    jobs, runs = (platform.physical("aws:dynamodb/table:Table", f"platform-{part}") for part in ("jobs", "runs"))
    topics = {"own": platform.arn("aws:sns/topic:Topic", "platform-alerts")}
    topics["other"] = topics["own"].rpartition(":")[0] + f":{SOMEBODY_ELSES}"
    queues = {
        name: platform.root.client("sqs").get_queue_url(QueueName=queue)["QueueUrl"]
        for name, queue in (
            ("own", platform.physical("aws:sqs/queue:Queue", "platform-dead-letter")),
            ("other", SOMEBODY_ELSES),
        )
    }
    key = {"job": {"S": "proof"}}
    run = key | {"run": {"S": "20261123T180000Z"}}
    tries: dict[str, tuple[str, str, dict[str, Any]]] = {
        "read a job": ("dynamodb", "get_item", {"TableName": jobs, "Key": key}),
        "read all jobs": ("dynamodb", "scan", {"TableName": jobs}),
        "write a job": ("dynamodb", "put_item", {"TableName": jobs, "Item": key}),
        "read a run": ("dynamodb", "get_item", {"TableName": runs, "Key": run}),
        "write a run": ("dynamodb", "put_item", {"TableName": runs, "Item": run}),
        "write both": (
            "dynamodb",
            "transact_write_items",
            {"TransactItems": [{"Put": {"TableName": runs, "Item": run}}, {"Put": {"TableName": jobs, "Item": key}}]},
        ),
        "read another table": ("dynamodb", "get_item", {"TableName": SOMEBODY_ELSES, "Key": key}),
        "tell": ("sns", "publish", {"TopicArn": topics["own"], "Message": "proof"}),
        "tell others": ("sns", "publish", {"TopicArn": topics["other"], "Message": "proof"}),
        "keep a dead letter": ("sqs", "send_message", {"QueueUrl": queues["own"], "MessageBody": "proof"}),
        "send to others": ("sqs", "send_message", {"QueueUrl": queues["other"], "MessageBody": "proof"}),
        "take dead letters": ("sqs", "receive_message", {"QueueUrl": queues["own"]}),
    }

    def allowed(caller: Caller) -> set[str]:
        return {what for what, (service, method, given) in tries.items() if is_allowed(caller.client(service), method, **given)}

    conductor = {"read a job", "read a run", "write a run", "tell", "keep a dead letter"}
    assert allowed(platform.root) == set(tries)
    assert allowed(platform.assume("platform-submit")) == conductor
    assert allowed(platform.assume("platform-record")) == conductor
    assert allowed(platform.assume("platform-watch")) == conductor | {"read all jobs"}
    assert allowed(platform.assume("platform-scheduler")) == {"keep a dead letter"}
    assert allowed(platform.assume("nightly-export")) == set()


BATCH = f"arn:aws:batch:ap-northeast-1:{ACCOUNT}"
FUNCTION = f"arn:aws:lambda:ap-northeast-1:{ACCOUNT}:function"
SECRET = f"arn:aws:ssm:ap-northeast-1:{ACCOUNT}:parameter"
LOGS = f"arn:aws:logs:ap-northeast-1:{ACCOUNT}:log-group"
# What MiniStack does not hold against the role by itself, IAM's simulator is asked about: role, action, resource, and the answer.
SIMULATED = [
    ("platform-submit", "batch:SubmitJob", f"{BATCH}:job-definition/platform-prod-nightly-export", True),
    ("platform-submit", "batch:SubmitJob", f"{BATCH}:job-definition/platform-prod-nightly-export:7", True),
    ("platform-submit", "batch:SubmitJob", f"{BATCH}:job-definition/other-prod-nightly-export:7", False),
    ("platform-submit", "batch:SubmitJob", f"{BATCH}:job-queue/other-spot", False),
    ("platform-submit", "batch:TerminateJob", f"{BATCH}:job/6f8a", True),
    ("platform-submit", "batch:RegisterJobDefinition", f"{BATCH}:job-definition/platform-prod-nightly-export", False),
    ("platform-submit", "iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/anything", False),
    ("platform-submit", "ecr:DescribeImages", f"arn:aws:ecr:ap-northeast-1:{ACCOUNT}:repository/nightly-export", False),
    ("platform-watch", "ecr:DescribeImages", f"arn:aws:ecr:ap-northeast-1:{ACCOUNT}:repository/nightly-export", True),
    ("platform-scheduler", "lambda:InvokeFunction", f"{FUNCTION}:platform-prod-submit", True),
    ("platform-scheduler", "lambda:InvokeFunction", f"{FUNCTION}:platform-prod-watch", True),
    ("platform-scheduler", "lambda:InvokeFunction", f"{FUNCTION}:platform-prod-record", False),
    ("platform-scheduler", "lambda:InvokeFunction", f"{FUNCTION}:other-prod-submit", False),
    ("platform-scheduler", "batch:SubmitJob", f"{BATCH}:job-definition/platform-prod-nightly-export", False),
    ("platform-execution", "ssm:GetParameters", f"{SECRET}/platform-prod/database-url", True),
    ("platform-execution", "ssm:GetParameters", f"{SECRET}/other-prod/database-url", False),
    ("platform-execution", "logs:PutLogEvents", f"{LOGS}:/transload/platform-prod:log-stream:nightly-export/default/1", True),
    ("platform-execution", "logs:PutLogEvents", f"{LOGS}:/transload/other-prod:log-stream:nightly-export/default/1", False),
    ("app-logs", "logs:PutLogEvents", f"{LOGS}:/aws/kinesisfirehose/app-logs-prod:log-stream:delivery", True),
    ("app-logs", "logs:PutLogEvents", f"{LOGS}:/transload/platform-prod:log-stream:delivery", False),
]


@pytest.mark.parametrize(("role", "action", "resource", "answer"), SIMULATED)
def test_the_simulator_agrees(platform: Platform, role: str, action: str, resource: str, answer: bool) -> None:
    assert platform.may(role, action, resource) is answer


def test_the_conductor_submits_to_its_own_queues(platform: Platform) -> None:
    for queue in ("platform-spot", "platform-on-demand"):
        arn = platform.arn("aws:batch/jobQueue:JobQueue", queue)
        assert platform.may("platform-submit", "batch:SubmitJob", arn)
        assert not platform.may("platform-scheduler", "batch:SubmitJob", arn)


@pytest.fixture(scope="module")
def package(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The conductor as Lambda has it, on disk."""
    folder = tmp_path_factory.mktemp("conductor")
    archive = platform.recording.one("aws:lambda/function:Function", "platform-submit").inputs["code"]
    for path, asset in archive.assets.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(asset.text if hasattr(asset, "text") else Path(asset.path).read_text())
    return folder


def _submit(platform: Platform, package: Path, caller: Caller, run: str) -> subprocess.CompletedProcess[str]:
    """Deliver a start to the packed conductor, running as `caller`."""
    variables = platform.recording.one("aws:lambda/function:Function", "platform-submit").inputs["environment"]["variables"]
    boto3s = Path(boto3.__file__).parents[1]
    event = {"job": "nightly-export", "scheduled_for": "2026-11-23T17:30:00Z", "trigger": "person", "run": run}
    code = "import json, sys; from transload.conductor.submit import handler; print(json.dumps(handler(json.loads(sys.argv[1]))))"
    return subprocess.run(
        [sys.executable, "-S", "-c", code, json.dumps(event)],
        env={**caller.environment, **variables, "PYTHONPATH": f"{package}:{boto3s}"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_conductors_policy_is_enough_to_submit_a_run(platform: Platform, package: Path) -> None:
    # MiniStack looks for batch:SubmitJob on `*`, whatever is submitted: the simulator has answered for the real resources above.
    submitting = {"Effect": "Allow", "Action": "batch:SubmitJob", "Resource": "*"}
    conductor = platform.made(
        "conductor", *platform.recording.policy("aws:iam/rolePolicy:RolePolicy", "platform-submit"), submitting
    )
    answer = _submit(platform, package, conductor, "20261123T173000Z-aaaa")

    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["status"] == "SUBMITTED"


def test_a_role_without_the_runs_table_submits_nothing(platform: Platform, package: Path) -> None:
    less = [
        statement
        for statement in platform.recording.policy("aws:iam/rolePolicy:RolePolicy", "platform-submit")
        if statement["Sid"] != "ReadAndWriteRuns"
    ]
    answer = _submit(platform, package, platform.made("less", *less), "20261123T173000Z-bbbb")

    assert answer.returncode == 1
    assert "AccessDenied" in answer.stderr.splitlines()[-1]
