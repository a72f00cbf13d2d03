"""Turn Pulumi's inputs into the parameters of an AWS operation, led by botocore's model of that operation."""

import json
import re
from collections.abc import Mapping
from typing import Any

_MISSING = object()
_PAIRS = ({"key", "value"}, {"tagkey", "tagvalue"}, {"name", "value"})


class NotPassedError(ValueError):
    """An input that the operation has no place for. The text is its path, such as `target.input`."""


def fit(shape: Any, value: Any, path: str = "", names: Mapping[str, str] | None = None) -> Any:
    """Make `value` fit the botocore `shape`: member names, lists, tags, JSON text, numbers.

    `names` maps paths (`target.ecsParameters`, without list positions) to the API's member, dotted to go deeper; "" where the call
    itself says what the input means.
    Raises `NotPassedError` for what has no place.
    """
    names = names or {}
    match shape.type_name:
        case "structure":
            return _structure(shape, value, path, names)
        case "list":
            return _list(shape, value, path, names)
        case "map":
            entries = json.loads(value) if isinstance(value, str) else value
            return {key: fit(shape.value, entry, f"{path}.*", names) for key, entry in entries.items() if entry is not None}
        case "integer" | "long":
            return int(float(value))
        case "float" | "double":
            return float(value)
        case "boolean":
            return value == "true" if isinstance(value, str) else bool(value)
        case "string":
            return text(value)
    return value


def tags(shape: Any, value: Mapping[str, str]) -> list[dict[str, str]]:
    """A map in the list form of `shape`, whose two members the API calls Key and Value, TagKey and TagValue, or Name and Value."""
    key, label = sorted(shape.member.members, key=lambda member: "value" in member.lower())
    return [{key: name, label: text(entry)} for name, entry in value.items()]


def _structure(shape: Any, value: Any, path: str, names: Mapping[str, str]) -> dict[str, Any]:
    if isinstance(value, str):
        value = json.loads(value)
    if isinstance(value, list):
        # Pulumi keeps a few single objects as a list of one.
        value = value[0] if value else {}
    fitted: dict[str, Any] = {}
    for key, entry in value.items():
        inner = f"{path}.{key}" if path else key
        if entry is None:
            continue
        put(shape, fitted, inner, entry, names)
    return fitted


def put(shape: Any, target: dict[str, Any], path: str, value: Any, names: Mapping[str, str]) -> None:
    """Set the member of `target` (of `shape`) that the input at `path` belongs to."""
    wanted = names[path] if path in names else member(shape, path.rsplit(".", 1)[-1])
    if wanted is None:
        raise NotPassedError(path)
    if not wanted:
        return
    *way, last = wanted.split(".")
    for step in way:
        shape = shape.members[step]
        target = target.setdefault(step, {})
    target[last] = fit(shape.value if shape.type_name == "map" else shape.members[last], value, path, names)


def member(shape: Any, name: str) -> str | None:
    """The member of `shape` that Pulumi's `name` means: case aside, and singular where Pulumi says plural."""
    known = {_plain(each): each for each in shape.members}
    plain = _plain(name)
    for candidate in (plain, plain.removesuffix("s"), plain + "s", plain.removesuffix("es"), re.sub("ies$", "y", plain)):
        if candidate in known:
            return known[candidate]
    return None


def _list(shape: Any, value: Any, path: str, names: Mapping[str, str]) -> list[Any]:
    if isinstance(value, Mapping) and _is_pair(shape.member, value):
        return tags(shape, value)
    if isinstance(value, str) and value.startswith("[") and shape.member.type_name == "structure":
        value = json.loads(value)
    entries = value if isinstance(value, list) else [value]
    return [fit(shape.member, entry, path, names) for entry in entries]


def _is_pair(shape: Any, value: Mapping[str, Any]) -> bool:
    """True where the API keeps a map as a list of names and values, and `value` is that map rather than one entry of the list."""
    if shape.type_name != "structure":
        return False
    words = {_plain(each) for each in shape.members}
    return words in _PAIRS and not {_plain(key) for key in value} <= words


def text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return json.dumps(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def look_up(expression: str, values: Mapping[str, Any]) -> Any:
    """Evaluate `Vpc.VpcId` (a path, the value as it is) or `vpc/{Vpc.VpcId}` (text with paths). None when a step is missing."""
    if "{" not in expression:
        found = _follow(expression, values)
        return None if found is _MISSING else found
    parts = {way: _follow(way, values) for way in re.findall(r"{([^}]*)}", expression)}
    if any(part is _MISSING or part is None for part in parts.values()):
        return None
    return re.sub(r"{([^}]*)}", lambda match: text(parts[match[1]]), expression)


def fill(template: Any, values: Mapping[str, Any]) -> Any:
    """Evaluate every text of a nested template that holds `{...}`. A value that is missing leaves its key out."""
    if isinstance(template, str):
        return look_up(template, values) if "{" in template else template
    if isinstance(template, Mapping):
        filled = {key: fill(entry, values) for key, entry in template.items()}
        return {key: entry for key, entry in filled.items() if entry is not None}
    if isinstance(template, list | tuple):
        return [fill(entry, values) for entry in template]
    return template


def _follow(path: str, values: Any) -> Any:
    for step in path.split("."):
        if isinstance(values, Mapping):
            values = values.get(step, _MISSING)
        elif isinstance(values, list) and step.isdigit():
            values = values[int(step)] if int(step) < len(values) else _MISSING
        else:
            return _MISSING
    return values
