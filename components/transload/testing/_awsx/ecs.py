"""`awsx.ecs.FargateService` and `FargateTaskDefinition`."""

from typing import Any

from transload.testing._awsx import generic
from transload.testing._awsx.children import Children


def expand_service(children: Children, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    return generic.expand(children, "awsx:ecs:FargateService", name)


def expand_task_definition(children: Children, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    return generic.expand(children, "awsx:ecs:FargateTaskDefinition", name)
