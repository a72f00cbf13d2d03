"""`transload timeline`: a picture of one day of all jobs."""

import itertools
import sys
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from transload._errors import Problem
from transload.cli import _day, _output, _when
from transload.cli._aws import Cloud, as_json, placed
from transload.cli._day import Bar, Day

_STYLES = {"succeeded": "green", "failed": "red", "stopped": "yellow", "skipped": "yellow", "missed": "bold red", "running": "cyan"}
# Told apart without colours: there may be none, and not everybody sees them.
_MARKS = {"succeeded": "█", "failed": "X", "stopped": "/", "running": ">", "skipped": "s", "missed": "!", "expected": "░"}
_ASCII = {**_MARKS, "succeeded": "#", "expected": "-"}
# What is seen where several fall into one column.
_FIRST = ["missed", "failed", "running", "stopped", "succeeded", "skipped", "expected"]
_LEVELS = " ▁▂▃▄▅▆▇█"
_ASCII_LEVELS = " ..::++##"


@click.command(
    epilog="""\b
Examples:
  transload timeline
  transload timeline --day 2026-11-24 --html day.html
  transload timeline --zone UTC --json | jq .peak"""
)
@click.option("--day", "day_text", metavar="DATE", help="today (default), tomorrow, yesterday or 2026-11-24.")
@click.option("--zone", metavar="ZONE", help="Time zone of the day. Default: that of most schedules.")
@click.option("--html", "html_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the picture as one HTML file.")
@as_json
@placed
def command(cloud: Cloud, day_text: str | None, zone: str | None, html_file: Path | None, as_json: bool) -> None:
    """The day of all jobs: what ran, what is due and for how long, what overlaps, how many vCPUs that needs at the peak.

    The past is the history. The future is the schedule, each run as long as the median of the last ones.
    """
    jobs = [job for job in cloud.store.jobs() if job.get("kind") != "flow"]
    name = zone or common_zone(jobs)
    now = datetime.now(UTC)
    start, end = bounds(day_text or "today", now, name)
    runs = {job["job"]: _runs(cloud, job["job"], start) for job in jobs}
    day = _day.picture(jobs, runs, start, end, now)
    if html_file:
        from transload.cli import _day_html

        html_file.write_text(_day_html.page(day, name, cloud.name), encoding="utf-8")
        _output.tell(f"wrote {html_file}")
    elif as_json:
        _output.print_json(as_data(day, name))
    else:
        _show(day, name)


def _runs(cloud: Cloud, job: str, start: datetime) -> list[dict[str, Any]]:
    """The runs since the day before, or the last 20 where those are more."""
    # A run of the day before may reach into this one: AWS Batch runs a Fargate job for 14 days at most, ours seldom for one.
    since = cloud.store.history(job, since=start - timedelta(days=1))
    return since if len(since) >= 20 else cloud.store.history(job, limit=20)


def common_zone(jobs: list[dict[str, Any]]) -> str:
    """The zone of most schedules, UTC without any."""
    zones = Counter(job.get("timezone") or "UTC" for job in jobs if job.get("schedule"))
    return zones.most_common(1)[0][0] if zones else "UTC"


def bounds(day: str, now: datetime, zone: str) -> tuple[datetime, datetime]:
    """Midnight to midnight in the zone; 23 or 25 hours where the clock is changed."""
    try:
        where = ZoneInfo(zone)
    except (KeyError, ValueError) as error:
        raise Problem(f"--zone {zone!r} is no IANA time zone such as Asia/Tokyo", 2) from error
    words = {"yesterday": -1, "today": 0, "tomorrow": 1}
    try:
        date = now.astimezone(where).date() + timedelta(days=words[day]) if day in words else datetime.fromisoformat(day).date()
    except ValueError as error:
        raise Problem(f"--day {day!r} is no date: write today, tomorrow, yesterday or 2026-11-24", 2) from error
    following = date + timedelta(days=1)
    return datetime(date.year, date.month, date.day, tzinfo=where), datetime(
        following.year, following.month, following.day, tzinfo=where
    )


