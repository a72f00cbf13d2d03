"""Unix cron (five fields, `@daily` and its kind) written as EventBridge expressions that fire at exactly the same times.

What a field means is Vixie cron's rule as Debian and cronie ship it (crontab(5) and entry.c): names in any case, also in ranges and
lists; ranges run forwards; a step follows `*` or a range; 0 and 7 are Sunday. A day field that starts with `*` is a star, `*/2` as
well: if neither day field is a star a day has to match one of them, otherwise both.
"""

import calendar
import re
from contextlib import suppress
from functools import lru_cache
from typing import NamedTuple

from transload._schedule import DAYS, FIELDS, Field, NeverFiresError, ScheduleError, parse, read

_MINUTE, _HOUR, _DATE, _MONTH, _ = FIELDS[:5]
_WEEKDAY = Field("day-of-week", 0, 7, DAYS)
_BOUNDS = (_MINUTE, _HOUR, _DATE, _MONTH, _WEEKDAY)

NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_LONGEST = {month: calendar.monthrange(2000, month)[1] for month in range(1, 13)}
_HELP = "write five cron fields as in 30 2 * * *, or @daily, cron(...), rate(...), at(...)"


class _Values(NamedTuple):
    """A field: what it holds, as written, and whether it starts with `*`."""

    values: frozenset[int]
    text: str

    @property
    def star(self) -> bool:
        return self.text.startswith("*")


def translate(text: str) -> list[str]:
    """One or two EventBridge expressions. ScheduleError if cron refuses the text, it never fires, or EventBridge cannot say it."""
    fields = _fields(text)
    try:
        minutes, hours, dates, months, weekdays = (_parse(field, item) for field, item in zip(_BOUNDS, fields, strict=True))
    except ScheduleError as error:
        raise ScheduleError(error.reason, _meant(fields)) from None
    weekdays = weekdays._replace(values=frozenset(value % 7 for value in weekdays.values))
    time, month = f"{_steps(_MINUTE, minutes.values)} {_steps(_HOUR, hours.values)}", _runs(_MONTH, months.values)
    expressions = []
    for date, weekday in _days(dates, weekdays, months, fields):
        # `0 0 31 2 1` fires on Mondays in February: one of two day fields may be empty, not both.
        with suppress(NeverFiresError):
            expressions.append(read(f"cron({time} {date} {month} {weekday} *)").text)
    if not expressions:
        raise NeverFiresError(f"never fires: month {fields[3]!r} has no day {fields[2]!r}")
    return expressions


def _fields(text: str) -> list[str]:
    """The five fields of an expression, or of a nickname."""
    if not text:
        raise ScheduleError(f"empty: {_HELP}")
    if text.startswith("#"):
        raise ScheduleError(f"a comment: {_HELP}")
    if text.startswith("@"):
        return _nickname(text).split()
    # Blanks of cron: no other white space.
    fields = re.split(r"[ \t]+", text)
    if len(fields) == 5:
        return fields
    # Without a digit or a star in front it was never meant as cron.
    if not re.match(r"[0-9*?]", text):
        raise ScheduleError(_HELP)
    if len(fields) < 5:
        raise ScheduleError(f"unix cron has 5 fields (minute hour day-of-month month day-of-week), not {len(fields)}")
    if not re.fullmatch(r"(?!#)([0-9*?,/#LW-]|(?i:sun|mon|tue|wed|thu|fri|sat))+", fields[5]):
        five = " ".join(fields[:5])
        raise ScheduleError("only the five time fields make the schedule, without user and command", _nearest(five))
    if "?" in (fields[2], fields[4]) and (own := _nearest(f"cron({' '.join(fields)})")):
        raise ScheduleError("six fields are EventBridge's own form", own)
    # Quartz and others put seconds first: at second 0 the rest is the schedule. With ? it counts days as EventBridge does.
    rest = f"cron({' '.join([*fields[1:], '*'][:6])})" if "?" in fields else " ".join(fields[1:6])
    nearest = _nearest(rest) if not fields[0].strip("0") and ("?" in fields or len(fields) == 6) else None
    raise ScheduleError(
        f"unix cron has 5 fields, not {len(fields)}: seconds cannot be scheduled; with a year write cron(...)", nearest
    )


