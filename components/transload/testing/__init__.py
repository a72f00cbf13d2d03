"""Run a Pulumi program in this process, offline, and look at everything it registers.

    from transload.testing import run_program

    recording = run_program("path/to/project", stack="staging")
    assert recording.findings == ()

In pytest the same is the fixture `record`, which fails the test when an input does not fit the provider's types. Those who
stay with Pulumi's own mocks take `Mocks`. Nothing here talks to AWS, to an engine or to a network.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transload.testing._run import run_program
    from transload.testing.mocks import Mocks
    from transload.testing.recording import Finding, Recording, Resource

__all__ = ["Finding", "Mocks", "Recording", "Resource", "run_program"]

# pytest imports this package at every start (the plugin is an entry point): Pulumi is imported when a name is first used.
_MODULES = {
    "Finding": "recording",
    "Mocks": "mocks",
    "Recording": "recording",
    "Resource": "recording",
    "run_program": "_run",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(importlib.import_module(f"transload.testing.{_MODULES[name]}"), name)
    raise AttributeError(f"module 'transload.testing' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
