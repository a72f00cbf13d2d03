"""A Batch job as the API shows it: its request, its status, its attempts."""

import copy
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from transload.local.batch._container import Container
from transload.local.batch._process import Attempt, Outcome

WAITING = ("SUBMITTED", "PENDING", "RUNNABLE")
STATUSES = (*WAITING, "STARTING", "RUNNING", "SUCCEEDED", "FAILED")
# "The first 200 characters of the job definition name" (AWS Batch User Guide, "Job states").
_PREFIX_LENGTH = 200


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(eq=False)
class Job:
    """One job: single, parent of an array, or child of one. Its fields change under the lock of its `Placement` only."""

    name: str
    job_id: str
    backend: Any
    """moto's Batch backend: account, region and the tags."""
    queue: Any
    """moto's job queue."""
    definition: Any
    """moto's job definition: one revision."""
    container: Container
    retry_strategy: Mapping[str, Any]
    timeout: Mapping[str, int]
    depends_on: list[dict[str, str]]
    index: int | None = None
    parent: "Job | None" = None
    children: list["Job"] = field(default_factory=list)
    waits_for: list["Job"] = field(default_factory=list)
    dependants: list["Job"] = field(default_factory=list)
    status: str = "SUBMITTED"
    status_reason: str | None = None
    cancelled: bool = False
    terminated: bool = False
    asked: str | None = None
    """The reason that somebody gave for its end."""
    created_at: int = field(default_factory=now_ms)
    started_at: int | None = None
    stopped_at: int | None = None
    attempts: list[dict[str, Any]] = field(default_factory=list)
    attempt: Attempt | None = None
    """The attempt that runs now."""
    environment: Any = None
    """moto's compute environment that it was placed on last."""
    task: dict[str, Any] = field(default_factory=dict)
    """taskArn, logStreamName, exitCode, reason of the newest attempt."""

    @property
    def arn(self) -> str:
        return f"arn:aws:batch:{self.backend.region_name}:{self.backend.account_id}:job/{self.job_id}"

    @property
    def ended(self) -> bool:
        return self.status in ("SUCCEEDED", "FAILED")

    def variables(self) -> dict[str, str]:
        """What Batch puts into the container's environment (AWS Batch User Guide, "Job environment variables")."""
        given = {
            "AWS_BATCH_JOB_ID": self.job_id,
            "AWS_BATCH_JOB_ATTEMPT": str(len(self.attempts) + 1),
            "AWS_BATCH_JQ_NAME": self.queue.name,
            "AWS_BATCH_CE_NAME": self.environment.name,
        }
        if "FARGATE" in str(self.environment.compute_resources.get("type")):
            given["AWS_EXECUTION_ENV"] = "AWS_ECS_FARGATE"
        if self.parent is not None:
            given |= {"AWS_BATCH_JOB_ARRAY_INDEX": str(self.index), "AWS_BATCH_JOB_ARRAY_SIZE": str(len(self.parent.children))}
        return given

    def new_task(self) -> None:
        """Give the next attempt its task and its log stream."""
        task = uuid.uuid4().hex
        prefix = self.container.log_options.get("awslogs-stream-prefix") or self.definition.name[:_PREFIX_LENGTH]
        where = f"arn:aws:ecs:{self.backend.region_name}:{self.backend.account_id}:task/{self.environment.name}_Batch"
        self.task = {
            "taskArn": f"{where}/{task}",
            "logStreamName": f"{prefix}/{self.container.name}/{task}",
            "networkInterfaces": [],
        }
        self.started_at = self.stopped_at = None

    def record(self, outcome: Outcome) -> None:
        """Keep how the running attempt ended."""
        if outcome.exit_code is None:
            self.task.pop("logStreamName")
        else:
            self.task["exitCode"] = outcome.exit_code
        if outcome.reason:
            self.task["reason"] = outcome.reason
        times = {"stoppedAt": now_ms()} | ({"startedAt": self.started_at} if self.started_at else {})
        self.attempts.append({**self._attempt(), "statusReason": outcome.status_reason, **times})
        self.status_reason = outcome.status_reason

    def summary(self) -> dict[str, Any]:
        """The row of list_jobs."""
        row: dict[str, Any] = {
            "jobArn": self.arn,
            "jobId": self.job_id,
            "jobName": self.name,
            "createdAt": self.created_at,
            "status": self.status,
            "jobDefinition": self.definition.arn,
        }
        row |= {"startedAt": self.started_at} if self.started_at else {}
        row |= {"stoppedAt": self.stopped_at} if self.stopped_at else {}
        row |= {"statusReason": self.status_reason} if self.status_reason else {}
        if self.children:
            row["arrayProperties"] = {"size": len(self.children)}
        elif self.index is not None:
            row["arrayProperties"] = {"index": self.index}
        ended = {key: self.task[key] for key in ("exitCode", "reason") if key in self.task}
        return row | ({"container": ended} if ended and not self.container.task else {})

    def detail(self) -> dict[str, Any]:
        """What the state-change event carries; a copy that later changes do not reach."""
        row = self.summary()
        row["jobQueue"] = self.queue.arn
        row["attempts"] = copy.deepcopy(self.attempts)
        row["retryStrategy"] = {
            "attempts": int(self.retry_strategy.get("attempts") or 1),
            "evaluateOnExit": list(self.retry_strategy.get("evaluateOnExit") or []),
        }
        row["dependsOn"] = list(self.depends_on)
        row["parameters"] = dict(self.container.parameters)
        row |= self._container()
        if self.children:
            counts = dict.fromkeys(STATUSES, 0)
            for child in self.children:
                counts[child.status] += 1
            row["arrayProperties"] = {"size": len(self.children), "statusSummary": counts}
        elif self.index is not None:
            row["arrayProperties"] = {"index": self.index, "statusSummary": {}}
        if self.timeout:
            row["timeout"] = dict(self.timeout)
        row["tags"] = self.backend.list_tags_for_resource(self.arn)
        row["propagateTags"] = bool(self.definition.propagate_tags)
        row["platformCapabilities"] = list(self.definition.platform_capabilities or [])
        return row

    def _container(self) -> dict[str, Any]:
        """Definition and end of the container, in the form that the definition has."""
        command = {"command": self.container.command}
        if not self.container.task:
            empty: dict[str, Any] = {"volumes": [], "mountPoints": [], "ulimits": [], "networkInterfaces": [], "secrets": []}
            return {"container": empty | copy.deepcopy(dict(self.container.properties)) | self.task | command}
        own = self.container.task["containers"][0]
        ends = {key: value for key, value in self.task.items() if key != "taskArn"}
        changed = {key: self.container.properties[key] for key in ("environment", "resourceRequirements")}
        task = copy.deepcopy(dict(self.container.task)) | {"containers": [copy.deepcopy({**own, **changed, **ends, **command})]}
        arn = {key: self.task[key] for key in ("taskArn",) if key in self.task}
        return {"ecsProperties": {"taskProperties": [task | arn]}}

    def _attempt(self) -> dict[str, Any]:
        if not self.container.task:
            return {"container": dict(self.task)}
        ends = {key: value for key, value in self.task.items() if key != "taskArn"}
        return {"taskProperties": [{"taskArn": self.task["taskArn"], "containers": [{"name": self.container.name, **ends}]}]}

    def describe(self) -> dict[str, Any]:
        """What describe_jobs answers."""
        return self.detail() | {"isCancelled": self.cancelled, "isTerminated": self.terminated}
