"""Any component without an expansion of its own: what its outputs declare."""

from typing import Any

from pulumi.resource import Resource

from transload.testing._awsx.children import Children
from transload.testing._placeholders import Placeholders
from transload.testing._schema import members, schema


def expand(children: Children, token: str, name: str) -> dict[str, Any]:
    """Every output that is a resource becomes a child; the others get a stand-in of their type."""
    found = schema(token)
    outputs: dict[str, Any] = {}
    values = Placeholders(children.monitor.account, children.monitor.region)
    for wire, kind in (found.outputs if found else {}).items():
        resources = [one for one in members(kind) if isinstance(one, type) and issubclass(one, Resource)]
        child = getattr(resources[0], "pulumi_type", None) if resources else None
        outputs[wire] = children.make(child, f"{name}-{wire}", {}).reference if child else values.value(kind, wire, token, name)
    return {wire: value for wire, value in outputs.items() if value is not None}
