"""Schedules against two engines that are not ours: cronsim, which follows Debian's cron, and EventBridge's rules taken literally,
minute by minute on the clock of a zone."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim, CronSimError
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from transload._schedule import Schedule, ScheduleError, due_between, next_fire_times, parse, previous_fire_time, read

# The same examples each time; a slow machine is no failure.
STEADY = settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
BOUNDS = {"minute": (0, 59), "hour": (0, 23), "date": (1, 31), "month": (1, 12), "weekday": (0, 7)}
STARTS = st.datetimes(datetime(1999, 12, 1), datetime(2101, 3, 2), timezones=st.just(UTC)).map(
    lambda time: time.replace(microsecond=0)
)


def either_case(text: str) -> st.SearchStrategy[str]:
    return st.sampled_from([text, text.lower(), text.title()])


@st.composite
def unix_item(draw: st.DrawFn, field: str) -> str:
    low, high = BOUNDS[field]

    def written(value: int) -> str:
        names = {"month": ["", *MONTHS], "weekday": [*DAYS, "7"]}.get(field)
        return draw(either_case(names[value])) if names and draw(st.booleans()) else str(value).zfill(draw(st.integers(1, 2)))

    form = draw(st.sampled_from(["value", "value", "range", "range step", "star", "star step"]))
    first = draw(st.integers(low, high))
    if form == "value":
        return written(first)
    if form.startswith("star"):
        return "*" if form == "star" else f"*/{draw(st.integers(1, high + 20))}"
    assume(first < high)
    last = draw(st.integers(first + 1, high))
    # A range that ends with the name of Sunday would run backwards.
    ends = f"{written(first)}-{written(last) if (field, last) != ('weekday', 7) else 7}"
    return ends if form == "range" else f"{ends}/{draw(st.integers(1, high + 5))}"


@st.composite
def unix_field(draw: st.DrawFn, field: str) -> str:
    if draw(st.integers(0, 2)) == 0:
        return "*"
    return ",".join(draw(st.lists(unix_item(field), min_size=1, max_size=draw(st.sampled_from([1, 1, 1, 4])))))


def unix(**fields: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*(fields.get(field, unix_field(field)) for field in BOUNDS)).map(" ".join)


def engine(text: str, after: datetime, count: int = 50) -> list[datetime] | None:
    """cronsim's times; None where there are none."""
    try:
        return list(islice(CronSim(text, after), count)) or None
    except CronSimError:
        return None


def attempt(text: str) -> tuple[Schedule | None, str]:
    """The schedule, or why it is none."""
    try:
        return parse(text), ""
    except ScheduleError as error:
        return None, error.reason


def held(field: str, text: str) -> set[int]:
    """The values of a field, asked of cronsim."""
    place = list(BOUNDS).index(field)
    probe = CronSim(" ".join("*" if number != place else text for number in range(5)), datetime(2026, 1, 1))
    return set({"date": probe.days, "weekday": {value % 7 for value in probe.weekdays if isinstance(value, int)}}[field])


@settings(STEADY, max_examples=250)
@given(unix(), STARTS)
def test_every_unix_expression_fires_when_an_independent_engine_says_or_is_refused_for_its_two_day_fields(text, after):
    _, _, dates, _, weekdays = text.split()
    wanted = engine(text, after)
    schedule, reason = attempt(text)
    if schedule is None and "never fires" in reason:
        assert wanted is None
        return
    if schedule is None:
        assert "wants a day to match both" in reason
        assert dates.startswith("*") or weekdays.startswith("*")
        assert len(held("date", dates)) < 31
        assert len(held("weekday", weekdays)) < 7
        return
    assert wanted is not None
    assert [*schedule.next(after, 50)] == wanted
    # What we give to EventBridge fires then, by an evaluator that shares nothing with ours.
    years = max(2, wanted[-1].year - after.year + 1)
    fired = sorted({time for expression in schedule.expressions for time in wall_times(expression, after, wanted[-1], years)})
    assert fired == [time.replace(tzinfo=None) for time in wanted]


@settings(STEADY, max_examples=100)
@given(
    unix(
        minute=st.just("0"),
        hour=st.just("0"),
        month=st.sampled_from(["*", "*", "2", "2,4", "4,6"]),
        date=st.sampled_from(["*/100,1-7", "*/100,8-14", "1-7", "8-14,22-28", "29-31", "*/31,2-7,15-21", "*/2", "*/1", "*", "*/7"])
        | st.sampled_from(["29", "29,30", "1-29", "*/100,2-30", "31"]),
    ),
    STARTS,
)
def test_the_two_day_fields_together_are_days_that_both_match_or_a_refusal(text, after):
    schedule, reason = attempt(text)
    if schedule is None:
        assert "wants a day to match both" in reason or ("never fires" in reason and engine(text, after) is None)
        return
    assert [*schedule.next(after, 50)] == engine(text, after)


