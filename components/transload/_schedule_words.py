"""EventBridge expressions in plain English, such as "every day at 02:30" or "at 09:00 on Monday to Friday"."""

from collections.abc import Sequence
from itertools import pairwise

from transload._schedule import At, Cron, Rate

_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")
_NTH = ("", "first", "second", "third", "fourth", "fifth")
# As many clock times are listed one by one; more are described by their minutes and hours. More values in steps are cut short.
_LISTED = 6


def words(schedule: Sequence[Cron | Rate | At]) -> str:
    """What the expressions of one schedule mean together; several differ in their days alone."""
    first = schedule[0]
    if isinstance(first, Rate):
        return "every " + first.text[len("rate(") : -1].removeprefix("1 ")
    if isinstance(first, At):
        return f"once, on {first.local:%Y-%m-%d} at {first.local:%H:%M:%S}".removesuffix(":00")
    days = ", and ".join(text for each in schedule if isinstance(each, Cron) and (text := _days(each)))
    time = _time(first)
    if not days.startswith("on") and time.startswith("at") and "every" not in time:
        time = f"every day {time}"
    return " ".join(text for text in (time, days, f"in {_list(_runs(first.years, 0))}" if first.years else "") if text)


def _time(cron: Cron) -> str:
    """The time of day: "at 02:30", "every 5 minutes", "every hour from 09:00 to 17:00"."""
    minutes, hours = cron.minutes, cron.hours
    all_hours = len(hours) == 24
    if not all_hours and len(minutes) * len(hours) <= _LISTED:
        return "at " + _list([f"{hour:02}:{minute:02}" for hour in hours for minute in minutes])
    together = _pace(hours) == 1
    if len(minutes) > 1:
        step = _step(minutes, 60) or (len(hours) == 1 and _pace(minutes))
        often = "every minute" if step == 1 else f"every {step} minutes"
        if step and all_hours:
            return f"{often} from minute {minutes[0]}" if minutes[0] else often
        if step and together:
            return f"{often} {_span(cron)}"
        of = "every hour" if all_hours else f"the hour{'s' if len(hours) > 1 else ''} {_list(_runs(hours, 0))}"
        return f"{often} of {of}" if step == 1 else f"at minutes {_list(_runs(minutes, 0))} of {of}"
    step = _step(hours, 24)
    often = "every hour" if step == 1 else f"every {step} hours"
    if step and not hours[0]:
        return f"{often} at minute {minutes[0]}" if minutes[0] else often
    if step:
        return f"{often} from {hours[0]:02}:{minutes[0]:02}"
    return f"every hour {_span(cron)}" if together else f"at minute {minutes[0]} of the hours {_list(_runs(hours, 0))}"


def _span(cron: Cron) -> str:
    return f"from {cron.hours[0]:02}:{cron.minutes[0]:02} to {cron.hours[-1]:02}:{cron.minutes[-1]:02}"


def _pace(values: Sequence[int]) -> int | None:
    """n where each value is n more than the one before, 1 of a single value."""
    steps = {after - before for before, after in pairwise(values)} or {1}
    return steps.pop() if len(steps) == 1 else None


def _step(values: Sequence[int], size: int) -> int | None:
    """n where the values are every n-th of the whole day or hour, without a shorter rest around its end."""
    step = size // len(values)
    return step if tuple(values) == tuple(range(values[0], size, step)) and size % step == 0 and values[0] < step else None


def _days(cron: Cron) -> str:
    """The days, "" for every day of every month."""
    kind, values = cron.days
    months = _list(_runs(cron.months, 1, _MONTHS)) if len(cron.months) < 12 else ""
    if (kind, len(values)) in (("dates", 31), ("weekdays", 7)):
        return f"in {months}" if months else ""
    if kind == "weekdays":
        return f"on {_list(_runs(values, 0, _DAYS))}" + (f" in {months}" if months else "")
    days = {
        "dates": lambda: f"day{'s' if len(values) > 1 else ''} {_list(_runs(values, 0))}",
        "last": lambda: "the last day",
        "last weekday": lambda: "the last day from Monday to Friday",
        "nearest": lambda: f"the day from Monday to Friday nearest to day {values[0]}",
        "nth": lambda: f"the {_NTH[values[1]]} {_DAYS[values[0]]}",
        "last of": lambda: f"the last {_DAYS[values[0]]}",
    }
    return f"on {days[kind]()} of {months or 'every month'}"


def _runs(values: Sequence[int], low: int, names: Sequence[str] = ()) -> list[str]:
    """Values and, from three in a row on, ranges of them."""
    if len(values) > _LISTED and (_pace(values) or 1) > 1:
        return [f"{', '.join(map(str, values[:3]))} ... {values[-1]}"]
    parts: list[list[int]] = []
    for value in values:
        if parts and value == parts[-1][-1] + 1:
            parts[-1].append(value)
        else:
            parts.append([value])
    named = [[names[value - low] if names else str(value) for value in part] for part in parts]
    return [text for part in named for text in ([f"{part[0]} to {part[-1]}"] if len(part) > 2 else part)]


def _list(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
