"""The provider's resource types, read by reflection from the installed SDK: no plugin, no schema file, no network."""

import functools
import importlib
import inspect
import re
import sys
import threading
import types
import typing
from collections import abc
from dataclasses import dataclass
from typing import Any, Union

import pulumi
from pulumi import _types
from pulumi.runtime import rpc

# The generated SDK imports its modules when they are first touched, which two threads must not do at once (seen on Python 3.11).
_IMPORT = threading.RLock()


@dataclass(frozen=True)
class Property:
    """One input. `wire` is its name in requests (camelCase), `python` its name in programs."""

    wire: str
    python: str
    type: Any
    required: bool
    deprecated: str | None = None


@dataclass(frozen=True)
class Schema:
    """One resource type: inputs and outputs by wire name."""

    token: str
    cls: type
    inputs: dict[str, Property]
    outputs: dict[str, Any]
    output_only: frozenset[str]
    deprecated: str | None


def schema(token: str) -> Schema | None:
    """The schema of `aws:sqs/queue:Queue` and the like; None for a type that no installed SDK declares (own components)."""
    with _IMPORT:
        return _schema(token)


@functools.cache
def _schema(token: str) -> Schema | None:
    cls = resource_class(token)
    args = _args_class(cls) if cls else None
    if cls is None or args is None:
        return None
    inputs = properties(args)
    outputs = _types.resource_types(cls)
    return Schema(token, cls, inputs, outputs, frozenset(outputs.keys() - inputs.keys()), _deprecated_type(cls))


def resource_class(token: str) -> type | None:
    """The SDK's class for a type token."""
    row = _tokens(_package(token)).get(token)
    if row is None:
        return None
    module, name = row
    with _IMPORT:
        return getattr(importlib.import_module(module), name)


def _package(token: str) -> str:
    parts = token.split(":")
    return parts[2] if token.startswith("pulumi:providers:") else parts[0]


@functools.cache
def _tokens(package: str) -> dict[str, tuple[str, str]]:
    """Token to (module, class), from the tables that every generated SDK registers when it is imported."""
    try:
        importlib.import_module(f"pulumi_{package.replace('-', '_')}")
    except ModuleNotFoundError:
        return {}
    found = {}
    for key, modules in rpc._RESOURCE_MODULES.items():
        if key.startswith(f"{package}:"):
            for module in modules:
                info = getattr(module, "mod_info")  # noqa: B009 the SDK's base class does not declare it
                found.update({token: (info["fqn"], name) for token, name in info["classes"].items()})
    for registered in rpc._RESOURCE_PACKAGES.get(package, []):
        info = getattr(registered, "pkg_info")  # noqa: B009
        found[info["token"]] = (info["fqn"], info["class"])
    return found


def _args_class(cls: type) -> type | None:
    module = sys.modules[cls.__module__]
    for name in (f"{cls.__name__}InitArgs", f"{cls.__name__}Args"):
        found = getattr(module, name, None)
        if isinstance(found, type) and _types.is_input_type(found):
            return found
    return None


@functools.cache
def properties(args: type) -> dict[str, Property]:
    """The inputs of a generated args class (of a resource or of a nested object), by wire name."""
    wire_types = _types.input_type_types(args)
    # A parameter without default is what the provider requires.
    parameters = inspect.signature(args.__init__).parameters
    required = {name for name, one in parameters.items() if one.default is one.empty and one.kind is one.KEYWORD_ONLY}
    return {
        wire: Property(wire, python, wire_types.get(wire, Any), python in required, _deprecated_input(args, python))
        for python, wire in _types.input_type_py_to_pulumi_names(args).items()
    }


def _deprecated_input(args: type, python: str) -> str | None:
    """The message of `@pulumi.deprecated` on a getter, which lives in the getter's closure."""
    getter = getattr(inspect.getattr_static(args, python, None), "fget", None)
    if getter is None or "_pulumi_deprecated_callable" not in getattr(getter, "__dict__", {}):
        return None
    texts = [cell.cell_contents for cell in getter.__closure__ or () if isinstance(cell.cell_contents, str)]
    return texts[0] if texts else "deprecated"


def _deprecated_type(cls: type) -> str | None:
    head = inspect.getsource(sys.modules[cls.__module__]).partition(f"\nclass {cls.__name__}(")[2][:400]
    found = re.search(r'warnings\.warn\("""(.*?)""", DeprecationWarning\)', head, re.DOTALL)
    return found.group(1) if found else None


def members(kind: Any) -> list[Any]:
    """The member types of an annotation without Optional, Input, Output and Awaitable. Empty means anything."""
    if kind is None or kind is type(None):
        return []
    origin = typing.get_origin(kind)
    if origin in (Union, types.UnionType):
        return [member for part in typing.get_args(kind) for member in members(part)]
    if origin in (abc.Awaitable, pulumi.Output):
        return []
    return [kind]


def is_list(kind: Any) -> bool:
    """Whether a member type is a list of something."""
    return kind is list or typing.get_origin(kind) in (list, abc.Sequence)


def is_map(kind: Any) -> bool:
    """Whether a member type is a map from string to something."""
    return kind is dict or typing.get_origin(kind) in (dict, abc.Mapping)


def item(kind: Any) -> Any:
    """What a list or a map holds."""
    arguments = typing.get_args(kind)
    return arguments[-1] if arguments else Any