def _nearest(text: str) -> str | None:
    """The text if it is a schedule, or what is nearest to it."""
    try:
        parse(text)
    except ScheduleError as error:
        return error.nearest
    return text


def _nickname(text: str) -> str:
    if text.lower() in NICKNAMES:
        return NICKNAMES[text.lower()]
    if text.lower() == "@reboot":
        raise ScheduleError("@reboot has no time: a container has no host that boots; start it as a service or run it by hand")
    if match := re.fullmatch(r"@every\s+(?:([0-9]{1,6})h)?(?:([0-9]{1,6})m)?(?:0s)?", text.lower()):
        hours, minutes = (int(number or 0) for number in match.groups())
        rate = f"rate({60 * hours + minutes} minutes)" if minutes else f"rate({hours} hours)"
        raise ScheduleError("@every is not cron's", _nearest(rate))
    if text.split()[0].lower() in NICKNAMES:
        raise ScheduleError("only the nickname makes the schedule, without user and command", text.split()[0].lower())
    raise ScheduleError(f"{text!r} is not one of {', '.join(NICKNAMES)}")


@lru_cache(maxsize=1024)
def _parse(field: Field, text: str) -> _Values:
    values: set[int] = set()
    for item in text.split(","):
        values.update(_item(field, item, text))
    return _Values(frozenset(values), text)


def _item(field: Field, item: str, text: str) -> range:
    body, slash, step = item.partition("/")
    first_text, dash, last_text = body.partition("-")
    if not first_text or not (last_text or not dash) or (slash and not step) or {"-", "/"} & {*last_text, *step}:
        raise ScheduleError(f"{field.name} {text!r}: {item!r} is not *, a value, a range a-b, or a step */n or a-b/n")
    _foreign(field, item)
    if slash and (not re.fullmatch("[0-9]{1,9}", step) or int(step) == 0):
        raise ScheduleError(f"{field.name} {text!r}: the step {step!r} is not a number above 0")
    if body == "*":
        return range(field.low, field.high + 1, int(step or 1))
    first = field.number(first_text)
    last = field.number(last_text) if dash else first
    if slash and not dash:
        raise ScheduleError(f"{field.name} {item!r}: in cron a step follows * or a range")
    if first > last:
        raise ScheduleError(f"{field.name} {item!r} runs backwards: in cron a range does not wrap")
    return range(first, last + 1, int(step or 1))


def _foreign(field: Field, item: str) -> None:
    """Refuse the syntax of others by its name."""
    if item == "?":
        raise ScheduleError(f"{field.name} '?' is EventBridge's: unix cron writes *")
    if "~" in item:
        raise ScheduleError(f"{field.name} {item!r}: a random time (~) cannot be scheduled, choose one")
    if re.match(r"H\b", item):
        raise ScheduleError(f"{field.name} {item!r} is Jenkins' syntax: choose a value")
    if "#" in item or re.fullmatch(r"L|L-[0-9]+|LW|[0-9]+W|[0-9]+L|(?i:sun|mon|tue|wed|thu|fri|sat)L", item):
        raise ScheduleError(f"{field.name} {item!r}: L, W and # are EventBridge's and stand inside cron(...) only")


def _meant(fields: list[str]) -> str | None:
    """The expression of fields that cron refuses, if they are in the syntax of another: as cron writes it, or within cron(...)."""
    meant = [",".join(_as_unix(field, item) for item in text.split(",")) for field, text in zip(_BOUNDS, fields, strict=True)]
    if meant != fields:
        return _nearest(" ".join(meant))
    minute, hour, date, month, weekday = fields
    # L, W and # leave no room for the other day field.
    if (date == "*") == (weekday == "*"):
        return None
    with suppress(ScheduleError):
        parts = translate(f"{minute} {hour} * {month} *")[0].split(" ")
        named = re.sub("^[0-7]", lambda number: DAYS[int(number[0]) % 7], weekday)
        parts[2], parts[4] = (date, "?") if weekday == "*" else ("?", named)
        return read(" ".join(parts)).text
    return None


