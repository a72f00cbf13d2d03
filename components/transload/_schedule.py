"""EventBridge Scheduler expressions: what is valid, when it fires, and every other way to write a schedule (see `parse`).

The conductor's Lambda functions carry this file alone. Only `parse` of a unix expression (_unix_cron.py) and `Schedule.words`
(_schedule_words.py) need another file, and both are wanted at deployment, not in a function.

Fire times follow EventBridge Scheduler's daylight-saving rule (EventBridge Scheduler User Guide, "Schedule types"): a time that the
clock skips in spring is skipped; a time that it shows twice in autumn runs once, at the first occurrence. The guide says it of the
schedule as a whole ("runs only once and does not repeat its invocation"), so `*/5 * * * *` pauses while the hour repeats.
"""

import calendar
import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from heapq import merge
from itertools import groupby, islice, takewhile
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
# Lengths of ScheduleExpression and ScheduleExpressionTimezone (EventBridge Scheduler API reference, CreateSchedule).
MAX_EXPRESSION, MAX_TIMEZONE = 256, 50
_LAST_YEAR = 9998  # datetime ends with 9999; the last leaves room for every zone


class ScheduleError(ValueError):
    """Why a schedule cannot be: one line. `nearest` is what can be written instead, where there is such a thing."""

    def __init__(self, reason: str, nearest: str | None = None):
        super().__init__(reason + (f"; nearest: {nearest}" if nearest else ""))
        self.reason = reason
        self.nearest = nearest


class NeverFiresError(ScheduleError):
    """The days of a cron expression exist in no year."""


class Field(NamedTuple):
    """One field of a cron expression: its bounds and the names that stand for the numbers from `low` on."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()

    def number(self, token: str) -> int:
        """The number that a token stands for: digits, or one of the names in any case."""
        if token.upper() in self.names:
            return self.names.index(token.upper()) + self.low
        if not re.fullmatch(r"[0-9]{1,9}", token):
            names = f" or {self.names[0]}-{self.names[-1]}" if self.names else ""
            raise ScheduleError(f"{self.name} {token!r} is not one of {self.low}-{self.high}{names}")
        if not self.low <= int(token) <= self.high:
            raise ScheduleError(f"{self.name} {token} is outside {self.low}-{self.high}")
        return int(token)


# EventBridge Scheduler User Guide, "Schedule types".
FIELDS = (
    Field("minute", 0, 59),
    Field("hour", 0, 23),
    Field("day-of-month", 1, 31),
    Field("month", 1, 12, MONTHS),
    Field("day-of-week", 1, 7, DAYS),
    Field("year", 1970, 2199),
)
DAY_OF_MONTH, DAY_OF_WEEK = FIELDS[2], FIELDS[4]


class Days(NamedTuple):
    """Which days of a month: dates 1-31, weekdays 0-6 from Sunday, (15,) of 15W, (weekday, n) of MON#2, (weekday,) of 6L."""

    kind: Literal["dates", "weekdays", "last", "last weekday", "nearest", "nth", "last of"]
    values: tuple[int, ...] = ()


@lru_cache(maxsize=8192)
def month_days(days: Days, year: int, month: int) -> tuple[int, ...]:
    """The days of one month that match, in order."""
    first, last = calendar.monthrange(year, month)

    def weekday(day: int) -> int:
        return (first + day) % 7

    if days.kind == "dates":
        return tuple(day for day in days.values if day <= last)
    if days.kind == "weekdays":
        return tuple(day for day in range(1, last + 1) if weekday(day) in days.values)
    if days.kind == "nth":
        nth = 1 + (days.values[0] - weekday(1)) % 7 + 7 * (days.values[1] - 1)
        return (nth,) if nth <= last else ()
    if days.kind == "last of":
        return (last - (weekday(last) - days.values[0]) % 7,)
    day = days.values[0] if days.kind == "nearest" else last
    if days.kind == "last" or day > last:
        return (day,) if day <= last else ()
    # A weekday that is nearest stays in its month: the 1st on a Saturday moves to Monday the 3rd, the last on a Sunday to Friday.
    if weekday(day) == 6:
        return (day - 1 if day > 1 else day + 2,)
    if weekday(day) == 0:
        return (day + 1 if day < last else day - 2,)
    return (day,)


