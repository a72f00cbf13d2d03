"""What EventBridge Scheduler does, which no emulator does: read a schedule back, fill in its Input, deliver it to its target."""

import difflib
import json
import re
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from transload._errors import Problem

if TYPE_CHECKING:
    from transload.local._cloud import Cloud

_ATTRIBUTE = re.compile(r"<aws\.scheduler\.([a-z-]+)>")


@dataclass(frozen=True)
class Planned:
    """A schedule as it stands in the emulator."""

    name: str
    group: str
    arn: str
    expression: str
    timezone: str
    enabled: bool
    created: datetime
    """When it was made, or its StartDate: what a rate() counts from."""
    target: str
    role: str
    input: str
    attempts: int
    """How often a delivery that failed is tried again."""

    @property
    def payload(self) -> dict[str, Any]:
        """The Input as JSON, before its attributes are filled in."""
        return json.loads(self.input)

    @property
    def job(self) -> str | None:
        """The job or flow that it starts; None for the schedule of `watch`."""
        return self.payload.get("job")

    def filled(self, at: datetime, attempt: int = 1) -> str:
        """The Input with the context attributes of a delivery (EventBridge Scheduler User Guide, "Context attributes")."""
        known = {
            "schedule-arn": self.arn,
            "scheduled-time": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "execution-id": str(uuid.uuid4()),
            "attempt-number": str(attempt),
        }
        unknown = sorted(set(_ATTRIBUTE.findall(self.input)) - known.keys())
        if unknown:
            raise Problem(
                f"schedule {self.group}/{self.name}: its Input holds <aws.scheduler.{unknown[0]}>, which Scheduler does not know"
            )
        if "u003caws.scheduler" in self.input.lower():
            raise Problem(f"schedule {self.group}/{self.name}: its Input writes < as \\u003c, and Scheduler leaves that as it is")
        return _ATTRIBUTE.sub(lambda found: known[found[1]], self.input)


@dataclass(frozen=True)
class Delivered:
    """The answer of the target to one delivery, or why there is none."""

    answer: dict[str, Any]
    error: str | None = None


class Scheduler:
    """The schedules of a running local cloud."""

    def __init__(self, cloud: "Cloud"):
        self._cloud = cloud
        aws = cloud.aws()
        self._scheduler, self._lambda, self._iam = aws.client("scheduler"), aws.client("lambda"), aws.client("iam")

    def all(self) -> list[Planned]:
        """Every schedule of every group, by group and name."""
        return sorted(self._read(), key=lambda one: (one.group, one.name))

    def of_job(self, job: str) -> list[Planned]:
        """The schedules that start a job or a flow. `Problem` when there is none."""
        planned = self.all()
        found = [one for one in planned if one.job == job]
        if not found:
            known = sorted({one.job for one in planned if one.job})
            near = difflib.get_close_matches(job, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"scheduled are {', '.join(known) or 'none'}"
            raise Problem(f"no schedule starts {job!r}: {hint} (without a schedule a job is run by hand: transload run {job})", 2)
        return found

    def check(self, planned: Planned) -> None:
        """`Problem` when Scheduler could not deliver: its target or its role is not there or not what it must be."""
        where = f"schedule {planned.group}/{planned.name}"
        if ":lambda:" not in planned.target:
            raise Problem(f"{where}: its target {planned.target} is no Lambda function, and only those are delivered to locally")
        try:
            self._lambda.get_function_configuration(FunctionName=planned.target)
            role = self._iam.get_role(RoleName=planned.role.rsplit("/", 1)[-1])["Role"]
        except ClientError as error:
            raise Problem(f"{where}: {error.response['Error'].get('Message') or error}") from None
        if "scheduler.amazonaws.com" not in json.dumps(role["AssumeRolePolicyDocument"]):
            raise Problem(f"{where}: its role {planned.role} does not let scheduler.amazonaws.com assume it")

    def deliver(self, planned: Planned, at: datetime, copies: int = 1) -> list[Delivered]:
        """Deliver what is due at `at`, `copies` times at once: Scheduler delivers at least once."""
        if copies == 1:
            return [self._deliver(planned, at)]
        with ThreadPoolExecutor(copies) as pool:
            return list(pool.map(lambda _: self._deliver(planned, at), range(copies)))

    def runs_table(self, planned: Sequence[Planned]) -> tuple[str, str] | None:
        """Names of the jobs table and the runs table of the conductor that these schedules start."""
        for one in planned:
            variables = self._lambda.get_function_configuration(FunctionName=one.target).get("Environment", {}).get("Variables", {})
            if "TRANSLOAD_RUNS_TABLE" in variables:
                return variables["TRANSLOAD_JOBS_TABLE"], variables["TRANSLOAD_RUNS_TABLE"]
        return None

    def _deliver(self, planned: Planned, at: datetime) -> Delivered:
        """One delivery. Scheduler does not wait and Lambda tries three times; we wait, to be able to tell the answer."""
        words = ""
        for attempt in range(1, 4):
            try:
                answer = self._lambda.invoke(FunctionName=planned.target, Payload=planned.filled(at, attempt).encode())
            except (ClientError, BotoCoreError) as error:
                words = str(error)
                continue
            told = json.load(answer["Payload"])
            if "FunctionError" not in answer:
                return Delivered(told if isinstance(told, dict) else {})
            words = f"{told.get('errorType')}: {told.get('errorMessage')}"
        return Delivered({}, words)

    def _read(self) -> Iterator[Planned]:
        pages = self._scheduler.get_paginator("list_schedules")
        for page in pages.paginate():
            for row in page["Schedules"]:
                found = self._scheduler.get_schedule(GroupName=row["GroupName"], Name=row["Name"])
                target = found["Target"]
                yield Planned(
                    name=found["Name"],
                    group=found["GroupName"],
                    arn=found["Arn"],
                    expression=found["ScheduleExpression"],
                    timezone=found.get("ScheduleExpressionTimezone") or "UTC",
                    enabled=found.get("State", "ENABLED") == "ENABLED",
                    created=(found.get("StartDate") or found["CreationDate"]).astimezone(UTC),
                    target=target["Arn"],
                    role=target["RoleArn"],
                    input=target.get("Input") or "{}",
                    attempts=target.get("RetryPolicy", {}).get("MaximumRetryAttempts", 185),
                )
