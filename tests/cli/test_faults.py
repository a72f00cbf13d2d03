"""Faults between the command and AWS lose no line of log and change no exit code."""

import itertools
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from tests.cli._faults import Fault, fault
from tests.cli._platform import Platform, Running, platform
from tests.local._jobs import wait_for

THROTTLED = {"error": {"code": "ThrottlingException", "message": "Rate exceeded"}}
BROKEN = {"error": {"code": "ServerException", "status": 500}}
LATE = {"timeout_ms": 50}
RESET = {"reset": True}
CUT = {"response": {"truncate_frac": 0.5}}
ABORTED = {"response": {"abort_frac": 0.5}}
EXPIRED = {"error": {"code": "ExpiredTokenException", "status": 403, "message": "The security token is expired"}}
FAULTS: dict[str, dict[str, Any]] = {
    "throttled": THROTTLED,
    "server error": BROKEN,
    "gateway timeout": LATE,
    "reset": RESET,
    "truncated": CUT,
    "aborted": ABORTED,
    "expired login": EXPIRED,
}


@dataclass
class Line:
    """The line between one command and the emulators. Its faults strike no other command."""

    aws: Fault
    logs: Fault
    caller: str

    def strike(self, *rules: dict[str, Any]) -> None:
        for rule in rules:
            (self.logs if rule["service"] == "logs" else self.aws).strike(self.caller, rule)

    def cut(self, what: dict[str, Any]) -> None:
        """Every call fails."""
        self.aws.strike(self.caller, {"service": "*", **what})
        self.logs.strike(self.caller, {"service": "*", **what})

    def mend(self) -> None:
        self.aws.spare(self.caller)
        self.logs.spare(self.caller)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.aws.endpoint,
            "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": self.logs.endpoint,
            "AWS_ACCESS_KEY_ID": self.caller,
        }


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with platform(tmp_path_factory.mktemp("faults")) as made:
        yield made


@pytest.fixture(scope="module")
def lines(cloud: Platform) -> Iterator[Callable[[], Line]]:
    with (
        fault(cloud.endpoint, cloud.cloud.home / "microburst-aws.log") as aws,
        fault(cloud.logs_endpoint, cloud.cloud.home / "microburst-logs.log") as logs,
    ):
        numbers = itertools.count(1)
        yield lambda: Line(aws, logs, f"caller{next(numbers)}x")


@pytest.fixture
def line(lines: Callable[[], Line]) -> Line:
    return lines()


@dataclass
class Early:
    """Commands that were started together, as they wait more than they work: each test looks at one of them."""

    line: Line
    running: Running


@pytest.fixture(scope="module")
def sometimes(cloud: Platform, lines: Callable[[], Line]) -> dict[str, Early]:
    """By name of the fault: a run of which each third call fails while it is followed, for ever. A login ends after the start, and
    is renewed after a while."""
    early = {}
    for name, what in FAULTS.items():
        line = lines()
        often = {"times": 4} if what is EXPIRED else {"sequence": {"fail": 1, "pass": 2}}
        asked = [("batch", "DescribeJobs"), ("logs", "GetLogEvents")] + ([] if what is EXPIRED else [("dynamodb", "GetItem")])
        line.strike(*({"service": service, "operation": operation, **often, **what} for service, operation in asked))
        job = cloud.job(f"faulty-{name.replace(' ', '-')}", "print", "5")
        early[name] = Early(line, cloud.start("run", job, "--", "exit", "3", **line.environment))
    return early


@pytest.fixture(scope="module", autouse=True)
def lost(cloud: Platform, lines: Callable[[], Line]) -> dict[str, Early]:
    """By name of the fault: a run whose SubmitJob gets no answer. Begun before all other tests of this module, as such a run waits
    half a minute until it is certain that AWS Batch did not take the job."""
    early = {}
    for name in ("throttled", "reset", "truncated"):
        line = lines()
        line.strike({"service": "batch", "operation": "SubmitJob", "times": 1, **FAULTS[name]})
        job = cloud.job(f"once-{name}", "show", "COLOUR")
        early[name] = Early(line, cloud.start("run", job, "-e", "COLOUR=indigo", **line.environment))
    return early


@pytest.mark.parametrize("name", FAULTS)
def test_what_fails_now_and_then_loses_no_line_and_changes_no_exit_code(sometimes: dict[str, Early], name: str) -> None:
    line, running = sometimes[name].line, sometimes[name].running
    ended = running.ended()
    assert (ended.code, ended.lines) == (3, ["leaving"])
    assert line.aws.fired(line.caller) or line.logs.fired(line.caller)


@pytest.mark.parametrize("name", ["throttled", "expired login", "reset"])
def test_lost_for_longer_than_the_patience_75_and_the_job_is_left_running(cloud: Platform, line: Line, name: str) -> None:
    running = cloud.start("run", cloud.job("lost", "hang"), **line.environment, TRANSLOAD_PATIENCE="1s")
    running.sees("ready")
    line.cut(FAULTS[name])
    ended = running.ended()
    run = cloud.newest("lost")
    assert ended.code == 75
    assert f"{run['run_id']} is left as it is" in ended.err
    assert cloud.cloud.describe(run["batch_job_id"])["status"] == "RUNNING"
    line.mend()
    # It goes on where it stood.
    attached = cloud.start("logs", run["run_id"], "--follow", **line.environment)
    attached.sees("ready")
    cloud.call("stop", run["run_id"])
    assert attached.ended().code == 143


def test_an_outage_shorter_than_the_patience_is_told_and_outlasted(cloud: Platform, line: Line) -> None:
    running = cloud.start("run", cloud.job("outage", "hang"), **line.environment)
    running.sees("ready")
    line.cut(RESET)
    running.sees("no answer from AWS, asking again")
    line.mend()
    running.sees("AWS answers again")
    running.signal(signal.SIGTERM)
    assert running.ended().code == 143


def test_a_signal_before_the_start_starts_nothing(cloud: Platform, line: Line) -> None:
    slow = {"latency": {"min": 1000, "max": 1000}}
    line.strike({"service": "dynamodb", "operation": "GetItem", "times": 1, **slow})
    running = cloud.start("run", cloud.job("regretted", "print", "1"), **line.environment)
    wait_for(lambda: line.aws.fired(line.caller))
    running.signal(signal.SIGINT)
    ended = running.ended()
    assert (ended.code, ended.out, ended.err) == (130, "", "transload: SIGINT: nothing was started\n")
    assert cloud.store.history("regretted") == []


def test_100_000_lines_arrive_in_order_and_each_once_through_faults(cloud: Platform, line: Line) -> None:
    often = {"service": "logs", "operation": "GetLogEvents", "probability": 0.2}
    line.strike(*({**often, **what} for what in (THROTTLED, RESET, CUT, ABORTED)))
    ended = cloud.call("run", cloud.job("long", "print", "100000"), **line.environment)
    assert ended.code == 0
    assert ended.lines == [f"line {number}" for number in range(100_000)]
    assert line.logs.fired(line.caller)


@pytest.mark.parametrize("name", ["throttled", "truncated", "reset"])
def test_an_answer_of_submit_that_is_lost_starts_the_job_once(cloud: Platform, lost: dict[str, Early], name: str) -> None:
    line, running = lost[name].line, lost[name].running
    ended = running.ended()
    assert (ended.code, ended.lines) == (0, ["COLOUR=indigo"])
    assert line.aws.fired(line.caller) == 1
    assert len(cloud.newest(f"once-{name}")["batch_job_ids"]) == 1
