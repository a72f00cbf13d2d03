"""Items of the conductor's tables in DynamoDB's own JSON."""

import json
from collections.abc import Mapping
from typing import Any


def item(values: Mapping[str, Any]) -> str:
    """The item as JSON text with DynamoDB's types. What is None is left out: an attribute that is absent has no value."""
    return json.dumps({key: _typed(value) for key, value in values.items() if value is not None})


def _typed(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, int | float):
        return {"N": f"{value:g}" if isinstance(value, float) else str(value)}
    if isinstance(value, Mapping):
        return {"M": {key: _typed(inner) for key, inner in value.items() if inner is not None}}
    return {"L": [_typed(inner) for inner in value]}
