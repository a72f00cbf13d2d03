"""A small cloud with real processes for the tests of jobs that run: emulators, a queue of each kind, images of a few lines."""

import json
import os
import textwrap
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from transload.local import Cloud, running

# Processes, also where a Docker engine answers: images would be built and pulled.
os.environ["TRANSLOAD_LOCAL_DOCKER"] = "0"

REGION = "eu-west-1"
GROUP = "/transload/test"
DOCKERFILE = 'FROM python:3.13-slim\nWORKDIR /app\nCOPY . .\nENTRYPOINT ["python", "job.py"]\n'
_ENDED = ("SUCCEEDED", "FAILED")


class JobCloud:
    """The emulators of one project folder, with what jobs need."""

    def __init__(self, cloud: Cloud):
        self.cloud, self.home, self.state = cloud, cloud.home, cloud.state
        self.endpoint = cloud.endpoints[""]
        aws = cloud.aws()
        self.client = aws.client
        self.batch, self.logs, self.ssm, self.iam = (self.client(name) for name in ("batch", "logs", "ssm", "iam"))
        self.queues: dict[str, str] = {}
        self.execution_role = self.role("execution")
        self.logs.create_log_group(logGroupName=GROUP)
        for kind in ("FARGATE_SPOT", "FARGATE"):
            self.queue(kind)

    def role(self, name: str) -> str:
        return self.iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]

    def queue(self, kind: str, name: str | None = None, vcpus: int = 16) -> str:
        ec2 = self.client("ec2")
        subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
        group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
        name = name or kind.lower()
        environment = self.batch.create_compute_environment(
            computeEnvironmentName=f"ce-{name}",
            type="MANAGED",
            computeResources={"type": kind, "maxvCpus": vcpus, "subnets": [subnet], "securityGroupIds": [group]},
            serviceRole=self.execution_role,
        )["computeEnvironmentArn"]
        order = [{"order": 1, "computeEnvironment": environment}]
        queue = self.batch.create_job_queue(jobQueueName=name, state="ENABLED", priority=1, computeEnvironmentOrder=order)
        self.queues[name] = queue["jobQueueArn"]
        return self.queues[name]

    def image(
        self,
        name: str,
        program: str,
        dockerfile: str = DOCKERFILE,
    ) -> str:
        """Write the image's folder; returns its reference."""
        folder = self.home.parent / "images" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "Dockerfile").write_text(dockerfile)
        (folder / "job.py").write_text(textwrap.dedent(program))
        return f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/{name}:1"

    def define(
        self,
        name: str,
        image: str,
        *,
        command: list[str] | None = None,
        prefix: str | None = None,
        properties: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> str:
        options = {"awslogs-group": GROUP} | ({"awslogs-stream-prefix": prefix} if prefix else {})
        container = {
            "image": image,
            "command": command or [],
            "executionRoleArn": self.execution_role,
            "resourceRequirements": [{"type": "VCPU", "value": "0.25"}, {"type": "MEMORY", "value": "512"}],
            "logConfiguration": {"logDriver": "awslogs", "options": options},
            **(properties or {}),
        }
        answer = self.batch.register_job_definition(
            jobDefinitionName=name, type="container", platformCapabilities=["FARGATE"], containerProperties=container, **more
        )
        return answer["jobDefinitionArn"]

    def submit(self, definition: str, *, queue: str = "fargate_spot", name: str = "job", **more: Any) -> str:
        return self.batch.submit_job(jobName=name, jobQueue=self.queues[queue], jobDefinition=definition, **more)["jobId"]

    def describe(self, job_id: str) -> dict[str, Any]:
        return self.batch.describe_jobs(jobs=[job_id])["jobs"][0]

    def ended(self, job_id: str, seconds: float = 30) -> dict[str, Any]:
        return self.until(job_id, lambda job: job["status"] in _ENDED, seconds)

    def until(self, job_id: str, true: Callable[[dict[str, Any]], bool], seconds: float = 30) -> dict[str, Any]:
        return wait_for(lambda: job if true(job := self.describe(job_id)) else None, seconds)

    def control(self, knob: str, **what: Any) -> dict[str, Any]:
        """Turn a knob that AWS does not have."""
        request = urllib.request.Request(f"{self.endpoint}/transload/{knob}", json.dumps(what).encode(), method="POST")
        try:
            with urllib.request.urlopen(request) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refusal:
            return json.load(refusal)

    def lines(self, stream: str) -> list[str]:
        """Every line of a log stream, in order."""
        found: list[str] = []
        token: dict[str, str] = {}
        while True:
            page = self.logs.get_log_events(logGroupName=GROUP, logStreamName=stream, startFromHead=True, **token)
            found += [event["message"] for event in page["events"]]
            if token.get("nextToken") == page["nextForwardToken"]:
                return found
            token = {"nextToken": page["nextForwardToken"]}


def wait_for(look: Callable[[], Any], seconds: float = 30) -> Any:
    """What `look` gives as soon as it is true; an AssertionError when that takes too long."""
    until = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)
    return found


@contextmanager
def started(project: Path) -> Generator[JobCloud]:
    """The emulators of `project`, stopped at the end with all that they started."""
    with running(project / ".transload", REGION) as cloud:
        yield JobCloud(cloud)
