"""Schedules: what unix cron becomes in EventBridge, what is refused and why, and when a schedule fires."""

import re
import shlex
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from transload._schedule import ScheduleError, due_between, next_fire_times, parse, previous_fire_time, read, zone_of
from transload.cli.schedule import command

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

TRANSLATED = {
    "30 2 * * *": ["cron(30 2 * * ? *)"],
    "* * * * *": ["cron(* * * * ? *)"],
    "*/1 */1 */1 */1 */1": ["cron(* * * * ? *)"],
    "*/5 * * * *": ["cron(0/5 * * * ? *)"],
    "0,30 * * * *": ["cron(0/30 * * * ? *)"],
    "*/7 */3 * * *": ["cron(0/7 0/3 * * ? *)"],
    "*/45 * * * *": ["cron(0,45 * * * ? *)"],
    "*/90 * * * *": ["cron(0 * * * ? *)"],
    "5-59/15 * * * *": ["cron(5/15 * * * ? *)"],
    "5-30/15 * * * *": ["cron(5,20 * * * ? *)"],
    "1-5,7,9-10 * * * *": ["cron(1-5,7,9,10 * * * ? *)"],
    "05 08 * * *": ["cron(5 8 * * ? *)"],
    "0 9-17/2 * * *": ["cron(0 9,11,13,15,17 * * ? *)"],
    "0 0 1 * *": ["cron(0 0 1 * ? *)"],
    "0 0 */2 * *": ["cron(0 0 1/2 * ? *)"],
    "0 0 1 */3 *": ["cron(0 0 1 1,4,7,10 ? *)"],
    "0 0 1 jan,JUL *": ["cron(0 0 1 1,7 ? *)"],
    "0 0 1 Jan-mar *": ["cron(0 0 1 1-3 ? *)"],
    "0 0 29 2 *": ["cron(0 0 29 2 ? *)"],
    "0 9 * * 1-5": ["cron(0 9 ? * MON-FRI *)"],
    "0 9 * * mon-FRI": ["cron(0 9 ? * MON-FRI *)"],
    "0 9 * * 0": ["cron(0 9 ? * SUN *)"],
    "0 9 * * 7": ["cron(0 9 ? * SUN *)"],
    "0 9 * * sun": ["cron(0 9 ? * SUN *)"],
    "0 9 * * 5-7": ["cron(0 9 ? * SUN,FRI,SAT *)"],
    "0 9 * * 1-7/2": ["cron(0 9 ? * SUN,MON,WED,FRI *)"],
    "0 9 * * */2": ["cron(0 9 ? * SUN,TUE,THU,SAT *)"],
    "0 9 * * */7": ["cron(0 9 ? * SUN *)"],
    "0 9 * * 0-7": ["cron(0 9 * * ? *)"],
    "0 9 * * 1-7": ["cron(0 9 * * ? *)"],
    "0 9 * * mon,3,Fri": ["cron(0 9 ? * MON,WED,FRI *)"],
    "\t0  9\t*   * 1 ": ["cron(0 9 ? * MON *)"],
    # Both day fields: either of them.
    "30 4 1,15 * 5": ["cron(30 4 1,15 * ? *)", "cron(30 4 ? * FRI *)"],
    "0 0 1-31/2 * 1": ["cron(0 0 1/2 * ? *)", "cron(0 0 ? * MON *)"],
    # One of them always matches, so the other says nothing.
    "0 0 1 * 0-6": ["cron(0 0 * * ? *)"],
    "0 0 1-31 * 1": ["cron(0 0 * * ? *)"],
    "0 0 5,* * 1": ["cron(0 0 * * ? *)"],
    # One of them never comes: the other alone.
    "0 0 31 2 1": ["cron(0 0 ? 2 MON *)"],
    # A star that holds every day is no restriction, so both is the other.
    "0 0 */1 * 1": ["cron(0 0 ? * MON *)"],
    "0 0 *,5 * 1": ["cron(0 0 ? * MON *)"],
    "0 0 13 * */1": ["cron(0 0 13 * ? *)"],
    "0 0 */2 * 0-6": ["cron(0 0 1/2 * ? *)"],
    # Both, on the dates of one week of the month: EventBridge counts weekdays.
    "0 9 */100,1-7 * MON": ["cron(0 9 ? * MON#1 *)"],
    "0 9 8-14 * */7": ["cron(0 9 ? * SUN#2 *)"],
    "0 0 29 2 */7": ["cron(0 0 ? 2 SUN#5 *)"],
    "0 0 29,30 2,4 */7": ["cron(0 0 ? 2,4 SUN#5 *)"],
    # Every date that these months have.
    "0 0 1-29 2 */2": ["cron(0 0 ? 2 SUN,TUE,THU,SAT *)"],
    "0 0 1-30 4,6 1": ["cron(0 0 * 4,6 ? *)"],
    "0 9 */100,1-7 * 2,4": ["cron(0 9 ? * TUE#1 *)", "cron(0 9 ? * THU#1 *)"],
    "@yearly": ["cron(0 0 1 1 ? *)"],
    "@annually": ["cron(0 0 1 1 ? *)"],
    "@monthly": ["cron(0 0 1 * ? *)"],
    "@weekly": ["cron(0 0 ? * SUN *)"],
    "@daily": ["cron(0 0 * * ? *)"],
    "@midnight": ["cron(0 0 * * ? *)"],
    "@hourly": ["cron(0 * * * ? *)"],
}


