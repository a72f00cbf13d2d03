"""`awsx.lb.ApplicationLoadBalancer` and `NetworkLoadBalancer`."""

from typing import Any

from transload.testing._awsx import generic
from transload.testing._awsx.children import Children


def expand_application(children: Children, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    return generic.expand(children, "awsx:lb:ApplicationLoadBalancer", name)


def expand_network(children: Children, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    return generic.expand(children, "awsx:lb:NetworkLoadBalancer", name)
