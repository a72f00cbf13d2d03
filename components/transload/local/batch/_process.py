"""One attempt of a job: a program with its environment, its log stream, its limits and its end."""

import os
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transload.local.batch import _logs
from transload.local.batch._container import DEFAULT_LOG_GROUP, STOP_TIMEOUT, Container
from transload.local.batch._engine import ContainerProcess, engine
from transload.local.batch._grants import NotGrantedError, credentials, secret_values
from transload.local.batch._host import Host
from transload.local.batch._image import NoImageError, Program, program, repository
from transload.local.batch._programs import LocalProcess, Running

_LOOK_SECONDS = 1.0
# How long the rest of the output may take after the program has ended, when a child of it keeps the pipe open.
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
    """A demand to end the program: SIGTERM, then after `grace` seconds SIGKILL; without grace SIGKILL at once."""

    status_reason: str
    grace: float
    retryable: bool = False


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended. `exit_code` None: nothing was started."""

    exit_code: int | None
    status_reason: str
    reason: str | None = None
    retryable: bool = True

    @property
    def succeeded(self) -> bool:
        # An attempt that Spot took and that exits 0 on SIGTERM has succeeded for Batch; one terminated or timed out never has.
        return self.exit_code == 0 and self.retryable


class _NotStartedError(Exception):
    """Why nothing was started, in the words of container.reason."""


class Attempt:
    """Prepares, starts and watches one program."""

    def __init__(
        self, host: Host, region: str, container: Container, stream: str, variables: Mapping[str, str], seconds: float | None
    ):
        self._host, self._region, self._container, self._stream = host, region, container, stream
        self._variables, self._seconds = variables, seconds
        self._running: Running | None = None
        self._asked: Stop | None = None
        self._wake = threading.Event()

    def stop(self, demand: Stop) -> None:
        """Ask for the end. The first demand counts."""
        self._asked = self._asked or demand
        self._wake.set()

    def kill(self) -> None:
        """End it now."""
        if self._running:
            self._running.kill()

    def run(self, running: Callable[[], None]) -> Outcome:
        """Run to the end; `running` is called when the program exists."""
        scratch = self._host.home / "tmp" / f"job-{self._stream.rsplit('/', 1)[-1]}"
        scratch.mkdir(parents=True, exist_ok=True)
        try:
            self._running, pump = self._start(scratch)
            try:
                running()
                return self._watch(self._running)
            finally:
                self._running.kill()
                pump.close(_DRAIN_SECONDS)
        except _NotStartedError as error:
            return Outcome(None, NOT_STARTED, str(error))
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _start(self, scratch: Path) -> tuple[Running, _logs.Pump]:
        environment = self._host.clean_environment(self._region, scratch)
        docker = engine()
        try:
            found = None
            if docker is None:
                found = program(self._container.image, self._host.images, self._container.command, environment["PATH"])
                environment |= found.environment
            environment |= {**self._container.environment, **self._variables}
            environment |= secret_values(self._host, self._region, self._container.secrets)
            environment |= credentials(self._host, self._region, self._container.role, self._stream)
            client, group = self._open_stream()
            if found:
                _check_command(found.arguments, environment["PATH"])
            reading, writing = os.pipe()
            try:
                started = self._started(docker, found, environment, writing)
            except BaseException:
                os.close(reading)
                raise
            finally:
                os.close(writing)
        except NoImageError as error:
            raise _NotStartedError(
                f"CannotPullContainerError: pull image manifest has been retried 1 time(s): {error}: not found"
            ) from error
        except (NotGrantedError, _logs.LogStreamError) as error:
            raise _NotStartedError(f"ResourceInitializationError: {error}") from error
        return started, _logs.Pump(client, group, self._stream, reading)

    def _started(self, docker: Any, found: Program | None, environment: Mapping[str, str], output: int) -> Running:
        memory = self._container.memory_mib << 20
        if found:
            return LocalProcess(found.arguments, found.folder, environment, output, memory, self._wake.set)
        image, home = self._container.image, self._host.home
        folder = self._host.images / repository(image)
        return ContainerProcess(docker, image, folder, self._container.command, environment, output, memory, home, self._wake.set)

    def _open_stream(self) -> tuple[Any, str]:
        options = self._container.log_options
        client = self._host.client("logs", options.get("awslogs-region", self._region))
        group = options.get("awslogs-group", DEFAULT_LOG_GROUP)
        create = group == DEFAULT_LOG_GROUP or options.get("awslogs-create-group") == "true"
        _logs.open_stream(client, group, self._stream, create_group=create)
        return client, group

    def _watch(self, program: Running) -> Outcome:
        deadline = time.monotonic() + self._seconds if self._seconds else None
        stop: Stop | None = None
        kill_at: float | None = None
        too_much = False
        while (code := program.exit_code()) is None:
            now = time.monotonic()
            if stop is None and (self._asked or (deadline and now >= deadline)):
                stop = self._asked or Stop(TIMED_OUT, STOP_TIMEOUT)
                kill_at = now + stop.grace
                if stop.grace > 0:
                    program.terminate()
            if (kill_at and now >= kill_at) or (too_much := program.over_memory()):
                program.kill()
            waits = [at - now for at in (deadline if stop is None else None, kill_at) if at is not None]
            self._wake.wait(max(0.0, min([_LOOK_SECONDS, *waits])))
            self._wake.clear()
        if stop is not None:
            return Outcome(code, stop.status_reason, retryable=stop.retryable)
        return Outcome(code, EXITED, OUT_OF_MEMORY if too_much or (code == 137 and program.over_memory()) else None)


def _check_command(arguments: list[str], path: str) -> None:
    name = arguments[0] if arguments else ""
    if shutil.which(name, path=path) is None:
        raise _NotStartedError(f'CannotStartContainerError: exec: "{name}": executable file not found in $PATH')