@pytest.mark.parametrize("text", TRANSLATED)
def test_unix_cron_is_written_as_eventbridge_expressions(text):
    assert list(parse(text).expressions) == TRANSLATED[text]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty: write five cron fields"),
        ("   ", "empty: write five cron fields"),
        ("banana", "write five cron fields as in 30 2 * * *, or @daily, cron(...), rate(...), at(...)"),
        ("# 0 0 * * *", "a comment: write five"),
        ("@reboot", "@reboot has no time"),
        ("@fortnightly", "'@fortnightly' is not one of @yearly, @annually,"),
        ("@every 5m", "@every is not cron's; nearest: rate(5 minutes)"),
        ("@daily root backup.sh", "only the nickname makes the schedule, without user and command; nearest: @daily"),
        ("0 0 * *", "unix cron has 5 fields (minute hour day-of-month month day-of-week), not 4"),
        ("0 0 * * * *", "unix cron has 5 fields, not 6: seconds cannot be scheduled; with a year write cron(...)"),
        ("0 9 ? * MON-FRI *", "six fields are EventBridge's own form; nearest: cron(0 9 ? * MON-FRI *)"),
        ("0 9 * * * root backup.sh", "only the five time fields make the schedule, without user and command; nearest: 0 9 * * *"),
        ("0 9 * * * date +%F", "without user and command; nearest: 0 9 * * *"),
        ("0 9 * * * # nightly", "without user and command; nearest: 0 9 * * *"),
        ("60 * * * *", "minute 60 is outside 0-59"),
        ("0 24 * * *", "hour 24 is outside 0-23"),
        ("0 0 0 * *", "day-of-month 0 is outside 1-31"),
        ("0 0 32 * *", "day-of-month 32 is outside 1-31"),
        ("0 0 1 0 *", "month 0 is outside 1-12"),
        ("0 0 1 13 *", "month 13 is outside 1-12"),
        ("0 0 * * 8", "day-of-week 8 is outside 0-7"),
        ("0\u30000\u3000*\u3000*\u3000*", "unix cron has 5 fields (minute hour day-of-month month day-of-week), not 1"),
        ("0 0 *\n* *", "unix cron has 5 fields (minute hour day-of-month month day-of-week), not 4"),
        ("-5 * * * *", "minute '-5': '-5' is not *, a value"),
        ("0 0 1 january *", "month 'january' is not one of 1-12 or JAN-DEC"),
        ("0 0 * * monday", "day-of-week 'monday' is not one of 0-7 or SUN-SAT"),
        ("mon * * * *", "minute 'mon' is not one of 0-59"),
        ("٣ * * * *", "minute '٣' is not one of 0-59"),
        ("1,,2 * * * *", "minute '1,,2': '' is not *"),
        ("1, * * * *", "minute '1,': '' is not *"),
        ("1-5-7 * * * *", "minute '1-5-7': '1-5-7' is not *"),
        ("*/5/2 * * * *", "minute '*/5/2': '*/5/2' is not *"),
        ("*/ * * * *", "minute '*/': '*/' is not *"),
        ("1- * * * *", "minute '1-': '1-' is not *"),
        ("*-5 * * * *", "minute '*' is not one of 0-59"),
        ("*/0 * * * *", "minute '*/0': the step '0' is not a number above 0"),
        ("*/x * * * *", "minute '*/x': the step 'x' is not a number above 0"),
        ("5/15 * * * *", "minute '5/15': in cron a step follows * or a range; nearest: 5-59/15 * * * *"),
        ("0 0 * * 1/2", "day-of-week '1/2': in cron a step follows * or a range; nearest: 0 0 * * 1-6/2"),
        ("0 22-2 * * *", "hour '22-2' runs backwards: in cron a range does not wrap; nearest: 0 22-23,0-2 * * *"),
        ("0 0 * * sat-sun", "day-of-week 'sat-sun' runs backwards: in cron a range does not wrap; nearest: 0 0 * * sat,sun"),
        ("0 20-4/4 * * *", "hour '20-4/4' runs backwards: in cron a range does not wrap; nearest: 0 20,0,4 * * *"),
        ("0 0 ? * 1", "day-of-month '?' is EventBridge's: unix cron writes *; nearest: 0 0 * * 1"),
        ("0 0 L * *", "day-of-month 'L': L, W and # are EventBridge's and stand inside cron(...) only"),
        ("0 0 15W * *", "day-of-month '15W': L, W and # are EventBridge's"),
        ("0 0 * * MON#2", "day-of-week 'MON#2': L, W and # are EventBridge's"),
        ("0 0 * * 5L", "day-of-week '5L': L, W and # are EventBridge's"),
        ("H * * * *", "minute 'H' is Jenkins' syntax: choose a value"),
        ("H/15 * * * *", "minute 'H/15' is Jenkins' syntax: choose a value"),
        ("0 H(0-7) * * *", "hour 'H(0-7)' is Jenkins' syntax: choose a value"),
        ("0~30 * * * *", "minute '0~30': a random time (~) cannot be scheduled, choose one"),
        ("0 0 31 2 *", "never fires: month '2' has no day '31'"),
        ("0 0 31 2 */2", "never fires: month '2' has no day '31'"),
        ("0 0 30-31 feb *", "never fires: month 'feb' has no day '30-31'"),
        ("0 0 31 4,6,9,11 *", "never fires: month '4,6,9,11' has no day '31'"),
        (
            "0 0 */2 * 1",
            "day-of-month '*/2' and day-of-week '1': as '*/2' starts with *, cron wants a day to match both, and EventBridge knows "
            "no such day; nearest: 0 0 * * 1 with a job that looks at the date itself",
        ),
        ("0 0 13 * */2", "as '*/2' starts with *, cron wants a day to match both"),
        ("0 0 */2 * */2", "as '*/2' starts with *, cron wants a day to match both"),
        ("0 0 */100,1-7 * 1,2,3", "as '*/100,1-7' starts with *, cron wants a day to match both"),
    ],
)
def test_what_cron_or_eventbridge_cannot_do_is_refused_with_the_reason(text, reason):
    with pytest.raises(ScheduleError) as caught:
        parse(text)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        # Steps, ranges and ? as EventBridge and others read them, all of them at once.
        ("0/5 8/4 ? * MON", "0-59/5 8-23/4 * * MON"),
        ("1-3,10/20,55-5 * * * *", "1-3,10-59/20,55-59,0-5 * * * *"),
        ("0 0 * * fri-tue/2", "0 0 * * fri,sun,tue"),
        ("0 0 * nov-feb 7-2", "0 0 * nov-12,1-feb sun,mon,tue"),
        ("0/5 0 */2 * 1", "0-59/5 0 * * 1 with a job that looks at the date itself"),
        ("0/5 * * * * root backup.sh", "0-59/5 * * * *"),
        # Days that EventBridge has and unix cron has not, counted as unix cron counts.
        ("*/90 0 L * *", "cron(0 0 L * ? *)"),
        ("0/20 9 15W jan-mar ?", "cron(0/20 9 15W 1-3 ? *)"),
        ("0 9 * * 1#2", "cron(0 9 ? * MON#2 *)"),
        ("0 9 ? * friL", "cron(0 9 ? * 6L *)"),
        ("0 9 * * 5L", "cron(0 9 ? * 6L *)"),
        ("0 9 * * 0L", "cron(0 9 ? * 1L *)"),
        # Seconds in front; with ? the days are counted as EventBridge counts them.
        ("0 */10 * * * *", "*/10 * * * *"),
        ("00 0 9 * * MON-FRI", "0 9 * * MON-FRI"),
        ("0 0/15 * * * *", "0-59/15 * * * *"),
        ("0 15 10 ? * 2-6", "cron(15 10 ? * 2-6 *)"),
        ("0 15 10 L * ?", "cron(15 10 L * ? *)"),
        ("0 0 12 1/5 * ? 2027", "cron(0 12 1/5 * ? 2027)"),
        ("@every 1h30m", "rate(90 minutes)"),
        ("@every 24h0m0s", "rate(24 hours)"),
        # What has no equal, or is wrong elsewhere too.
        ("0/5 25 * * *", None),
        ("0 0 1,L * *", None),
        ("0 0 1 * 5L", None),
        ("0 0 L-3 * *", None),
        ("60 0 L * *", None),
        ("0 99 * * * root backup.sh", None),
        ("*/5 * * * * *", None),
        ("30 0 12 * * ?", None),
        ("0 0 0 * * 4#6", None),
        ("0 0 12 * * * 2027", None),
        ("@every 0m", None),
        ("@every 90s", None),
    ],
)
def test_the_nearest_thing_that_can_be_expressed_is_a_whole_schedule(text, nearest):
    with pytest.raises(ScheduleError) as caught:
        parse(text)
    assert caught.value.nearest == nearest
    assert nearest is None or parse(nearest.removesuffix(" with a job that looks at the date itself")).expressions


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("cron(0 9 * * ? *)", "cron(0 9 * * ? *)"),
        ("cron(0 9 * * ?)", "cron(0 9 * * ? *)"),
        ("CRON(0/15 08 ? jan-Mar mon-fri 2026-2030/2)", "cron(0/15 8 ? JAN-MAR MON-FRI 2026-2030/2)"),
        ("cron(*/10 1,3-5,7 1-15 1/3 ? *)", "cron(*/10 1,3-5,7 1-15 1/3 ? *)"),
        ("cron(0 0 L * ? *)", "cron(0 0 L * ? *)"),
        ("cron(0 0 LW * ? *)", "cron(0 0 LW * ? *)"),
        ("cron(0 0 15W * ? *)", "cron(0 0 15W * ? *)"),
        ("cron(0 0 ? * L *)", "cron(0 0 ? * L *)"),
        ("cron(0 0 ? * 6L *)", "cron(0 0 ? * 6L *)"),
        ("cron(0 0 ? * FRIL *)", "cron(0 0 ? * 6L *)"),
        ("cron(0 0 ? * 2#1 *)", "cron(0 0 ? * 2#1 *)"),
        ("cron(0 0 ? * mon#5 *)", "cron(0 0 ? * MON#5 *)"),
        ("cron(0/30 20-2 ? * MON *)", "cron(0/30 20-23,0-2 ? * MON *)"),
        ("cron(0 9 ? * FRI-MON *)", "cron(0 9 ? * 6-7,1-2 *)"),
        ("cron(0 20-4/3 * * ? *)", "cron(0 20,23,2 * * ? *)"),
        ("rate(5 minutes)", "rate(5 minutes)"),
        ("rate(1 minute)", "rate(1 minute)"),
        ("rate(1 hours)", "rate(1 hour)"),
        ("rate(12 hour)", "rate(12 hours)"),
        ("RATE(7 Days)", "rate(7 days)"),
        ("at(2027-01-02T03:04:05)", "at(2027-01-02T03:04:05)"),
        ("at(2027-01-02T03:04)", "at(2027-01-02T03:04:00)"),
    ],
)
def test_eventbridge_expressions_are_taken_and_written_in_their_full_form(text, written):
    assert parse(text).expressions == (written,)
    assert read(written).text == written


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("cron(0 9 * * * *)", "cron() wants ? in exactly one of day-of-month and day-of-week; nearest: cron(0 9 * * ? *)"),
        ("cron(0 9 ? * ? *)", "cron() wants ? in exactly one of day-of-month and day-of-week; nearest: cron(0 9 * * ? *)"),
        ("cron(0 9 * * MON *)", "cron() wants ? in exactly one of day-of-month and day-of-week; nearest: cron(0 9 ? * MON *)"),
        ("cron(0 9 1 * * *)", "cron() wants ? in exactly one of day-of-month and day-of-week; nearest: cron(0 9 1 * ? *)"),
        ("cron(0 9 1 * MON *)", "cron() wants ? in exactly one of day-of-month and day-of-week"),
        ("cron(0  9 * * ? *)", "exactly one space between the fields of cron(); nearest: cron(0 9 * * ? *)"),
        ("cron( 0 9 * * ? *)", "exactly one space between the fields of cron(); nearest: cron(0 9 * * ? *)"),
        ("cron(0\t9 * * ? *)", "exactly one space between the fields of cron(); nearest: cron(0 9 * * ? *)"),
        ("cron(0 9 * *)", "cron() has 6 fields (minute hour day-of-month month day-of-week year), not 4"),
        ("cron(0 0 9 * * ? *)", "cron() has 6 fields (minute hour day-of-month month day-of-week year), not 7"),
        ("cron()", "cron() has 6 fields (minute hour day-of-month month day-of-week year), not 0"),
        ("cron(0  99 * * ? *)", "hour 99 is outside 0-23"),
        ("cron(0  9 * * * *)", "cron() wants ? in exactly one of day-of-month and day-of-week; nearest: cron(0 9 * * ? *)"),
        ("cron(60 9 * * ? *)", "minute 60 is outside 0-59"),
        ("cron(0 9 ? * 0 *)", "day-of-week 0 is outside 1-7"),
        ("cron(0 9 ? * 8 *)", "day-of-week 8 is outside 1-7"),
        ("cron(0 9 0 * ? *)", "day-of-month 0 is outside 1-31"),
        ("cron(0 9 * 13 ? *)", "month 13 is outside 1-12"),
        ("cron(0 9 * * ? 1969)", "year 1969 is outside 1970-2199"),
        ("cron(0 9 * * ? 2030-2026)", "year 2030-2026 runs backwards"),
        ("cron(0 ? * * ? *)", "hour '?' is not a value, a range a-b, a step a/n or a list of these"),
        ("cron(*/60 * * * ? *)", "minute step 60 is not one of 1-59"),
        ("cron(0/0 * * * ? *)", "minute step 0 is not one of 1-59"),
        ("cron(/5 * * * ? *)", "minute '/5' is not a value"),
        ("cron(*,5 * * * ? *)", "minute '*,5' is not a value"),
        ("cron(5, * * * ? *)", "minute '5,' is not a value"),
        ("cron(0 9 ? * MONDAY *)", "day-of-week 'MONDAY' is not one of 1-7 or SUN-SAT"),
        ("cron(0 9 ? * MON#6 *)", "day-of-week 'MON#6': # takes one day, a number 1-5 and nothing beside them, as in MON#1"),
        ("cron(0 9 ? * 3#1,6#3 *)", "day-of-week '3#1,6#3': # takes one day"),
        ("cron(0 9 1,L * ? *)", "day-of-month '1,L': L, LW and 15W stand alone in EventBridge"),
        ("cron(0 9 L-3 * ? *)", "day-of-month 'L-3': L, LW and 15W stand alone in EventBridge"),
        ("cron(0 9 32W * ? *)", "day-of-month 32 is outside 1-31"),
        ("cron(0 0 31 2 ? *)", "cron(0 0 31 2 ? *) never fires: no such day exists"),
        ("cron(0 0 29 2 ? 2027)", "cron(0 0 29 2 ? 2027) never fires: no such day exists"),
        ("cron(0 9 * * ? *", "'cron(0 9 * * ? *' is not cron(...), rate(...) or at(...)"),
        ("cron (0 9 * * ? *)", "'cron (0 9 * * ? *)' is not cron(...), rate(...) or at(...)"),
        ("rate(0 minutes)", "rate(0 minutes) is not between 1 minute and 100 years"),
        ("rate(-1 minutes)", "rate(-1 minutes) is not rate(N minutes), rate(N hours) or rate(N days)"),
        ("rate(1.5 hours)", "rate(1.5 hours) is not rate(N minutes), rate(N hours) or rate(N days)"),
        ("rate(5 weeks)", "rate(5 weeks) is not rate(N minutes), rate(N hours) or rate(N days)"),
        ("rate(5)", "rate(5) is not rate(N minutes)"),
        ("rate(5minutes)", "one space between the number and the unit of rate(); nearest: rate(5 minutes)"),
        ("rate( 5 minutes )", "one space between the number and the unit of rate(); nearest: rate(5 minutes)"),
        (f"rate({'9' * 5000} days)", "is not between 1 minute and 100 years"),
        ("at(2027-01-02)", "at(2027-01-02) is not at(yyyy-mm-ddThh:mm:ss) with a time that exists"),
        ("at(2027-02-29T00:00:00)", "at(2027-02-29T00:00:00) is not at(yyyy-mm-ddThh:mm:ss) with a time that exists"),
        ("at(2027-01-02 03:04:05)", "at() wants T between the date and the time; nearest: at(2027-01-02T03:04:05)"),
        ("at(2027-01-02T03:04:05Z)", "at() has no zone and no fractions of a second: the zone is the schedule's own"),
        ("at(2027-01-02T03:04:05.000)", "at() has no zone and no fractions of a second"),
        ("at(1969-01-02T03:04:05)", "year 1969 is outside 1970-2199"),
    ],
)
def test_what_eventbridge_refuses_is_refused_with_the_reason(text, reason):
    with pytest.raises(ScheduleError) as caught:
        parse(text)
    assert reason in str(caught.value)


