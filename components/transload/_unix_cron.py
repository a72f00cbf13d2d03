"""Unix cron (five fields, `@daily` and its kind) written as EventBridge expressions that fire at exactly the same times.

What a field means is Vixie cron's rule as Debian and cronie ship it (crontab(5) and entry.c): names in any case, also in ranges and
lists; ranges run forwards; a step follows `*` or a range; 0 and 7 are Sunday. A day field that starts with `*` is a star, `*/2` as
well: if neither day field is a star a day has to match one of them, otherwise both.
"""

import re
from contextlib import suppress
from typing import NamedTuple

from transload._schedule import DAYS, FIELDS, Field, NeverFiresError, ScheduleError, read

_MINUTE, _HOUR, _DATE, _MONTH, _ = FIELDS[:5]
_WEEKDAY = Field("day-of-week", 0, 7, DAYS)

NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_ALL_DATES, _ALL_WEEKDAYS = frozenset(range(1, 32)), frozenset(range(7))
# The dates on which a weekday comes for the n-th time: the only days that EventBridge can name by date and weekday together.
_WEEKS = {frozenset(range(7 * n - 6, min(7 * n, 31) + 1)): n for n in range(1, 6)}
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
    bounds = (_MINUTE, _HOUR, _DATE, _MONTH, _WEEKDAY)
    minutes, hours, dates, months, weekdays = (_parse(field, item) for field, item in zip(bounds, fields, strict=True))
    weekdays = weekdays._replace(values=frozenset(value % 7 for value in weekdays.values))
    time, month = f"{_steps(_MINUTE, minutes.values)} {_steps(_HOUR, hours.values)}", _runs(_MONTH, months.values)
    expressions = []
    for date, weekday in _days(dates, weekdays, fields):
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
    if "%" in text:
        raise ScheduleError(
            "% ends the line in a crontab's command and has no meaning in a schedule: give the five time fields alone"
        )
    if len(fields) == 5:
        return fields
    # Without a digit or a star in front it was never meant as cron.
    if not re.match(r"[0-9*?]", text):
        raise ScheduleError(_HELP)
    if len(fields) == 6 and "?" in text:
        raise ScheduleError("six fields are EventBridge's own form", f"cron({' '.join(fields)})")
    if len(fields) > 5 and re.fullmatch(r"[0-9*,/-]+", fields[5]):
        raise ScheduleError(f"unix cron has 5 fields, not {len(fields)}: seconds cannot be scheduled; with a year write cron(...)")
    if len(fields) > 5:
        raise ScheduleError("only the five time fields make the schedule, without user and command", " ".join(fields[:5]))
    raise ScheduleError(f"unix cron has 5 fields (minute hour day-of-month month day-of-week), not {len(fields)}")


def _nickname(text: str) -> str:
    if text.lower() in NICKNAMES:
        return NICKNAMES[text.lower()]
    if text.lower() == "@reboot":
        raise ScheduleError("@reboot has no time: a container has no host that boots; start it as a service or run it by hand")
    if match := re.fullmatch(r"@every\s+([0-9]+)\s*([mhd])[a-z]*", text.lower()):
        unit = {"m": "minutes", "h": "hours", "d": "days"}[match[2]]
        raise ScheduleError("@every is not cron's", f"rate({match[1]} {unit})")
    if text.split()[0].lower() in NICKNAMES:
        raise ScheduleError("only the nickname makes the schedule, without user and command", text.split()[0].lower())
    raise ScheduleError(f"{text!r} is not one of {', '.join(NICKNAMES)}")


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
    _foreign(field, item, text)
    if slash and (not re.fullmatch("[0-9]{1,9}", step) or int(step) == 0):
        raise ScheduleError(f"{field.name} {text!r}: the step {step!r} is not a number above 0")
    if body == "*":
        return range(field.low, field.high + 1, int(step or 1))
    first = field.number(first_text)
    last = field.number(last_text) if dash else first
    top = 6 if field is _WEEKDAY else field.high
    if slash and not dash:
        # EventBridge reads 5/15 as 5-59/15; cron does not know it.
        raise ScheduleError(
            f"{field.name} {item!r}: in cron a step follows * or a range", text.replace(item, f"{body}-{top}/{step}")
        )
    if first > last:
        around = [*range(first, top + 1), *range(field.low, last + 1)][:: int(step or 1)]
        written = ",".join(DAYS[value % 7].lower() if field is _WEEKDAY else str(value) for value in around)
        if not slash and field is not _WEEKDAY:
            written = f"{first}-{top},{field.low}-{last}"
        raise ScheduleError(f"{field.name} {item!r} runs backwards: in cron a range does not wrap", text.replace(item, written))
    return range(first, last + 1, int(step or 1))


def _foreign(field: Field, item: str, text: str) -> None:
    """Refuse the syntax of others by its name."""
    if item == "?":
        raise ScheduleError(f"{field.name} '?' is EventBridge's: unix cron writes *", "*" if text == "?" else None)
    if "~" in item:
        raise ScheduleError(f"{field.name} {item!r}: a random time (~) cannot be scheduled, choose one")
    if re.fullmatch(r"H(\(.*\))?", item):
        raise ScheduleError(f"{field.name} {item!r} is Jenkins' syntax: choose a value")
    if "#" in item or re.fullmatch(r"L|L-[0-9]+|LW|[0-9]+W|[0-9]+L|(?i:sun|mon|tue|wed|thu|fri|sat)L", item):
        raise ScheduleError(f"{field.name} {item!r}: L, W and # are EventBridge's and stand inside cron(...) only")


def _days(dates: _Values, weekdays: _Values, fields: list[str]) -> list[tuple[str, str]]:
    """The day-of-month and day-of-week fields of each EventBridge expression."""
    every_date, every_weekday = dates.values == _ALL_DATES, weekdays.values == _ALL_WEEKDAYS
    by_date, by_weekday = (_steps(_DATE, dates.values), "?"), ("?", _runs(_WEEKDAY, weekdays.values))
    if not (dates.star or weekdays.star):
        return [("*", "?")] if every_date or every_weekday else [by_date, by_weekday]
    if every_weekday:
        return [by_date]
    if every_date:
        return [by_weekday]
    weeks = [n for week, n in _WEEKS.items() if week <= dates.values]
    nth = [("?", f"{DAYS[weekday]}#{n}") for n in weeks for weekday in sorted(weekdays.values)]
    if len(nth) in (1, 2) and dates.values == frozenset().union(*(week for week, n in _WEEKS.items() if n in weeks)):
        return nth
    minute, hour, date, month, weekday = fields
    starred = date if dates.star else weekday
    alone = f"{minute} {hour} * {month} {weekday}" if dates.star else f"{minute} {hour} {date} {month} *"
    raise ScheduleError(
        f"day-of-month {date!r} and day-of-week {weekday!r}: as {starred!r} starts with *, cron wants a day to match both, and "
        "EventBridge knows no such day",
        f"{alone} with a job that looks at the date itself",
    )


def _steps(field: Field, values: frozenset[int]) -> str:
    """A field as EventBridge writes it, as a step a/n where that is just these values and shorter to read."""
    first, *rest = sorted(values)
    step = rest[0] - first if rest else 0
    shorter = len(rest) >= 2 or (first == field.low and step * 2 == field.high - field.low + 1)
    if shorter and step > 1 and values == frozenset(range(first, field.high + 1, step)):
        return f"{first}/{step}"
    return _runs(field, values)


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