class Cron(NamedTuple):
    """A cron() expression. `text` is the form for EventBridge: six fields, one space between two. `years` None is every year."""

    text: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: Days
    months: tuple[int, ...]
    years: tuple[int, ...] | None
    kind: Literal["cron"] = "cron"

    def walk(self, start: datetime, way: Literal[1, -1]) -> Iterator[datetime]:
        """Times on the wall clock from the hour of `start` on, or (-1) from it backwards."""
        for year, month, day in self._dates(start, way):
            today = (year, month, day) == (start.year, start.month, start.day)
            for hour in self.hours[::way]:
                if today and (hour - start.hour) * way < 0:
                    continue
                for minute in self.minutes[::way]:
                    yield datetime(year, month, day, hour, minute)

    def _dates(self, start: datetime, way: int) -> Iterator[tuple[int, int, int]]:
        first, last = (self.years[0], self.years[-1]) if self.years else (1, _LAST_YEAR)
        year, month = start.year, start.month
        while year <= last if way > 0 else year >= first:
            if month in self.months and (self.years is None or year in self.years):
                for day in month_days(self.days, year, month)[::way]:
                    if (year, month) != (start.year, start.month) or (day - start.day) * way >= 0:
                        yield year, month, day
            year, month = year + (month - 1 + way) // 12, (month - 1 + way) % 12 + 1


class Rate(NamedTuple):
    """A rate() expression."""

    text: str
    every: timedelta
    kind: Literal["rate"] = "rate"


class At(NamedTuple):
    """An at() expression: once, at this time on the wall clock of the schedule's zone."""

    text: str
    local: datetime
    kind: Literal["at"] = "at"


def _instant(local: datetime, zone: tzinfo) -> datetime | None:
    """The first instant at which the clocks of the zone show a time; None if they skip it."""
    if zone is UTC:
        return local.replace(tzinfo=UTC)
    time = local.replace(tzinfo=zone).astimezone(UTC)
    return time if time.astimezone(zone).replace(tzinfo=None) == local else None


@lru_cache(maxsize=1024)
def zone_of(name: str) -> tzinfo:
    """The zone of an IANA name. ScheduleError names the nearest one that exists."""
    if not isinstance(name, str) or not name or len(name) > MAX_TIMEZONE:
        raise ScheduleError(f"time zone {name!r} is not an IANA name of 1-{MAX_TIMEZONE} characters")
    try:
        # posix/, right/, localtime and the like are files of the host, not names of the IANA database.
        found = None if name.startswith(("posix", "right/")) or name in ("localtime", "Factory") else ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        found = None
    if found is None:
        raise ScheduleError(f"time zone {name!r} is unknown", _nearest_zone(name))
    return UTC if name in ("UTC", "Etc/UTC") else found


def _nearest_zone(name: str) -> str | None:
    """The zone that somebody meant: other case, the city alone, a common abbreviation, or a slip of the pen."""
    known = {zone.lower(): zone for zone in sorted(available_timezones()) if not zone.startswith("posix")}
    cities = {zone.rpartition("/")[2]: zone for zone in known if "/" in zone and not zone.startswith(("etc/", "us/"))}
    usual = {"jst": "asia/tokyo", "bst": "europe/london", "cest": "europe/berlin", "edt": "america/new_york", "pst": "us/pacific"}
    wanted = re.sub(r"[ -]", "_", name.strip().lower())
    for table in (known, cities, usual):
        if wanted in table:
            return known.get(wanted) or known[table[wanted]]
    city = wanted.rpartition("/")[2]
    if city not in cities and (near := difflib.get_close_matches(wanted, known, 1, 0.7)):
        return known[near[0]]
    near = difflib.get_close_matches(city, cities, 1, 0.75)
    return known[cities[near[0]]] if near else None