def as_data(day: Day, zone: str) -> dict[str, Any]:
    """What --json gives."""
    found = _day.peak(day)
    return {
        "day": day.start.date().isoformat(),
        "timezone": zone,
        "peak": {"at": _when.stamp(found.at), "vcpu": found.vcpu, "jobs": found.jobs} if found else None,
        "overlaps": [{"jobs": [one, other], "seconds": length.total_seconds()} for one, other, length in _day.overlaps(day)],
        "runs": [{**asdict(bar), "start": _when.stamp(bar.start), "end": _when.stamp(bar.end)} for bar in day.bars],
        "length_guessed": day.guessed,
    }


def _show(day: Day, zone: str) -> None:
    from rich.text import Text

    console = _output.console()
    ascii_only = "utf" not in (sys.stdout.encoding or "").lower()
    marks, levels = (_ASCII, _ASCII_LEVELS) if ascii_only else (_MARKS, _LEVELS)
    name = min(max(map(len, [*day.jobs, "vCPU"]), default=4), 24)
    columns = max(24, (console.width - name - 2) // 24 * 24)
    console.print(Text(f"{day.start:%A %d %B %Y}, {zone}", style="bold"))
    console.print(Text(" " * (name + 2) + hours(columns), style="dim"))
    for job in day.jobs:
        bars = [bar for bar in day.bars if bar.job == job]
        line = Text(f"{job[:name]:<{name}}  ")
        for kind in row(bars, day, columns):
            line.append(marks.get(kind, "."), style=_STYLES.get(kind, "dim"))
        console.print(line, no_wrap=True, crop=True)
    top = _day.peak(day)
    steps = _day.load(day.bars)
    line = "".join(levels[_level(value, top.vcpu if top else 0)] for value in slots(steps, day, columns))
    console.print(Text(f"{'vCPU':<{name}}  {line}"), no_wrap=True, crop=True)
    there = {bar.kind for bar in day.bars}
    legend = [Text(f"{mark} {kind}", style=_STYLES.get(kind, "dim")) for kind, mark in marks.items() if kind in there]
    console.print(Text("  ").join(legend))
    for told in summary(day, zone):
        console.print(Text(told))


def hours(columns: int) -> str:
    """The scale: every third hour."""
    width = columns // 24
    return "".join(f"{hour:02}".ljust(3 * width) for hour in range(0, 24, 3)).rstrip()


def _edges(day: Day, columns: int) -> list[datetime]:
    step = (day.end.astimezone(UTC) - day.start.astimezone(UTC)) / columns
    return [day.start.astimezone(UTC) + step * column for column in range(columns + 1)]


def row(bars: list[Bar], day: Day, columns: int) -> list[str]:
    """What each column of a job's line shows; "" for nothing."""
    edges = _edges(day, columns)
    cells: list[set[str]] = [set() for _ in range(columns)]
    for bar in bars:
        for column in range(columns):
            if bar.start < edges[column + 1] and (bar.end > edges[column] or edges[column] <= bar.start):
                cells[column].add(bar.kind)
    return [next((kind for kind in _FIRST if kind in cell), "") for cell in cells]


def slots(steps: list[tuple[datetime, float]], day: Day, columns: int) -> list[float]:
    """The most vCPUs needed within each column."""
    edges = _edges(day, columns)
    found = []
    for start, end in itertools.pairwise(edges):
        before = [vcpu for time, vcpu in steps if time <= start]
        found.append(max([*before[-1:], *(vcpu for time, vcpu in steps if start < time < end), 0.0]))
    return found


def _level(value: float, most: float) -> int:
    return 0 if value <= 0 or most <= 0 else max(1, round(value / most * 8))


def summary(day: Day, zone: str) -> list[str]:
    """The picture in sentences."""
    kinds = Counter(bar.kind for bar in day.bars)
    lines = [", ".join(f"{count} {kind}" for kind, count in kinds.most_common()) or "no run on this day"]
    if found := _day.peak(day):
        lines.append(f"peak: {found.vcpu:g} vCPU at {_when.clock(found.at, zone)} ({', '.join(found.jobs)})")
    pairs = [
        f"{one} with {'itself' if one == other else other} {_when.length(length.total_seconds())}"
        for one, other, length in _day.overlaps(day)
    ]
    if pairs:
        lines.append(f"overlaps: {'; '.join(pairs[:5])}" + (f"; {len(pairs) - 5} more" if len(pairs) > 5 else ""))
    if day.guessed:
        lines.append(f"no run yet to know the length from, drawn as 1 min: {', '.join(day.guessed)}")
    return lines
