"""A Batch job of the local cloud is a process on this machine, and describe_jobs tells the truth about it."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from ._jobs import DOCKERFILE, GROUP, JobCloud, started, wait_for

_SLEEPER = "import time\ntime.sleep(60)\n"
_POLITE = """
    import signal, sys, time
    def told(*_):
        print("told to stop")
        sys.exit(0)
    signal.signal(signal.SIGTERM, told)
    print("ready", flush=True)
    time.sleep(60)
"""
_DEAF = """
    import os, signal, subprocess, sys, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    print(os.getpid(), child.pid, flush=True)
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobCloud]:
    with started(tmp_path_factory.mktemp("jobs")) as cloud:
        yield cloud


def test_a_job_runs_its_images_command_and_its_output_is_in_its_log_stream(jobs: JobCloud) -> None:
    image = jobs.image("hello", "import sys\nprint('hello', *sys.argv[1:])\nprint('to stderr', file=sys.stderr, flush=True)\n")
    job = jobs.ended(jobs.submit(jobs.define("hello", image, command=["there"], prefix="greeting")))
    assert (job["status"], job["statusReason"]) == ("SUCCEEDED", "Essential container in task exited")
    assert job["container"]["exitCode"] == 0
    assert job["startedAt"] <= job["stoppedAt"]
    stream = job["container"]["logStreamName"]
    assert stream == f"greeting/default/{job['container']['taskArn'].rsplit('/')[-1]}"
    assert sorted(jobs.lines(stream)) == ["hello there", "to stderr"]


def test_a_job_gets_its_environment_and_nothing_of_the_servers(jobs: JobCloud) -> None:
    image = jobs.image(
        "environment", "import json, os\nprint(json.dumps(dict(os.environ)))\n", DOCKERFILE + "ENV FROM_IMAGE=1 BOTH=image\n"
    )
    definition = jobs.define(
        "environment",
        image,
        properties={"environment": [{"name": "BOTH", "value": "definition"}, {"name": "KEPT", "value": "yes"}]},
    )
    overrides = {"environment": [{"name": "GIVEN", "value": "by hand"}]}
    job = jobs.ended(jobs.submit(definition, containerOverrides=overrides))
    seen = json.loads(jobs.lines(job["container"]["logStreamName"])[0])
    assert {"FROM_IMAGE": "1", "BOTH": "definition", "KEPT": "yes", "GIVEN": "by hand"}.items() <= seen.items()
    batch = {
        "AWS_BATCH_JOB_ID": job["jobId"],
        "AWS_BATCH_JOB_ATTEMPT": "1",
        "AWS_BATCH_JQ_NAME": "fargate_spot",
        "AWS_BATCH_CE_NAME": "ce-fargate_spot",
    }
    assert batch.items() <= seen.items()
    assert seen["AWS_ENDPOINT_URL"] == jobs.endpoint
    assert "AWS_ACCESS_KEY_ID" not in seen, "without a job role a container has no credentials"
    assert not [name for name in seen if name.startswith(("MOTO_", "PYTEST", "VIRTUAL_ENV"))]
    assert seen["HOME"] != os.environ["HOME"]
    assert {row["name"]: row["value"] for row in job["container"]["environment"]} == {
        "BOTH": "definition",
        "KEPT": "yes",
        "GIVEN": "by hand",
    }


def test_a_job_with_a_role_has_its_credentials_and_reaches_the_local_cloud(jobs: JobCloud) -> None:
    image = jobs.image("who", "import boto3\nprint(boto3.client('sts').get_caller_identity()['Arn'])\n")
    definition = jobs.define("who", image, properties={"jobRoleArn": jobs.role("exporter")})
    job = jobs.ended(jobs.submit(definition))
    assert ":assumed-role/exporter/" in jobs.lines(job["container"]["logStreamName"])[0]


