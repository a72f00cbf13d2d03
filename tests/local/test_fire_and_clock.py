"""`transload local fire`, `clock` and `reclaim` with the five jobs of programs/: their schedules, and images of a few lines."""

import json
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from transload._errors import Problem
from transload._schedule import due_between
from transload.conductor.runs import Store
from transload.local import Cloud, running
from transload.local.delivery import Scheduler

from ._jobs import wait_for

_PROJECT = Path(__file__).parents[2]
_DOCKERFILE = 'FROM python:3.13-slim\nWORKDIR /app\nCOPY main.py .\nCMD ["python", "main.py"]\n'
# The real programs need half a second of a processor each, most of it for boto3, and a day has 315 runs.
_QUICK = "print('done')\n"
# Works until it is interrupted, then does it again: what a job on Spot is like.
_SPOT = """
import os, time
if os.environ["AWS_BATCH_JOB_ATTEMPT"] == "1" and os.environ["AWS_BATCH_JOB_ARRAY_INDEX"] == "0":
    time.sleep(300)
print("done")
"""


@dataclass
class Platform:
    """The programs of this repository, up in a cloud of their own."""

    project: Path
    cloud: Cloud
    store: Store

    def image(self, name: str, program: str) -> None:
        (self.project / "images" / name / "main.py").write_text(program)

    def transload(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.command(*words), capture_output=True, text=True, timeout=1200)

    def command(self, *words: str) -> list[str]:
        return [str(Path(sys.executable).with_name("transload")), "local", *words, "--project", str(self.project)]

    def ended(self, run_id: str) -> dict[str, Any]:
        over = ("SUCCEEDED", "FAILED", "STOPPED", "SKIPPED")
        return wait_for(lambda: run if (run := self.store.get(run_id)) and run["status"] in over else None)

    def submitted(self) -> Counter[str]:
        """Names of all Batch jobs that were ever submitted."""
        batch = self.cloud.client("batch")
        queues = [queue["jobQueueArn"] for queue in batch.describe_job_queues()["jobQueues"]]
        everything = [{"name": "AFTER_CREATED_AT", "values": ["0"]}]
        pages = (batch.get_paginator("list_jobs").paginate(jobQueue=queue, filters=everything) for queue in queues)
        return Counter(job["jobName"] for queue in pages for page in queue for job in page["jobSummaryList"])


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    project = tmp_path_factory.mktemp("platform")
    for name in ("Pulumi.yaml", "Pulumi.local.yaml"):
        shutil.copy(_PROJECT / name, project)
    shutil.copytree(_PROJECT / "programs", project / "programs", ignore=shutil.ignore_patterns("__pycache__"))
    for image in ("data-import", "hourly-aggregate", "metrics-sender", "nightly-export", "product-feed"):
        (project / "images" / image).mkdir(parents=True)
        (project / "images" / image / "Dockerfile").write_text(_DOCKERFILE)
        (project / "images" / image / "main.py").write_text(_QUICK)
    with running(project / ".transload", "ap-northeast-1") as cloud:
        cloud.run(project)
        store = Store(cloud.client("dynamodb"), "transload-platform-local-jobs", "transload-platform-local-runs")
        yield Platform(project, cloud, store)


def test_fire_starts_the_run_that_is_due_at_a_time_in_the_zone_of_the_schedule(platform: Platform) -> None:
    fired = platform.transload("fire", "nightly-export", "--at", "2026-11-20T02:30", "--json")
    assert fired.returncode == 0, fired.stderr
    answer = json.loads(fired.stdout)
    assert answer["run_id"] == "nightly-export-20261119T173000Z"
    run = platform.ended(answer["run_id"])
    assert (run["status"], run["trigger"], run["scheduled_for"]) == ("SUCCEEDED", "schedule", "2026-11-19T17:30:00Z")
    assert run["exit_code"] == 0
    assert run["log_stream"].startswith("nightly-export/default/")


def test_fire_twice_makes_one_run(platform: Platform) -> None:
    fired = platform.transload("fire", "product-feed", "--at", "2026-11-20T06:10:00+09:00", "--twice")
    assert fired.returncode == 0, fired.stderr
    assert fired.stdout.startswith("product-feed-20261119T211000Z  delivered twice, one run: ")
    assert fired.stdout.count("\n") == 1
    assert fired.stderr == "follow it: transload logs product-feed-20261119T211000Z --follow\n"
    platform.ended("product-feed-20261119T211000Z")
    assert platform.submitted()["product-feed-20261119T211000Z"] == 1


