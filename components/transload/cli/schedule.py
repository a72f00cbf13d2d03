"""`transload schedule`: what a schedule means, what EventBridge Scheduler is given for it, and when it fires."""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import click

from transload import _schedule
from transload._errors import Problem
from transload.cli import _output, _when


@click.command(
    epilog="""\b
Examples:
  transload schedule "30 2 * * *" --timezone Asia/Tokyo
  transload schedule @daily --next 10 --json
  transload schedule "cron(0 9 ? * MON#1 *)"
  crontab -l | grep -v "^#" | cut -d " " -f 1-5 | transload schedule - --json"""
)
@click.argument("expression", nargs=-1, required=True)
@click.option("--timezone", default="UTC", metavar="ZONE", help="IANA name of the zone it runs in. Default: UTC.")
@click.option("--next", "count", type=click.IntRange(1, 1_000_000), default=5, metavar="N", help="How many fire times. Default: 5.")
@click.option(
    "--after", metavar="WHEN", help="Fire times later than this: 2026-11-23T18:00+09:00; without an offset in ZONE. Default: now."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object; with - one a line.")
def command(expression: tuple[str, ...], timezone: str, count: int, after: str | None, as_json: bool) -> None:
    """What EXPRESSION means, what EventBridge Scheduler is given for it, and when it fires.

    EXPRESSION is unix cron (five fields), @daily and its kind, cron(), rate() or at(). With - one is read from each line of
    standard input and each line is answered by one line: an error is part of the answer then, not of the exit code.
    """
    try:
        _schedule.zone_of(timezone)
    except _schedule.ScheduleError as error:
        raise Problem(f"--timezone: {error}", 2) from None
    since = _since(after, timezone)
    if expression == ("-",):
        for line in _lines():
            answer = _answer(line, timezone, since, count)
            click.echo(json.dumps(answer) if as_json else _one_line(answer))
        return
    text = " ".join(expression)
    try:
        schedule = _schedule.parse(text, timezone)
    except _schedule.ScheduleError as error:
        quotes = "; put the expression in quotes, as the shell expands *" if len(expression) > 1 else ""
        raise Problem(f"schedule {text[:80]!r}: {error}{quotes}", 2) from None
    times = schedule.next(since, count)
    if as_json:
        _output.print_json(
            {
                "input": text,
                "words": schedule.words,
                "timezone": timezone,
                "expressions": schedule.expressions,
                "next": [time.isoformat() for time in times],
                "error": None,
            }
        )
        return
    _show(schedule, times, since)


def _since(after: str | None, timezone: str) -> datetime:
    now = datetime.now(UTC).replace(microsecond=0)
    try:
        since = _when.moment(after, now, ahead=True, zone=timezone) if after else now
    except OverflowError:
        since = None
    # The years of EventBridge's cron().
    if since is None or not 1970 <= since.year <= 2199:
        raise Problem(f"--after {after}: the year is outside 1970-2199", 2)
    return since


def _lines() -> Iterator[str]:
    """The lines of standard input, whatever bytes they hold: none may be lost."""
    # No stdin at all, as in a closed one, has no lines.
    for number, line in enumerate(sys.stdin.buffer if sys.stdin else ()):
        yield line.rstrip(b"\r\n").decode("utf-8-sig" if number == 0 else "utf-8", "replace")


def _answer(line: str, timezone: str, since: datetime, count: int) -> dict[str, str | list[str] | None]:
    try:
        schedule = _schedule.parse(line, timezone)
    except _schedule.ScheduleError as error:
        return {"input": line, "expressions": [], "next": [], "error": str(error)}
    times = [time.isoformat() for time in schedule.next(since, count)]
    return {"input": line, "expressions": list(schedule.expressions), "next": times, "error": None}


def _one_line(answer: dict[str, str | list[str] | None]) -> str:
    result = f"error: {answer['error']}" if answer["error"] else " + ".join(answer["expressions"] or [])
    return "\t".join([str(answer["input"]).replace("\t", " "), result, *(answer["next"] or [])])


def _show(schedule: _schedule.Schedule, times: tuple[datetime, ...], since: datetime) -> None:
    _output.facts(
        [
            ("schedule", [schedule.text]),
            ("means", [schedule.words if schedule.kind == "rate" else f"{schedule.words}, {schedule.timezone}"]),
            ("EventBridge", schedule.expressions),
        ]
    )
    if not times:
        click.echo(f"\nIt does not fire after {_when.clock(since, schedule.timezone, year=True)}.")
        return
    click.echo()
    rows = [[_when.clock(time, schedule.timezone, year=True), _when.stamp(time)] for time in times]
    _output.table(["NEXT", "UTC"], rows, keep=["UTC"])