@lru_cache(maxsize=1024)
def _values(field: Field, text: str) -> tuple[tuple[int, ...], str]:
    """The values of a field in EventBridge's syntax, and how to write it."""
    values: set[int] = set()
    written = []
    for item in text.split(","):
        match = re.fullmatch(r"(?:\*|([0-9A-Z]+)(?:-([0-9A-Z]+))?)(?:/([0-9]{1,9}))?", item)
        if not match or (item == "*" and "," in text):
            raise ScheduleError(f"{field.name} {text!r} is not a value, a range a-b, a step a/n or a list of these")
        first = field.number(match[1]) if match[1] else field.low
        last = field.number(match[2]) if match[2] else field.high if match[3] or not match[1] else first
        step = int(match[3] or 1)
        # EventBridge refuses */60 for minutes (github.com/aws/aws-sdk-js/issues/4212).
        if not 1 <= step <= field.high:
            raise ScheduleError(f"{field.name} step {match[3]} is not one of 1-{field.high}")
        # A range may wrap, as 20-2 in the hours (EventBridge User Guide, "Cron expressions reference"); a year has nowhere to go.
        if last < first and field.name == "year":
            raise ScheduleError(f"year {item} runs backwards")
        size = field.high - field.low + 1
        found = [(at - field.low) % size + field.low for at in range(first, last + 1 + size * (last < first), step)]
        values.update(found)
        # A range that wraps is documented for hours alone; two ranges, or its values, are right everywhere.
        wrapped = f"{first}-{field.high},{field.low}-{last}" if step == 1 else ",".join(map(str, found))
        written.append(item if first <= last else wrapped)
    return tuple(sorted(values)), ",".join(written)


def _dates(text: str) -> tuple[Days, str]:
    """The day-of-month field."""
    if text in ("L", "LW"):
        return Days("last" if text == "L" else "last weekday"), text
    if match := re.fullmatch(r"([0-9]+)W", text):
        day = DAY_OF_MONTH.number(match[1])
        return Days("nearest", (day,)), f"{day}W"
    if re.search("[LW]", text):
        raise ScheduleError(f"day-of-month {text!r}: L, LW and 15W stand alone in EventBridge")
    values, written = _values(DAY_OF_MONTH, text)
    return Days("dates", values), written


def _weekdays(text: str) -> tuple[Days, str]:
    """The day-of-week field: 1-7 from Sunday in EventBridge, 0-6 from Sunday here."""
    if text == "L":
        return Days("weekdays", (6,)), text
    if match := re.fullmatch(r"([0-9A-Z]+?)L", text):
        day = DAY_OF_WEEK.number(match[1])
        return Days("last of", (day - 1,)), f"{day}L"
    if match := re.fullmatch(r"([0-9A-Z]+)#([1-5])", text):
        return Days("nth", (DAY_OF_WEEK.number(match[1]) - 1, int(match[2]))), text
    if "#" in text:
        raise ScheduleError(f"day-of-week {text!r}: # takes one day, a number 1-5 and nothing beside them, as in MON#1")
    values, written = _values(DAY_OF_WEEK, text)
    return Days("weekdays", tuple(value - 1 for value in values)), written


