"""A day of jobs as data: what ran, what is due, how many vCPUs that takes. Pure: records and declarations in, bars out."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from transload import _schedule
from transload.cli._when import began, parse, took

GUESS = timedelta(minutes=1)
"""How long a run is taken to be of a job that never ran."""


@dataclass(frozen=True)
class Bar:
    """One run on the day, or one that is due."""

    job: str
    start: datetime
    end: datetime
    kind: str
    """succeeded, failed, stopped, running, skipped, missed (was due, did not run) or expected."""
    vcpu: float
    run: str | None = None

    @property
    def works(self) -> bool:
        """Whether it takes vCPUs."""
        return self.kind not in ("skipped", "missed")


@dataclass(frozen=True)
class Day:
    """`start` and `end` in the zone of the picture."""

    start: datetime
    end: datetime
    now: datetime
    bars: list[Bar]
    jobs: list[str]
    guessed: list[str]
    """Jobs without a run to know the length from."""


@dataclass(frozen=True)
class Peak:
    """When the most vCPUs are needed, and by whom."""

    at: datetime
    vcpu: float
    jobs: list[str]


def expected_length(runs: Iterable[Mapping[str, Any]]) -> timedelta | None:
    """The median of the runs that succeeded; None if there is none."""
    lengths = [length for run in runs if run["status"] == "SUCCEEDED" and (length := took(dict(run))) is not None]
    return timedelta(seconds=max(statistics.median(lengths), 1)) if lengths else None


def picture(
    jobs: Sequence[Mapping[str, Any]],
    runs: Mapping[str, Sequence[Mapping[str, Any]]],
    start: datetime,
    end: datetime,
    now: datetime,
) -> Day:
    """The bars of all jobs between `start` and `end`. `runs`: the newest runs of each job, and at least those of the day."""
    bars: list[Bar] = []
    guessed = []
    for job in jobs:
        name, history = job["job"], runs.get(job["job"], ())
        length = expected_length(history[:20])
        if length is None:
            guessed.append(name)
        done = [bar for run in history if (bar := _ran(job, run, now)) and bar.end > start and bar.start < end]
        bars += done + _due(job, history, length or GUESS, (start, end, now))
    return Day(start, end, now, sorted(bars, key=lambda bar: (bar.start, bar.job)), [job["job"] for job in jobs], guessed)


def vcpus(job: Mapping[str, Any], run: Mapping[str, Any] | None = None) -> float:
    overrides = (run or {}).get("overrides") or {}
    children = (((run or {}).get("array") or {}).get("size")) or overrides.get("array_size") or job.get("array_size") or 1
    return float(overrides.get("vcpu") or job.get("vcpu") or 0) * children


def _ran(job: Mapping[str, Any], run: Mapping[str, Any], now: datetime) -> Bar | None:
    begun = began(dict(run)) or parse(run.get("scheduled_for"))
    if begun is None:
        return None
    over = run["status"] in ("SUCCEEDED", "FAILED", "STOPPED", "SKIPPED")
    kind = run["status"].lower() if over else "running"
    return Bar(
        job["job"], begun, max(parse(run.get("ended_at")) or begun, begun) if over else now, kind, vcpus(job, run), run["run"]
    )


def _due(
    job: Mapping[str, Any], history: Sequence[Mapping[str, Any]], length: timedelta, when: tuple[datetime, datetime, datetime]
) -> list[Bar]:
    """The runs still to come, and those that should have come: without a record, though an older one shows that the job ran."""
    start, end, now = when
    if not job.get("enabled", True):
        return []
    known = {run.get("scheduled_for") for run in history}
    first = min((time for run in history if (time := parse(run.get("scheduled_for")))), default=now)
    grace = timedelta(minutes=int(job.get("grace_minutes") or 0))
    bars = []
    for time in _times(job, history, start, end):
        if time.strftime("%Y-%m-%dT%H:%M:%SZ") in known:
            continue
        if time + grace >= now:
            if time > now:
                bars.append(Bar(job["job"], time, time + length, "expected", vcpus(job)))
        elif time > first:
            bars.append(Bar(job["job"], time, time, "missed", vcpus(job)))
    return bars


def _times(job: Mapping[str, Any], history: Sequence[Mapping[str, Any]], start: datetime, end: datetime) -> list[datetime]:
    zone = job.get("timezone") or "UTC"
    last = parse(history[0].get("scheduled_for")) if history else None
    before = start - timedelta(seconds=1)
    found = (
        _schedule.due_between(expression, zone, before, end - timedelta(seconds=1), rate_start=last)
        for expression in job.get("expressions", ())
    )
    return sorted({time for times in found for time in times})


def load(bars: Iterable[Bar]) -> list[tuple[datetime, float]]:
    """vCPUs needed from each time on, in the order of time; the last is 0."""
    changes: dict[datetime, float] = {}
    for bar in bars:
        if bar.works:
            changes[bar.start] = changes.get(bar.start, 0) + bar.vcpu
            changes[bar.end] = changes.get(bar.end, 0) - bar.vcpu
    needed, steps = 0.0, []
    for time in sorted(changes):
        needed += changes[time]
        steps.append((time, round(needed, 4)))
    return steps


def peak(day: Day) -> Peak | None:
    """The first moment of the day at which the most vCPUs are needed; None for a day without runs."""
    steps = [(max(time, day.start), vcpu) for time, vcpu in load(day.bars) if time < day.end]
    if not steps or max(vcpu for _, vcpu in steps) <= 0:
        return None
    at, vcpu = max(steps, key=lambda step: step[1])
    return Peak(at, vcpu, sorted({bar.job for bar in day.bars if bar.works and bar.start <= at < bar.end}))


def overlaps(day: Day) -> list[tuple[str, str, timedelta]]:
    """Which jobs run at the same time and for how long, the longest first; a job with itself, if it is longer than its pause."""
    together: dict[tuple[str, str], timedelta] = {}
    running: list[Bar] = []
    for bar in (bar for bar in day.bars if bar.works):
        running = [other for other in running if other.end > bar.start]
        for other in running:
            first, second = sorted((bar.job, other.job))
            together[first, second] = together.get((first, second), timedelta()) + (min(bar.end, other.end) - bar.start)
        running.append(bar)
    return sorted(((*pair, length) for pair, length in together.items()), key=lambda each: each[2], reverse=True)
