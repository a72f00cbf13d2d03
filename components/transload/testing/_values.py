"""Property values as they travel between the SDK and the engine, to plain Python and back."""

from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi.runtime import rpc

from transload.testing._wire import Struct

_KEY = rpc._special_sig_key
_SECRET = rpc._special_secret_sig
_REFERENCE = rpc._special_resource_sig
_OUTPUT = rpc._special_output_value_sig
_ASSETS = (rpc._special_asset_sig, rpc._special_archive_sig)


class Unknown:
    """A value that only exists after the resource does: what a preview knows of an output."""

    def __repr__(self) -> str:
        return "<unknown>"


UNKNOWN = Unknown()


@dataclass(frozen=True)
class Reference:
    """A resource passed as a value, as awsx components return their children."""

    urn: str
    id: str = ""


@dataclass(frozen=True)
class Secret:
    """Marks a value that goes back to the program as a secret."""

    value: Any


@dataclass(frozen=True)
class Dependent:
    """A value that came from other resources: their URNs travel with it."""

    value: Any
    urns: frozenset[str] = frozenset()
    secret: bool = False


@dataclass
class Properties:
    """A property bag in plain Python, and the paths (`containers[0].password`) at which it was secret or unknown."""

    values: dict[str, Any] = field(default_factory=dict)
    secrets: list[str] = field(default_factory=list)
    unknowns: list[str] = field(default_factory=list)


def from_struct(struct: Any) -> Properties:
    """Secrets are unwrapped, unknowns become `UNKNOWN`, references `Reference`, assets Pulumi's own asset objects."""
    found = Properties()
    found.values = {name: _from_value(struct.fields[name], name, found) for name in sorted(struct.fields)}
    return found


def _from_value(value: Any, path: str, found: Properties) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        if value.string_value == rpc.UNKNOWN:
            found.unknowns.append(path)
            return UNKNOWN
        return value.string_value
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "bool_value":
        return value.bool_value
    if kind == "list_value":
        return [_from_value(item, f"{path}[{index}]", found) for index, item in enumerate(value.list_value.values)]
    if kind == "struct_value":
        fields = value.struct_value.fields
        if _KEY in fields:
            return _from_marked(value.struct_value, path, found)
        # A protobuf map has no order of its own that two runs would share.
        return {name: _from_value(fields[name], f"{path}.{name}", found) for name in sorted(fields)}
    return None


def _from_marked(struct: Any, path: str, found: Properties) -> Any:
    fields = struct.fields
    mark = fields[_KEY].string_value
    if mark == _SECRET:
        found.secrets.append(path)
        return _from_value(fields["value"], path, found)
    if mark == _OUTPUT:
        if "secret" in fields and fields["secret"].bool_value:
            found.secrets.append(path)
        if "value" not in fields:
            found.unknowns.append(path)
            return UNKNOWN
        return _from_value(fields["value"], path, found)
    if mark == _REFERENCE:
        return Reference(fields["urn"].string_value, fields["id"].string_value if "id" in fields else "")
    if mark in _ASSETS:
        return rpc.deserialize_property(struct)
    return {name: _from_value(item, f"{path}.{name}", found) for name, item in fields.items()}


def to_struct(values: dict[str, Any]) -> Any:
    """The way back. `None` is left out at the top level, as the SDK does."""
    struct = Struct()
    struct.update({name: to_plain(value) for name, value in values.items() if value is not None})
    return struct


def to_plain(value: Any) -> Any:
    """A value in the form that travels: marks become the SDK's signed mappings."""
    if isinstance(value, str | bool | int | float) or value is None:
        return value
    if isinstance(value, dict):
        return {name: to_plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    if isinstance(value, Unknown):
        return rpc.UNKNOWN
    if isinstance(value, Dependent):
        return to_plain(Secret(value.value) if value.secret else value.value)
    if isinstance(value, Secret):
        return {_KEY: _SECRET, "value": to_plain(value.value)}
    if isinstance(value, Reference):
        return {_KEY: _REFERENCE, "urn": value.urn, "id": value.id, "packageVersion": ""}
    if isinstance(value, pulumi.Asset | pulumi.Archive):
        return _asset(value)
    raise TypeError(f"a {type(value).__name__} cannot travel as a property value")


def plain(value: Any) -> Any:
    """Without the marks `Dependent` and `Secret`, at any depth."""
    if isinstance(value, Dependent | Secret):
        return plain(value.value)
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def has_unknown(value: Any) -> bool:
    """Whether something in it only exists after its resource does."""
    if isinstance(value, dict):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return value is UNKNOWN


def sources(value: Any) -> set[str]:
    """The URNs that a value came from, at any depth."""
    if isinstance(value, Dependent):
        return set(value.urns) | sources(value.value)
    if isinstance(value, dict):
        return {urn for item in value.values() for urn in sources(item)}
    return {urn for item in value for urn in sources(item)} if isinstance(value, list) else set()


def _asset(value: Any) -> dict[str, Any]:
    mark = {_KEY: _ASSETS[0] if isinstance(value, pulumi.Asset) else _ASSETS[1]}
    for name in ("path", "text", "uri"):
        if hasattr(value, name):
            return {**mark, name: getattr(value, name)}
    return {**mark, "assets": {name: to_plain(item) for name, item in value.assets.items()}}