def _cron(body: str) -> Cron:
    fields = re.sub(r"\b0+(?=[0-9])", "", body.upper()).split()
    if body != (spaced := " ".join(body.split())):
        raise ScheduleError("EventBridge wants exactly one space between the fields of cron()", _cron(spaced).text)
    if len(fields) not in (5, 6):
        raise ScheduleError(f"cron() has 6 fields (minute hour day-of-month month day-of-week year), not {len(fields)}")
    minute, hour, dates, month, weekdays, year = [*fields, "*"][:6]
    if (dates == "?") == (weekdays == "?"):
        pair = f"{dates.replace('?', '*')} {month} ?" if weekdays in ("*", "?") else f"? {month} {weekdays}"
        nearest = _cron(f"{minute} {hour} {pair} {year}").text if {"*", "?"} & {dates, weekdays} else None
        raise ScheduleError("cron() wants ? in exactly one of day-of-month and day-of-week", nearest)
    days, days_text = _dates(dates) if weekdays == "?" else _weekdays(weekdays)
    (minutes, minute), (hours, hour), (months, month) = map(_values, (*FIELDS[:2], FIELDS[3]), (minute, hour, month))
    years, year = (None, "*") if year == "*" else _values(FIELDS[5], year)
    pair = f"{days_text} {month} ?" if weekdays == "?" else f"? {month} {days_text}"
    cron = Cron(f"cron({minute} {hour} {pair} {year})", minutes, hours, days, months, years)
    # The Gregorian calendar repeats after 400 years.
    if not any(month_days(days, year, month) for year in years or range(2000, 2400) for month in months):
        raise NeverFiresError(f"{cron.text} never fires: no such day exists")
    return cron


def _rate(body: str) -> Rate:
    match = re.fullmatch(r"\s*([0-9]+)\s*([a-z]+)\s*", body.lower())
    units = {"minute": 1, "hour": 60, "day": 1440}
    if not match or match[2].removesuffix("s") not in units:
        raise ScheduleError(f"rate({body}) is not rate(N minutes), rate(N hours) or rate(N days)")
    count, unit = int(match[1][:18]), match[2].removesuffix("s")
    text = f"rate({count} {unit}{'s' if count != 1 else ''})"
    if not 1 <= count * units[unit] <= 100 * 366 * 1440:
        raise ScheduleError(f"rate({body}) is not between 1 minute and 100 years")
    if not re.fullmatch(r"[0-9]+ [a-z]+", body.lower()):
        raise ScheduleError("EventBridge wants one space between the number and the unit of rate()", text)
    return Rate(text, timedelta(minutes=count * units[unit]))


