"""Times as people write and read them: durations, moments, ages."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import click

from transload._errors import Problem

_UNITS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}
_DURATION = re.compile(r"(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?")


def duration(text: str) -> int:
    """Seconds of "90", "90s", "15m", "1h30m", "2d"; a Problem of usage for anything else."""
    found = _DURATION.fullmatch(text.strip().lower())
    seconds = (
        sum(int(number) * unit for number, unit in zip(found.groups(default="0"), _UNITS.values(), strict=True)) if found else 0
    )
    if not seconds:
        raise Problem(f"{text!r} is no length of time: write 90s, 15m, 1h30m or 2d", 2)
    return seconds


class _Length(click.ParamType):
    """The value of an option, in seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return value if isinstance(value, int) else duration(value)
        except Problem as problem:
            self.fail(str(problem), param, ctx)


LENGTH = _Length()


def moment(text: str, now: datetime, *, ahead: bool = False, zone: str = "UTC") -> datetime:
    """The moment, in UTC, of a duration before `now` (after it, if `ahead`) or of an ISO 8601 time,
    which is in `zone` if it has no offset."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        try:
            seconds = duration(text)
        except Problem:
            raise Problem(
                f"{text!r} is neither a length of time (15m, 2h, 3d) nor a time (2026-11-23, 2026-11-23T18:00Z)", 2
            ) from None
        return now + timedelta(seconds=seconds if ahead else -seconds)
    return (at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)


def parse(text: str | None) -> datetime | None:
    """A time of a run record, which are ISO 8601 with an offset; None stays None."""
    return datetime.fromisoformat(text) if text else None


def stamp(at: datetime) -> str:
    """A moment as the run records write it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def length(seconds: float | None) -> str:
    """ "4m12s", "1h02m", "3d04h"; nothing for None."""
    if seconds is None:
        return ""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02}h"


def began(run: dict) -> datetime | None:
    """When a run first started. The children of an array may be over before anybody sees one run: what came to an end of its own
    without a start began when it was submitted."""
    ran = run.get("status") == "SUCCEEDED" or run.get("cause") == "application"
    return parse(run.get("started_at") or (ran and (run.get("submitted_at") or run.get("created_at"))) or None)


def took(run: dict) -> float | None:
    """Seconds a run has run: from its first start to its end; None before both are known."""
    start, end = began(run), parse(run.get("ended_at"))
    return (end - start).total_seconds() if start and end else None


def age(seconds: float) -> str:
    """ "45s", "12m", "30h", "4d": how long ago, in the unit of which there are two and more."""
    unit = next((name for name in "dhm" if seconds >= 2 * _UNITS[name]), "s")
    return f"{max(int(seconds), 0) // _UNITS[unit]}{unit}"


def clock(at: datetime | None, zone: str = "UTC", *, year: bool = False) -> str:
    """ "Tue 24 Nov 03:00 JST"; nothing for None."""
    if at is None:
        return ""
    local = at.astimezone(ZoneInfo(zone))
    return local.strftime("%a %d %b %Y %H:%M %Z" if year else "%a %d %b %H:%M %Z")