def test_a_job_reads_its_secrets_from_the_parameter_store_and_secrets_manager(jobs: JobCloud) -> None:
    jobs.ssm.put_parameter(Name="/shop/password", Value="open sesame", Type="SecureString")
    secret = jobs.client("secretsmanager").create_secret(Name="shop", SecretString=json.dumps({"user": "ali"}))["ARN"]
    image = jobs.image("secrets", "import os\nprint(os.environ['PASSWORD'], os.environ['USER_NAME'])\n")
    parameter = "arn:aws:ssm:eu-west-1:123456789012:parameter/shop/password"
    secrets = [{"name": "PASSWORD", "valueFrom": parameter}, {"name": "USER_NAME", "valueFrom": f"{secret}:user::"}]
    job = jobs.ended(jobs.submit(jobs.define("secrets", image, properties={"secrets": secrets})))
    assert jobs.lines(job["container"]["logStreamName"]) == ["open sesame ali"]
    assert "sesame" not in json.dumps(job)


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"secrets": [{"name": "A", "valueFrom": "/not/there"}]}, "ResourceInitializationError: unable to pull secrets"),
        ({"jobRoleArn": "arn:aws:iam::123456789012:role/nobody"}, "ResourceInitializationError: ECS was unable to assume the role"),
        ({"image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/nowhere:1"}, "CannotPullContainerError: "),
        ({"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/nowhere"}}}, "ResourceInitializationError: "),
        ({"command": ["x"], "image": "registry/no-such-program:1"}, 'CannotStartContainerError: exec: "no-such-program"'),
    ],
)  # fmt: skip
def test_a_job_that_cannot_start_says_why_and_has_no_exit_code(jobs: JobCloud, properties: dict[str, Any], reason: str) -> None:
    image = jobs.image("unstarted", "")
    jobs.image("no-such-program", "", 'FROM scratch\nENTRYPOINT ["no-such-program"]\n')
    job = jobs.ended(jobs.submit(jobs.define("unstarted", image, properties=properties)))
    assert (job["status"], job["statusReason"]) == ("FAILED", "Task failed to start")
    assert job["container"]["reason"].startswith(reason)
    assert "exitCode" not in job["container"]
    assert "startedAt" not in job


def test_an_exit_code_fails_the_job_and_every_attempt_of_the_retry_strategy_is_listed(jobs: JobCloud) -> None:
    image = jobs.image("failing", "import os, sys\nprint('attempt', os.environ['AWS_BATCH_JOB_ATTEMPT'])\nsys.exit(7)\n")
    job = jobs.ended(jobs.submit(jobs.define("failing", image, retryStrategy={"attempts": 2})))
    assert (job["status"], job["container"]["exitCode"], len(job["attempts"])) == ("FAILED", 7, 2)
    assert job["statusReason"] == "Essential container in task exited"
    streams = [attempt["container"]["logStreamName"] for attempt in job["attempts"]]
    assert [jobs.lines(stream) for stream in streams] == [["attempt 1"], ["attempt 2"]]
    assert streams[-1] == job["container"]["logStreamName"]


def test_an_exit_rule_ends_the_retries(jobs: JobCloud) -> None:
    image = jobs.image("failing", "import sys\nsys.exit(7)\n")
    rules = [{"onExitCode": "7", "action": "EXIT"}]
    job = jobs.ended(jobs.submit(jobs.define("exits", image, retryStrategy={"attempts": 5, "evaluateOnExit": rules})))
    assert len(job["attempts"]) == 1


def test_a_job_over_its_time_is_ended_with_sigterm_and_not_retried(jobs: JobCloud) -> None:
    definition = jobs.define(
        "slow", jobs.image("sleeper", _SLEEPER), retryStrategy={"attempts": 3}, timeout={"attemptDurationSeconds": 1}
    )
    job = jobs.ended(jobs.submit(definition))
    assert (job["status"], job["statusReason"]) == ("FAILED", "Job attempt duration exceeded timeout")
    assert (job["container"]["exitCode"], len(job["attempts"])) == (143, 1)


def test_terminate_job_sends_sigterm_and_keeps_the_reason(jobs: JobCloud) -> None:
    definition = jobs.define("stopped", jobs.image("polite", _POLITE), retryStrategy={"attempts": 3})
    job_id = jobs.submit(definition)
    jobs.until(job_id, lambda job: job["status"] == "RUNNING")
    stream = jobs.describe(job_id)["container"]["logStreamName"]
    wait_for(lambda: "ready" in jobs.lines(stream))
    jobs.batch.terminate_job(jobId=job_id, reason="not needed today")
    job = jobs.ended(job_id)
    assert (job["status"], job["statusReason"], job["isTerminated"]) == ("FAILED", "not needed today", True)
    assert (job["container"]["exitCode"], len(job["attempts"])) == (0, 1)
    assert jobs.lines(stream) == ["ready", "told to stop"]


