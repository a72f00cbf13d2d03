"""A day of jobs as data, on a terminal and as a file."""

from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from transload.cli import _day, _day_html, timeline

TOKYO = ZoneInfo("Asia/Tokyo")
START, END = datetime(2026, 11, 24, tzinfo=TOKYO), datetime(2026, 11, 25, tzinfo=TOKYO)
NOON = datetime(2026, 11, 24, 12, tzinfo=TOKYO)


def job(name: str, cron: str, **more: Any) -> dict[str, Any]:
    return {"job": name, "expressions": [f"cron({cron})"], "timezone": "Asia/Tokyo", "vcpu": 1, "enabled": True, **more}


def ran(hour: int, minutes: int, status: str = "SUCCEEDED", day: int = 24, **more: Any) -> dict[str, Any]:
    begun = datetime(2026, 11, day, hour, tzinfo=TOKYO).astimezone(UTC)
    written = "%Y-%m-%dT%H:%M:%SZ"
    return {
        "run": begun.strftime("%Y%m%dT%H%M%SZ"),
        "scheduled_for": begun.strftime(written),
        "started_at": begun.strftime(written),
        "ended_at": (begun + timedelta(minutes=minutes)).strftime(written),
        "status": status,
        **more,
    }


def day(jobs: list[dict[str, Any]], runs: dict[str, list[dict[str, Any]]], now: datetime = NOON) -> _day.Day:
    return _day.picture(jobs, runs, START, END, now)


def shown(found: _day.Day) -> list[tuple[str, int, int, str]]:
    return [
        (bar.job, bar.start.astimezone(TOKYO).hour, round((bar.end - bar.start).total_seconds() / 60), bar.kind)
        for bar in found.bars
    ]


def test_the_past_is_the_history_and_the_future_the_schedule_as_long_as_the_runs_before() -> None:
    runs = [ran(9, 30), ran(3, 20), ran(21, 10, day=23)]
    found = day([job("a", "0 3/6 * * ? *")], {"a": runs})
    assert shown(found) == [
        ("a", 3, 20, "succeeded"),
        ("a", 9, 30, "succeeded"),
        ("a", 15, 20, "expected"),
        ("a", 21, 20, "expected"),
    ]


def test_a_run_that_stands_in_the_history_is_not_expected_once_more() -> None:
    simulated = ran(15, 5, scheduled_for="2026-11-24T06:00:00Z")
    found = shown(day([job("a", "0 15,18 * * ? *")], {"a": [simulated]}))
    assert [(hour, kind) for _, hour, _, kind in found] == [(15, "succeeded"), (18, "expected")]


def test_a_run_that_was_due_and_has_no_record_is_missed_once_its_grace_is_over() -> None:
    runs = {"a": [ran(3, 5, day=23)]}
    assert ("a", 3, 0, "missed") in shown(day([job("a", "0 3 * * ? *")], runs))
    assert shown(day([job("a", "0 3 * * ? *", grace_minutes=600)], runs)) == []


def test_a_job_that_never_ran_has_missed_nothing_and_its_length_is_a_guess() -> None:
    found = day([job("a", "0 3,15 * * ? *")], {})
    assert shown(found) == [("a", 15, 1, "expected")]
    assert found.guessed == ["a"]


def test_a_disabled_job_is_expected_at_no_time() -> None:
    assert shown(day([job("a", "0 15 * * ? *", enabled=False)], {})) == []


def test_a_run_of_the_day_before_reaches_into_the_day() -> None:
    found = day([job("a", "0 23 * * ? *")], {"a": [ran(23, 120, day=23)]})
    assert shown(found)[0] == ("a", 23, 120, "succeeded")


def test_vcpus_add_up_where_runs_overlap_and_children_of_an_array_count_each() -> None:
    jobs = [job("a", "0 3 * * ? *", vcpu=2), job("b", "30 3 * * ? *", vcpu=0.5, array_size=4)]
    runs = {"a": [ran(3, 60)], "b": [{**ran(3, 60), "started_at": "2026-11-23T18:30:00Z", "ended_at": "2026-11-23T19:30:00Z"}]}
    found = day(jobs, runs)
    peak = _day.peak(found)
    assert peak is not None
    assert (peak.vcpu, peak.at.astimezone(TOKYO).strftime("%H:%M"), peak.jobs) == (4.0, "03:30", ["a", "b"])
    assert [vcpu for _, vcpu in _day.load(bar for bar in found.bars if bar.kind == "succeeded")] == [2.0, 4.0, 2.0, 0.0]