def _as_unix(field: Field, item: str) -> str:
    """An item that EventBridge and others understand as cron writes it: `?`, 5/15 (which is 5-59/15) and 22-2."""
    match = re.fullmatch(r"([0-9A-Za-z]+)(?:-([0-9A-Za-z]+))?(?:/0*([1-9][0-9]{0,8}))?", item)
    if not match:
        return "*" if item == "?" else item
    first_text, last_text, step = match.groups()
    top = 6 if field is _WEEKDAY else field.high
    try:
        first, last = field.number(first_text), field.number(last_text or str(top))
    except ScheduleError:
        return item
    if step and not last_text:
        return f"{first_text}-{max(first, top)}/{step}"
    if not last_text or first <= last:
        return item
    if not step and field is not _WEEKDAY:
        return f"{first_text}-{top},{field.low}-{last_text}"
    around = [*range(first, top + 1), *range(field.low, last + 1)][:: int(step or 1)]
    return ",".join(DAYS[value % 7].lower() if field is _WEEKDAY else str(value) for value in around)


def _days(dates: _Values, weekdays: _Values, months: _Values, fields: list[str]) -> list[tuple[str, str]]:
    """The day-of-month and day-of-week fields of each EventBridge expression."""
    longest = max(_LONGEST[month] for month in months.values)
    held = dates.values & frozenset(range(1, longest + 1))
    every_date, every_weekday = len(held) == longest, len(weekdays.values) == 7
    by_date, by_weekday = (_steps(_DATE, dates.values), "?"), ("?", _runs(_WEEKDAY, weekdays.values))
    if not (dates.star or weekdays.star):
        return [("*", "?")] if every_date or every_weekday else [by_date, by_weekday]
    if every_weekday or not held:
        return [by_date]
    if every_date:
        return [by_weekday]
    # The dates on which a weekday comes for the n-th time: the only days that EventBridge can name by date and weekday together.
    weeks = {n: frozenset(range(7 * n - 6, min(7 * n, longest) + 1)) for n in range(1, 6)}
    whole = [n for n, week in weeks.items() if week <= held]
    nth = [("?", f"{DAYS[weekday]}#{n}") for n in whole for weekday in sorted(weekdays.values)]
    if len(nth) in (1, 2) and held == frozenset().union(*(weeks[n] for n in whole)):
        return nth
    minute, hour, date, month, weekday = fields
    starred = date if dates.star else weekday
    alone = f"{minute} {hour} * {month} {weekday}" if dates.star else f"{minute} {hour} {date} {month} *"
    raise ScheduleError(
        f"day-of-month {date!r} and day-of-week {weekday!r}: as {starred!r} starts with *, cron wants a day to match both, and "
        "EventBridge knows no such day",
        f"{alone} with a job that looks at the date itself",
    )


@lru_cache(maxsize=1024)
def _steps(field: Field, values: frozenset[int]) -> str:
    """A field as EventBridge writes it, as a step a/n where that is just these values and shorter to read."""
    first, *rest = sorted(values)
    step = rest[0] - first if rest else 0
    shorter = len(rest) >= 2 or (first == field.low and step * 2 == field.high - field.low + 1)
    if shorter and step > 1 and values == frozenset(range(first, field.high + 1, step)):
        return f"{first}/{step}"
    return _runs(field, values)


@lru_cache(maxsize=1024)
def _runs(field: Field, values: frozenset[int]) -> str:
    """A field as EventBridge writes it: *, or values and ranges; weekdays by name, as they are numbered from 1 there."""
    low, high = field.low, 6 if field is _WEEKDAY else field.high
    if len(values) == high - low + 1:
        return "*"
    parts: list[list[int]] = []
    for value in sorted(values):
        if parts and value == parts[-1][-1] + 1:
            parts[-1].append(value)
        else:
            parts.append([value])
    named = [[DAYS[value] if field is _WEEKDAY else str(value) for value in part] for part in parts]
    return ",".join(f"{part[0]}-{part[-1]}" if len(part) > 2 else ",".join(part) for part in named)
