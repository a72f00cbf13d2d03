"""Ends a run that does not end by itself, and says what it was waiting for."""

import asyncio
import ctypes
import sys
import threading
import traceback
from collections.abc import Coroutine
from typing import Any


class Watchdog:
    """Runs a coroutine on a loop, and stops it after `timeout` seconds: also when it waits for an output that never resolves, or
    when the program itself goes round in circles."""

    def __init__(self, loop: asyncio.AbstractEventLoop, timeout: float, monitor: Any):
        self._loop, self._timeout, self._monitor = loop, timeout, monitor
        self._thread = threading.get_ident()
        self._done = threading.Event()
        self._where = ""
        self._watcher = threading.Thread(target=self._watch, name="transload-watchdog", daemon=True)

    def __enter__(self) -> "Watchdog":
        self._watcher.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._watcher.join()

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
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._thread), ctypes.py_object(_Stop))

    def _busy_at(self) -> str:
        frame = sys._current_frames().get(self._thread)
        user = [one for one in traceback.extract_stack(frame) if _is_users(one.filename)] if frame else []
        return f"{user[-1].filename}:{user[-1].lineno}" if user else ""

    def _message(self) -> str:
        resources = self._monitor.recording().resources
        waiting = self._monitor.waiting()
        text = f"the program did not end within {self._timeout:g} s"
        if self._where:
            return f"{text}: it was at {self._where}"
        if waiting:
            return f"{text}: it was waiting for {waiting}"
        last = next((one for one in reversed(resources) if one.source), None)
        place = (
            f"; the last resource was {last.type} '{last.name}' at {last.source[0]}:{last.source[1]}"
            if last and last.source
            else ""
        )
        return f"{text}: an output it waits for never resolves{place}"


class _Stop(BaseException):
    """Thrown into a program that does not give control back."""


def _is_users(file: str) -> bool:
    return (
        not file.startswith((sys.base_prefix, sys.prefix, "<frozen"))
        and "/transload/testing/" not in file
        and "site-packages" not in file
    )