def test_a_job_deaf_to_sigterm_is_killed_with_its_children_after_the_stop_timeout(jobs: JobCloud) -> None:
    jobs.image("deaf", _DEAF)
    task = {
        "executionRoleArn": jobs.execution_role,
        "containers": [
            {
                "name": "main",
                "image": "x/deaf",
                "stopTimeout": 2,
                "resourceRequirements": [{"type": "VCPU", "value": "0.25"}, {"type": "MEMORY", "value": "512"}],
                "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": GROUP}},
            }
        ],
    }
    definition = jobs.batch.register_job_definition(
        jobDefinitionName="deaf", type="container", ecsProperties={"taskProperties": [task]}
    )
    job_id = jobs.submit(definition["jobDefinitionArn"])
    jobs.until(job_id, lambda job: job["status"] == "RUNNING")
    stream = jobs.describe(job_id)["ecsProperties"]["taskProperties"][0]["containers"][0]["logStreamName"]
    pids = [int(pid) for pid in wait_for(lambda: jobs.lines(stream))[0].split()]
    jobs.batch.terminate_job(jobId=job_id, reason="stop")
    job = jobs.ended(job_id)
    containers = [one["taskProperties"][0]["containers"][0] for one in (job["ecsProperties"], *job["attempts"])]
    assert [(one["name"], one["exitCode"], one["logStreamName"]) for one in containers] == [("main", 137, stream)] * 2
    assert job["stoppedAt"] - job["startedAt"] >= 2000
    wait_for(lambda: not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in pids))


def test_memory_over_the_limit_ends_the_job_with_the_words_of_aws(jobs: JobCloud) -> None:
    image = jobs.image(
        "hungry", "import time\nheld = bytearray(700 << 20)\nfor at in range(0, len(held), 4096): held[at] = 1\ntime.sleep(60)\n"
    )
    job = jobs.ended(jobs.submit(jobs.define("hungry", image)))
    assert job["container"]["exitCode"] == 137
    assert job["container"]["reason"] == "OutOfMemoryError: Container killed due to memory usage"


def test_lines_arrive_while_the_job_runs(jobs: JobCloud) -> None:
    job_id = jobs.submit(jobs.define("talking", jobs.image("polite", _POLITE)))
    jobs.until(job_id, lambda job: job["status"] == "RUNNING")
    wait_for(lambda: jobs.lines(jobs.describe(job_id)["container"]["logStreamName"]) == ["ready"])
    assert jobs.describe(job_id)["status"] == "RUNNING"
    jobs.batch.terminate_job(jobId=job_id, reason="seen")
    jobs.ended(job_id)


def test_a_hundred_thousand_lines_arrive_in_order_each_once(jobs: JobCloud) -> None:
    image = jobs.image("chatty", "for n in range(100_000): print(n)\nprint('last', end='')\n")
    job = jobs.ended(jobs.submit(jobs.define("chatty", image)), seconds=120)
    assert jobs.lines(job["container"]["logStreamName"]) == [*map(str, range(100_000)), "last"]


def test_an_array_runs_a_child_for_each_index_and_fails_when_one_fails(jobs: JobCloud) -> None:
    image = jobs.image(
        "array",
        "import os, sys\nindex, size = (os.environ['AWS_BATCH_JOB_ARRAY_' + name] for name in ('INDEX', 'SIZE'))\n"
        "print(index)\nsys.exit(index == '1' or size != '3')\n",
    )
    parent = jobs.ended(jobs.submit(jobs.define("array", image), arrayProperties={"size": 3}))
    assert (parent["status"], parent["statusReason"]) == ("FAILED", "Array Child Job failed")
    assert parent["arrayProperties"]["size"] == 3
    assert {status: count for status, count in parent["arrayProperties"]["statusSummary"].items() if count} == {
        "SUCCEEDED": 2,
        "FAILED": 1,
    }
    children = [jobs.describe(f"{parent['jobId']}:{index}") for index in range(3)]
    assert [jobs.lines(child["container"]["logStreamName"]) for child in children] == [["0"], ["1"], ["2"]]
    assert [child["arrayProperties"]["index"] for child in children] == [0, 1, 2]
    listed = jobs.batch.list_jobs(arrayJobId=parent["jobId"], jobStatus="FAILED")["jobSummaryList"]
    assert [row["jobId"] for row in listed] == [f"{parent['jobId']}:1"]