def test_an_expression_longer_than_eventbridge_takes_is_refused():
    fields = [",".join(str(value) for value in range(low, high + 1) if value % 4 != 3) for low, high in ((0, 59), (0, 23), (1, 31))]
    with pytest.raises(ScheduleError, match=r"2[0-9]+ characters, and EventBridge takes 256: make two schedules of it"):
        read(f"cron({fields[0]} {fields[1]} {fields[2]} 1,3,5,6,7,8,9,10,11,12 ? 2026,2027,2028,2029)")


def test_no_unix_expression_is_longer_than_eventbridge_takes():
    # Two values and a gap are the most characters a field can need.
    fields = [
        ",".join(str(value) for value in range(low, high + 1) if value % 3) for low, high in ((0, 59), (0, 23), (1, 31), (1, 12))
    ]
    assert len(parse(f"{' '.join(fields)} *").expressions[0]) == 240


@settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(st.sampled_from("0123456789*/-,?LW#@%() \tMONJABcronateT:"), max_size=40) | st.text(max_size=40))
def test_any_text_is_a_schedule_or_one_line_of_reason(text):
    try:
        schedule = parse(text)
    except ScheduleError as error:
        said, times = str(error), ()
    else:
        said, times = schedule.words, schedule.next(NOW, 3)
    assert len(said.splitlines()) == 1
    assert all(time > NOW for time in times)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("asia/tokyo", "Asia/Tokyo"),
        ("Tokyo", "Asia/Tokyo"),
        ("JST", "Asia/Tokyo"),
        ("PST", "US/Pacific"),
        ("Europe/Berln", "Europe/Berlin"),
        ("America/New York", "America/New_York"),
        ("Asia/Paris", "Europe/Paris"),
    ],
)
def test_an_unknown_time_zone_names_the_nearest_one(name, nearest):
    with pytest.raises(ScheduleError, match=f"time zone '{name}' is unknown; nearest: {nearest}$"):
        parse("@daily", name)


