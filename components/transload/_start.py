"""When a job or a flow starts: its schedules at EventBridge Scheduler, and what they tell the conductor."""

import json
import re
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from transload._args import choice, fail, integer, problem_with_keys
from transload._plugged import Plugged
from transload._schedule import ScheduleError, parse, zone_of

CONCURRENCY = ("forbid", "queue", "replace", "allow")


@dataclass(frozen=True)
class Start:
    """How a job or a flow starts, read from its arguments."""

    name: str
    text: str | None
    timezone: str
    expressions: tuple[str, ...]
    schedule_names: tuple[str, ...]
    attempts: int
    within_minutes: int
    concurrency: str
    grace_minutes: int
    enabled: bool

    def item(self) -> dict[str, Any]:
        """Its part of the item in the jobs table."""
        return {
            "schedule": self.text,
            "expressions": list(self.expressions),
            "timezone": self.timezone,
            "schedule_names": list(self.schedule_names),
            "grace_minutes": self.grace_minutes,
            "concurrency": self.concurrency,
            "enabled": self.enabled,
        }


def check_name(component: pulumi.ComponentResource, name: str) -> None:
    """Refuse a name that the schedules, the definition or the role could not have."""
    # 56: a job's role is called so, with eight characters from Pulumi, and IAM takes 64.
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,55}", name):
        fail(component, "its name must be lower-case letters, digits and hyphens, a letter first, at most 56")
    if name.startswith("transload-"):
        fail(component, "names that begin with transload- are the conductor's own")


def read_start(component: pulumi.ComponentResource, name: str, args: Any, start_retry_shape: Any) -> Start:
    """Name and schedule of `args`, checked; a schedule is refused with the reason that the schedule module gives."""
    check_name(component, name)
    text = args.get("schedule")
    timezone = args.get("timezone", "UTC")
    try:
        zone_of(timezone)
    except ScheduleError as error:
        fail(component, f"timezone: {error}")
    try:
        expressions = parse(text, timezone).expressions if text is not None else ()
    except ScheduleError as error:
        fail(component, f"schedule: {error}")
    retry = args.get("start_retry", {})
    problem = problem_with_keys(retry, start_retry_shape)
    if problem:
        fail(component, f"start_retry: {problem}")
    return Start(
        name=name,
        text=text,
        timezone=timezone,
        expressions=expressions,
        schedule_names=tuple(name if index == 1 else f"{name}-{index}" for index in range(1, len(expressions) + 1)),
        attempts=integer(component, retry, "attempts", 2, 0, 185, "start_retry: "),
        within_minutes=integer(component, retry, "within_minutes", 15, 1, 1440, "start_retry: "),
        concurrency=choice(component, args, "concurrency", "forbid", CONCURRENCY),
        grace_minutes=integer(component, args, "grace_minutes", 15, 1, 1440),
        enabled=bool(args.get("enabled", True)),
    )


def create_schedules(start: Start, plugged: Plugged, child: pulumi.ResourceOptions) -> None:
    """A schedule for each expression. Where a day of the month OR a weekday was meant there are two: when both fire at the same
    time it is one run, because the conductor tells runs apart by the time they are scheduled for."""
    if not start.expressions:
        return
    delivered = json.dumps(
        {
            "job": start.name,
            "scheduled_for": "<aws.scheduler.scheduled-time>",
            "trigger": "schedule",
            "schedule": "<aws.scheduler.schedule-arn>",
        }
    )
    group = plugged.of_cluster(lambda ref: ref["schedule_group"])
    target: Any = plugged.of_cluster(
        lambda ref: {
            "arn": ref["submit_function_arn"],
            "role_arn": ref["scheduler_role_arn"],
            "input": delivered,
            # The default is 185 attempts over a day: a job of three in the morning would start at five in the afternoon.
            "retry_policy": {
                "maximum_retry_attempts": start.attempts,
                "maximum_event_age_in_seconds": start.within_minutes * 60,
            },
            "dead_letter_config": {"arn": ref["dead_letter_arn"]},
        }
    )
    for name, expression in zip(start.schedule_names, start.expressions, strict=True):
        aws.scheduler.Schedule(
            name,
            name=name,
            group_name=group,
            schedule_expression=expression,
            schedule_expression_timezone=start.timezone,
            state="ENABLED" if start.enabled else "DISABLED",
            flexible_time_window={"mode": "OFF"},
            target=target,
            opts=child,
        )