def test_a_terminated_array_ends_with_its_children_and_the_reason_given(jobs: JobCloud) -> None:
    definition = jobs.define("array", jobs.image("sleeper", _SLEEPER), timeout={"attemptDurationSeconds": 60})
    job_id = jobs.submit(definition, arrayProperties={"size": 100})
    jobs.until(f"{job_id}:0", lambda job: job["status"] == "RUNNING")
    assert jobs.describe(f"{job_id}:99")["status"] == "RUNNABLE"
    jobs.batch.terminate_job(jobId=job_id, reason="wrong input")
    parent = jobs.ended(job_id)
    assert (parent["statusReason"], parent["isTerminated"]) == ("wrong input", True)
    assert parent["arrayProperties"]["statusSummary"]["FAILED"] == 100
    assert {jobs.describe(f"{job_id}:{index}")["statusReason"] for index in (0, 99)} == {"wrong input"}


def test_a_dependant_waits_and_fails_with_the_job_it_depends_on(jobs: JobCloud) -> None:
    definition = jobs.define("polite", jobs.image("polite", _POLITE))
    first = jobs.submit(definition)
    second = jobs.submit(definition, dependsOn=[{"jobId": first}])
    third = jobs.submit(jobs.define("ok", jobs.image("ok", "")), dependsOn=[{"jobId": second}])
    assert jobs.describe(second)["status"] == "PENDING"
    jobs.batch.terminate_job(jobId=first, reason="enough")
    assert [jobs.ended(job)["statusReason"] for job in (first, second, third)] == [
        "enough",
        "Dependent Job failed",
        "Dependent Job failed",
    ]


def test_a_dependant_starts_after_the_job_it_depends_on(jobs: JobCloud) -> None:
    definition = jobs.define("ok", jobs.image("ok", "print('done')"))
    first = jobs.submit(definition, arrayProperties={"size": 2})
    second = jobs.ended(jobs.submit(definition, dependsOn=[{"jobId": first}]))
    assert second["status"] == "SUCCEEDED"
    assert second["startedAt"] >= jobs.describe(first)["stoppedAt"]


def test_jobs_over_the_vcpus_of_the_environment_wait_and_can_be_cancelled(jobs: JobCloud) -> None:
    jobs.queue("FARGATE", "narrow", vcpus=1)
    whole = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "2048"}]
    definition = jobs.define("wide", jobs.image("polite", _POLITE), properties={"resourceRequirements": whole})
    first, second, third = (jobs.submit(definition, queue="narrow", name=name) for name in ("one", "two", "three"))
    jobs.until(first, lambda job: job["status"] == "RUNNING")
    assert [jobs.describe(job)["status"] for job in (second, third)] == ["RUNNABLE", "RUNNABLE"]
    jobs.batch.cancel_job(jobId=first, reason="too late for that")
    jobs.batch.cancel_job(jobId=second, reason="not wanted")
    cancelled = jobs.describe(second)
    assert (cancelled["status"], cancelled["statusReason"], cancelled["isCancelled"]) == ("FAILED", "not wanted", True)
    assert jobs.describe(first)["status"] == "RUNNING"
    jobs.batch.terminate_job(jobId=first, reason="make room")
    jobs.until(third, lambda job: job["status"] == "RUNNING")
    named = jobs.batch.list_jobs(jobQueue="narrow", filters=[{"name": "JOB_NAME", "values": ["t*"]}])["jobSummaryList"]
    assert sorted(row["jobName"] for row in named) == ["three", "two"]
    assert [row["jobName"] for row in jobs.batch.list_jobs(jobQueue="narrow")["jobSummaryList"]] == ["three"]
    jobs.batch.terminate_job(jobId=third, reason="end")