def test_fire_of_a_job_without_a_schedule_names_the_nearest(platform: Platform) -> None:
    fired = platform.transload("fire", "nightly-exprot")
    assert fired.returncode == 2
    assert "no schedule starts 'nightly-exprot': did you mean nightly-export?" in fired.stderr


def test_reclaim_of_a_run_that_does_not_run_says_so(platform: Platform) -> None:
    platform.transload("fire", "hourly-aggregate", "--at", "2026-11-20T00:05Z")
    platform.ended("hourly-aggregate-20261120T000500Z")
    refused = platform.transload("reclaim", "hourly-aggregate-20261120T000500Z")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "is SUCCEEDED: only a job that has capacity can lose it" in refused.stderr
    assert "no run of hourly-aggregate goes on" in platform.transload("reclaim", "hourly-aggregate").stderr
    assert "no job hourly-aggregat\n" in platform.transload("reclaim", "hourly-aggregat").stderr


def test_a_run_that_spot_takes_each_time_ends_on_demand(platform: Platform) -> None:
    platform.image("product-feed", "import os, time\ntime.sleep(300 if 'spot' in os.environ['AWS_BATCH_CE_NAME'] else 0)\n")
    run_id = "product-feed-20261118T211000Z"
    platform.transload("fire", "product-feed", "--at", "2026-11-18T21:10Z")
    batch = platform.cloud.client("batch")
    job_id = (platform.store.get(run_id) or {})["batch_job_id"]
    attempts = batch.describe_jobs(jobs=[job_id])["jobs"][0]["retryStrategy"]["attempts"]
    for attempt in range(1, attempts + 1):

        def again(attempt: int = attempt) -> bool:
            job = batch.describe_jobs(jobs=[job_id])["jobs"][0]
            return job["status"] == "RUNNING" and len(job["attempts"]) == attempt - 1

        wait_for(again)
        # By its job as well as by its id.
        reclaimed = platform.transload("reclaim", "product-feed" if attempt == 1 else run_id, "--now")
        assert reclaimed.stdout == f"{run_id}: attempt {attempt} of job {job_id} is being interrupted\n", reclaimed.stderr
    run = platform.ended(run_id)
    assert (run["status"], len(run["batch_job_ids"]), run["batch_job_ids"][0]) == ("SUCCEEDED", 2, job_id)
    assert "on-demand" in run["queue"]
    platform.image("product-feed", _QUICK)


def test_context_attributes_are_filled_in_and_unknown_ones_refused(platform: Platform) -> None:
    planned = Scheduler(platform.cloud).of_job("nightly-export")[0]
    filled = json.loads(planned.filled(datetime(2026, 11, 24, 2, 30, tzinfo=UTC)))
    assert filled == {
        "job": "nightly-export",
        "scheduled_for": "2026-11-24T02:30:00Z",
        "trigger": "schedule",
        "schedule": "arn:aws:scheduler:ap-northeast-1:123456789012:schedule/platform-local/nightly-export",
    }
    scheduler = platform.cloud.client("scheduler")
    target = scheduler.get_schedule(GroupName="platform-local", Name="nightly-export")["Target"]
    for text, refusal in (
        ('{"job": "wrong", "at": "<aws.scheduler.time>"}', "holds <aws.scheduler.time>, which Scheduler does not know"),
        ('{"job": "wrong", "at": "\\u003caws.scheduler.scheduled-time\\u003e"}', "writes < as \\u003c"),
    ):
        scheduler.create_schedule(
            Name="wrong",
            GroupName="platform-local",
            ScheduleExpression="rate(1 days)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={**target, "Input": text},
            State="DISABLED",
        )
        try:
            with pytest.raises(Problem) as caught:
                Scheduler(platform.cloud).of_job("wrong")[0].filled(datetime.now(UTC))
            assert refusal in str(caught.value)
        finally:
            scheduler.delete_schedule(Name="wrong", GroupName="platform-local")


