"""Check recorded inputs against the types the installed SDK declares."""

import difflib
import enum
import re
from collections.abc import Collection, Iterable
from typing import Any

from pulumi import _types

from transload.testing._schema import Property, is_list, is_map, item, members, properties, schema
from transload.testing._values import Unknown
from transload.testing.recording import Finding, Resource


def findings(resources: Iterable[Resource], guessed: Collection[str] = ()) -> tuple[Finding, ...]:
    """Findings of all resources that an installed SDK knows. `guessed` are the URNs of components expanded without knowledge."""
    found: list[Finding] = []
    # What was guessed has no inputs worth checking, and comes after what it was guessed for.
    stand_ins = set(guessed)
    for resource in resources:
        if resource.parent in stand_ins:
            stand_ins.add(resource.urn)
            continue
        if resource.urn in guessed:
            message = f"{resource.type} is expanded by guess: its children are not those the real provider makes"
            found.append(Finding("warning", "expansion", resource.urn, "", message, resource.source))
        if resource.kind in ("custom", "remote", "provider"):
            found += [
                Finding(severity, kind, resource.urn, path, message, resource.source)
                for severity, kind, path, message in check(resource.type, dict(resource.inputs))
            ]
    return tuple(found)


# severity, kind, path, message
Problem = tuple[str, str, str, str]


def check(token: str, inputs: dict[str, Any]) -> list[Problem]:
    """What is wrong with the inputs (by wire names) of a resource of this type."""
    found = schema(token)
    if found is None:
        return []
    problems: list[Problem] = []
    if found.deprecated:
        problems.append(("warning", "deprecated", "", found.deprecated))
    _object(inputs, found.inputs, "", problems)
    return problems


def _object(values: dict[str, Any], known: dict[str, Property], path: str, problems: list[Problem]) -> None:
    def at(name: str) -> str:
        return f"{path}.{name}" if path else name

    for wire, one in known.items():
        value = values.get(wire)
        if value is None and one.required:
            problems.append(("error", "missing", at(wire), f"required input {wire} is missing"))
        if value is not None and one.deprecated:
            problems.append(("warning", "deprecated", at(wire), one.deprecated))
    for wire, value in values.items():
        if wire in known:
            _value(value, known[wire].type, at(wire), problems)
        elif not wire.startswith("__"):
            problems.append(("error", "unknown", at(wire), f"no such input {wire}{_nearest(wire, known)}"))


def _nearest(wire: str, known: dict[str, Property]) -> str:
    near = difflib.get_close_matches(wire, known, 1)
    return f", did you mean {near[0]}?" if near else ""


def _value(value: Any, kind: Any, path: str, problems: list[Problem]) -> None:
    """Against a union the member that fits best speaks: the one with the fewest errors."""
    kinds = members(kind)
    if value is None or isinstance(value, Unknown) or not kinds or Any in kinds or object in kinds:
        return
    best: list[Problem] | None = None
    for one in kinds:
        found: list[Problem] = []
        _member(value, one, path, found)
        if not found:
            return
        if best is None or _weight(found) < _weight(best):
            best = found
    problems += best or []


def _weight(problems: list[Problem]) -> int:
    return sum(10 if severity == "error" else 1 for severity, *_ in problems)


def _member(value: Any, kind: Any, path: str, problems: list[Problem]) -> None:
    wrong = _wrong(value, kind)
    if wrong and kind is str and not isinstance(value, dict | list):
        problems.append(("warning", "type", path, f"{wrong}, which the provider converts"))
    elif wrong:
        problems.append(("error", "type", path, wrong))
    elif is_list(kind):
        for index, one in enumerate(value):
            _value(one, item(kind), f"{path}[{index}]", problems)
    elif is_map(kind):
        for key, one in value.items():
            _value(one, item(kind), f"{path}.{key}", problems)
    elif _types.is_input_type(kind):
        _object(value, properties(kind), path, problems)
    elif isinstance(kind, type) and issubclass(kind, enum.Enum) and value not in (allowed := [one.value for one in kind]):
        near = difflib.get_close_matches(str(value), map(str, allowed), 1)
        hint = f", did you mean {near[0]}?" if near else f"; it is one of {', '.join(map(str, allowed[:12]))}"
        problems.append(("error", "enum", path, f"{value!r} is not a value of {kind.__name__}{hint}"))


def _wrong(value: Any, kind: Any) -> str | None:
    """How a value misses a member type at its top. The provider itself reads "5" as a number and "true" as a bool: these pass."""
    got = (
        f"got {type(value).__name__} {value!r}"
        if isinstance(value, str | int | float)
        else f"got {_NAMES.get(type(value), 'object')}"
    )
    if is_list(kind):
        return None if isinstance(value, list) else f"expected a list, {got}"
    if is_map(kind):
        return None if isinstance(value, dict) else f"expected a map, {got}"
    if isinstance(kind, type) and _types.is_input_type(kind):
        return None if isinstance(value, dict) else f"expected an object {kind.__name__}, {got}"
    if kind is bool:
        return None if isinstance(value, bool) or value in ("true", "false") else f"expected true or false, {got}"
    if kind is int:
        return None if _is_whole(value) else f"expected a whole number, {got}"
    if kind is float:
        return None if _is_number(value) else f"expected a number, {got}"
    if kind is str:
        return None if isinstance(value, str) else f"expected a string, {got}"
    return None


_NAMES: dict[type, str] = {dict: "an object", list: "a list", bool: "a bool"}


def _is_number(value: Any) -> bool:
    return not isinstance(value, bool) and (
        isinstance(value, int | float) or (isinstance(value, str) and bool(re.fullmatch(r"-?\d+(\.\d+)?", value)))
    )


def _is_whole(value: Any) -> bool:
    return _is_number(value) and float(value).is_integer()
