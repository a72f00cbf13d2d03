"""Components of awsx, expanded to the children the real provider makes (pulumi-awsx 3.11).

The TypeScript provider cannot run here; what it makes was recorded from it, and tests/testing/awsx-3.11.json holds that record.
"""

from typing import Any

from transload.testing._awsx import ecr, ecs, generic, lb, vpc
from transload.testing._awsx.children import Children

_EXPANSIONS = {
    "awsx:ec2:Vpc": vpc.expand,
    "awsx:ecr:Repository": ecr.expand_repository,
    "awsx:ecs:FargateService": ecs.expand_service,
    "awsx:ecs:FargateTaskDefinition": ecs.expand_task_definition,
    "awsx:lb:ApplicationLoadBalancer": lb.expand_application,
    "awsx:lb:NetworkLoadBalancer": lb.expand_network,
}


def expand(monitor: Any, request: Any, urn: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """The outputs of a remote component, after its children have been registered through `monitor`.

    A type that is not known is expanded by its declared outputs, and the monitor notes that this was a guess.
    """
    children = Children(monitor, request, urn)
    known = _EXPANSIONS.get(request.type)
    if known is not None:
        return known(children, request.name, inputs)
    monitor.guessed.add(urn)
    return generic.expand(children, request.type, request.name)
