"""Bring a resource's state to the types its outputs are declared with."""

import json
from typing import Any

from transload.testing._schema import Schema, is_list, is_map, members, schema
from transload.testing._values import Reference


def fit(token: str, state: dict[str, Any]) -> dict[str, Any]:
    """The state as the SDK can read it: it raises on a value of the wrong type, and hangs on one behind a resource reference.

    Objects given where the output is JSON text are written as text; what cannot be brought to its type is left out.
    """
    found = schema(token)
    if found is None:
        return state
    return {name: value for name, given in state.items() if (value := _fitted(found, name, given)) is not None}


def _fitted(found: Schema, name: str, value: Any) -> Any:
    kinds = members(found.outputs.get(name))
    if not kinds or not isinstance(value, dict | list) or isinstance(value, Reference):
        return value
    if kinds == [str]:
        return json.dumps(value)
    if isinstance(value, list):
        return value if any(is_list(kind) for kind in kinds) else None
    return value if any(is_map(kind) or not is_list(kind) for kind in kinds) else None
