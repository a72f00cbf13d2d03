"""Stops the conductor at one of its writes: crashes it there, or lets something else happen first."""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any

_WRITES = {"TransactWriteItems", "PutItem", "UpdateItem", "DeleteItem", "SubmitJob", "TerminateJob", "Publish"}


class Crash(BaseException):
    """The process is gone. Not an Exception: nothing in the conductor may catch it."""


class Gate:
    """Counts the writes of these boto3 clients. `at(n, moment, action)` runs `action(operation)` once, before or after the n-th;
    `always(operation, moment)` is called at each."""

    def __init__(self, clients: Mapping[str, Any], always: Callable[[str, str], object] = lambda operation, moment: None):
        self._always = always
        self._armed: tuple[int | str, str, Callable[[str], object]] | None = None
        self._count = 0
        for client in {id(client): client for client in clients.values()}.values():
            client.meta.events.register("before-call", self._before)
            client.meta.events.register("after-call", self._after)

    @contextmanager
    def at(self, number: int, moment: str, action: Callable[[str], object]) -> Generator[None]:
        self._armed, self._count = (number, moment, action), 0
        try:
            yield
        finally:
            self._armed = None

    @contextmanager
    def on(self, operation: str, moment: str, action: Callable[[str], object]) -> Generator[None]:
        """The same at the next write of this kind."""
        self._armed = (operation, moment, action)
        try:
            yield
        finally:
            self._armed = None

    def _before(self, model: Any, **_: Any) -> None:
        if model.name in _WRITES:
            self._count += 1
            self._act("before", model.name)

    def _after(self, model: Any, **_: Any) -> None:
        if model.name in _WRITES:
            self._act("after", model.name)

    def _act(self, moment: str, operation: str) -> None:
        self._always(operation, moment)
        if self._armed and self._armed[0] in (self._count, operation) and self._armed[1] == moment:
            action, self._armed = self._armed[2], None
            action(operation)
