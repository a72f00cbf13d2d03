"""One attempt of a job: a process with its environment, its log stream, its limits and its end."""

import contextlib
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transload.local.batch import _logs, _memory
from transload.local.batch._container import DEFAULT_LOG_GROUP, STOP_TIMEOUT, Container
from transload.local.batch._grants import NotGrantedError, credentials, secret_values
from transload.local.batch._host import Host
from transload.local.batch._image import NoImageError, program

log = logging.getLogger(__name__)

_LAUNCH = str(Path(__file__).with_name("_launch.py"))
_LOOK_SECONDS = 1.0
# How long the rest of the output may take after the process has ended, when a child of it keeps the pipe open.
_DRAIN_SECONDS = 60.0

# The words of AWS (AWS Batch User Guide, "Automated job retries" and "Job timeouts"; Amazon ECS Developer Guide, "Stopped tasks
# error messages").
EXITED = "Essential container in task exited"
NOT_STARTED = "Task failed to start"
TIMED_OUT = "Job attempt duration exceeded timeout"
SPOT = "Your Spot Task was interrupted."
OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"


@dataclass(frozen=True)
class Stop:
    """A demand to end the process: SIGTERM, then after `grace` seconds SIGKILL; without grace SIGKILL at once."""

    status_reason: str
    grace: float
    retryable: bool = False


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended. `exit_code` None: there was no process."""

    exit_code: int | None
    status_reason: str
    reason: str | None = None
    retryable: bool = True

    @property
    def succeeded(self) -> bool:
        # An attempt that Spot took and that exits 0 on SIGTERM has succeeded for Batch; one terminated or timed out never has.
        return self.exit_code == 0 and self.retryable


class _NotStartedError(Exception):
    """Why there is no process, in the words of container.reason."""


class Attempt:
    """Prepares, starts and watches one process."""

    def __init__(
        self, host: Host, region: str, container: Container, stream: str, variables: Mapping[str, str], seconds: float | None
    ):
        self._host, self._region, self._container, self._stream = host, region, container, stream
        self._variables, self._seconds = variables, seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._asked: Stop | None = None
        self._wake = threading.Event()

    def stop(self, demand: Stop) -> None:
        """Ask for the end. The first demand counts; one before the process exists keeps it from starting."""
        self._asked = self._asked or demand
        self._wake.set()

    def kill(self) -> None:
        """End the process now."""
        if self._process:
            _kill(self._process)

    def run(self, running: Callable[[], None]) -> Outcome:
        """Run to the end; `running` is called when the process exists."""
        scratch = self._host.home / "tmp" / f"job-{self._stream.rsplit('/', 1)[-1]}"
        scratch.mkdir(parents=True, exist_ok=True)
        try:
            process, pump = self._start(scratch)
            self._process = process
            try:
                running()
                return self._watch(process)
            finally:
                _kill(process)
                pump.close(_DRAIN_SECONDS)
        except _NotStartedError as error:
            return Outcome(None, NOT_STARTED, str(error))
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _start(self, scratch: Path) -> tuple[subprocess.Popen[bytes], _logs.Pump]:
        environment = self._host.clean_environment(self._region, scratch)
        try:
            found = program(self._container.image, self._host.images, self._container.command, environment["PATH"])
            environment |= {**found.environment, **self._container.environment, **self._variables}
            environment |= secret_values(self._host, self._region, self._container.secrets)
            environment |= credentials(self._host, self._region, self._container.role, self._stream)
            client, group = self._open_stream()
        except NoImageError as error:
            raise _NotStartedError(
                f"CannotPullContainerError: pull image manifest has been retried 1 time(s): {error}: not found"
            ) from error
        except (NotGrantedError, _logs.LogStreamError) as error:
            raise _NotStartedError(f"ResourceInitializationError: {error}") from error
        if not found.arguments or shutil.which(found.arguments[0], path=environment["PATH"]) is None:
            name = found.arguments[0] if found.arguments else ""
            raise _NotStartedError(f'CannotStartContainerError: exec: "{name}": executable file not found in $PATH')
        reading, writing = os.pipe()
        try:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", _LAUNCH, str(os.getpid()), str(found.folder), *found.arguments],
                stdin=subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                env=environment,
                # Its own session: all that belongs to it can be ended with it, and Ctrl-C in a terminal does not reach it.
                start_new_session=True,
            )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        threading.Thread(target=lambda: (process.wait(), self._wake.set()), daemon=True).start()
        return process, _logs.Pump(client, group, self._stream, reading)

    def _open_stream(self) -> tuple[Any, str]:
        options = self._container.log_options
        client = self._host.client("logs", options.get("awslogs-region", self._region))
        group = options.get("awslogs-group", DEFAULT_LOG_GROUP)
        create = group == DEFAULT_LOG_GROUP or options.get("awslogs-create-group") == "true"
        _logs.open_stream(client, group, self._stream, create_group=create)
        return client, group

    def _watch(self, process: subprocess.Popen[bytes]) -> Outcome:
        deadline = time.monotonic() + self._seconds if self._seconds else None
        limit = self._container.memory_mib * 1024 * 1024
        stop: Stop | None = None
        kill_at: float | None = None
        too_much = False
        while process.poll() is None:
            now = time.monotonic()
            if stop is None and (self._asked or (deadline and now >= deadline)):
                stop = self._asked or Stop(TIMED_OUT, STOP_TIMEOUT)
                kill_at = now + stop.grace
                if stop.grace > 0:
                    # As in a container: only its first process hears SIGTERM.
                    process.terminate()
            if (kill_at and now >= kill_at) or (too_much := _memory.of_session(process.pid) > limit):
                _kill(process)
            waits = [at - now for at in (deadline if stop is None else None, kill_at) if at is not None]
            self._wake.wait(max(0.0, min([_LOOK_SECONDS, *waits])))
            self._wake.clear()
        code = process.returncode
        exit_code = code if code >= 0 else 128 - code
        if stop is not None:
            return Outcome(exit_code, stop.status_reason, retryable=stop.retryable)
        return Outcome(exit_code, EXITED, OUT_OF_MEMORY if too_much else None)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the process and all that it started, as the end of its first process ends a container."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
