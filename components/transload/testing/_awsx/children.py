"""Registering the children of a remote component through the monitor."""

from dataclasses import dataclass
from typing import Any

from pulumi.runtime import rpc
from pulumi.runtime.proto import alias_pb2, resource_pb2

from transload.testing._values import UNKNOWN, Dependent, Reference, from_struct, sources, to_struct


@dataclass(frozen=True)
class Child:
    """A registered child."""

    urn: str
    id: str
    outputs: dict[str, Any]

    @property
    def reference(self) -> Dependent:
        """The child as an output of the component."""
        return Dependent(Reference(self.urn, self.id), frozenset([self.urn]))

    def out(self, name: str) -> Dependent:
        """One of its outputs (or `id`), to be an input of a sibling. In a preview it has no id yet, and no outputs."""
        value = self.id if name == "id" else self.outputs.get(name)
        planned = not self.id or self.id == rpc.UNKNOWN
        return Dependent(UNKNOWN if planned and not value else value, frozenset([self.urn]))


class Children:
    """Makes the children of one component. They get the providers that the component was given."""

    def __init__(self, monitor: Any, request: Any, urn: str):
        self.monitor, self.request, self.urn = monitor, request, urn
        self._secrets = from_struct(request.object).secrets

    def given(self, name: str, value: Any) -> Any:
        """(A part of) the component's own input `name`, with what it depends on and whether it is secret."""
        if value is None:
            return None
        found = self.request.propertyDependencies.get(name) if name in self.request.propertyDependencies else None
        secret = any(path == name or path.startswith((f"{name}.", f"{name}[")) for path in self._secrets)
        return Dependent(value, frozenset(found.urns if found else ()), secret)

    def make(
        self,
        token: str,
        name: str,
        inputs: dict[str, Any],
        *,
        parent: str = "",
        depends_on: tuple[Child, ...] = (),
        aliases: tuple[dict[str, Any], ...] = (),
    ) -> Child:
        """Register a resource under the component, or under `parent`. Inputs that are None are left out."""
        parent = parent or self.urn
        inputs = {wire: value for wire, value in inputs.items() if value is not None}
        from_inputs = {wire: sources(value) for wire, value in inputs.items()}
        depended = {one.urn for one in depends_on}.union(*from_inputs.values())
        request = resource_pb2.RegisterResourceRequest(
            type=token,
            name=name,
            parent=parent,
            custom=True,
            object=to_struct(inputs),
            dependencies=sorted(depended),
            propertyDependencies={
                wire: resource_pb2.RegisterResourceRequest.PropertyDependencies(urns=sorted(urns))
                for wire, urns in from_inputs.items()
                if urns
            },
            provider=self.request.providers.get(token.partition(":")[0], ""),
            acceptSecrets=True,
            acceptResources=True,
            aliases=[_alias(alias, parent) for alias in aliases],
        )
        return self._registered(request)

    def component(self, token: str, name: str, aliases: tuple[dict[str, Any], ...] = ()) -> "Children":
        """Register a component below this one, and make children of that."""
        request = resource_pb2.RegisterResourceRequest(
            type=token, name=name, parent=self.urn, aliases=[_alias(alias, self.urn) for alias in aliases]
        )
        made = self._registered(request)
        inner = Children(self.monitor, self.request, made.urn)
        inner._secrets = self._secrets
        return inner

    def _registered(self, request: Any) -> Child:
        response = self.monitor.RegisterResource(request)
        return Child(response.urn, response.id, self.monitor.state(response.urn))


def _alias(parts: dict[str, Any], parent: str) -> Any:
    return alias_pb2.Alias(spec=alias_pb2.Alias.Spec(parentUrn=parent, **parts))