@pytest.mark.parametrize(
    "name", ["", "x" * 51, "../etc/passwd", "/etc/localtime", "America", "posix/Asia/Tokyo", "localtime", "Mars/Base", "a\0b"]
)
def test_what_is_no_time_zone_is_refused(name):
    with pytest.raises(ScheduleError, match="time zone"):
        parse("@daily", name)


def test_a_number_of_a_yaml_file_is_refused_as_text_would_be():
    with pytest.raises(ScheduleError, match="unix cron has 5 fields"):
        parse(5)  # ty: ignore[invalid-argument-type]


def test_words_of_two_schedules_are_the_same_only_if_the_schedules_are():
    minutes = ("*", "0", "15", "*/15", "5-55/10", "0-30", "0-54/6", "*/7", "0,15,30", "15,45")
    hours = ("*", "0", "*/6", "*/2", "1-23/2", "0-20/2", "9-17", "22,23,0-5", "9", "9,17")
    days = ("* * *", "*/2 * *", "1-30/2 * *", "1 * *", "* * 1-5", "* 1 *", "1 1 1", "1 * 1", "1-7 * */7", "1,8 1-3 *")
    said: dict[str, set[tuple[str, ...]]] = {}
    for text in product(minutes, hours, days):
        schedule = parse(" ".join(text))
        said.setdefault(schedule.words, set()).add(schedule.expressions)
    assert len(said) > 900
    assert [words for words, schedules in said.items() if len(schedules) > 1] == []


