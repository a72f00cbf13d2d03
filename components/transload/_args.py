"""Checks of component arguments, with one-line errors that name the component."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import pulumi

# Amazon CloudWatch Logs API reference, PutRetentionPolicy.
_RETENTION_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)


def fail(component: pulumi.Resource, message: str) -> NoReturn:
    """Raise the `ValueError` that says which component refuses and why."""
    raise ValueError(f"{type(component).__name__} '{component._name}': {message}")


def check_args(component: pulumi.Resource, args: Mapping[str, Any], shape: Any) -> None:
    """Refuse unknown keys (naming the nearest known one) and missing ones. `shape` is the component's args TypedDict."""
    problem = problem_with_keys(args, shape)
    if problem:
        fail(component, problem)


def problem_with_keys(args: Mapping[str, Any], shape: Any) -> str | None:
    """What is wrong with the keys of `args` against the TypedDict `shape`, or None."""
    if not isinstance(args, Mapping):
        return f"arguments must be a mapping such as {{...}}, got {type(args).__name__}"
    required, optional = shape.__required_keys__, shape.__optional_keys__
    if not args.keys() <= required | optional:
        unknown = min(args.keys() - required - optional)
        near = difflib.get_close_matches(unknown, sorted(required | optional), 1)
        return f"unknown argument {unknown}" + (
            f", did you mean {near[0]}?" if near else f"; known are {', '.join(sorted(required | optional))}"
        )
    missing = sorted(key for key in required if args.get(key) is None)
    return f"missing argument {missing[0]}" if missing else None


def integer(
    component: pulumi.Resource, args: Mapping[str, Any], key: str, default: int, low: int, high: int, within: str = ""
) -> int:
    """Read an optional whole number with its bounds. From other languages numbers arrive as floats. `within` says in the message
    which argument `args` is the value of."""
    value = args.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or int(value) != value or not low <= value <= high:
        fail(component, f"{within}{key} must be {low} to {high}, got {value!r}")
    return int(value)


def choice(component: pulumi.Resource, args: Mapping[str, Any], key: str, default: str, allowed: Sequence[str]) -> str:
    """Read an optional word out of `allowed`."""
    value = args.get(key) or default
    if value not in allowed:
        near = difflib.get_close_matches(str(value), allowed, 1)
        fail(
            component, f"{key} must be one of {', '.join(allowed)}, got {value!r}" + (f"; did you mean {near[0]}?" if near else "")
        )
    return value


def retention_days(component: pulumi.Resource, args: Mapping[str, Any], key: str, default: int) -> int:
    """Read an optional number of days that CloudWatch Logs keeps a log for."""
    days = integer(component, args, key, default, 1, 3653)
    if days not in _RETENTION_DAYS:
        near = min(_RETENTION_DAYS, key=lambda known: abs(known - days))
        fail(component, f"{key} must be a number that CloudWatch Logs takes, got {days}; nearest is {near}")
    return days
