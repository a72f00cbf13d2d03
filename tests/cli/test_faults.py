"""Faults between the command and AWS lose no line of log and change no exit code."""

import signal
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from tests.cli._faults import Fault, fault
from tests.cli._platform import Platform, platform

pytestmark = pytest.mark.xdist_group("local")

THROTTLED = {"error": {"code": "ThrottlingException", "message": "Rate exceeded"}}
BROKEN = {"error": {"code": "ServerException", "status": 500}}
LATE = {"timeout_ms": 50}
RESET = {"reset": True}
CUT = {"response": {"truncate_frac": 0.5}}
ABORTED = {"response": {"abort_frac": 0.5}}
EXPIRED = {"error": {"code": "ExpiredTokenException", "status": 403, "message": "The security token is expired"}}
ALL = [THROTTLED, BROKEN, LATE, RESET, CUT, ABORTED, EXPIRED]
NAMES = ["throttled", "server error", "gateway timeout", "reset", "truncated", "aborted", "expired login"]


@dataclass
class Line:
    """The line between the command and the emulators."""

    aws: Fault
    logs: Fault

    def clear(self) -> None:
        self.aws.rules()
        self.logs.rules()

    @property
    def environment(self) -> dict[str, str]:
        return {"AWS_ENDPOINT_URL": self.aws.endpoint, "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": self.logs.endpoint}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with platform(tmp_path_factory.mktemp("faults")) as made:
        yield made


@pytest.fixture(scope="module")
def proxies(cloud: Platform) -> Iterator[Line]:
    with (
        fault(cloud.endpoint, cloud.cloud.home / "microburst-aws.log") as aws,
        fault(cloud.logs_endpoint, cloud.cloud.home / "microburst-logs.log") as logs,
    ):
        yield Line(aws, logs)


@pytest.fixture
def line(proxies: Line) -> Line:
    proxies.clear()
    return proxies


@pytest.mark.parametrize("what", ALL, ids=NAMES)
def test_what_fails_now_and_then_loses_no_line_and_changes_no_exit_code(cloud: Platform, line: Line, what: dict) -> None:
    # Each third call of what is asked while following fails, for ever; a login that ended is renewed after a while.
    sometimes = {**({"times": 4} if what is EXPIRED else {"sequence": {"fail": 1, "pass": 2}}), **what}
    line.aws.rules(
        {"service": "batch", "operation": "DescribeJobs", **sometimes}, {"service": "dynamodb", "operation": "GetItem", **sometimes}
    )
    line.logs.rules({"service": "logs", "operation": "GetLogEvents", **sometimes})
    ended = cloud.call("run", cloud.job("faulty", "print", "5"), "--", "exit", "3", **line.environment)
    assert (ended.code, ended.lines) == (3, ["leaving"])
    assert line.aws.fired() or line.logs.fired()


@pytest.mark.parametrize("what", [THROTTLED, EXPIRED, RESET], ids=["throttled", "expired login", "reset"])
def test_lost_for_longer_than_the_patience_75_and_the_job_is_left_running(cloud: Platform, line: Line, what: dict) -> None:
    running = cloud.start("run", cloud.job("lost", "hang"), **line.environment, TRANSLOAD_PATIENCE="2s")
    running.sees("ready")
    line.aws.rules({"service": "*", **what})
    line.logs.rules({"service": "*", **what})
    ended = running.ended()
    run = cloud.newest("lost")
    assert ended.code == 75
    assert f"{run['run_id']} is left as it is" in ended.err
    assert cloud.cloud.describe(run["batch_job_id"])["status"] == "RUNNING"
    line.clear()
    # It goes on where it stood.
    attached = cloud.start("logs", run["run_id"], "--follow", **line.environment)
    attached.sees("ready")
    cloud.call("stop", run["run_id"])
    assert attached.ended().code == 143


def test_an_outage_shorter_than_the_patience_is_told_and_outlasted(cloud: Platform, line: Line) -> None:
    running = cloud.start("run", cloud.job("outage", "hang"), **line.environment)
    running.sees("ready")
    line.aws.rules({"service": "*", **RESET})
    running.sees("no answer from AWS, asking again")
    line.clear()
    running.sees("AWS answers again")
    running.signal(signal.SIGTERM)
    assert running.ended().code == 143


@pytest.mark.parametrize("what", [THROTTLED, RESET, CUT], ids=["throttled", "reset", "truncated"])
def test_an_answer_of_submit_that_is_lost_starts_the_job_once(cloud: Platform, line: Line, what: dict) -> None:
    line.aws.rules({"service": "batch", "operation": "SubmitJob", "times": 1, **what})
    ended = cloud.call("run", cloud.job("once", "show", "COLOUR"), "-e", "COLOUR=indigo", **line.environment)
    assert (ended.code, ended.lines) == (0, ["COLOUR=indigo"])


def test_100_000_lines_arrive_in_order_and_each_once_through_faults(cloud: Platform, line: Line) -> None:
    sometimes = {"service": "logs", "operation": "GetLogEvents", "probability": 0.2}
    line.logs.rules(*({**sometimes, **what} for what in (THROTTLED, RESET, CUT, ABORTED)))
    ended = cloud.call("run", cloud.job("long", "print", "100000"), **line.environment)
    assert ended.code == 0
    assert ended.lines == [f"line {number}" for number in range(100_000)]
