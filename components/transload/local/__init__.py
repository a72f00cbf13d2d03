"""AWS on this machine: emulators, one driver for each resource type, and `up`."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transload.local._build import Built
    from transload.local._cloud import Cloud, running
    from transload.local._down import down
    from transload.local._status import status
    from transload.local._up import up

__all__ = ["Built", "Cloud", "down", "running", "status", "up"]

# Imported when first asked for: `down` and `status` must not pay for Pulumi, nor the emulators for the drivers.
_MODULES = {"Built": "_build", "Cloud": "_cloud", "down": "_down", "running": "_cloud", "status": "_status", "up": "_up"}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(importlib.import_module(f"transload.local.{_MODULES[name]}"), name)
    raise AttributeError(f"module 'transload.local' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
