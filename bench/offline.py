"""Milliseconds per job of an offline run, and of the bare resources that the same jobs consist of. Run it alone."""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pulumi

from transload import ScheduledJob
from transload.testing import Resource, run_program
from transload.testing._schema import schema

_PLATFORM = "acme/platform/prod"
_ACCOUNT = "123456789012"
_CLUSTER = {
    "name": "platform-prod",
    "spot_queue_arn": f"arn:aws:batch:eu-west-1:{_ACCOUNT}:job-queue/spot",
    "on_demand_queue_arn": f"arn:aws:batch:eu-west-1:{_ACCOUNT}:job-queue/on-demand",
    "ec2_queue_arn": "",
    "execution_role_arn": f"arn:aws:iam::{_ACCOUNT}:role/execution",
    "execution_role_name": "execution",
    "jobs_table": "transload-platform-prod-jobs",
    "runs_table": "transload-platform-prod-runs",
    "log_group": "/transload/platform-prod",
    "schedule_group": "platform-prod",
    "scheduler_role_arn": f"arn:aws:iam::{_ACCOUNT}:role/scheduler",
    "submit_function_arn": f"arn:aws:lambda:eu-west-1:{_ACCOUNT}:function:platform-prod-submit",
    "dead_letter_arn": f"arn:aws:sqs:eu-west-1:{_ACCOUNT}:dead-letter",
    "alert_topic_arn": f"arn:aws:sns:eu-west-1:{_ACCOUNT}:alerts",
    "secrets_path": "/platform-prod",
    "secret_arns": f"arn:aws:ssm:eu-west-1:{_ACCOUNT}:parameter/platform-prod/*",
    "assign_public_ip": "DISABLED",
}


def measure(jobs: int = 1000, many: int = 5000, repetitions: int = 3) -> dict[str, float]:
    """Name of each number -> milliseconds per job, or a ratio. Medians; they take turns, each in a process of its own."""
    ours, bare, large = [], [], []
    for _ in range(repetitions):
        ours.append(_alone("jobs", jobs))
        bare.append(_alone("bare", jobs))
        large.append(_alone("jobs", many))
    per_job, of_many = statistics.median(ours), statistics.median(large)
    return {
        f"offline_ms_per_job_{jobs}": round(per_job, 2),
        f"offline_bare_ms_per_job_{jobs}": round(statistics.median(bare), 2),
        "offline_ratio_to_bare": round(statistics.median(mine / plain for mine, plain in zip(ours, bare, strict=True)), 3),
        f"offline_ms_per_job_{many}": round(of_many, 2),
        "offline_growth": round(of_many / per_job, 3),
    }


def _alone(kind: str, jobs: int) -> float:
    """Milliseconds per job in a fresh process, without its start and its imports."""
    command = [sys.executable, str(Path(__file__)), kind, str(jobs)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _timed(program: Callable[[], object], jobs: int, per_job: int) -> float:
    # An offline run waits for nothing: its processor time is its time on an idle machine, whatever else runs on this one.
    begun = time.process_time()
    recording = run_program(program, stack_references={_PLATFORM: {"cluster": _CLUSTER}}, timeout=600)
    seconds = time.process_time() - begun
    registered = sum(one.kind in ("custom", "component") for one in recording.resources)
    if registered != jobs * per_job:
        raise AssertionError(f"{registered} resources are registered, not {jobs * per_job}")
    return seconds * 1000 / jobs


def _cluster() -> pulumi.Output[dict[str, str]]:
    return pulumi.StackReference(_PLATFORM).require_output("cluster")


def _jobs(count: int) -> None:
    """Jobs as a team declares them: the cluster comes from another stack."""
    cluster = _cluster()
    for number in range(count):
        ScheduledJob(
            f"job-{number}",
            {
                "cluster": cluster,
                "image": f"{_ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/export:1",
                "command": ["export", "--table", str(number)],
                "schedule": f"{number % 60} 2 * * *",
                "timezone": "Asia/Tokyo",
                "environment": {"TABLE": str(number)},
            },
        )


def _bare(count: int, job: tuple[Resource, ...]) -> None:
    """The resources that a job consists of, by hand: the same types with the same inputs under an empty component. What a job has
    from the cluster or from a sibling comes from there here too, by the one `apply` that this takes at least."""
    cluster = _cluster()
    types = [(one, _class(one.type), _arguments(one)) for one in job]
    for number in range(count):
        name = f"job-{number}"
        made: dict[str, pulumi.CustomResource] = {}
        child = pulumi.ResourceOptions(parent=pulumi.ComponentResource("bench:index:Job", name))
        for one, cls, arguments in types:
            wired = {key: _wired(value, sources, made, cluster) for key, (value, sources) in arguments.items()}
            made[one.urn] = cls(name, **wired, opts=child)


def _wired(value: object, sources: tuple[str, ...], made: dict[str, pulumi.CustomResource], cluster: pulumi.Output) -> object:
    sibling = next((made[urn].id for urn in sources if urn in made), cluster)
    return sibling.apply(lambda _: value) if sources else value


def _class(token: str) -> type:
    found = schema(token)
    if found is None:
        raise LookupError(token)
    return found.cls


def _arguments(one: Resource) -> dict[str, tuple[object, tuple[str, ...]]]:
    """Argument name to its value and to what the value came from."""
    found = schema(one.type)
    depends = one.property_dependencies
    return {found.inputs[wire].python: (value, depends.get(wire, ())) for wire, value in one.inputs.items()} if found else {}


def _main(kind: str, jobs: int) -> None:
    # Imports of the SDK's modules, and the schemas, are paid once per process: the first run takes them.
    first = run_program(lambda: _jobs(1), stack_references={_PLATFORM: {"cluster": _CLUSTER}})
    job = tuple(one for one in first.resources if one.kind == "custom")
    program = (lambda: _jobs(jobs)) if kind == "jobs" else (lambda: _bare(jobs, job))
    print(_timed(program, jobs, per_job=len(job) + 1))


if __name__ == "__main__":
    if len(sys.argv) == 3:
        _main(sys.argv[1], int(sys.argv[2]))
    else:
        print(json.dumps(measure(), indent=2))