def test_overlaps_are_summed_per_pair_and_a_job_overlaps_itself_when_its_runs_are_too_long() -> None:
    jobs = [job("a", "0 3 * * ? *"), job("b", "0 4 * * ? *")]
    found = day(jobs, {"a": [ran(4, 10), ran(3, 90)], "b": [ran(4, 20)]})
    assert _day.overlaps(found) == [("a", "b", timedelta(minutes=30)), ("a", "a", timedelta(minutes=10))]


def test_a_skipped_run_needs_no_vcpu() -> None:
    found = day([job("a", "0 3 * * ? *")], {"a": [ran(3, 0, "SKIPPED")]})
    assert _day.peak(found) is None


@pytest.mark.parametrize(
    ("date", "zone", "hours"),
    [("2026-11-24", "Asia/Tokyo", 24), ("2026-03-29", "Europe/Berlin", 23), ("2026-10-25", "Europe/Berlin", 25)],
)
def test_a_day_is_as_long_as_the_clock_makes_it(date: str, zone: str, hours: int) -> None:
    start, end = timeline.bounds(date, NOON, zone)
    assert (end.timestamp() - start.timestamp()) / 3600 == hours


def test_today_is_the_date_in_the_zone() -> None:
    late = datetime(2026, 11, 23, 16, tzinfo=UTC)
    assert timeline.bounds("today", late, "Asia/Tokyo")[0].date().isoformat() == "2026-11-24"
    assert timeline.bounds("today", late, "UTC")[0].date().isoformat() == "2026-11-23"


class Page(HTMLParser):
    """Collects tags and checks that each is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_stands_alone_and_says_in_words_what_it_draws() -> None:
    found = day(
        [job("a", "0 3/6 * * ? *"), job("<b>", "0 3 * * ? *")], {"a": [ran(9, 30, "FAILED"), ran(3, 20)], "<b>": [ran(3, 5)]}
    )
    text = _day_html.page(found, "Asia/Tokyo", "platform-prod")
    page = Page()
    page.feed(text)
    assert page.open == []
    assert not {"script", "link", "img"} & {tag for tag, _ in page.tags}
    assert not any(name in attributes for _, attributes in page.tags for name in ("src", "href"))
    assert "url(" not in text
    [drawing] = [attributes for tag, attributes in page.tags if attributes.get("role") == "img"]
    assert drawing["aria-labelledby"] == "t d"
    assert "2 jobs, 5 runs, at the peak 2 vCPU at Tue 24 Nov 03:00 JST" in page.text
    rows = [
        attributes
        for tag, attributes in page.tags
        if tag == "rect" and attributes.get("class") in ("succeeded", "failed", "expected")
    ]
    assert len(rows) == 5 + 3, "a bar for each run and a swatch for each kind"
    assert "prefers-color-scheme: dark" in text


def test_a_day_without_runs_is_a_page_too() -> None:
    page = Page()
    page.feed(_day_html.page(day([], {}), "Asia/Tokyo", "platform-prod"))
    assert page.open == []
    assert "none" in page.text


def test_the_words_at_the_peak_stand_above_the_line_of_now() -> None:
    text = _day_html.page(day([job("a", "0 3 * * ? *")], {"a": [ran(11, 30)]}), "Asia/Tokyo", "platform-prod")
    assert text.index('class="now"') < text.index('class="over"') < text.index("1 vCPU at 11:00</text>")
    assert ".over { paint-order: stroke;" in text


def test_each_kind_has_a_glyph_of_its_own_and_the_legend_fits_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = ("SUCCEEDED", "FAILED", "STOPPED", "SKIPPED", "RUNNING")
    runs = [ran(2 * number + 1, 30, kind) for number, kind in enumerate(kinds)]
    monkeypatch.setenv("COLUMNS", "80")
    timeline._show(day([job("a", "0 1-23/2 * * ? *")], {"a": [*reversed(runs), ran(1, 5, day=23)]}), "Asia/Tokyo")
    _, _, row, _, legend, *_ = capsys.readouterr().out.splitlines()
    glyphs = {each[2:]: each[0] for each in legend.split("  ")}
    assert list(glyphs) == ["succeeded", "failed", "stopped", "running", "skipped", "missed", "expected"]
    assert len(set(glyphs.values())) == 7
    assert set(glyphs.values()) <= set(row)


def test_an_array_that_nobody_saw_start_is_drawn_where_it_was_submitted() -> None:
    array = {**ran(9, 30), "started_at": None, "submitted_at": "2026-11-24T00:20:00Z", "scheduled_for": "2026-11-20T00:00:00Z"}
    found = day([job("a", "0 15 * * ? *")], {"a": [array]})
    assert shown(found) == [("a", 9, 10, "succeeded"), ("a", 15, 10, "expected")]
    assert found.guessed == []
