"""docs/conductor.md says of tables, numbers and permissions what the code has."""

import re
from pathlib import Path

import pytest
from cluster_fake import Cluster

from transload import BatchCluster
from transload._cluster_conductor import _ASYNC_SECONDS
from transload.conductor import batch, lifecycle, messages, missed, record, runs, submit, watch
from transload.conductor.table import Table
from transload.testing import run_program

_PAGE = (Path(__file__).parents[2] / "docs/conductor.md").read_text()


def _section(heading: str) -> str:
    return _PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def _named(text: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", text))


def _rows(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]


@pytest.fixture
def lived_in(cluster: Cluster) -> Cluster:
    """A cluster in which everything happened that leaves something in the tables."""
    for concurrency in ("forbid", "queue", "replace"):
        cluster.job(concurrency, concurrency=concurrency, image="shop/export@sha256:ab", vcpu=1, memory_mib=512, log_group="/c")
        cluster.schedule(concurrency)
        cluster.later(seconds=1)
        cluster.run(concurrency)
        cluster.deliver()
    cluster.job("array", array_size=2)
    cluster.run("array", overrides={"environment": {"DAY": "1"}})
    (array,) = cluster.batch.named(next(one["run_id"] for one in cluster.store.live() if one["job_name"] == "array"))
    cluster.batch.advance(array, "RUNNING")
    cluster.batch.fail(array, 1)
    for name in ("load", "send"):
        cluster.job(name)
    steps = [{"name": "load", "job": "load"}, {"name": "send", "job": "send", "after": ["load"]}]
    cluster.declare("flow", kind="flow", steps=steps, concurrency="forbid")
    for _ in range(2):
        before = next(iter(cluster.store.history("flow")), None)
        cluster.run("flow", from_run=before["run_id"] if before else None)
        for step in ("load", "send"):
            job_id = cluster.store.history(step, limit=1)[0]["batch_job_ids"][-1]
            cluster.batch.advance(job_id, "RUNNING")
            cluster.batch.fail(job_id, 3) if step == "send" else cluster.batch.succeed(job_id)
            cluster.deliver()
        cluster.later(seconds=1)
    cluster.store.disable("load", "ana", cluster.time, why="it moves")
    watch.watch(cluster.conductor)
    return cluster


def test_the_page_names_every_attribute_of_a_run_and_every_partition(lived_in: Cluster) -> None:
    items = list(Table(lived_in.dynamodb, lived_in.runs_table).scan())
    kept = [item for item in items if not item["job"].startswith("#")]
    assert {item["status"] for item in kept} >= {"SUBMITTED", "SUCCEEDED", "FAILED", "SKIPPED", "QUEUED"}
    named = _named(_section("The tables"))
    assert {name for item in kept for name in item} - named == set()
    partitions = {item["job"] for item in items if item["job"].startswith("#")}
    assert partitions == {"#live", "#last", "#lock", "#control", "#told"}
    assert partitions <= named


def test_the_page_names_every_status_and_everything_that_is_told() -> None:
    assert {*lifecycle._STATUS_RANK, *runs.TERMINAL} <= _named(_section("A run"))
    told = {row[0].strip("`") for row in _rows(_section("Who is told"))}
    assert set(messages._MARKS) - told == {"recovered"}


@pytest.mark.parametrize(
    ("number", "unit", "words"),
    [
        (runs.CLAIM.seconds, 60, "has two minutes to submit it"),
        (runs.LEASE.seconds, 60, "a lease of 15 minutes"),
        (runs.KEEP.days, 1, "kept for 400 days"),
        (submit.MAX_WAITING, 1, "At most 20 runs of a job wait"),
        (lifecycle.UNKNOWN.seconds, 60, "does not know ten minutes after"),
        (watch.STUCK_AFTER.seconds, 60, "not started ten minutes after"),
        (watch._LOOK_BACK, 1, "of its last 20 successes"),
        (watch._AT_LEAST, 1, "needs five"),
        (missed.AGAIN.seconds, 3600, "again each 20 hours"),
        (missed.LOOK_BACK.days, 1, "up to seven days"),
        (missed._GRACE, 1, "`grace_minutes` (15)"),
        (record._COUNT_EVERY.seconds, 1, "up to ten seconds old"),
        (batch.PAYLOAD, 1024, "at most 30 KiB"),
        (_ASYNC_SECONDS["submit"], 60, "keeps it for 15 minutes (`submit`)"),
        (_ASYNC_SECONDS["record"], 3600, "six hours (`record`)"),
        (_ASYNC_SECONDS["watch"], 60, "five minutes (`watch`)"),
    ],
)
def test_a_number_of_the_page_is_that_of_the_code(number: int, unit: int, words: str) -> None:
    spelt = {"two": 2, "five": 5, "six": 6, "seven": 7, "ten": 10}
    said = [int(word) if word.isdigit() else spelt[word] for word in re.findall(r"\w+", words) if word.isdigit() or word in spelt]
    assert said == [number // unit]
    assert words in " ".join(_PAGE.split())


def test_each_function_may_do_what_the_page_says() -> None:
    def program() -> None:
        BatchCluster("platform", {"vpc_id": "vpc-1", "subnet_ids": ["subnet-1"], "no_alerts_because": "a test"})

    recording = run_program(program)
    head, _, *rows = _rows(_section("What it may do"))
    for column, part in enumerate(head[2:], 2):
        may = {
            action
            for each in recording.policy("aws:iam/rolePolicy:RolePolicy", f"platform-{part.strip('`')}")
            for action in each["Action"]
        }
        assert {action for row in rows if row[column] == "x" for action in _named(row[0])} == may
