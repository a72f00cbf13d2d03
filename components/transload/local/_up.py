"""Bring a stack up on this machine."""

import contextlib
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from transload._errors import Problem
from transload.local import _state
from transload.local._builder import Builder
from transload.local._cloud import Cloud, clear, started
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


def up(
    project_dir: str | Path = ".",
    stack: str = "local",
    *,
    ports: Mapping[str, int] | None = None,
    on_step: Callable[[str], None] = lambda line: None,
    on_created: Callable[[str, str], None] = lambda token, name: None,
) -> Built:
    """Start the emulators and create everything that the stack's program registers. What ran before is stopped: `up` starts clean.

    `ports`: `moto` and `ministack`; 0 or absent for a free one. `on_step` gets one line for each step, `on_created` the type and
    name of each resource. Errors are `Problem`; then, and when interrupted, no process is left.
    """
    begun = time.monotonic()
    home = _state.folder(project_dir)
    try:
        settings = _config.load(Path(project_dir), stack).with_region("eu-west-1")
    except ValueError as error:
        raise Problem(str(error), 2) from None
    with _state.locked(home):
        if clear(home):
            on_step("stopped what was running")
        with started(home, settings.values["aws:region"], ports, keep=True) as cloud:
            on_step(f"moto on {cloud.endpoints['']}, ministack on {cloud.endpoints['s3']}")
            built = build(cloud, project_dir, stack=stack, on_created=on_created)
            seconds = round(time.monotonic() - begun, 2)
            done = replace(
                cloud.state,
                project=settings.project,
                stack=stack,
                ready=True,
                resources=built.resources,
                seconds=seconds,
            )
            _state.save(home, done)
    return Built(Cloud(home, done), built.recording, seconds)


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
    on_created: Callable[[str, str], None] = lambda token, name: None,
) -> Built:
    """Create in a running `cloud` everything that `program` (a function, or the folder of a project) registers.

    The options are those of `transload.testing.run_program`. Errors are `Problem`, one line that names resource and source line.
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
        stack_references=stack_references,
        account=cloud.state.account,
        region=region,
    )
    try:
        with around:
            _program.run(
                body,
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
    words = (
        str(first) if isinstance(first, Problem | ValueError | LookupError | TimeoutError) else f"{type(first).__name__}: {first}"
    )
    return Problem(f"{words} ({place})" if place and place not in words else words)