# --- EventBridge, literally -------------------------------------------------------------------------------------------------------


def numbers(text: str, low: int, high: int, names: list[str]) -> set[int]:
    for number, name in enumerate(names, low):
        text = text.replace(name, str(number))
    chosen = set()
    for item in text.split(","):
        ends, _, step = item.partition("/")
        first, _, last = ends.partition("-")
        if first == "*":
            first, last = str(low), str(high)
        value, left = int(first), int(last or (high if step else first))
        every = 0
        while True:
            if every % int(step or 1) == 0:
                chosen.add(value)
            if value == left:
                break
            value, every = (value + 1 if value < high else low), every + 1
    return chosen


def day_rule(dates: str, weekdays: str) -> Callable[[date], bool]:
    """Is this a day of the expression? Sunday is 1."""

    def weekday(day: date) -> int:
        return day.isoweekday() % 7 + 1

    def month_of(day: date) -> list[date]:
        days = (date(day.year, day.month, 1) + timedelta(days=number) for number in range(31))
        return [other for other in days if other.month == day.month]

    if weekdays == "?":
        if dates == "L":
            return lambda day: day == month_of(day)[-1]
        if dates == "LW":
            return lambda day: day == [other for other in month_of(day) if other.isoweekday() < 6][-1]
        if dates.endswith("W"):
            number = int(dates[:-1])
            return lambda day: (
                len(month_of(day)) >= number
                and day == min((o for o in month_of(day) if o.isoweekday() < 6), key=lambda other: abs(other.day - number))
            )
        chosen = numbers(dates, 1, 31, [])
        return lambda day: day.day in chosen
    if weekdays == "L":
        return lambda day: weekday(day) == 7
    if "#" in weekdays:
        (wanted,), nth = numbers(weekdays.partition("#")[0], 1, 7, DAYS), int(weekdays[-1])
        return lambda day: weekday(day) == wanted and [o for o in month_of(day) if weekday(o) == wanted].index(day) == nth - 1
    if weekdays.endswith("L"):
        (wanted,) = numbers(weekdays[:-1], 1, 7, DAYS)
        return lambda day: weekday(day) == wanted and [o for o in month_of(day) if weekday(o) == wanted][-1] == day
    chosen = numbers(weekdays, 1, 7, DAYS)
    return lambda day: weekday(day) in chosen


def rule(expression: str) -> tuple[Callable[[date], bool], set[int], set[int]]:
    minute, hour, dates, month, weekdays, year = expression.removeprefix("cron(").removesuffix(")").split(" ")
    months, years, days = numbers(month, 1, 12, MONTHS), numbers(year, 1970, 2199, []), day_rule(dates, weekdays)
    return (
        lambda day: day.month in months and (year == "*" or day.year in years) and days(day),
        numbers(hour, 0, 23, []),
        numbers(minute, 0, 59, []),
    )


def wall_times(expression: str, after: datetime, until: datetime, years: int) -> Iterator[datetime]:
    """Wall-clock times within (after, until], day by day."""
    is_day, hours, minutes = rule(expression)
    clock = sorted((hour, minute) for hour in hours for minute in minutes)
    after, until = after.replace(tzinfo=None), until.replace(tzinfo=None)
    for number in range(years * 366 + 1):
        day = after.date() + timedelta(days=number)
        if day > until.date():
            return
        if is_day(day):
            times = (datetime(day.year, day.month, day.day, *time) for time in clock)
            yield from (time for time in times if after < time <= until)


def by_the_clock(expression: str, zone: ZoneInfo, start: datetime, end: datetime) -> list[datetime]:
    """Looks at the clock of the zone each minute: a time it shows for the first time is run if it is one of the expression."""
    is_day, hours, minutes = rule(expression)
    shown: set[datetime] = set()
    fired = []
    time = start - timedelta(hours=30)
    while time <= end:
        wall = time.astimezone(zone).replace(tzinfo=None)
        if wall not in shown and wall.minute in minutes and wall.hour in hours and is_day(wall.date()) and time > start:
            fired.append(time)
        shown.add(wall)
        time += timedelta(minutes=1)
    return fired