def test_words_say_what_a_schedule_means():
    said = {
        "30 2 * * *": "every day at 02:30",
        "0 6,18 * * *": "every day at 06:00 and 18:00",
        "* * * * *": "every minute",
        "*/5 * * * *": "every 5 minutes",
        "0 * * * *": "every hour",
        "15 */2 * * *": "every 2 hours at minute 15",
        "0,20,45 * * * *": "at minutes 0, 20 and 45 of every hour",
        "0 9-17 * * 1-5": "every hour from 09:00 to 17:00 on Monday to Friday",
        "*/10 8-17 * * 1-5": "every 10 minutes from 08:00 to 17:50 on Monday to Friday",
        "0 9 * * 1-5": "at 09:00 on Monday to Friday",
        "0 0 1 * *": "at 00:00 on day 1 of every month",
        "30 4 1,15 * 5": "at 04:30 on days 1 and 15 of every month, and on Friday",
        "0 0 1 1 *": "at 00:00 on day 1 of January",
        "0 0 * 6-8 *": "every day at 00:00 in June to August",
        "5 * * 1 *": "every hour at minute 5 in January",
        "5-55/10 * * * *": "every 10 minutes from minute 5",
        "*/7 * * * *": "at minutes 0, 7, 14 ... 56 of every hour",
        "31 1-23/3 * * *": "every 3 hours from 01:31",
        "23 9-17 * * 1-5": "every hour from 09:23 to 17:23 on Monday to Friday",
        "0 22,23,0-5 * * *": "every day at minute 0 of the hours 0 to 5, 22 and 23",
        "15,45 */6 * * *": "every day at minutes 15 and 45 of the hours 0, 6, 12 and 18",
        "* */6 * * *": "every minute of the hours 0, 6, 12 and 18",
        "0-30 9 * * *": "every minute from 09:00 to 09:30",
        "0-6,30 9 * * *": "every day at minutes 0 to 6 and 30 of the hour 9",
        "0 0 */2 * *": "at 00:00 on days 1, 3, 5 ... 31 of every month",
        "cron(0 0 1 1 ? 2027/2)": "at 00:00 on day 1 of January in 2027, 2029, 2031 ... 2199",
        "cron(0 9 L * ? *)": "at 09:00 on the last day of every month",
        "cron(0 9 LW * ? *)": "at 09:00 on the last day from Monday to Friday of every month",
        "cron(0 9 15W * ? *)": "at 09:00 on the day from Monday to Friday nearest to day 15 of every month",
        "cron(0 9 ? * MON#2 *)": "at 09:00 on the second Monday of every month",
        "cron(15 10 ? * 6L 2026-2027)": "at 10:15 on the last Friday of every month in 2026 and 2027",
        "rate(5 minutes)": "every 5 minutes",
        "rate(1 day)": "every day",
        "at(2027-01-02T03:04:00)": "once, on 2027-01-02 at 03:04",
        "at(2027-01-02T00:00:00)": "once, on 2027-01-02 at 00:00",
    }
    assert {text: parse(text).words for text in said} == said


