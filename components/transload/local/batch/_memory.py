"""How much memory the processes of one session hold."""

import contextlib
import os
import threading
import time

import psutil

_SECONDS = 1.0
_lock = threading.Lock()
_seen: tuple[float, dict[int, int]] = (float("-inf"), {})


def of_session(session: int) -> int:
    """Resident bytes of all processes of the session, at most a second old. Memory that two of them share counts twice."""
    global _seen
    with _lock:
        # One look at the process table serves all running jobs.
        if time.monotonic() - _seen[0] > _SECONDS:
            _seen = (time.monotonic(), _by_session())
        return _seen[1].get(session, 0)


def _by_session() -> dict[int, int]:
    held: dict[int, int] = {}
    for pid in psutil.pids():
        with contextlib.suppress(psutil.Error, OSError):
            session = os.getsid(pid)
            held[session] = held.get(session, 0) + psutil.Process(pid).memory_info().rss
    return held
