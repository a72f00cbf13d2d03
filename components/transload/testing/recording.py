"""What a program registered: immutable, in program order, readable by tests, plan, cost, picture and docs alike."""

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

STACK_TYPE = "pulumi:pulumi:Stack"


@dataclass(frozen=True)
class Options:
    """The resource options that reach the engine."""

    protect: bool | None = None
    aliases: tuple[Any, ...] = ()
    """URNs, or mappings of the parts of an alias (`name`, `type`, `stack`, `project`, `parentUrn`, `noParent`)."""
    retain_on_delete: bool | None = None
    ignore_changes: tuple[str, ...] = ()
    replace_on_changes: tuple[str, ...] = ()
    delete_before_replace: bool | None = None
    deleted_with: str = ""
    import_id: str = ""
    additional_secret_outputs: tuple[str, ...] = ()
    custom_timeouts: Mapping[str, str] = field(default_factory=dict)
    version: str = ""
    plugin_download_url: str = ""


@dataclass(frozen=True)
class Resource:
    """One registered resource."""

    urn: str
    """As the engine makes it: the whole chain of parent types, without the stack's."""
    type: str
    name: str
    kind: str
    """`custom`, `component`, `remote` (a component of another package, such as awsx), `provider`, `stack`, or `read` (what a
    program gets by its id, and a StackReference)."""
    parent: str
    """URN of the parent; empty for the stack itself."""
    id: str
    """Provider id; empty for components, and for everything in a preview."""
    inputs: Mapping[str, Any]
    """By the provider's names (camelCase). Secrets are unwrapped: see `secret_paths`."""
    outputs: Mapping[str, Any]
    """Inputs and what the provider computes; for components what they registered."""
    dependencies: tuple[str, ...] = ()
    """URNs: explicit `depends_on` and all that the inputs came from."""
    property_dependencies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Input name to the URNs its value came from."""
    provider: str = ""
    """`<urn>::<id>` of an explicit provider; empty for the default one."""
    providers: Mapping[str, str] = field(default_factory=dict)
    """Package to provider reference, for components."""
    options: Options = field(default_factory=Options)
    secret_paths: tuple[str, ...] = ()
    """Where the inputs hold secrets: `password`, `containers[0].environment.TOKEN`."""
    unknown_paths: tuple[str, ...] = ()
    """Where the inputs are unknown, which only a preview has."""
    source: tuple[str, int] | None = None
    """File and line of the call that made it, outside of Pulumi and the generated SDKs."""


@dataclass(frozen=True)
class Invoke:
    """One call of a provider function."""

    token: str
    args: Mapping[str, Any]
    result: Mapping[str, Any]
    provider: str = ""


@dataclass(frozen=True)
class Finding:
    """An input that does not fit the type the provider's SDK declares, or something the offline run had to guess."""

    severity: str
    """`error` or `warning`."""
    kind: str
    """`missing`, `unknown`, `type`, `enum`, `deprecated` or `expansion`."""
    urn: str
    path: str
    message: str
    source: tuple[str, int] | None = None

    def __str__(self) -> str:
        _, token, name = self.urn.rsplit("::", 2)
        place = f" ({self.source[0]}:{self.source[1]})" if self.source else ""
        where = f"{token.rpartition('$')[2]} '{name}'" + (f" {self.path}" if self.path else "")
        return f"{self.severity}: {where}: {self.message}{place}"


@dataclass(frozen=True)
class Recording:
    """All that one run of a program registered.

    recording = run_program(program)
    queue = recording.one("aws:sqs/queue:Queue", "orders")
    assert queue.inputs["fifoQueue"] is True
    """

    project: str
    stack: str
    resources: tuple[Resource, ...]
    """In program order, the stack first."""
    exports: Mapping[str, Any]
    secret_exports: tuple[str, ...] = ()
    """Paths at which the exports are secret."""
    invokes: tuple[Invoke, ...] = ()
    find: Callable[[tuple[Resource, ...]], tuple[Finding, ...]] = field(default=lambda resources: (), repr=False, compare=False)

    @functools.cached_property
    def findings(self) -> tuple[Finding, ...]:
        """Every input checked against the installed SDK. Computed when first read: it costs more than the run."""
        return self.find(self.resources)

    @functools.cached_property
    def _by_urn(self) -> dict[str, Resource]:
        return {resource.urn: resource for resource in self.resources}

    def by_urn(self, urn: str) -> Resource:
        """The resource with this URN. Raises LookupError."""
        if urn not in self._by_urn:
            raise LookupError(f"no resource {urn}")
        return self._by_urn[urn]

    def all(self, type: str, name: str | None = None) -> tuple[Resource, ...]:  # noqa: A002 Pulumi's own word
        """The resources of a type token, in program order."""
        return tuple(one for one in self.resources if one.type == type and name in (None, one.name))

    def one(self, type: str, name: str | None = None) -> Resource:  # noqa: A002
        """The only resource of a type, or the one with this name. Raises LookupError that says what there is."""
        found = self.all(type, name)
        if len(found) == 1:
            return found[0]
        wanted = type if name is None else f"{type} '{name}'"
        if found:
            raise LookupError(f"{len(found)} resources are {wanted}: {', '.join(one.name for one in found)}; give the name")
        there = sorted(one.name for one in self.all(type)) or sorted({one.type for one in self.resources} - {STACK_TYPE})
        raise LookupError(f"no resource is {wanted}; there are {', '.join(there) or 'none at all'}")

    def tree(self, component: str, name: str) -> set[tuple[str, str]]:
        """Type and name of everything below a component, at any depth. `component` is its class name or its type token."""
        tops = [one for one in self.resources if one.name == name and component in (one.type, one.type.rpartition(":")[2])]
        if len(tops) != 1:
            raise LookupError(f"{len(tops) or 'no'} components are {component} '{name}'")
        return {(one.type, one.name) for one in self.below(tops[0].urn)}

    def below(self, urn: str) -> tuple[Resource, ...]:
        """All descendants of the resource with this URN, in program order."""
        return tuple(one for one in self.resources if urn in self._ancestors(one))

    def _ancestors(self, resource: Resource) -> set[str]:
        found: set[str] = set()
        parent = resource.parent
        while parent and parent not in found:
            found.add(parent)
            above = self._by_urn.get(parent)
            parent = above.parent if above else ""
        return found

    def policy(self, type: str, name: str | None = None) -> list[dict[str, Any]]:  # noqa: A002
        """The statements of the IAM policy in the resource's `policy` input."""
        document = self.one(type, name).inputs["policy"]
        return (json.loads(document) if isinstance(document, str) else document)["Statement"]
