"""The engine's side of a run, in this process: answers what the SDK asks and records what it registers.

Seam for other rooms: `Monitor(project, stack, create=..., invoke=..., remote=...)`, run by `_program.run(program, monitor)`.

`create(type, name, inputs, urn) -> (id, outputs)` is called once for every custom resource, and for every `get` with the id in
`inputs["id"]`; never for provider resources, and never in a preview. Outputs are what the provider adds to the inputs: the inputs
need not be repeated. In the inputs secrets are in the clear, assets are Pulumi's asset objects, resources are `Reference`.
`invoke(token, args) -> dict` answers provider functions; `_invokes.Invokes(account, region)` is the default to fall back on.
`remote(monitor, request, urn, inputs) -> dict` expands components of other packages, by default those of awsx.

With `threads=0` all of these run on the thread of the program, one after another; otherwise they are called from `threads` threads
at once and must be safe for that. What they raise ends the run and surfaces from it unchanged, with a note that names the user's
line (`_errors.user_line` reads it).
"""

import itertools
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pulumi.runtime.proto import provider_pb2, resource_pb2

from transload.testing import _awsx, _checks, _errors, _source, _transforms
from transload.testing._fit import fit
from transload.testing._invokes import Invokes
from transload.testing._placeholders import ACCOUNT, REGION, Placeholders
from transload.testing._values import Properties, from_struct, plain, sources, to_struct
from transload.testing._wire import Empty
from transload.testing.recording import STACK_TYPE, Invoke, Options, Recording, Resource

Create = Callable[[str, str, dict[str, Any], str], tuple[str, dict[str, Any]]]
Answer = Callable[[str, dict[str, Any]], dict[str, Any]]

_FEATURES = [
    resource_pb2.RESOURCE_MONITOR_FEATURE_SECRETS,
    resource_pb2.RESOURCE_MONITOR_FEATURE_RESOURCE_REFERENCES,
    resource_pb2.RESOURCE_MONITOR_FEATURE_ALIAS_SPECS,
    resource_pb2.RESOURCE_MONITOR_FEATURE_REPLACEMENT_TRIGGER,
    resource_pb2.RESOURCE_MONITOR_FEATURE_DELETED_WITH,
    resource_pb2.RESOURCE_MONITOR_FEATURE_REPLACE_WITH,
    resource_pb2.RESOURCE_MONITOR_FEATURE_TRANSFORMS,
    resource_pb2.RESOURCE_MONITOR_FEATURE_INVOKE_TRANSFORMS,
    resource_pb2.RESOURCE_MONITOR_FEATURE_PARAMETERIZATION,
    resource_pb2.RESOURCE_MONITOR_FEATURE_RESOURCE_HOOKS,
    resource_pb2.RESOURCE_MONITOR_FEATURE_ERROR_HOOKS,
]


class DuplicateUrn(ValueError):  # noqa: N818 it is an argument of the program that is wrong
    """Two resources of one type and name under one parent."""


@dataclass
class _Entry:
    """A resource while the run goes on. `turn` is its place in the program."""

    turn: tuple[int, ...]
    resource: Resource


