"""Bring a stack up on this machine."""

import difflib
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from transload._errors import Problem
from transload.local import _state
from transload.local._cloud import Cloud, clear, started
from transload.testing import _config

if TYPE_CHECKING:
    from transload.local._build import Built


def up(
    project_dir: str | Path = ".",
    stack: str = "local",
    *,
    ports: Mapping[str, int] | None = None,
    on_step: Callable[[str], None] = lambda line: None,
    on_created: Callable[[str, str], None] = lambda token, name: None,
) -> "Built":
    """Start the emulators and create everything that the stack's program registers. What ran before is stopped: `up` starts clean.

    `ports`: `moto` and `ministack`; 0 or absent for a free one. `on_step` gets one line for each step, `on_created` the type and
    name of each resource. Errors are `Problem`; then, and when interrupted, no process is left.
    """
    begun = time.monotonic()
    home = _state.folder(project_dir)
    try:
        _check_stack(Path(project_dir), stack)
        settings = _config.load(Path(project_dir), stack).with_region("eu-west-1")
    except ValueError as error:
        raise Problem(str(error), 2) from None
    with _state.locked(home):
        if clear(home):
            on_step("stopped what was running")
        with started(home, settings.values["aws:region"], ports, keep=True) as cloud:
            # The emulators start on another core while this one reads Pulumi. Their ports listen: nobody has to wait for them.
            from transload.local._build import Built, build

            # Said once the program is read: a mistake in it is told in one line, and nothing else.
            where = f"moto on {cloud.endpoints['']}, ministack on {cloud.endpoints['s3']}"
            built = build(cloud, project_dir, stack=stack, on_read=lambda: on_step(where), on_created=on_created)
            cloud.wait_ready()
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


def _check_stack(project_dir: Path, stack: str) -> None:
    """ValueError for a stack without a file beside stacks that have one: most likely a slip, and it would run on defaults alone."""
    known = _config.stacks(project_dir)
    # `local` is taken where nothing is said, and a project need not have a file for it.
    if known and stack not in [*known, "local"]:
        near = difflib.get_close_matches(stack, known, 1)
        hint = f"did you mean {near[0]}? There are {', '.join(known)}" if near else f"there are {', '.join(known)}"
        raise ValueError(f"no stack {stack!r}: no Pulumi.{stack}.yaml; {hint}")
