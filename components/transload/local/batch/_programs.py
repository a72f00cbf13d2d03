"""What an attempt runs: a process on this machine, or a container where a Docker engine answers. Both end alike."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from transload.local.batch import _memory

_LAUNCH = str(Path(__file__).with_name("_launch.py"))


class Running(Protocol):
    """A program that was started."""

    def exit_code(self) -> int | None:
        """None while it runs; 128 and the signal's number for one that a signal ended."""

    def terminate(self) -> None:
        """Send SIGTERM to its first process, as the end of a task does."""

    def kill(self) -> None:
        """End it with all that it started. No error when it has ended."""

    def over_memory(self) -> bool:
        """Whether it holds, or was ended for holding, more memory than it may."""


class LocalProcess:
    """A process in a session of its own, with `output` as its stdout and stderr; `ended` is called when it has ended."""

    def __init__(
        self,
        arguments: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        output: int,
        memory_bytes: int,
        ended: Callable[[], None],
    ):
        self._memory_bytes = memory_bytes
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", _LAUNCH, str(os.getpid()), str(folder), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            # All that belongs to it can be ended with it, and Ctrl-C in a terminal does not reach it.
            start_new_session=True,
        )
        threading.Thread(target=lambda: (self._process.wait(), ended()), daemon=True).start()

    def exit_code(self) -> int | None:
        code = self._process.poll()
        return code if code is None or code >= 0 else 128 - code

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def over_memory(self) -> bool:
        return _memory.of_session(self._process.pid) > self._memory_bytes
