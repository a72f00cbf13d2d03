"""`awsx.ecr.Repository`."""

from typing import Any

from transload.testing._awsx import generic
from transload.testing._awsx.children import Children


def expand_repository(children: Children, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    return generic.expand(children, "awsx:ecr:Repository", name)