@st.composite
def eventbridge_field(draw: st.DrawFn, low: int, high: int, names: tuple[str, ...] = ()) -> str:
    def written(value: int) -> str:
        return names[value - low] if names and draw(st.booleans()) else str(value)

    items = []
    for _ in range(draw(st.sampled_from([1, 1, 1, 3]))):
        first, last, step = draw(st.integers(low, high)), draw(st.integers(low, high)), draw(st.integers(1, high))
        items.append(
            draw(
                st.sampled_from([written(first), f"{written(first)}-{written(last)}", f"{first}/{step}", f"{first}-{last}/{step}"])
            )
        )
    return ",".join(items) if draw(st.integers(0, 2)) else draw(st.sampled_from(["*", f"*/{draw(st.integers(1, high))}"]))


@st.composite
def eventbridge(draw: st.DrawFn) -> str:
    dates = st.one_of(eventbridge_field(1, 31), st.sampled_from(["L", "LW"]), st.integers(1, 31).map("{}W".format))
    nth = st.tuples(st.sampled_from([*DAYS, *"1234567"]), st.integers(1, 5)).map(lambda pair: f"{pair[0]}#{pair[1]}")
    weekdays = st.one_of(eventbridge_field(1, 7, tuple(DAYS)), nth, st.sampled_from([*"1234567"]).map("{}L".format), st.just("L"))
    days = draw(st.one_of(dates.map(lambda text: (text, "?")), weekdays.map(lambda text: ("?", text))))
    month = draw(st.one_of(st.just("*"), eventbridge_field(1, 12, tuple(MONTHS))))
    year = draw(st.sampled_from(["*", "*", "2024-2028", "2025/2", "2024,2026,2030"]))
    return f"cron({draw(eventbridge_field(0, 59))} {draw(eventbridge_field(0, 23))} {days[0]} {month} {days[1]} {year})"


@settings(STEADY, max_examples=120)
@given(eventbridge(), st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC)))
def test_an_eventbridge_expression_fires_as_its_rules_say(expression, after):
    try:
        written = read(expression).text
    except ScheduleError as error:
        assume(re.search("never fires|256", error.reason) is None)
        raise
    after = after.replace(microsecond=0)
    end = after + timedelta(days=400)
    wanted = [time.replace(tzinfo=UTC) for time in islice(wall_times(expression, after, end, 2), 50)]
    found = next_fire_times(written, "UTC", after, 50)

    assert [time for time in found if time <= end] == wanted
    if wanted:
        assert due_between(written, "UTC", after, wanted[-1]) == wanted
        assert previous_fire_time(written, "UTC", wanted[-1] + timedelta(seconds=1)) == wanted[-1]
        assert previous_fire_time(written, "UTC", wanted[-1]) == (
            wanted[-2] if wanted[1:] else previous_fire_time(written, "UTC", after + timedelta(seconds=1))
        )


# Zones with an hour and with half an hour of daylight saving, in both halves of the year, at midnight, and without any.
CHANGES = [
    ("Europe/Berlin", datetime(2026, 3, 29, 1)),
    ("Europe/Berlin", datetime(2026, 10, 25, 1)),
    ("America/New_York", datetime(2026, 3, 8, 7)),
    ("America/New_York", datetime(2026, 11, 1, 6)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 15)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, 15, 30)),
    ("America/Havana", datetime(2025, 3, 9, 5)),
    ("America/Havana", datetime(2025, 11, 2, 5)),
    ("America/Santiago", datetime(2025, 4, 6, 3)),
    ("America/Santiago", datetime(2025, 9, 7, 4)),
    ("Africa/Casablanca", datetime(2026, 2, 15, 2)),
    ("Asia/Kathmandu", datetime(2026, 3, 29, 1)),
]


@pytest.mark.parametrize(("name", "change"), CHANGES, ids=lambda value: str(value).replace(" ", "T"))
@settings(STEADY, max_examples=8)
@given(
    minute=eventbridge_field(0, 59),
    hour=st.one_of(st.sampled_from(["*", "0", "1", "2", "3", "0-3", "23", "1,2"]), eventbridge_field(0, 23)),
    days=st.sampled_from(["* * ?", "? * SUN", "? * SAT-SUN", "1-15 * ?", "L * ?"]),
    minutes_before=st.integers(0, 300),
)
def test_on_the_day_the_clocks_change_each_time_they_show_runs_once(name, change, minute, hour, days, minutes_before):
    expression, zone = f"cron({minute} {hour} {days} *)", ZoneInfo(name)
    start = change.replace(tzinfo=UTC) - timedelta(minutes=minutes_before)
    end = change.replace(tzinfo=UTC) + timedelta(hours=30)
    assume("256" not in attempt(expression)[1])
    wanted = by_the_clock(expression, zone, start, end)

    assert due_between(expression, name, start, end) == wanted
    before = end + timedelta(minutes=1)
    for time in reversed(wanted):
        assert previous_fire_time(expression, name, before) == time
        before = time
