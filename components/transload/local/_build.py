"""Run a program in a local cloud that is up."""

import contextlib
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi

from transload._errors import Problem
from transload.local._builder import Builder
from transload.local._cloud import Cloud
from transload.testing import _config, _modules, _program
from transload.testing._monitor import Monitor
from transload.testing.recording import Recording

# Waiting for answers is most of the work: more threads than cores, but not so many that the emulators' own threads stand in line.
_THREADS = 12
_TIMEOUT_SECONDS = 900


@dataclass(frozen=True)
class Built:
    """What `up` made."""

    cloud: Cloud
    recording: Recording
    seconds: float
    """From the first line of `up` to the last resource."""

    @property
    def resources(self) -> int:
        """Resources that exist in an emulator."""
        return sum(resource.kind == "custom" for resource in self.recording.resources)


def build(
    cloud: Cloud,
    program: Callable[[], Any] | str | Path,
    *,
    stack: str = "local",
    project: str = "test",
    config: Mapping[str, Any] | None = None,
    secrets: Collection[str] = (),
    stack_references: Mapping[str, Mapping[str, Any]] | None = None,
    threads: int = _THREADS,
    on_read: Callable[[], None] = lambda: None,
    on_created: Callable[[str, str], None] = lambda token, name: None,
) -> Built:
    """Create in a running `cloud` everything that `program` (a function, or the folder of a project) registers.

    The options are those of `transload.testing.run_program`; `on_read` is called when the program has declared all it has, before
    the first resource is made. Errors are `Problem`, one line that names resource and source line.
    """
    begun = time.monotonic()
    try:
        if callable(program):
            settings = _config.Settings(project).with_values(config or {}, secrets)
            body, around = program, contextlib.nullcontext()
        else:
            settings = _config.load(Path(program), stack, None, config, secrets)
            body, around = _modules.main_of(settings.main), _modules.inside(settings.main)
    except ValueError as error:
        raise Problem(str(error), 2) from None
    settings = settings.with_region(cloud.region)
    region = settings.values["aws:region"]
    builder = Builder(cloud, region, threads, on_created)
    monitor = Monitor(
        settings.project,
        stack,
        create=builder.create,
        invoke=builder.invoke,
        remote=builder.expand,
        stack_references=stack_references,
        account=cloud.state.account,
        region=region,
    )

    def read() -> Any:
        declared = body()
        on_read()
        return declared

    try:
        with around:
            _program.run(
                read,
                monitor,
                config=settings.values,
                secrets=settings.secrets,
                root=str(settings.root) if settings.root else None,
                threads=threads,
                timeout=_TIMEOUT_SECONDS,
            )
    except Exception as error:
        raise _problem(builder, error) from error
    return Built(cloud, monitor.recording(), round(time.monotonic() - begun, 2))


def _problem(builder: Builder, error: Exception) -> Problem:
    """The error of a run as one line. What a driver met comes first: the rest of the run fails because of it."""
    first = builder.failed or error
    place = next((note.removeprefix("at ") for note in getattr(error, "__notes__", ()) if note.startswith("at ")), "")
    plain = isinstance(first, Problem | pulumi.RunError | ValueError | LookupError | TimeoutError)
    words = str(first) if plain else f"{type(first).__name__}: {first}"
    return Problem(f"{words} ({place})" if place and place not in words else words)
