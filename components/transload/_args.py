"""Checks of component arguments, with one-line errors that name the component."""

import difflib
import functools
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import pulumi

Args = TypeVar("Args", bound=Mapping[str, Any])

# Amazon CloudWatch Logs API reference, PutRetentionPolicy.
_RETENTION_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)


def fail(component: pulumi.Resource, message: str) -> NoReturn:
    """Raise the `ValueError` that says which component refuses and why."""
    raise ValueError(f"{type(component).__name__} '{component._name}': {message}")


def check_args(component: pulumi.Resource, args: Args, shape: type[Args]) -> Args:
    """Refuse unknown keys (naming the nearest known one), missing ones, and values of another type than the args TypedDict `shape`
    asks for. Returns what is given: a None, which an unset configuration value is, stands for the default."""
    problem = problem_with_keys(args, shape)
    if problem:
        fail(component, problem)
    return cast(Args, {key: value for key, value in args.items() if value is not None})


def problem_with_keys(args: Mapping[str, Any], shape: Any) -> str | None:
    """What is wrong with the keys of `args`, or with the type of a value, against the TypedDict `shape`; None if all is well."""
    if not isinstance(args, Mapping):
        return f"arguments must be a mapping such as {{...}}, got {type(args).__name__}"
    required, optional = shape.__required_keys__, shape.__optional_keys__
    if not args.keys() <= required | optional:
        unknown = min(map(str, args.keys() - required - optional))
        near = difflib.get_close_matches(unknown, sorted(required | optional), 1)
        return f"unknown argument {unknown}" + (
            f", did you mean {near[0]}?" if near else f"; known are {', '.join(sorted(required | optional))}"
        )
    missing = sorted(key for key in required if args.get(key) is None)
    if missing:
        return f"missing argument {missing[0]}"
    kinds = _kinds(shape)
    return next((problem for key, value in args.items() if (problem := _problem_with_value(key, value, kinds[key]))), None)


@functools.cache
def _kinds(shape: Any) -> dict[str, Any]:
    """The type of each key, without NotRequired. pulumi.Input speaks of `Output[T]` by name."""
    return get_type_hints(shape, localns={"Output": pulumi.Output, "T": Any})


_WORDS = {str: "a text", bool: "true or false", list: "a list", Mapping: "keys and values"}


@functools.cache
def _taken(kind: Any) -> tuple[Any, Any]:
    """The class that values of `kind` have, and the kind of what is in them. None for what others check: numbers with their bounds,
    shapes of our own with their keys."""
    outer, inner = get_origin(kind), get_args(kind)
    if outer is Union:
        # pulumi.Input[T] is T, or what becomes T.
        return _taken(inner[0])
    return {list: (list, *inner), dict: (Mapping, *inner[1:])}.get(outer, (kind if kind in _WORDS else None, None))


def _problem_with_value(where: str, value: Any, kind: Any) -> str | None:
    """Why `value` is none of `kind`. What is known only later passes."""
    taken, part = _taken(kind)
    if taken is None or value is None:
        return None
    if not isinstance(value, taken):
        later = isinstance(value, pulumi.Output | Awaitable)
        return None if later else f"{where} must be {_WORDS[taken]}, got {value!r}"
    parts = value.items() if taken is Mapping else enumerate(value) if taken is list else ()
    return next((problem for key, each in parts if (problem := _problem_with_value(f"{where}[{key!r}]", each, part))), None)


def integer(
    component: pulumi.Resource, args: Mapping[str, Any], key: str, default: int, low: int, high: int, within: str = ""
) -> int:
    """Read an optional whole number with its bounds. From other languages numbers arrive as floats. `within` says in the message
    which argument `args` is the value of."""
    value = args.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high or int(value) != value:
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
