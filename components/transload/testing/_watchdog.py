"""Ends a run that does not end by itself, and says what it was waiting for."""

import asyncio
import contextlib
import ctypes
import sys
import threading
from collections.abc import Coroutine
from typing import Any

from transload.testing._errors import is_users


class Watchdog:
    """Runs a coroutine on a loop, and stops it after `timeout` seconds: also when it waits for an output that never resolves, or
    when the program itself goes round in circles."""

    def __init__(self, loop: asyncio.AbstractEventLoop, timeout: float, monitor: Any):
        self._loop, self._timeout, self._monitor = loop, timeout, monitor
        self._thread = threading.get_ident()
        self._done = threading.Event()
        self._where = ""
        self._interrupted = False
        self._watcher = threading.Thread(target=self._watch, name="transload-watchdog", daemon=True)

    def __enter__(self) -> "Watchdog":
        self._watcher.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._watcher.join()
        # An interruption that was asked for in the last moment must not hit whoever comes next: let it happen here.
        with contextlib.suppress(_Stop):
            for _ in range(1000 if self._interrupted else 0):
                pass

    def run(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run to the end. Raises TimeoutError that names the line, or else the last resource."""
        task = self._loop.create_task(work)
        self._task = task
        try:
            self._loop.run_until_complete(task)
        except (asyncio.CancelledError, _Stop):
            raise TimeoutError(self._message()) from None
        finally:
            self._done.set()

    def _watch(self) -> None:
        if self._done.wait(self._timeout):
            return
        self._where = self._busy_at()
        self._loop.call_soon_threadsafe(self._task.cancel)
        # The loop takes the cancellation unless the program never gives control back: then the program is interrupted.
        while not self._done.wait(0.5):
            self._interrupted = True
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._thread), ctypes.py_object(_Stop))

    def _busy_at(self) -> str:
        """The user's line that is being run, when it is the program that does not give control back."""
        frame = sys._current_frames().get(self._thread)
        place = ""
        while frame is not None and frame.f_code is not Watchdog.run.__code__:
            if not place and is_users(frame.f_code.co_filename):
                place = f"{frame.f_code.co_filename}:{frame.f_lineno}"
            frame = frame.f_back
        return place

    def _message(self) -> str:
        text = f"the program did not end within {self._timeout:g} s"
        if self._where:
            return f"{text}: it was at {self._where}"
        return f"{text}: it was waiting for {self._monitor.waiting() or 'an output that never resolves'}"


class _Stop(BaseException):
    """Thrown into a program that does not give control back."""
