"""Times and the names made from them."""

import re
import secrets
from datetime import UTC, datetime

_RUN_ID = re.compile(r"(?P<job>[A-Za-z0-9][A-Za-z0-9_-]*)-(?P<run>[0-9]{8}T[0-9]{6}Z(?:-[0-9a-f]{4})?)")
_RUN = re.compile(r"[0-9]{8}T[0-9]{6}Z(?:-[0-9a-f]{4})?")


def iso(time: datetime) -> str:
    """ISO 8601 in UTC with Z; milliseconds only where there are some."""
    time = time.astimezone(UTC)
    return time.replace(tzinfo=None).isoformat(timespec="milliseconds" if time.microsecond >= 1000 else "seconds") + "Z"


def from_iso(text: str) -> datetime:
    """The time of `iso`'s text, or of any ISO 8601 text; without an offset it is UTC."""
    time = datetime.fromisoformat(text)
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def from_millis(value: int | float | None) -> datetime | None:
    """AWS Batch counts milliseconds since 1970, boto3 leaves them so. 0 and None are no time."""
    return datetime.fromtimestamp(value / 1000, UTC) if value else None


def compact(time: datetime) -> str:
    """A time as it stands in a run id: colons are not allowed in the name of a Batch job."""
    return time.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def by_hand(now: datetime) -> str:
    """The run suffix of a run that somebody starts: two may be started in one second."""
    return f"{compact(now)}-{secrets.token_hex(2)}"


def is_run(text: str) -> bool:
    """Whether it is a run suffix."""
    return _RUN.fullmatch(text) is not None


def parse_run_id(run_id: str) -> tuple[str, str] | None:
    """The job and the run suffix of a run id such as "nightly-20261123T180000Z", or None if it is not one."""
    match = _RUN_ID.fullmatch(run_id)
    return (match["job"], match["run"]) if match else None


def duration(seconds: float) -> str:
    """Seconds for people: "45 s", "12 min", "3 h 05 min"."""
    minutes = round(seconds / 60)
    if seconds < 120:
        return f"{round(seconds)} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02} min"