def test_two_expressions_on_one_day_are_one_run():
    schedule = parse("0 0 1,15 * 5")

    # 1 January 2027 is a Friday.
    times = schedule.next(datetime(2026, 12, 31, tzinfo=UTC), 3)

    assert [f"{time:%m-%d}" for time in times] == ["01-01", "01-08", "01-15"]
    assert all(
        next_fire_times(expression, "UTC", datetime(2026, 12, 31, tzinfo=UTC))[0] == times[0] for expression in schedule.expressions
    )


def test_times_are_strictly_later_than_the_start_and_in_the_zone_of_the_schedule():
    times = parse("0 3 * * *", "Asia/Tokyo").next(datetime(2026, 11, 22, 18, tzinfo=UTC), 2)

    assert [time.isoformat() for time in times] == ["2026-11-24T03:00:00+09:00", "2026-11-25T03:00:00+09:00"]


def test_a_start_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="has no time zone"):
        parse("@daily").next(datetime(2026, 11, 22), 1)


def test_a_rate_runs_from_its_start_and_knows_no_zone():
    start = datetime(2026, 3, 28, 12, 0, 30, tzinfo=UTC)

    assert next_fire_times("rate(1 day)", "Europe/Berlin", start - timedelta(days=9), 2, start=start) == [
        start,
        start + timedelta(days=1),
    ]
    assert next_fire_times("rate(1 day)", "Europe/Berlin", start, 1, start=start) == [start + timedelta(days=1)]
    # Over the change of the clocks a day stays 24 hours.
    assert parse("rate(1 days)", "Europe/Berlin").next(start, 1)[0].isoformat() == "2026-03-29T14:00:30+02:00"
    assert previous_fire_time("rate(2 hours)", "UTC", start + timedelta(hours=5), start=start) == start + timedelta(hours=4)
    assert previous_fire_time("rate(2 hours)", "UTC", start, start=start) is None
    assert previous_fire_time("rate(2 hours)", "UTC", start) is None
    assert due_between("rate(2 hours)", "UTC", start, start + timedelta(hours=4), rate_start=start) == [
        start + timedelta(hours=2),
        start + timedelta(hours=4),
    ]
    assert due_between("rate(2 hours)", "UTC", start, start + timedelta(hours=4)) == []


