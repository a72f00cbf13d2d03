"""One followed run on this terminal: contact, signals, lines, and the exit code in the end."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

from transload._errors import Problem
from transload.cli import _outcome
from transload.cli._aws import Cloud
from transload.cli._contact import Contact, LostContactError
from transload.cli._follow import Follower
from transload.cli._printer import Printer, tell
from transload.cli._signals import Interrupted, Signals, TimeUpError

T = TypeVar("T")

# Time to end after a stop: AWS Batch sends SIGTERM and, up to 120 s later, SIGKILL (Amazon ECS API reference, stopTimeout).
_STOP_SECONDS = 180.0


class Session:
    """`poll` and `patience` in seconds."""

    def __init__(self, cloud: Cloud, signals: Signals, *, poll: float, patience: float):
        self.signals, self.poll, self.patience = signals, poll, patience
        self.contact = Contact(cloud.renewed, patience=patience, wait=signals.wait, tell=tell, first=min(1.0, poll))

    def follower(self, job: str, run: str, log_group: str, printer: Printer, since: int | None = None) -> Follower:
        return Follower(
            self.contact,
            job,
            run,
            emit=printer,
            tell=tell,
            wait=self.signals.wait,
            poll=self.poll,
            log_group=log_group,
            since=since,
        )

    def ask(self, question: Callable[[Cloud], T]) -> T:
        """An answer, or a Problem when there is none."""
        try:
            return self.contact(question)
        except LostContactError as lost:
            raise Problem(f"no answer from AWS: {lost}", _outcome.UNKNOWN) from lost

    def once(self, follower: Follower) -> None:
        """Print what there is now."""
        try:
            follower.once()
        except LostContactError as lost:
            raise Problem(f"no answer from AWS any more ({lost}): the log is not complete", _outcome.UNKNOWN) from lost

    def to_end(self, follower: Follower, stop: Callable[[Cloud], Any] | None = None) -> int:
        """Follow to the end and answer the exit code. On a signal `stop` is called and the end awaited; without it the run is
        left."""
        run_id = f"{follower.job}-{follower.run}"
        try:
            return self.ended(follower.until_end())
        except LostContactError as lost:
            return self._lost(run_id, lost)
        except Interrupted as signal:
            if stop is None:
                tell(f"{signal}: {run_id} is left running; transload logs {run_id} --follow")
                return signal.exit_code
            return self._stop(follower, stop, signal)

    def _stop(self, follower: Follower, stop: Callable[[Cloud], Any], signal: Interrupted) -> int:
        run_id = f"{follower.job}-{follower.run}"
        try:
            tell(f"{signal}: stopping {run_id} (once more to leave it)")
            self.contact(stop)
            self.signals.deadline = time.monotonic() + _STOP_SECONDS
            self.ended(follower.until_end())
        except LostContactError as lost:
            return self._lost(run_id, lost)
        except TimeUpError:
            tell(f"{run_id} was told to stop and has not ended after {_STOP_SECONDS:.0f} s; transload why {run_id}")
        except KeyboardInterrupt:
            tell(f"left: {run_id} may still be running; transload stop {run_id}")
        return signal.exit_code

    def ended(self, run: dict[str, Any]) -> int:
        tell(f"{run['run_id']}: {_outcome.sentence(run)}")
        code = _outcome.exit_code(run)
        if code:
            tell(f"see transload why {run['run_id']}")
        return code

    def _lost(self, run_id: str, lost: LostContactError) -> int:
        tell(f"no answer from AWS any more ({lost}); {run_id} is left as it is; transload logs {run_id} --follow goes on")
        return _outcome.UNKNOWN
