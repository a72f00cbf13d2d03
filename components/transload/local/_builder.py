"""Answers the program's registrations with real resources: the side of `up` that the resource monitor calls."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from transload._errors import Problem
from transload.local._cloud import Cloud
from transload.local._lookups import look_up
from transload.local.drivers import driver_for
from transload.local.drivers._driver import Driver
from transload.testing import _awsx
from transload.testing._checks import check
from transload.testing._monitor import Monitor
from transload.testing._schema import members, schema
from transload.testing._values import Reference

# Stands for an output that AWS would give and no driver does. As an input of another resource it is an error, not a silent guess.
_UNKNOWN = "is not known in the local cloud>"


class Builder:
    """Creates one resource after the other, or many at once: every method may be called from several threads."""

    def __init__(self, cloud: Cloud, region: str, threads: int, on_created: Callable[[str, str], None] = lambda token, name: None):
        self.aws = cloud.aws(threads, region)
        self.failed: Problem | None = None
        """The first thing that went wrong; everything after it is only a consequence."""
        self._cloud = cloud
        self._on_created = on_created
        self._lock = threading.Lock()

    def create(self, token: str, name: str, inputs: dict[str, Any], urn: str) -> tuple[str, dict[str, Any]]:
        """Make the resource. Raises `Problem`, one line that names it."""
        if self.failed:
            raise self.failed
        try:
            made = self._create(token, name, inputs, urn)
        except Exception as error:
            raise self._fail(f"{token} '{name}'", error) from None
        self._on_created(token, name)
        return made

    def invoke(self, token: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Answer a provider function."""
        if self.failed:
            raise self.failed
        try:
            return look_up(self.aws, token, _plain(arguments, "args"))
        except Exception as error:
            raise self._fail(token, error) from None

    def expand(self, monitor: Monitor, request: Any, urn: str, inputs: dict[str, Any]) -> dict[str, Any]:
        """Answer a component of another package, such as awsx, by its children."""
        try:
            _refuse_wrong(request.type, inputs)
            return _awsx.expand(monitor, request, urn, inputs)
        except Exception as error:
            raise self._fail(f"{request.type} '{request.name}'", error) from None

    def _create(self, token: str, name: str, inputs: dict[str, Any], urn: str) -> tuple[str, dict[str, Any]]:
        driver = driver_for(token)
        given = _plain(inputs, "")
        if "id" in given:
            return self._existing(driver, given)
        _refuse_wrong(token, given)
        checked = driver.check(name, given, seed=urn)
        identity, outputs = driver.make(self.aws, checked)
        # Defaults, and the id in place of a resource: what the provider would answer and the program did not say.
        added = {key: value for key, value in checked.items() if inputs.get(key) != value}
        return identity, {**_rest(driver.type, name, {**checked, **outputs}), **added, **outputs}

    def _existing(self, driver: Driver, inputs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        identity = inputs.pop("id")
        found = driver.describe(self.aws, identity, inputs)
        if found is None:
            raise Problem(f"there is no {identity} in the local cloud to be read")
        return identity, _rest(driver.type, identity, inputs)

    def _fail(self, what: str, error: Exception) -> Problem:
        """Remember the first error. When an emulator is gone, that is the reason for whatever else is told."""
        with self._lock:
            if self.failed is None:
                dead = self._cloud.dead()
                self.failed = dead if isinstance(dead, Problem) else Problem(f"{what}: {_in_words(error)}")
            return self.failed


def _refuse_wrong(token: str, inputs: dict[str, Any]) -> None:
    """The findings of an offline run, before anything is made of them."""
    for severity, _, path, message in check(token, inputs):
        if severity == "error":
            raise Problem(f"{path}: {message}")


def _in_words(error: Exception) -> str:
    if isinstance(error, ClientError):
        return f"{error.operation_name} answered {error.response['Error']['Code']}: {error.response['Error'].get('Message', '')}"
    if isinstance(error, Problem | BotoCoreError):
        return str(error)
    return f"{type(error).__name__}: {error}"


def _plain(value: Any, path: str) -> Any:
    """Inputs as the provider gets them: a resource passed as a value is its id."""
    if isinstance(value, str) and _UNKNOWN in value:
        start = value.rindex("<", 0, value.index(_UNKNOWN))
        raise Problem(f"{path} needs an output that the local cloud does not have: {value[start + 1 : value.index(_UNKNOWN) - 1]}")
    if isinstance(value, Reference):
        return value.id
    if isinstance(value, Mapping):
        return {key: _plain(entry, f"{path}.{key}" if path else key) for key, entry in value.items() if entry is not None}
    if isinstance(value, list):
        return [_plain(entry, path) for entry in value]
    return value


def _rest(token: str, name: str, state: Mapping[str, Any]) -> dict[str, Any]:
    """The outputs that the driver did not give: tags as they are, and a mark in place of every other text."""
    found = schema(token)
    if found is None:
        return {}
    rest = {
        output: f"<{token} '{name}' {output} {_UNKNOWN}"
        for output, kind in found.outputs.items()
        if output not in state and output not in found.inputs and str in members(kind)
    }
    return {**rest, "tagsAll": state.get("tags") or {}} if "tagsAll" in found.outputs else rest