def test_an_at_runs_once_in_its_zone():
    schedule = parse("at(2027-01-02T03:04:05)", "Asia/Tokyo")
    once = datetime(2027, 1, 1, 18, 4, 5, tzinfo=UTC)

    assert schedule.next(NOW, 5) == (once,)
    assert schedule.next(once, 5) == ()
    assert previous_fire_time(schedule.expressions[0], "Asia/Tokyo", NOW + timedelta(days=365)) == once
    assert previous_fire_time(schedule.expressions[0], "Asia/Tokyo", once) is None


def test_an_at_in_the_hour_that_the_clocks_skip_is_refused():
    with pytest.raises(ScheduleError, match="2027-03-28T02:30:00 does not exist in Europe/Berlin: the clocks skip it"):
        parse("at(2027-03-28T02:30:00)", "Europe/Berlin")


def test_a_schedule_whose_years_are_over_has_no_next_time():
    assert parse("cron(0 9 * * ? 2020)").next(NOW, 5) == ()
    assert previous_fire_time("cron(0 9 * * ? 2020)", "UTC", NOW) == datetime(2020, 12, 31, 9, tzinfo=UTC)


def test_due_between_excludes_its_start_and_includes_its_end():
    two, three = datetime(2026, 11, 23, 2, tzinfo=UTC), datetime(2026, 11, 23, 3, tzinfo=UTC)

    assert due_between("cron(0 * * * ? *)", "UTC", two, three) == [three]
    assert due_between("cron(0 * * * ? *)", "UTC", two, three - timedelta(seconds=1)) == []
    assert previous_fire_time("cron(0 * * * ? *)", "UTC", three) == two


