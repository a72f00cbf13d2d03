"""Following a run: recorded answers of AWS, one moment after the other; a moment passes only when the follower waits."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from transload.cli._contact import Contact, LostContactError
from transload.cli._follow import Follower, Line

GROUP = "/transload/platform"
BATCH = {"jobName": "nightly-20261123T180000Z", "jobQueue": "arn:aws:batch:eu-west-1:123456789012:job-queue/spot"}


def refused(code: str, status: int = 400) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": "refused"}, "ResponseMetadata": {"HTTPStatusCode": status}}, "GetLogEvents"
    )


def record(status: str, **more: Any) -> dict[str, Any]:
    return {"job": "nightly", "run": "20261123T180000Z", "run_id": "nightly-20261123T180000Z", "status": status, **more}


def batch(status: str, *attempts: str, job: str = "j1", running: str | None = None, **more: Any) -> dict[str, Any]:
    container = {"logStreamName": running} if running else {}
    return {
        **BATCH,
        "jobId": job,
        "status": status,
        "attempts": [{"container": {"logStreamName": name}} for name in attempts],
        "container": container,
        **more,
    }


class Recorded:
    """Answers of AWS at each moment: {"run": record, "batch": [jobs], "logs": {stream: [lines]}, "errors": [...]}; what is not
    named stays."""

    def __init__(self, *moments: dict[str, Any], page: int = 10000):
        self.moments, self.page_size, self.now, self.printed, self.told = list(moments), page, 0.0, [], []
        self.state: dict[str, Any] = {"batch": [], "logs": {}}
        self.step()

    def step(self) -> None:
        if self.moments:
            self.state = {**self.state, "errors": [], **self.moments.pop(0)}

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.step()

    def fail(self) -> None:
        if self.state["errors"]:
            raise self.state["errors"].pop(0)

    def run(self, job: str, run: str) -> dict[str, Any]:
        self.fail()
        return self.state["run"]

    @property
    def store(self) -> "Recorded":
        return self

    def get(self, run_id: str) -> dict[str, Any] | None:
        return self.state.get("steps", {}).get(run_id)

    def batch_jobs(self, ids: list[str]) -> list[dict[str, Any]]:
        self.fail()
        return [job for job in self.state["batch"] if job["jobId"] in ids]

    def page(self, group: str, stream: str, token: str | None, since: int | None) -> tuple[list[dict[str, Any]], str | None]:
        self.fail()
        if stream not in self.state["logs"]:
            return [], None
        start = int(token or 0)
        lines = self.state["logs"][stream]
        if isinstance(lines, Exception):
            raise lines
        events = [{"message": line, "timestamp": 1} for line in lines[start : start + self.page_size]]
        return events, str(start + len(events))

    def follow(self, **options: Any) -> tuple[dict[str, Any], list[str]]:
        contact = Contact(lambda: self, patience=20, wait=self.wait, tell=self.told.append, clock=lambda: self.now)
        follower = Follower(
            contact,
            "nightly",
            "20261123T180000Z",
            emit=self.emit,
            tell=self.told.append,
            wait=self.wait,
            poll=2,
            log_group=GROUP,
            clock=lambda: self.now,
            **options,
        )
        return follower.until_end(), self.printed

    def emit(self, lines: list[Line]) -> None:
        self.printed += [f"{line.stream.label}{line.message}" for line in lines]


RUNNING = {"run": record("RUNNING", batch_job_id="j1")}
DONE = {"run": record("SUCCEEDED", batch_job_id="j1", exit_code=0), "batch": [batch("SUCCEEDED", "a")]}


def test_lines_come_as_they_are_written_each_once_and_in_order():
    cloud = Recorded(
        {**RUNNING, "batch": [batch("RUNNING", running="a")], "logs": {"a": ["1", "2"]}},
        {"logs": {"a": ["1", "2", "3"]}},
        {"logs": {"a": ["1", "2", "3"]}},
        {**DONE, "logs": {"a": ["1", "2", "3", "4"]}},
    )
    end, lines = cloud.follow()
    assert (end["status"], lines) == ("SUCCEEDED", ["1", "2", "3", "4"])


def test_pages_are_read_to_the_last():
    lines = [f"line {number}" for number in range(95)]
    assert Recorded({**DONE, "logs": {"a": lines}}, page=10).follow()[1] == lines


def test_a_stream_that_appears_late_is_drained_after_the_end():
    cloud = Recorded({**DONE}, {}, {"logs": {"a": ["late"]}}, {}, {"logs": {"a": ["late", "later"]}})
    assert cloud.follow()[1] == ["late", "later"]


def test_a_stream_that_never_appears_is_no_error():
    end, lines = Recorded(DONE).follow()
    assert (end["status"], lines) == ("SUCCEEDED", [])


def test_attempts_are_read_one_after_the_other():
    cloud = Recorded(
        {**RUNNING, "batch": [batch("RUNNING", running="a")], "logs": {"a": ["first"]}},
        {**RUNNING, "batch": [batch("RUNNABLE", "a")]},
        {**RUNNING, "batch": [batch("RUNNING", "a", running="b")], "logs": {"a": ["first"], "b": ["second"]}},
        {**DONE, "batch": [batch("SUCCEEDED", "a", "b", running="b")]},
    )
    assert cloud.follow()[1] == ["first", "second"]


def test_a_run_that_spot_took_is_followed_to_its_second_batch_job():
    taken = batch("FAILED", "a", statusReason="Your Spot Task was interrupted.")
    cloud = Recorded(
        {**RUNNING, "batch": [batch("RUNNING", running="a")], "logs": {"a": ["on spot"]}},
        {"batch": [taken]},
        {
            "run": record("RUNNING", batch_job_id="j2", batch_job_ids=["j1", "j2"]),
            "batch": [taken, batch("RUNNING", running="b", job="j2")],
            "logs": {"a": ["on spot"], "b": ["on demand"]},
        },
        {
            "run": record("SUCCEEDED", batch_job_id="j2", batch_job_ids=["j1", "j2"]),
            "batch": [taken, batch("SUCCEEDED", "b", job="j2")],
        },
    )
    end, lines = cloud.follow()
    assert (end["status"], lines) == ("SUCCEEDED", ["on spot", "on demand"])


def test_the_children_of_an_array_are_read_with_their_index():
    parent = {**BATCH, "jobId": "j1", "status": "PENDING", "arrayProperties": {"size": 2}}
    children = [batch("RUNNING", running=name, job=f"j1:{index}") for index, name in enumerate("ab")]
    ended = [batch("SUCCEEDED", "a", job="j1:0"), batch("FAILED", "b", job="j1:1")]
    cloud = Recorded(
        {**RUNNING, "batch": [parent, *children], "logs": {"a": ["zero"], "b": ["one"]}},
        {
            "run": record("FAILED", batch_job_id="j1", exit_code=3, array={"size": 2, "failed": 1}),
            "batch": [{**parent, "status": "FAILED"}, *ended],
            "logs": {"a": ["zero", "end"], "b": ["one"]},
        },
    )
    end, lines = cloud.follow()
    assert (end["exit_code"], lines) == (3, ["[0] zero", "[1] one", "[0] end"])


def test_the_steps_of_a_flow_are_read_with_their_names_as_they_begin() -> None:
    steps = [{"name": name, "job": name, "run_id": f"{name}-1"} for name in ("load", "send")]
    flow = {"kind": "flow", "steps": [{"name": "old", "job": "old", "run_id": "old-1", "carried": True}, *steps]}
    load = {"run_id": "load-1", "job": "load", "step": "load", "status": "RUNNING", "batch_job_id": "j1"}
    send = {"run_id": "send-1", "job": "send", "step": "send", "status": "RUNNING", "batch_job_id": "j2"}
    cloud = Recorded(
        {
            "run": record("RUNNING", **flow),
            "steps": {"load-1": load},
            "batch": [batch("RUNNING", running="a")],
            "logs": {"a": ["1"]},
        },
        {"steps": {"load-1": load, "send-1": send}, "batch": [batch("SUCCEEDED", "a"), batch("RUNNING", running="b", job="j2")]},
        {"run": record("FAILED", exit_code=4, **flow), "logs": {"a": ["1"], "b": ["2"]}},
    )
    end, lines = cloud.follow()
    assert (end["exit_code"], lines) == (4, ["[load] 1", "[send] 2"])


@pytest.mark.parametrize("error", [refused("ThrottlingException"), refused("InternalError", 500), refused("ExpiredTokenException")])
def test_an_outage_loses_no_line_and_changes_no_end(error: Exception):
    cloud = Recorded(
        {**RUNNING, "batch": [batch("RUNNING", running="a")], "logs": {"a": ["1"]}},
        {"errors": [error], "logs": {"a": ["1", "2"]}},
        {"errors": [error]},
        {"errors": []},
        {**DONE, "logs": {"a": ["1", "2", "3"]}, "errors": [error]},
    )
    end, lines = cloud.follow()
    assert (end["status"], lines) == ("SUCCEEDED", ["1", "2", "3"])


def test_after_the_patience_contact_is_lost():
    cloud = Recorded(RUNNING, {"errors": [refused("ThrottlingException")] * 99})
    cloud.step = lambda: None
    cloud.state["errors"] = [refused("ThrottlingException")] * 99
    with pytest.raises(LostContactError, match="ThrottlingException"):
        cloud.follow()


def test_a_log_that_may_not_be_read_is_told_once_and_the_run_is_followed_to_its_end():
    cloud = Recorded(
        {**RUNNING, "batch": [batch("RUNNING", running="a")], "logs": {"a": refused("AccessDeniedException")}}, {}, DONE
    )
    end, _ = cloud.follow()
    assert end["status"] == "SUCCEEDED"
    assert [line for line in cloud.told if "log cannot be read" in line] == [
        "the log cannot be read: AccessDeniedException: refused (GetLogEvents)"
    ]


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (batch("SUCCEEDED", "a"), {"status": "SUCCEEDED"}),
        ({**batch("FAILED", "a"), "container": {"exitCode": 3}}, {"status": "FAILED", "exit_code": 3}),
        (batch("FAILED", "a", statusReason="Job attempt duration exceeded timeout"), {"status": "FAILED", "cause": "timeout"}),
    ],
)
def test_when_nobody_completes_the_record_batch_itself_is_believed_after_a_while(last: dict[str, Any], expected: dict[str, Any]):
    cloud = Recorded({**RUNNING, "batch": [last], "logs": {"a": ["1"]}})
    end, lines = cloud.follow(settle=60)
    assert {key: end[key] for key in expected} == expected
    assert lines == ["1"]
    assert cloud.now >= 60
    assert any("has not recorded it" in line for line in cloud.told)


def test_the_state_is_told_when_it_changes():
    cloud = Recorded(
        {"run": record("ACCEPTED")},
        {"run": record("SUBMITTED", batch_job_id="j1"), "batch": [batch("RUNNABLE")]},
        {"run": record("SUBMITTED", batch_job_id="j1"), "batch": [batch("RUNNABLE")]},
        {**RUNNING, "batch": [batch("RUNNING", running="a")]},
        DONE,
    )
    cloud.follow()
    assert [line.rpartition(" ")[2] for line in cloud.told] == ["ACCEPTED", "RUNNABLE", "RUNNING"]


def test_following_goes_on_where_it_was_broken_off():
    cloud = Recorded({**RUNNING, "batch": [batch("RUNNING", running="a")], "logs": {"a": ["1"]}})
    stops: list[Callable[[], None]] = [lambda: None]

    def wait(seconds: float) -> None:
        if stops:
            stops.pop()
            raise InterruptedError
        cloud.wait(seconds)

    contact = Contact(lambda: cloud, patience=20, wait=wait)
    follower = Follower(
        contact, "nightly", "20261123T180000Z", emit=cloud.emit, tell=cloud.told.append, wait=wait, poll=2, log_group=GROUP
    )
    with pytest.raises(InterruptedError):
        follower.until_end()
    cloud.moments = [{"run": record("STOPPED", batch_job_id="j1"), "logs": {"a": ["1", "2"]}}]
    cloud.step()
    assert follower.until_end()["status"] == "STOPPED"
    assert cloud.printed == ["1", "2"]
