"""Jobs that start one after the other."""

import difflib
import re
from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from transload._args import check_args, fail, problem_with_keys
from transload._dynamo import item
from transload._plugged import Plugged
from transload._start import create_schedules, read_start
from transload.scheduled_job import StartRetryArgs


class FlowStepArgs(TypedDict):
    """One step of a `JobFlow`."""

    name: str
    """What the other steps and the history call it. Lower-case letters, digits and hyphens, at most 40."""
    job: pulumi.Input[str]
    """The job it runs: `ScheduledJob.job_name`, or its name."""
    after: NotRequired[list[str]]
    """Steps that must have succeeded before it starts, at most 20. Default: none, it starts with the flow."""


class JobFlowArgs(TypedDict):
    """Arguments of `JobFlow`."""

    cluster: pulumi.Input[dict[str, str]]
    """Where its jobs run: `BatchCluster.ref`."""
    steps: list[FlowStepArgs]
    """What it runs, at most 90."""
    schedule: NotRequired[str]
    """When, as for a `ScheduledJob`. Default: it is run by hand only."""
    timezone: NotRequired[str]
    """IANA time zone of the schedule. Default: UTC."""
    start_retry: NotRequired[StartRetryArgs]
    """What happens when a start cannot be delivered. Default: two more tries within 15 minutes."""
    concurrency: NotRequired[str]
    """What happens when it is due while its last run is not over: `forbid`, `queue`, `replace` or `allow`. Default: forbid."""
    grace_minutes: NotRequired[int]
    """Minutes after its time at which a run that did not start is told as missed, 1 to 1440. Default: 15."""
    enabled: NotRequired[bool]
    """Whether the schedule starts runs. Default: yes."""
    owner: NotRequired[str]
    """Team that is asked when it fails. Default: not said."""
    purpose: NotRequired[str]
    """What it is for. Default: not said."""


class JobFlow(pulumi.ComponentResource):
    """A schedule and steps, each a job that starts when those it comes after have succeeded. AWS Batch itself holds the steps back
    (`dependsOn`), so nothing runs between them. The jobs need no schedule of their own.

        JobFlow("month-end", {
            "cluster": cluster.ref,
            "schedule": "0 4 1 * *",
            "steps": [
                {"name": "export", "job": export.job_name},
                {"name": "report", "job": report.job_name, "after": ["export"]},
            ],
        })
    """

    flow_name: pulumi.Output[str]
    """What `transload run` calls it."""

    def __init__(self, name: str, args: JobFlowArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("transload:index:JobFlow", name, {}, opts)
        args = check_args(self, args, JobFlowArgs)
        start = read_start(self, name, args, StartRetryArgs)
        after = self._order(args["steps"])
        described = {
            "job": name,
            "kind": "flow",
            **start.item(),
            "owner": args.get("owner"),
            "purpose": args.get("purpose"),
        }

        child = pulumi.ResourceOptions(parent=self)
        plugged = Plugged(self, args["cluster"], jobs={step["name"]: step["job"] for step in args["steps"]})
        create_schedules(start, plugged, child)
        self._entry(name, described, after, plugged, child)
        self.flow_name = pulumi.Output.from_input(name)
        self.register_outputs({key: getattr(self, key) for key in JobFlow.__annotations__})

    def _order(self, steps: list[FlowStepArgs]) -> dict[str, list[str]]:
        """What each step comes after, in an order in which they could run."""
        if not steps:
            fail(self, "steps must name at least one step")
        # The conductor takes the locks of all their jobs in one transaction, and DynamoDB puts 100 writes into one.
        if len(steps) > 90:
            fail(self, f"steps must be at most 90, got {len(steps)}: split it")
        after: dict[str, list[str]] = {}
        for step in steps:
            problem = problem_with_keys(step, FlowStepArgs)
            if problem:
                fail(self, f"steps: {problem}")
            if not re.fullmatch(r"[a-z][a-z0-9-]{0,39}", step["name"]):
                fail(self, f"steps: name must be lower-case letters, digits and hyphens, at most 40, got {step['name']!r}")
            if step["name"] in after:
                fail(self, f"steps: {step['name']} stands twice")
            after[step["name"]] = list(step.get("after", []))
        for name, before in after.items():
            # AWS Batch user guide, Service quotas: job dependencies.
            if len(before) > 20:
                fail(self, f"steps: {name} comes after {len(before)} steps, AWS Batch takes 20")
            unknown = next((each for each in before if each not in after), None)
            if unknown is not None:
                near = difflib.get_close_matches(unknown, after, 1)
                fail(
                    self, f"steps: {name} comes after {unknown}, which is no step" + (f"; did you mean {near[0]}?" if near else "")
                )
        return self._sorted(after)

    def _sorted(self, after: Mapping[str, list[str]]) -> dict[str, list[str]]:
        ordered: dict[str, list[str]] = {}
        while len(ordered) < len(after):
            ready = [name for name in after if name not in ordered and all(each in ordered for each in after[name])]
            if not ready:
                fail(self, f"steps: {' -> '.join(_circle(after, ordered))} is a circle: none of them can start")
            ordered |= {name: after[name] for name in ready}
        return ordered

    def _entry(
        self,
        name: str,
        described: dict[str, Any],
        after: Mapping[str, list[str]],
        plugged: Plugged,
        child: pulumi.ResourceOptions,
    ) -> None:
        """The flow as the conductor and the command line read it."""

        def entry(ref: Any, values: dict[str, Any]) -> str:
            jobs = values["jobs"]
            steps = [{"name": step, "job": jobs[step], "after": before} for step, before in after.items()]
            return item({**described, "steps": steps, "log_group": ref["log_group"]})

        aws.dynamodb.TableItem(
            name,
            table_name=plugged.of_cluster(lambda ref: ref["jobs_table"]),
            hash_key="job",
            item=plugged.apply(entry),
            opts=child,
        )


def _circle(after: Mapping[str, list[str]], done: Mapping[str, Any]) -> list[str]:
    """A way from a step back to itself, through steps that wait for each other."""
    way: list[str] = []
    step = next(name for name in after if name not in done)
    while step not in way:
        way.append(step)
        step = next(each for each in after[step] if each not in done)
    return [*way[way.index(step) :], step]