# EventBridge Scheduler User Guide, "Daylight savings time on EventBridge Scheduler": its own example, cron(30 2 * * ? *) in
# America/Los_Angeles.
def test_a_time_that_the_clocks_skip_in_spring_is_skipped():
    times = parse("30 2 * * *", "America/Los_Angeles").next(datetime(2026, 3, 7, 12, tzinfo=UTC), 2)

    assert [time.isoformat() for time in times] == ["2026-03-09T02:30:00-07:00", "2026-03-10T02:30:00-07:00"]


def test_a_time_that_the_clocks_show_twice_in_autumn_runs_once_the_first_time():
    times = parse("30 1 * * *", "America/Los_Angeles").next(datetime(2026, 10, 31, 12, tzinfo=UTC), 2)

    assert [time.isoformat() for time in times] == ["2026-11-01T01:30:00-07:00", "2026-11-02T01:30:00-08:00"]


def test_a_frequent_schedule_pauses_while_the_hour_repeats():
    times = parse("*/20 * * * *", "Europe/Berlin").next(datetime(2026, 10, 25, 0, 30, tzinfo=UTC), 3)

    assert [time.isoformat() for time in times] == [
        "2026-10-25T02:40:00+02:00",
        "2026-10-25T03:00:00+01:00",
        "2026-10-25T03:20:00+01:00",
    ]


def test_a_start_within_the_second_showing_of_the_hour_does_not_run_it_again():
    second = datetime(2026, 10, 25, 2, 10, fold=1, tzinfo=ZoneInfo("Europe/Berlin"))

    assert parse("30 2 * * *", "Europe/Berlin").next(second, 1)[0].isoformat() == "2026-10-26T02:30:00+01:00"
    assert previous_fire_time("cron(30 2 * * ? *)", "Europe/Berlin", second) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_utc_and_its_long_name_are_the_same_zone():
    assert zone_of("UTC") is zone_of("Etc/UTC") is UTC


PAGE = (Path(__file__).parent.parent / "docs/schedules.md").read_text()


def test_the_page_shows_what_unix_cron_becomes():
    table = PAGE.partition("## What unix cron becomes")[2].partition("##")[0]
    rows = [re.findall("`(.*?)`", line) for line in table.splitlines() if line.startswith("| `")]
    shown = {row[0]: [code for code in row[1:] if code.startswith("cron(")] for row in rows}

    assert len(shown) == 8
    assert {text: list(parse(text).expressions) for text in shown} == shown


def test_the_page_shows_what_is_refused_and_what_can_be_written():
    table = PAGE.partition("## What is refused")[2].partition("##")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| `")]

    assert len(rows) == 11
    for row in rows:
        with pytest.raises(ScheduleError) as caught:
            parse(row[0].strip("`"))
        instead = re.match("`(.*?)`", row[2]) if len(row) > 2 else None
        nearest = (caught.value.nearest or "").removesuffix(" with a job that looks at the date itself")
        assert nearest == (instead[1] if instead else "")
        assert not nearest or parse(nearest).expressions


def test_the_page_shows_what_the_verb_prints():
    blocks = re.findall(r"```console\n\$ (.*?)\n(.*?)```", PAGE, re.DOTALL)

    assert len(blocks) == 2
    for line, printed in blocks:
        piped, _, called = line.rpartition(" | ")
        given = shlex.split(piped)[1].encode().decode("unicode_escape") if piped else None
        result = CliRunner().invoke(command, shlex.split(called)[2:], input=given, catch_exceptions=False)
        assert result.stdout == printed