def test_a_reclaimed_spot_job_is_interrupted_and_retried(jobs: JobCloud) -> None:
    rules = [{"onStatusReason": "Your Spot Task was interrupted*", "action": "RETRY"}, {"onReason": "*", "action": "EXIT"}]
    definition = jobs.define("spot", jobs.image("deaf", _DEAF), retryStrategy={"attempts": 2, "evaluateOnExit": rules})
    job_id = jobs.submit(definition, name="reclaimed")
    for attempt in (1, 2):
        jobs.until(job_id, lambda job, attempt=attempt: job["status"] == "RUNNING" and len(job["attempts"]) == attempt - 1)
        assert jobs.control("reclaim", job="reclaimed", grace=0)["attempt"] == attempt
    job = jobs.ended(job_id)
    assert (job["status"], job["statusReason"], job["container"]["exitCode"]) == ("FAILED", "Your Spot Task was interrupted.", 137)
    assert [attempt["statusReason"] for attempt in job["attempts"]] == ["Your Spot Task was interrupted."] * 2


def test_a_job_that_exits_0_when_spot_is_reclaimed_has_succeeded_for_batch(jobs: JobCloud) -> None:
    job_id = jobs.submit(jobs.define("fooled", jobs.image("polite", _POLITE)))
    stream = jobs.until(job_id, lambda job: job["status"] == "RUNNING")["container"]["logStreamName"]
    wait_for(lambda: jobs.lines(stream))
    jobs.control("reclaim", job=job_id)
    assert jobs.ended(job_id)["status"] == "SUCCEEDED"


def test_only_a_running_spot_job_can_be_reclaimed(jobs: JobCloud) -> None:
    job_id = jobs.submit(jobs.define("on-demand", jobs.image("polite", _POLITE)), queue="fargate")
    jobs.until(job_id, lambda job: job["status"] == "RUNNING")
    assert "runs on FARGATE (ce-fargate)" in jobs.control("reclaim", job=job_id)["problem"]
    jobs.batch.terminate_job(jobId=job_id, reason="end")
    jobs.ended(job_id)
    assert "is FAILED" in jobs.control("reclaim", job=job_id)["problem"]
    assert jobs.control("reclaim", job="nobody")["problem"] == "no job nobody"


@pytest.mark.parametrize(
    "strategy",
    [
        {"attempts": 3, "evaluateOnExit": [{"onReason": "*Error", "action": "RETRY"}]},
        {"attempts": 11},
        {"evaluateOnExit": [{"onReason": "*", "action": "EXIT"}]},
    ],
)
def test_a_retry_strategy_that_batch_refuses_is_refused(jobs: JobCloud, strategy: dict[str, Any]) -> None:
    with pytest.raises(jobs.batch.exceptions.ClientException, match="Error executing request"):
        jobs.define("refused", "x/y", retryStrategy=strategy)


def test_no_process_outlives_a_server_that_is_killed(tmp_path: Path) -> None:
    with started(tmp_path) as cloud:
        job_id = cloud.submit(cloud.define("deaf", cloud.image("deaf", _DEAF)))
        stream = cloud.until(job_id, lambda job: job["status"] == "RUNNING")["container"]["logStreamName"]
        pids = [int(pid) for pid in wait_for(lambda: cloud.lines(stream))[0].split()]
        server = cloud.state.servers["moto"].process()
        assert server is not None
        server.kill()
    assert not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in pids)


def test_an_environment_is_enabled_unless_it_says_otherwise_and_a_disabled_one_starts_nothing(jobs: JobCloud) -> None:
    queue = jobs.queue("FARGATE", "paused")
    environment = jobs.batch.describe_compute_environments(computeEnvironments=["ce-paused"])["computeEnvironments"][0]
    assert environment["state"] == "ENABLED"
    jobs.batch.update_compute_environment(computeEnvironment="ce-paused", state="DISABLED")
    definition = jobs.define("ok", jobs.image("ok", ""))
    job_id = jobs.submit(definition, queue="paused")
    assert jobs.describe(job_id)["status"] == "RUNNABLE"
    jobs.batch.terminate_job(jobId=job_id, reason="end")
    jobs.batch.update_job_queue(jobQueue=queue, state="DISABLED")
    with pytest.raises(jobs.batch.exceptions.ClientException, match="it is DISABLED"):
        jobs.submit(definition, queue="paused")
