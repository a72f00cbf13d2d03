"""Calls that outlast an outage: what may pass is asked again with back-off, for as long as the patience lasts."""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    DataNotFoundError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    UnknownServiceError,
)
from botocore.parsers import ResponseParserError

from transload.conductor import reasons
from transload.conductor.batch import UnsureError
from transload.conductor.runs import BusyError

# Wrong on our side and wrong again at the next try. Every other error of botocore is the network, the endpoint or a login.
_OURS = (DataNotFoundError, NoRegionError, ParamValidationError, PartialCredentialsError, ProfileNotFound, UnknownServiceError)
_EXPIRED = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_THROTTLED = {
    "BandwidthLimitExceeded",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
}
_BROKEN = {"InternalError", "InternalFailure", "InternalServerError", "RequestTimeout", "ServerException", "ServiceUnavailable"}

C = TypeVar("C")
T = TypeVar("T")


class CutShortError(Exception):
    """An answer without what it must hold: a body that a fault emptied on its way."""


class LostContactError(Exception):
    """The patience ran out; the text is the last error in words."""


def code_of(error: Exception) -> str:
    """The error code AWS gave, or nothing."""
    return error.response.get("Error", {}).get("Code", "") if isinstance(error, ClientError) else ""


def expired(error: Exception) -> bool:
    """The login ended, or is missing: new credentials may stand in the shared file at the next look."""
    return code_of(error) in _EXPIRED or isinstance(error, (CredentialRetrievalError, NoCredentialsError))


def passes(error: Exception) -> bool:
    """The same question may be answered later: network, throttle, server fault, broken body, expired login."""
    if isinstance(error, (BusyError, CutShortError, ResponseParserError, UnsureError)):
        return True
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        code = code_of(error)
        return status >= 500 or code in _THROTTLED or code in _BROKEN or code in _EXPIRED
    return isinstance(error, BotoCoreError) and not isinstance(error, _OURS)


def in_words(error: Exception) -> str:
    """One line of what AWS said."""
    if isinstance(error, ClientError):
        message = error.response.get("Error", {}).get("Message", "")
        # A broken gateway answers with a page of HTML.
        text = "an error page instead of an answer" if message.lstrip().startswith("<") else message
        return f"{reasons.one_line(f'{code_of(error)}: {text}', 200)} ({error.operation_name})"
    if isinstance(error, ResponseParserError):
        return "an answer that cannot be read: cut on its way, or of an emulator that does not know the question"
    return reasons.one_line(str(error)) or type(error).__name__


class Contact(Generic[C]):
    """Something to call AWS by. `connect` makes a new one, so that renewed credentials are read. One `patience`, in seconds, is for
    one outage: an answer ends the outage. Before the first answer there is no login to wait for. `wait` sleeps, and may raise to
    break off."""

    def __init__(
        self,
        connect: Callable[[], C],
        *,
        patience: float,
        wait: Callable[[float], None] = time.sleep,
        tell: Callable[[str], None] = lambda line: None,
        first: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._connect, self._wait, self._tell, self._clock = connect, wait, tell, clock
        self._patience, self._first = patience, first
        self._cloud: C | None = None
        self._answered = False

    def __call__(self, ask: Callable[[C], T]) -> T:
        """The answer of `ask`; LostContactError when the patience ran out; any error that does not pass is raised as it is."""
        since, pause = None, self._first
        while True:
            try:
                if self._cloud is None:
                    self._cloud = self._connect()
                answer = ask(self._cloud)
            except Exception as error:
                if not passes(error) or (expired(error) and not self._answered):
                    raise
                if expired(error):
                    self._cloud = None
                now = self._clock()
                if since is None:
                    since = now
                    self._tell(f"no answer from AWS, asking again: {in_words(error)}")
                if now - since + pause > self._patience:
                    raise LostContactError(in_words(error)) from error
                self._wait(pause)
                pause = min(pause * 2, 30.0)
            else:
                if since is not None:
                    self._tell("AWS answers again")
                self._answered = True
                return answer
