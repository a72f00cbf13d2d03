"""SIGINT and SIGTERM as something that ends a wait, so that a followed job can be stopped before this process ends."""

import contextlib
import select
import signal
import socket
import time
from types import FrameType
from typing import Self

from transload._errors import Problem


class Interrupted(Problem):
    """The person, or the system, wants this to end. Its text is the name of the signal."""

    def __init__(self, number: int):
        super().__init__(signal.Signals(number).name, 128 + number)


class TimeUpError(Exception):
    """The deadline passed."""


class Signals:
    """While entered, the first signal is raised as Interrupted at the next `wait`, never in the middle of a call to AWS: what was
    started is known when it is handled. The second one raises KeyboardInterrupt where it strikes."""

    _NUMBERS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.caught: int | None = None
        self.deadline: float | None = None
        """Monotonic time after which a wait raises TimeUpError."""
        self._heeded = False

    def __enter__(self) -> Self:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._wakeup_before = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, self._catch) for number in self._NUMBERS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup_before)
        self._reader.close()
        self._writer.close()

    def _catch(self, number: int, _: FrameType | None) -> None:
        if self.caught is not None:
            raise KeyboardInterrupt
        self.caught = number

    def check(self) -> None:
        """Raises Interrupted once, if a signal came."""
        if self.caught is not None and not self._heeded:
            self._heeded = True
            raise Interrupted(self.caught)

    def wait(self, seconds: float) -> None:
        """Sleeps, less long when a signal comes. Raises Interrupted once, TimeUpError past the deadline."""
        self.check()
        if self.deadline is not None and time.monotonic() > self.deadline:
            raise TimeUpError
        select.select([self._reader], [], [], seconds)
        with contextlib.suppress(BlockingIOError):
            self._reader.recv(64)
        self.check()
