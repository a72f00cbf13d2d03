"""Seconds for the whole local stack, and for 4,000 plain resources on moto. Run it alone: each emulator wants a core."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pulumi
import pulumi_aws as aws

from transload.local import running

_ROOT = Path(__file__).parents[1]
_TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}


def measure() -> dict[str, float]:
    """Name of each number -> seconds."""
    return {"local_up_seconds": local_up(), "plain_4000_seconds": plain(4000)}


def local_up() -> float:
    """`transload local up` of the project's local stack, from the start of the process to its end."""
    with tempfile.TemporaryDirectory(prefix="transload-bench-") as folder:
        for name in ("Pulumi.yaml", "Pulumi.local.yaml", "programs", "images"):
            (Path(folder) / name).symlink_to(_ROOT / name)
        command = [sys.executable, "-c", "from transload.cli import main; main()", "local"]
        begun = time.monotonic()
        subprocess.run([*command, "up", "--project", folder], check=True, stdout=subprocess.DEVNULL)
        seconds = time.monotonic() - begun
        subprocess.run([*command, "down", "--project", folder], check=True, stdout=subprocess.DEVNULL)
    return round(seconds, 2)


def plain(count: int) -> float:
    """`count` queues, topics, roles with a policy, and parameters; a third of them wait for another."""

    def program() -> None:
        for number in range(count // 5):
            queue = aws.sqs.Queue(f"queue-{number}", visibility_timeout_seconds=60)
            topic = aws.sns.Topic(f"topic-{number}")
            role = aws.iam.Role(f"role-{number}", assume_role_policy=json.dumps({"Version": "2012-10-17", "Statement": [_TRUST]}))
            allow = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": queue.arn}
            policy = pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": [allow]})
            aws.iam.RolePolicy(f"role-{number}", role=role.id, policy=policy)
            aws.ssm.Parameter(f"topic-{number}", type="String", value=topic.arn)

    with running() as cloud:
        built = cloud.run(program)
    assert built.resources == count
    return built.seconds


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
