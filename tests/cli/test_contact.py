"""Calls that outlast an outage."""

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, NoRegionError, ReadTimeoutError
from botocore.parsers import ResponseParserError

from transload.cli._contact import Contact, CutShortError, LostContactError, passes


def answered(code: str, status: int = 400) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}, "DescribeJobs")


class Line:
    """A line to AWS that fails as told; its clock moves only when somebody waits."""

    def __init__(self, *errors: Exception, patience: float = 60):
        self.errors, self.now, self.connections, self.told = list(errors), 0.0, 0, []
        self.contact = Contact(self.connect, patience=patience, wait=self.wait, tell=self.told.append, clock=lambda: self.now)

    def connect(self) -> int:
        self.connections += 1
        return self.connections

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def ask(self, connection: int) -> str:
        if self.errors:
            raise self.errors.pop(0)
        return f"answer by connection {connection}"


@pytest.mark.parametrize(
    "error",
    [
        answered("ThrottlingException"),
        answered("TooManyRequestsException", 429),
        answered("Whatever", 503),
        EndpointConnectionError(endpoint_url="http://127.0.0.1:1"),
        ReadTimeoutError(endpoint_url="http://127.0.0.1:1"),
        ResponseParserError("Unable to parse response"),
        CutShortError("no token"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_may_pass_is_asked_again_until_it_is_answered(error):
    line = Line(error, error)
    assert line.contact(line.ask).startswith("answer")
    assert line.now == 1 + 2, "with back-off"
    assert len(line.told) == 2, "told once that it is gone, once that it is back"


@pytest.mark.parametrize("error", [answered("AccessDeniedException"), answered("ClientException"), NoRegionError(), KeyError("x")])
def test_what_does_not_pass_is_raised_at_once(error):
    line = Line(error)
    with pytest.raises(type(error)):
        line.contact(line.ask)
    assert line.now == 0


def test_an_expired_login_is_followed_by_a_new_session():
    line = Line()
    line.contact(line.ask)
    line.errors = [answered("ExpiredTokenException"), NoCredentialsError()]
    assert line.contact(line.ask) == "answer by connection 3"


@pytest.mark.parametrize("error", [answered("ExpiredTokenException"), NoCredentialsError()])
def test_a_login_that_was_never_there_is_not_waited_for(error):
    line = Line(error)
    with pytest.raises(type(error)):
        line.contact(line.ask)
    assert line.now == 0


def test_after_the_patience_contact_is_lost_and_the_last_error_is_told():
    line = Line(*[answered("ThrottlingException")] * 50, patience=60)
    with pytest.raises(LostContactError, match="ThrottlingException: no"):
        line.contact(line.ask)
    assert 30 <= line.now <= 60


def test_each_outage_has_the_whole_patience():
    line = Line(*[answered("ThrottlingException")] * 4, patience=20)
    line.contact(line.ask)
    line.errors = [answered("ThrottlingException")] * 4
    assert line.contact(line.ask).startswith("answer")


def test_an_error_of_ours_does_not_pass():
    assert not passes(ValueError("x"))