def test_a_schedule_whose_target_or_role_is_gone_is_not_delivered(platform: Platform) -> None:
    scheduler = Scheduler(platform.cloud)
    planned = scheduler.of_job("nightly-export")[0]
    with pytest.raises(Problem, match="schedule platform-local/nightly-export: Function not found"):
        scheduler.check(replace(planned, target=planned.target + "-gone"))
    with pytest.raises(Problem, match=r"schedule platform-local/nightly-export: .*nobody"):
        scheduler.check(replace(planned, role="arn:aws:iam::123456789012:role/nobody"))


def test_ctrl_c_stops_the_clock_and_it_tells_what_passed(platform: Platform) -> None:
    words = platform.command("clock", "--from", "2026-11-21T00:00Z", "--speed", "600", "--json")
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as ticking:
        wait_for(lambda: platform.store.get("metrics-sender-20261121T000500Z"))
        ticking.send_signal(signal.SIGINT)
        stdout, stderr = ticking.communicate(timeout=60)
    assert (ticking.returncode, stderr) == (0, "")
    told = json.loads(stdout)
    assert told["jobs"]["metrics-sender"]["due"] >= 2
    assert told["errors"] == []


@pytest.mark.day
def test_a_day_with_everything_delivered_twice_and_a_reclaim_has_each_due_run_once(platform: Platform) -> None:
    """EventBridge Scheduler and EventBridge deliver at least once, and EventBridge in any order; Spot takes a run away."""
    platform.image("data-import", _SPOT)
    day = datetime(2026, 12, 2, tzinfo=UTC)
    large = f"data-import-{day:%Y%m%d}T160000Z"
    control("disorder", platform, copies=2, shuffle=3)
    reclaimed: list[subprocess.CompletedProcess[str]] = []
    interrupt = threading.Thread(target=lambda: reclaimed.append(_reclaim_when_running(platform, large)))
    interrupt.start()
    span = ["--from", day.isoformat(), "--until", (day + timedelta(days=1)).isoformat()]
    passed = platform.transload("clock", "--speed", "86400", "--twice", "--json", *span)
    interrupt.join()
    control("disorder", platform)

    assert passed.returncode == 0, passed.stderr
    assert reclaimed[0].returncode == 0, reclaimed[0].stderr
    submitted = platform.submitted()
    total = 0
    for job in platform.store.jobs():
        [expression] = job["expressions"]
        due = due_between(expression, job["timezone"], day - timedelta(seconds=1), day + timedelta(days=1, seconds=-1))
        stand = [run for run in platform.store.history(job["job"], since=day) if run["run"] < f"{day + timedelta(days=1):%Y%m%d}"]
        assert sorted(run["scheduled_for"] for run in stand) == [f"{at:%Y-%m-%dT%H:%M:%SZ}" for at in due], job["job"]
        assert Counter(run["status"] for run in stand) == {"SUCCEEDED": len(due)}, job["job"]
        assert [submitted[run["run_id"]] for run in stand] == [1] * len(due), job["job"]
        total += len(due)
    assert total == 288 + 24 + 3
    assert platform.store.live() == []
    assert platform.store.locks() == {}
    batch = platform.cloud.client("batch")
    taken = batch.describe_jobs(jobs=[f"{_job_id(platform, large)}:0"])["jobs"][0]
    assert [attempt["statusReason"] for attempt in taken["attempts"]] == [
        "Your Spot Task was interrupted.",
        "Essential container in task exited",
    ]


def _reclaim_when_running(platform: Platform, run_id: str) -> subprocess.CompletedProcess[str]:
    def runs() -> bool:
        job_id = _job_id(platform, run_id)
        return bool(job_id and platform.cloud.client("batch").list_jobs(arrayJobId=job_id, jobStatus="RUNNING")["jobSummaryList"])

    wait_for(runs, seconds=1200)
    return platform.transload("reclaim", run_id, "--now")


def _job_id(platform: Platform, run_id: str) -> str | None:
    run = platform.store.get(run_id)
    return run.get("batch_job_id") if run else None


def control(knob: str, platform: Platform, **what: Any) -> dict[str, Any]:
    from transload.cli.local_jobs import _control

    return _control(platform.cloud, knob, **what)