def _at(body: str) -> At:
    match = re.fullmatch(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[ Tt]([0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(.*)", body)
    try:
        local = datetime.fromisoformat(f"{match[1]}T{match[2]}" if match else "")
    except ValueError:
        raise ScheduleError(f"at({body}) is not at(yyyy-mm-ddThh:mm:ss) with a time that exists") from None
    text = f"at({local.isoformat()})"
    if match and match[3]:
        raise ScheduleError("at() has no zone and no fractions of a second: the zone is the schedule's own", text)
    if "T" not in body:
        raise ScheduleError("at() wants T between the date and the time", text)
    if not FIELDS[5].low <= local.year <= FIELDS[5].high:
        raise ScheduleError(f"year {local.year} is outside {FIELDS[5].low}-{FIELDS[5].high}")
    return At(text, local)


@lru_cache(maxsize=8192)
def read(expression: str) -> Cron | Rate | At:
    """An EventBridge expression: cron(), rate() or at(), the keyword in any case. ScheduleError if EventBridge would refuse it."""
    match = re.fullmatch(r"(cron|rate|at)\((.*)\)", expression, re.IGNORECASE | re.DOTALL)
    if not match:
        raise ScheduleError(f"{expression!r} is not cron(...), rate(...) or at(...)")
    found = {"cron": _cron, "rate": _rate, "at": _at}[match[1].lower()](match[2])
    if len(found.text) > MAX_EXPRESSION:
        raise ScheduleError(f"{len(found.text)} characters, and EventBridge takes {MAX_EXPRESSION}: make two schedules of it")
    return found


def _times(expression: str, timezone: str, when: datetime, way: Literal[1, -1], start: datetime | None) -> Iterator[datetime]:
    """Fire times of one EventBridge expression in UTC, after `when` or (-1) before it, nearest first."""
    if when.tzinfo is None:
        raise ValueError(f"{when.isoformat()} has no time zone")
    parsed, zone = read(expression), zone_of(timezone)
    if not isinstance(parsed, Rate):
        now = when.astimezone(zone).replace(tzinfo=None)
        for local in [parsed.local] if isinstance(parsed, At) else parsed.walk(now, way):
            time = _instant(local, zone)
            if time and (time > when if way > 0 else time < when):
                yield time
    elif start is not None or way > 0:
        anchor = (start or when).astimezone(UTC)
        # The first of a rate is its start itself; without a start the clock begins at `when`.
        count = max((when - anchor) // parsed.every + 1, 0) if way > 0 else -((anchor - when) // parsed.every) - 1
        while count >= 0 and anchor + count * parsed.every < datetime(_LAST_YEAR, 1, 1, tzinfo=UTC):
            yield anchor + count * parsed.every
            count += way


def next_fire_times(
    expression: str, timezone: str, after: datetime, count: int = 1, *, start: datetime | None = None
) -> list[datetime]:
    """The next fire times of an EventBridge expression, in UTC, strictly later than `after`; fewer than `count` if it ends.

    `start` is the StartDate of a rate(): its first run. Without it the first is one interval after `after`.
    """
    return list(islice(_times(expression, timezone, after, 1, start), count))


def previous_fire_time(expression: str, timezone: str, before: datetime, *, start: datetime | None = None) -> datetime | None:
    """The last fire time strictly before a time, in UTC. None if there is none, or for a rate() whose start is not given."""
    return next(_times(expression, timezone, before, -1, start), None)


def due_between(
    expression: str, timezone: str, start: datetime, end: datetime, *, rate_start: datetime | None = None
) -> list[datetime]:
    """The fire times t with start < t <= end, in UTC. None of a rate() whose own start is not given: they cannot be known."""
    if rate_start is None and isinstance(read(expression), Rate):
        return []
    return list(takewhile(lambda time: time <= end, _times(expression, timezone, start, 1, rate_start)))


@dataclass(frozen=True)
class Schedule:
    """A schedule as somebody wrote it, and what EventBridge Scheduler is given for it."""

    text: str
    """As written, without the space around it."""
    timezone: str
    """IANA name; the zone of every expression."""
    kind: Literal["cron", "rate", "at"]
    expressions: tuple[str, ...]
    """One or two EventBridge expressions. Where two fire at the same minute it is one run: runs are told apart by their time."""

    @property
    def words(self) -> str:
        """Plain English, such as "every day at 02:30"."""
        from transload._schedule_words import words

        return words([read(expression) for expression in self.expressions])

    def next(self, after: datetime, count: int = 1, *, start: datetime | None = None) -> tuple[datetime, ...]:
        """The next fire times later than `after`, in the schedule's zone. `start` is that of a rate(), see next_fire_times."""
        streams = [_times(expression, self.timezone, after, 1, start) for expression in self.expressions]
        distinct = (time for time, _ in groupby(merge(*streams)))
        return tuple(time.astimezone(zone_of(self.timezone)) for time in islice(distinct, count))


def parse(text: str, timezone: str = "UTC") -> Schedule:
    """Read a schedule: five unix cron fields, @daily and its kind, cron(), rate() or at().

    ScheduleError, one line, if it is none of these, never fires, or means days that EventBridge cannot express.
    """
    zone, written = zone_of(timezone), str(text).strip(" \t\r\n")
    if re.match(r"(cron|rate|at)\s*\(", written, re.IGNORECASE):
        found = [read(written)]
    else:
        from transload._unix_cron import translate

        found = [read(expression) for expression in translate(written)]
    first = found[0]
    if isinstance(first, At) and not _instant(first.local, zone):
        raise ScheduleError(f"{first.local.isoformat()} does not exist in {timezone}: the clocks skip it")
    return Schedule(written, timezone, first.kind, tuple(each.text for each in found))
