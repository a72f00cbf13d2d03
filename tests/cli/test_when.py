"""Times as people write and read them."""

from datetime import UTC, datetime

import pytest

from transload._errors import Problem
from transload.cli import _when

NOW = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("15m", 900), ("1h30m", 5400), ("2d", 172800), ("1w", 604800)]
)
def test_a_length_of_time_is_written_with_its_units(text, seconds):
    assert _when.duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "soon", "5x", "m15", "-3h"])
def test_what_is_no_length_of_time_is_refused_with_the_form_to_write(text):
    with pytest.raises(Problem, match="write 90s, 15m, 1h30m or 2d") as raised:
        _when.duration(text)
    assert raised.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2h", "2026-11-23T16:00:00Z"),
        ("2026-11-23", "2026-11-22T15:00:00Z"),
        ("2026-11-23T18:00Z", "2026-11-23T18:00:00Z"),
        ("2026-11-23T18:00+09:00", "2026-11-23T09:00:00Z"),
    ],
)
def test_a_moment_is_an_age_or_a_time_in_the_zone_of_the_job(text, expected):
    assert _when.stamp(_when.moment(text, NOW, zone="Asia/Tokyo")) == expected


def test_a_moment_ahead_lies_in_the_future():
    assert _when.stamp(_when.moment("2d", NOW, ahead=True)) == "2026-11-25T18:00:00Z"


def test_a_moment_that_is_neither_is_refused():
    with pytest.raises(Problem, match="neither a length of time"):
        _when.moment("yesterday-ish", NOW)


@pytest.mark.parametrize(("seconds", "text"), [(4, "4s"), (252, "4m12s"), (3720, "1h02m"), (273600, "3d04h"), (None, "")])
def test_a_length_is_shown_in_its_two_largest_units(seconds, text):
    assert _when.length(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-2, "0s"), (45, "45s"), (119, "119s"), (217, "3m"), (6600, "110m"), (7200, "2h"), (86400, "24h"), (400000, "4d")],
)
def test_an_age_has_one_unit(seconds, text):
    assert _when.age(seconds) == text


@pytest.mark.parametrize(
    ("run", "seconds"),
    [
        ({"status": "SUCCEEDED", "started_at": "2026-11-23T18:00:10Z"}, 50),
        ({"status": "SUCCEEDED"}, 58),
        ({"status": "FAILED", "cause": "application", "submitted_at": None}, 60),
        ({"status": "FAILED", "cause": "image"}, None),
        ({"status": "SKIPPED", "cause": "concurrency"}, None),
    ],
)
def test_a_run_that_came_to_its_end_without_a_start_began_when_it_was_submitted(run, seconds):
    times = {"created_at": "2026-11-23T18:00:00Z", "submitted_at": "2026-11-23T18:00:02Z", "ended_at": "2026-11-23T18:01:00Z"}
    assert _when.took(times | run) == seconds
