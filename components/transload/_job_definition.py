"""What AWS Batch is told about a job's container: plain data, as its RegisterJobDefinition takes it."""

import fnmatch
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from transload._plugged import account_of, region_of

# AWS Batch user guide, Service quotas: size of a job definition.
_LARGEST_BYTES = 24 * 1024

# AWS Batch takes the first rule that matches, and tries again where none does, so the last one ends it. A pattern may end in `*`,
# and hold letters, digits, periods, colons and blanks (AWS Batch API reference, EvaluateOnExit). The texts are those of a Spot
# reclaim on Fargate and on EC2 (AWS Batch user guide, Best practices), of a task that never ran, and of an image not pulled.
_FARGATE_SPOT = {"on_status_reason": "Your Spot Task was interrupted*", "action": "RETRY"}
_EC2_HOST = {"on_status_reason": "Host EC2*", "action": "RETRY"}
_NOT_STARTED = {"on_status_reason": "Task failed to start*", "action": "RETRY"}
_NOT_PULLED = {"on_reason": "CannotPullContainerError*", "action": "RETRY"}
_OTHERWISE = {"on_reason": "*", "action": "EXIT"}


def evaluate_on_exits(capacity: str, exit_codes: Sequence[int]) -> list[dict[str, str]]:
    """The rules by which AWS Batch tries again: reasons of the infrastructure first, since a Spot reclaim ends with exit code 137
    too; then the application's own exit code; then nothing. AWS Batch takes five."""
    taken_back = _EC2_HOST if capacity == "ec2" else _FARGATE_SPOT
    asked = [{"on_exit_code": str(code), "action": "RETRY"} for code in exit_codes]
    return [taken_back, _NOT_STARTED, _NOT_PULLED, *asked, _OTHERWISE]


@dataclass(frozen=True)
class Retry:
    """How often a run is tried, and the exit codes by which the application asks for it."""

    attempts: int
    exit_codes: list[int]


@dataclass(frozen=True)
class Container:
    """What is known about a job's container before anything is created."""

    job: str
    command: list[str]
    capacity: str
    vcpu: float
    memory_mib: int
    architecture: str
    ephemeral_storage_gib: int | None
    stop_timeout_seconds: int | None
    user: str | None
    readonly_root_filesystem: bool


def secret_arn(ref: Any, variable: str, value: str) -> str:
    """The ARN of what `value` names: an ARN, a parameter's full name, or a name below the cluster's path. ValueError where the
    cluster's execution role may not read it, since the run would only fail when it starts."""
    arn = value
    if not value.startswith("arn:"):
        path = value if value.startswith("/") else f"{ref['secrets_path']}/{value}"
        arn = f"arn:aws:ssm:{region_of(ref)}:{account_of(ref)}:parameter{path}"
    # Behind a secret of Secrets Manager may stand a key in it, its stage and its version: IAM sees the secret.
    seen = ":".join(arn.split(":")[:7])
    if not any(fnmatch.fnmatchcase(seen, readable) for readable in ref["secret_arns"].split()):
        raise ValueError(
            f"secrets: {variable} names {value}, which the jobs of {ref['name']} may not read: "
            f"put it below {ref['secrets_path']} or add it to the cluster's secret_arns"
        )
    return arn


def properties(container: Container, ref: Any, values: Mapping[str, Any]) -> str:
    """The JSON text of `containerProperties`, or of `ecsProperties` where the stop timeout is not AWS's 30 seconds: only that form
    has it. Its one container is called `default`, as AWS Batch calls the one of the other form, so that both write the same log
    streams. Only what differs from AWS's defaults is written: the provider sees the rest as a change for ever."""
    as_task = container.stop_timeout_seconds is not None
    text = json.dumps(_task(container, ref, values) if as_task else _single(container, ref, values))
    if len(text) > _LARGEST_BYTES:
        raise ValueError(f"its definition has {len(text)} bytes, AWS Batch takes {_LARGEST_BYTES}: move environment into a file")
    return text


def _single(container: Container, ref: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    return _written(
        {
            **_process(container, ref, values),
            "executionRoleArn": ref["execution_role_arn"],
            "jobRoleArn": values["role_arn"],
            **_fargate(container, ref),
        }
    )


def _task(container: Container, ref: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    process = {"name": "default", "essential": True, "stopTimeout": container.stop_timeout_seconds}
    task = {
        "containers": [_written({**process, **_process(container, ref, values)})],
        "executionRoleArn": ref["execution_role_arn"],
        "taskRoleArn": values["role_arn"],
        **_fargate(container, ref),
    }
    return {"taskProperties": [_written(task)]}


def _process(container: Container, ref: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    # By name: another order is no other definition, and the provider overlooks the order of `environment` only.
    environment, secrets = sorted(values["environment"].items()), sorted(values["secrets"].items())
    return {
        "image": values["image"],
        "command": container.command,
        "environment": [{"name": key, "value": value} for key, value in environment],
        "secrets": [{"name": key, "valueFrom": secret_arn(ref, key, value)} for key, value in secrets],
        "resourceRequirements": [
            {"type": "VCPU", "value": f"{container.vcpu:g}"},
            {"type": "MEMORY", "value": str(container.memory_mib)},
        ],
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": ref["log_group"],
                "awslogs-region": region_of(ref),
                "awslogs-stream-prefix": container.job,
            },
        },
        "user": container.user,
        "readonlyRootFilesystem": container.readonly_root_filesystem,
    }


def _fargate(container: Container, ref: Any) -> dict[str, Any]:
    """What only Fargate takes."""
    if container.capacity == "ec2":
        return {}
    storage = container.ephemeral_storage_gib
    public = ref["assign_public_ip"] == "ENABLED"
    return {
        "networkConfiguration": {"assignPublicIp": "ENABLED"} if public else None,
        "runtimePlatform": {"operatingSystemFamily": "LINUX", "cpuArchitecture": container.architecture.upper()},
        "ephemeralStorage": {"sizeInGiB": storage} if storage else None,
    }


def _written(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in properties.items() if value not in (None, "", [], {}, False)}
