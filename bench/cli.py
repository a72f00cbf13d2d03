"""Seconds of `transload --help`, and of `transload jobs` with 1,000 jobs against the local cloud. Run it alone."""

import json
import os
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from transload.conductor.table import serialize
from transload.local import running

_TRANSLOAD = [sys.executable, "-c", "from transload.cli import main; main()"]
_SCHEDULES = (("0 3 * * *", ["cron(0 3 * * ? *)"]), ("*/5 * * * *", ["cron(*/5 * * * ? *)"]), ("rate(2 hours)", ["rate(2 hours)"]))

# What else stands in the item of a job: it is read and sent with the rest.
_REST = {
    "definition": "arn:aws:batch:eu-west-1:123456789012:job-definition/platform-prod-job",
    "definition_name": "platform-prod-job",
    "queue": "arn:aws:batch:eu-west-1:123456789012:job-queue/platform-spot",
    "capacity": "fargate_spot",
    "grace_minutes": 30,
    "concurrency": "forbid",
    "timeout_seconds": 3600,
    "attempts": 2,
    "vcpu": 0.5,
    "memory_mib": 1024,
    "image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/bench@sha256:" + "0" * 64,
    "command": ["python", "job.py"],
    "owner": "bench",
    "purpose": "measures the list",
    "impact_if_stopped": "nothing is measured",
    "safe_to_rerun": True,
    "rollback": "none",
    "log_group": "/transload/platform-prod",
    "role": "arn:aws:iam::123456789012:role/job",
    "secrets": {"DATABASE_URL": "arn:aws:ssm:eu-west-1:123456789012:parameter/platform-prod/database"},
}


def measure(jobs: int = 1000, repetitions: int = 5) -> dict[str, float]:
    """Name of each number -> seconds, the median of fresh processes."""
    return {"help_seconds": _median(["--help"], dict(os.environ), repetitions), f"jobs_{jobs}_seconds": _jobs(jobs, repetitions)}


def _median(arguments: list[str], environment: dict[str, str], repetitions: int) -> float:
    taken = []
    for _ in range(repetitions + 1):
        begun = time.monotonic()
        subprocess.run([*_TRANSLOAD, *arguments], check=True, stdout=subprocess.DEVNULL, env=environment)
        taken.append(time.monotonic() - begun)
    # The first one writes bytecode and warms the disk.
    return round(statistics.median(taken[1:]), 3)


def _jobs(count: int, repetitions: int) -> float:
    with running() as cloud:
        dynamodb = cloud.client("dynamodb")
        keys = {"transload-bench-jobs": ["job"], "transload-bench-runs": ["job", "run"]}
        for table, names in keys.items():
            dynamodb.create_table(
                TableName=table,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
                KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in zip(names, ("HASH", "RANGE"), strict=False)],
            )
        for number in range(count):
            job, last = _job(number)
            for table, item in zip(keys, (job, last), strict=True):
                dynamodb.put_item(TableName=table, Item=serialize(item))
        environment = {**os.environ, **cloud.env, "TRANSLOAD_CLUSTER": "bench"}
        return _median(["jobs"], environment, repetitions)


def _job(number: int) -> tuple[dict[str, Any], dict[str, Any]]:
    name, (schedule, expressions) = f"job-{number:04}", _SCHEDULES[number % len(_SCHEDULES)]
    job = {
        "job": name,
        "schedule": schedule,
        "expressions": expressions,
        "timezone": "Asia/Tokyo",
        "enabled": True,
        **_REST,
        "stream_prefix": name,
    }
    due = datetime.now(UTC) - timedelta(hours=1 + number % 24)
    run, written = due.strftime("%Y%m%dT%H%M%SZ"), due.strftime("%Y-%m-%dT%H:%M:%SZ")
    last = {"job": "#last", "run": name, "of": run, "run_id": f"{name}-{run}", "status": "SUCCEEDED", "exit_code": 0}
    return job, {**last, "scheduled_for": written, "started_at": written, "ended_at": written}


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