class Monitor:
    """Stands where the SDK expects the engine's resource monitor."""

    def __init__(
        self,
        project: str,
        stack: str,
        *,
        create: Create | None = None,
        invoke: Answer | None = None,
        remote: Callable[["Monitor", Any, str, dict[str, Any]], dict[str, Any]] | None = None,
        stack_references: Mapping[str, Mapping[str, Any]] | None = None,
        preview: bool = False,
        account: str = ACCOUNT,
        region: str = REGION,
    ):
        self.project, self.stack, self.preview = project, stack, preview
        self.account, self.region = account, region
        self.transforms = _transforms.Transforms()
        self.guessed: set[str] = set()
        self._create = create
        self._invoke = invoke or Invokes(account, region)
        self._remote = remote or _awsx.expand
        self._stack_references = stack_references or {}
        self._entries: dict[str, _Entry] = {}
        self._registered: dict[str, dict[str, Any]] = {}
        self._exports = Properties()
        self._invokes: list[Invoke] = []
        self._creating: dict[str, str] = {}
        self._declared: dict[int, str] = {}
        self._turns = itertools.count(1)
        self._turn_of: dict[str, tuple[int, ...]] = {}
        self._places: dict[str, _source.Place | None] = {}
        self._lock = threading.RLock()

    # What the run is read from

    def recording(self) -> Recording:
        """What has been registered so far."""
        with self._lock:
            entries = sorted(self._entries.values(), key=lambda entry: entry.turn)
            resources = tuple(self._finished(entry.resource) for entry in entries)
        guessed = frozenset(self.guessed)
        return Recording(
            self.project,
            self.stack,
            resources,
            dict(self._exports.values),
            tuple(self._exports.secrets),
            tuple(self._invokes),
            lambda resources: _checks.findings(resources, guessed),
        )

    def _finished(self, resource: Resource) -> Resource:
        registered = self._registered.get(resource.urn)
        if not registered:
            return resource
        return replace(resource, outputs={**resource.outputs, **registered})

    def close(self) -> None:
        """Give back what the run needed; the recording stays."""
        self.transforms.close()

    def urn(self, parent: str, token: str, name: str) -> str:
        """The engine's own: the chain of all parent types, in which the stack is left out."""
        above = parent.split("::", 3)[2] if parent else ""
        chain = f"{above}$" if above and above != STACK_TYPE else ""
        return f"urn:pulumi:{self.stack}::{self.project}::{chain}{token}::{name}"

    def state(self, urn: str) -> dict[str, Any]:
        """Inputs and outputs of a resource that has been registered."""
        return dict(self._entries[urn].resource.outputs)

    def ask(self, token: str, args: dict[str, Any]) -> dict[str, Any]:
        """Call a provider function, and record the call."""
        result = self._invoke(token, args)
        with self._lock:
            self._invokes.append(Invoke(token, args, result))
        return result

    def vpc_of_subnet(self, subnet: str) -> str:
        """The VPC that a subnet is in: of the program's own subnet, else as the provider answers."""
        with self._lock:
            own = [entry.resource for entry in self._entries.values() if entry.resource.id == subnet]
        if own and isinstance(own[0].inputs.get("vpcId"), str):
            return own[0].inputs["vpcId"]
        return self.ask("aws:ec2/getSubnet:getSubnet", {"id": subnet})["vpcId"]

    def waiting(self) -> str:
        """The resource that is being created right now, for whoever asks why nothing moves."""
        with self._lock:
            if self._creating:
                return f"the creation of {next(iter(self._creating.values()))}"
            if self._declared:
                return f"the inputs of {self._declared[min(self._declared)]}"
        return ""

    def declared(self, order: int, token: str, name: str, place: _source.Place | None) -> None:
        """The program has made a resource; its registration follows when its inputs are there."""
        self._declared[order] = f"{token} '{name}'" + (f" ({place[0]}:{place[1]})" if place else "")

    # What the SDK calls

    def GetDeploymentInfo(self, request: Any) -> Any:  # noqa: N802 names of the protocol, here and below
        return resource_pb2.DeploymentInfo(supportedFeatures=_FEATURES)

    def SupportsFeature(self, request: Any) -> Any:  # noqa: N802
        return resource_pb2.SupportsFeatureResponse(hasSupport=request.id != "outputValues")

    def RegisterStackTransform(self, request: Any) -> Any:  # noqa: N802
        self.transforms.for_stack.append(request)
        return Empty()

    def RegisterStackInvokeTransform(self, request: Any) -> Any:  # noqa: N802
        self.transforms.for_invokes.append(request)
        return Empty()

    def RegisterResourceHook(self, request: Any) -> Any:  # noqa: N802
        return Empty()

    def RegisterErrorHook(self, request: Any) -> Any:  # noqa: N802
        return Empty()

    def SignalAndWaitForShutdown(self, request: Any) -> Any:  # noqa: N802
        return Empty()

    def RegisterPackage(self, request: Any) -> Any:  # noqa: N802
        return resource_pb2.RegisterPackageResponse(ref=f"{request.name}@{request.version}")

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802
        with _errors.explained(_place(request)):
            return self._register(request)

    def _register(self, request: Any) -> Any:
        urn = self.urn(request.parent, request.type, request.name)
        request = self.transforms.apply(urn, request)
        turn = self._turn(request, urn)
        found = from_struct(request.object)
        kind = _kind(request)
        identity, outputs = self._answer(kind, request, urn, found.values)
        state = {**found.values, **outputs} if kind in ("custom", "provider") else dict(outputs)
        self._record(kind, request, urn, turn, found, identity, plain(state), _options(request))
        answer = fit(request.type, found.values) if self.preview and kind == "custom" else outputs
        dependencies = {
            name: resource_pb2.RegisterResourceResponse.PropertyDependencies(urns=sorted(urns))
            for name, value in outputs.items()
            if kind == "remote" and (urns := sources(value))
        }
        return resource_pb2.RegisterResourceResponse(
            urn=urn, id=identity, object=to_struct(answer), propertyDependencies=dependencies
        )

    def _turn(self, request: Any, urn: str) -> tuple[int, ...]:
        """Place in the program: the user's call, or for a child of a remote component its place below that."""
        frames = request.stackTrace.frames
        order = frames[0].pc.column if frames else 0
        with self._lock:
            self._declared.pop(order, None)
            turn = (order,) if order else (*self._turn_of.get(request.parent, ()), next(self._turns))
            self._turn_of[urn] = turn
            # What a remote component makes belongs to the call of that component.
            self._places[urn] = _place(request) or self._places.get(request.parent)
        return turn

    def _answer(self, kind: str, request: Any, urn: str, inputs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        if kind == "provider":
            return f"{request.name}-id", {}
        if kind == "remote":
            return "", self._remote(self, request, urn, inputs)
        if kind != "custom" or self.preview:
            return "", {}
        with self._lock:
            self._creating[urn] = f"{request.type} '{request.name}'"
        try:
            return self._made(request, inputs, urn)
        finally:
            with self._lock:
                self._creating.pop(urn, None)

    def _made(self, request: Any, inputs: dict[str, Any], urn: str) -> tuple[str, dict[str, Any]]:
        create = self._create or Placeholders(self.account, self._region_of(request.provider)).create
        return create(request.type, request.name, inputs, urn)

    def _region_of(self, provider: str) -> str:
        """The region of an explicit provider (`<urn>::<id>`), else the stack's."""
        entry = self._entries.get(provider.rpartition("::")[0])
        region = entry.resource.inputs.get("region") if entry else None
        return region if isinstance(region, str) else self.region

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802
        found = from_struct(request.outputs)
        with self._lock:
            self._registered[request.urn] = found.values
            if f"::{STACK_TYPE}::" in request.urn:
                self._exports = found
        return Empty()

    def ReadResource(self, request: Any) -> Any:  # noqa: N802
        with _errors.explained(_place(request)):
            return self._read(request)

    def _read(self, request: Any) -> Any:
        urn = self.urn(request.parent, request.type, request.name)
        found = from_struct(request.properties)
        if request.type == "pulumi:pulumi:StackReference":
            outputs = self._reference(request.id)
        else:
            _, outputs = self._made(request, {**found.values, "id": request.id}, urn)
        self._record("read", request, urn, self._turn(request, urn), found, request.id, {**found.values, **outputs}, Options())
        return resource_pb2.ReadResourceResponse(urn=urn, properties=to_struct(outputs), id=request.id)

    def _reference(self, name: str) -> dict[str, Any]:
        if name not in self._stack_references:
            given = ", ".join(sorted(self._stack_references)) or "none"
            raise LookupError(
                f"the program reads stack {name!r}: give its outputs as stack_references={{{name!r}: {{...}}}} (given: {given})"
            )
        return {"name": name, "outputs": dict(self._stack_references[name]), "secretOutputNames": []}

    def Invoke(self, request: Any) -> Any:  # noqa: N802
        if request.tok == "pulumi:pulumi:getResource":
            return self._rehydrate(from_struct(request.args).values["urn"])
        return _returned(resource_pb2.ResourceInvokeResponse, to_struct(self._invoked(request)))

    def Call(self, request: Any) -> Any:  # noqa: N802
        return _returned(provider_pb2.CallResponse, to_struct(self._invoked(request)))

    def _invoked(self, request: Any) -> dict[str, Any]:
        given = self.transforms.apply_to_invoke(request) if self.transforms.for_invokes else request.args
        args = from_struct(given).values
        result = self._invoke(request.tok, args)
        with self._lock:
            self._invokes.append(Invoke(request.tok, args, result, request.provider))
        return result

    def _rehydrate(self, urn: str) -> Any:
        resource = self._entries[urn].resource
        state = {"urn": urn, "id": resource.id, "state": fit(resource.type, dict(resource.outputs))}
        return _returned(resource_pb2.ResourceInvokeResponse, to_struct(state))

    def _record(
        self,
        kind: str,
        request: Any,
        urn: str,
        turn: tuple[int, ...],
        found: Properties,
        identity: str,
        state: dict[str, Any],
        options: Options,
    ) -> None:
        resource = Resource(
            urn=urn,
            type=request.type,
            name=request.name,
            kind=kind,
            parent=request.parent,
            id=identity,
            inputs=found.values,
            outputs=state,
            dependencies=tuple(sorted(request.dependencies)),
            property_dependencies={
                name: tuple(sorted(one.urns)) for name, one in getattr(request, "propertyDependencies", {}).items() if one.urns
            },
            provider=request.provider,
            providers=dict(getattr(request, "providers", {})),
            options=options,
            secret_paths=tuple(found.secrets),
            unknown_paths=tuple(found.unknowns),
            source=self._places.get(urn),
        )
        with self._lock:
            earlier = self._entries.get(urn)
            if earlier is not None:
                raise DuplicateUrn(_duplicate(earlier.resource, resource))
            self._entries[urn] = _Entry(turn, resource)


def _duplicate(earlier: Resource, later: Resource) -> str:
    places = " and ".join(f"{one.source[0]}:{one.source[1]}" for one in (earlier, later) if one.source)
    return f"duplicate resource {later.type} '{later.name}': {places or later.urn}; give one of the two another name"


def _returned(message: Any, result: Any) -> Any:
    """A response whose field is called `return`, which cannot be written as an argument."""
    return message(**{"return": result})


def _place(request: Any) -> _source.Place | None:
    frames = request.stackTrace.frames
    return _source.place_of(frames[0].pc if frames else request.sourcePosition)


def _kind(request: Any) -> str:
    if request.type == STACK_TYPE:
        return "stack"
    if request.type.startswith("pulumi:providers:"):
        return "provider"
    if request.remote:
        return "remote"
    return "custom" if request.custom else "component"


def _options(request: Any) -> Options:
    aliases = (alias.urn or {part.name: value for part, value in alias.spec.ListFields() if value} for alias in request.aliases)
    return Options(
        protect=request.protect if request.HasField("protect") else None,
        aliases=(*aliases, *request.aliasURNs),
        retain_on_delete=request.retainOnDelete if request.HasField("retainOnDelete") else None,
        ignore_changes=tuple(request.ignoreChanges),
        replace_on_changes=tuple(request.replaceOnChanges),
        delete_before_replace=request.deleteBeforeReplace if request.deleteBeforeReplaceDefined else None,
        deleted_with=request.deletedWith,
        import_id=request.importId,
        additional_secret_outputs=tuple(request.additionalSecretOutputs),
        custom_timeouts={part.name: value for part, value in request.customTimeouts.ListFields()},
        version=request.version,
        plugin_download_url=request.pluginDownloadURL,
    )
