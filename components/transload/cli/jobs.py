"""`transload jobs`: every job, when it runs next and how it went last."""

from datetime import UTC, datetime
from typing import Any

import click

from transload import _schedule
from transload.cli import _output, _when
from transload.cli._aws import Cloud, as_json, placed


@click.command(
    epilog="""\b
Examples:
  transload jobs
  transload jobs --json | jq -r '.[] | select(.last.status == "FAILED") | .job'
  transload jobs --cluster platform-prod --profile prod"""
)
@as_json
@placed
def command(cloud: Cloud, as_json: bool) -> None:
    """Every job: its schedule in words, the next run, the last result, its state.

    The next run is shown in the time zone of the schedule and in UTC.
    """
    now = datetime.now(UTC)
    store = cloud.store
    last, live, controls = store.last_of_all(), {run["job_name"] for run in store.live()}, store.controls(now)
    rows = [describe(item, last.get(item["job"]), controls.get(item["job"]), item["job"] in live, now) for item in store.jobs()]
    if as_json:
        _output.print_json(rows)
        return
    headers = ["JOB", "SCHEDULE", "NEXT RUN", "LAST RUN", "STATE"]
    _output.table(headers, [cells(row, now) for row in rows], keep=["JOB", "NEXT RUN", "LAST RUN", "STATE"])
    if not rows:
        _output.tell(f"no jobs in cluster {cloud.name}")


def describe(
    item: dict[str, Any], last: dict[str, Any] | None, control: dict[str, Any] | None, running: bool, now: datetime
) -> dict[str, Any]:
    """One job as --json gives it. `next_run` is None for a job that is disabled or has no schedule."""
    zone = item.get("timezone") or "UTC"
    schedule = _schedule.parse(item["schedule"], zone) if item.get("schedule") else None
    state = state_of(item, control, running)
    # A rate counts from its last run: the jobs table does not know when AWS began to count.
    start = _when.parse(last.get("scheduled_for")) if last and schedule and schedule.kind == "rate" else None
    upcoming = schedule.next(now, start=start) if schedule and not state.startswith("disabled") else ()
    return {
        "job": item["job"],
        "schedule": item.get("schedule"),
        "words": schedule.words if schedule else "by hand",
        "timezone": zone if schedule else None,
        "next_run": _when.stamp(upcoming[0]) if upcoming else None,
        "state": state,
        "last": {key: value for key, value in last.items() if key != "of"} if last else None,
        "owner": item.get("owner"),
        "purpose": item.get("purpose"),
    }


def state_of(item: dict[str, Any], control: dict[str, Any] | None, running: bool) -> str:
    """running, disabled (until when), or enabled."""
    if running:
        return "running"
    if not item.get("enabled", True):
        return "disabled in the program"
    if control:
        until = _when.parse(control.get("until"))
        return f"disabled until {_when.clock(until, item.get('timezone') or 'UTC')}" if until else "disabled"
    return "enabled"


def cells(row: dict[str, Any], now: datetime) -> list[_output.Cell]:
    """One line of the table."""
    at, last = _when.parse(row["next_run"]), row["last"]
    zone = row["timezone"] or "UTC"
    upcoming = "" if at is None else _when.clock(at, zone) if zone == "UTC" else f"{_when.clock(at, zone)}\n{_when.clock(at)}"
    state = row["state"]
    return [row["job"], row["words"], upcoming, last_result(last, now), (state, _output.STYLES.get(state.split()[0], "dim"))]


def last_result(last: dict[str, Any] | None, now: datetime) -> _output.Cell:
    if last is None:
        return ("never ran", "dim")
    ended = _when.parse(last.get("ended_at"))
    age = f"\n{_when.age((now - ended).total_seconds())} ago" if ended else ""
    code = last.get("exit_code")
    status = last["status"] + (f" ({int(code)})" if code else "")
    return (status + age, _output.STYLES.get(last["status"], "cyan"))
