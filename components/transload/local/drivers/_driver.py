"""What a driver is: a table entry that says which AWS operations make, show, change and remove a resource type."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from transload._errors import Problem
from transload.local.drivers import _shape
from transload.local.drivers._aws import Aws
from transload.testing._schema import schema

Inputs = Mapping[str, Any]

# Inputs of the Pulumi provider itself, on nearly every type.
_EVERYWHERE = {
    "region": "chooses the client",
    "tagsAll": "an output that the provider also takes as input",
    "namePrefix": "becomes the name",
    "timeouts": "how long the real provider waits",
}
# Parts of error codes, and of messages where the code is only InvalidRequestException.
_GONE = ("NotFound", "NoSuch", "NotExist", "NonExistent", "404", "Unknown", "InvalidID", "not found", "does not exist")


@dataclass(frozen=True, kw_only=True)
class Call:
    """One AWS operation of a driver."""

    operation: str
    """As boto3 spells it: `create_queue`."""
    takes: tuple[str, ...] = ()
    """Inputs that go into this call, and into no other. The create call gets what no other call takes. A later call without any of
    its inputs is left out."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Input path -> the API's member where the two differ (see `_shape.fit`)."""
    given: Mapping[str, Any] = field(default_factory=dict)
    """Parameters from elsewhere: texts with `{...}` are looked up in id, region, account, inputs, outputs and the answer so far."""
    service: str = ""
    """Default: the driver's."""
    whole: bool = False
    """It writes the whole and forgets what is left out, where others only set what they are given. Default: only a create call
    that is used to update, too."""


@dataclass(frozen=True, kw_only=True)
class Read(Call):
    """The operation that proves that a resource exists."""

    at: str = ""
    """Path of the resource in the answer, `Vpcs.0`. Nothing there means that it does not exist. Default: the answer itself."""
    where: Mapping[str, str] = field(default_factory=dict)
    """Picks from the list at `at` the entry whose members have these values."""


@dataclass(frozen=True, kw_only=True)
class Driver:
    """One Pulumi resource type and the AWS operations that stand behind it.

    Most types are an entry of data; an odd one is a subclass that overrides `_create`. Names on the right of `id`, `outputs` and
    `given` are looked up in one place: the answer of the create call, the inputs, and `id`, `region`, `account`.
    """

    type: str
    service: str = ""
    create: Call
    id: str
    read: Read
    delete: Call | None = None
    """None where AWS has no operation for it."""
    stays: str = ""
    """Why something is still there after the resource is deleted."""
    then: tuple[Call, ...] = ()
    """Calls after the create call, each with inputs of its own. They may be repeated: a change of their inputs is an update."""
    before_delete: tuple[Call, ...] = ()
    update: tuple[Call, ...] = ()
    """Calls that change it in place. Without `takes`, one takes every input that its operation knows. A change of an input that no
    call takes replaces the resource."""
    outputs: Mapping[str, str] = field(default_factory=dict)
    """Output -> where it comes from. A text starting with `read.` reads the resource back once."""
    skip: Mapping[str, str] = field(default_factory=dict)
    """Input path -> the reason why it is not passed on."""
    prepare: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    """Reshapes the inputs before they are mapped."""
    auto_name: str | None = None
    """Input that the provider fills with `<name>-<7 hex digits>` when it is absent."""
    name_limit: int = 255
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Inputs that the provider sets when they are absent."""

    # -- what the local cloud and a stand-in provider call --------------------------------------------------------------

    def check(self, name: str, inputs: Inputs, old: Inputs | None = None, seed: str = "") -> dict[str, Any]:
        """The inputs with the provider's defaults and its automatic name. An old automatic name is kept.

        `seed` makes the automatic name: the same seed gives the same name.
        """
        checked = {**self.defaults, **{key: value for key, value in inputs.items() if value is not None}}
        if self.auto_name and self.auto_name not in checked:
            prefix = checked.get(f"{self.auto_name}Prefix") or f"{name}-"
            fresh = prefix + hashlib.sha256(f"{self.type}::{name}::{seed}".encode()).hexdigest()[:7]
            if len(fresh) > self.name_limit:
                raise Problem(f"{self.type} '{name}': the automatic name {fresh} has more than {self.name_limit} characters")
            checked[self.auto_name] = (old or {}).get(self.auto_name) or self.auto(fresh)
        return checked

    def auto(self, name: str) -> str:
        """Last touch on an automatic name."""
        return name

    def make(self, aws: Aws, inputs: Inputs) -> tuple[str, dict[str, Any]]:
        """Create the resource: its id and those outputs that are known. Raises `Problem` without the resource's name."""
        return self._create(aws, dict(inputs))

    def describe(self, aws: Aws, id: str, state: Inputs) -> Mapping[str, Any] | None:  # noqa: A002 - Pulumi's word
        """The resource as AWS has it now, or None when it does not exist. `state`: inputs and outputs."""
        try:
            return self._read(aws, id, state)
        except ClientError as error:
            if _says_gone(error):
                return None
            raise

    def found(self, answer: Any, values: Inputs) -> Mapping[str, Any] | None:
        """Decide from what stands at `read.at` whether the resource exists."""
        if self.read.where and isinstance(answer, list):
            wanted = _shape.fill(self.read.where, values)
            return next((entry for entry in answer if all(entry.get(key) == value for key, value in wanted.items())), None)
        # EC2 goes on to show for a while what it has deleted.
        return None if isinstance(answer, Mapping) and str(answer.get("State")).lower() == "deleted" else answer or None

    def remove(self, aws: Aws, id: str, state: Inputs) -> None:  # noqa: A002
        """Delete the resource. One that is already gone is no error."""
        # Asked first: on what is gone some deletions of the emulators break down instead of saying so.
        if self.describe(aws, id, state) is None:
            return
        try:
            self._remove(aws, id, state)
        except ClientError as error:
            if not _says_gone(error):
                raise

    def replaces(self, aws: Aws, old: Inputs, new: Inputs) -> list[str]:
        """The changed inputs that cannot be changed in place."""
        before, after = self._ready(old), self._ready(new)
        later = {key for call in self.then for key in call.takes}
        fixed = {key for key in _changed(before, after) if key not in later and not self._updatable(aws, key)}
        whole = [call for call in self.update if call.whole or call is self.create]
        lost = {key for key, value in before.items() if _lost(value, after.get(key))}
        fixed |= {key for key in lost if not any(self._known(aws, call, key) for call in whole)}
        mine = _changed(old, new)
        return sorted(fixed & mine or mine) if fixed else []

    def change(self, aws: Aws, id: str, old: Inputs, new: Inputs) -> dict[str, Any]:  # noqa: A002
        """Update in place; returns the outputs that changed. Call it only where `replaces` is empty. Both may hold outputs, too."""
        before, after = (self._ready(self._inputs(state)) for state in (old, new))
        changed = _changed(before, after)
        values = self._values(aws, {**old, **after}, id)
        for call in (*self.then, *self.update):
            if any(self._known(aws, call, key) for key in changed):
                taken = {key: value for key, value in after.items() if self._known(aws, call, key)}
                values |= self._run(aws, call, taken, values)
        return {}

    # -- how ------------------------------------------------------------------------------------------------------------

    def _create(self, aws: Aws, inputs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        ready = self._ready(inputs)
        values = self._values(aws, {**inputs, **ready})
        later = {key for call in self.then for key in call.takes}
        own = {key: value for key, value in ready.items() if key not in later}
        values |= self._run(aws, self.create, own, values)
        id = _shape.look_up(self.id, values)  # noqa: A001
        if not id:
            raise Problem(f"{self.create.operation} answered without {self.id}")
        values["id"] = id
        for call in self.then:
            taken = {key: ready[key] for key in call.takes if key in ready}
            if taken:
                self._run(aws, call, taken, values)
        return id, self._outputs(aws, id, values)

    def _read(self, aws: Aws, id: str, state: Inputs) -> Mapping[str, Any] | None:  # noqa: A002
        values = self._values(aws, state, id)
        answer = self._run(aws, self.read, {}, values)
        return self.found(answer if not self.read.at else _shape.look_up(self.read.at, answer), values)

    def _remove(self, aws: Aws, id: str, state: Inputs) -> None:  # noqa: A002
        values = self._values(aws, state, id)
        for call in (*self.before_delete, *([self.delete] if self.delete else [])):
            try:
                self._run(aws, call, {}, values)
            except ClientError as error:
                # What a call detaches may be gone before what it is attached to.
                if not _says_gone(error):
                    raise

    def _outputs(self, aws: Aws, id: str, values: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
        if any(way.startswith("read.") or "{read." in way for way in self.outputs.values()):
            values["read"] = self.describe(aws, id, values) or {}
        found = {
            output: _shape.look_up(way, values) if "." in way or "{" in way or way in values else way
            for output, way in self.outputs.items()
        }
        return {output: value for output, value in found.items() if value is not None}

    def _run(self, aws: Aws, call: Call, inputs: Inputs, values: Mapping[str, Any]) -> dict[str, Any]:
        service = call.service or self.service
        shape = aws.input_shape(service, call.operation)
        parameters: dict[str, Any] = {}
        for key, value in inputs.items():
            self._put(shape, parameters, key, value, call.names)
        given = _shape.fill(call.given, values)
        answer = getattr(aws.client(service, values.get("region")), call.operation)(**_merge(given, parameters))
        return {key: value for key, value in answer.items() if key != "ResponseMetadata"}

    def _put(self, shape: Any, parameters: dict[str, Any], key: str, value: Any, names: Mapping[str, str]) -> None:
        try:
            _shape.put(shape, parameters, key, self._without_skipped(key, value), names)
        except _shape.NotPassedError as path:
            raise Problem(f"the local driver does not pass on the input {path}: see docs/local.md for what it knows") from None
        except (ValueError, TypeError, AttributeError) as error:
            raise Problem(f"the input {key} has a value that AWS cannot take: {error}") from None

    def _without_skipped(self, path: str, value: Any) -> Any:
        if not any(skipped.startswith(f"{path}.") for skipped in self.skip):
            return value
        if isinstance(value, list):
            return [self._without_skipped(path, entry) for entry in value]
        if isinstance(value, Mapping):
            return {
                key: self._without_skipped(f"{path}.{key}", entry)
                for key, entry in value.items()
                if f"{path}.{key}" not in self.skip
            }
        return value

    def _ready(self, inputs: Inputs) -> dict[str, Any]:
        """What is passed on: without what is skipped, reshaped."""
        kept = {
            key: value for key, value in inputs.items() if value is not None and key not in self.skip and key not in _EVERYWHERE
        }
        return {key: value for key, value in (self.prepare(kept) if self.prepare else kept).items() if value is not None}

    def _inputs(self, state: Inputs) -> dict[str, Any]:
        found = schema(self.type)
        return {key: value for key, value in state.items() if found is None or key in found.inputs}

    def _updatable(self, aws: Aws, key: str) -> bool:
        return any(self._known(aws, call, key) for call in self.update)

    def _known(self, aws: Aws, call: Call, key: str) -> bool:
        if call.takes:
            return key in call.takes
        shape = aws.input_shape(call.service or self.service, call.operation)
        return key in call.names or _shape.member(shape, key) is not None

    def _values(self, aws: Aws, state: Inputs, id: str = "") -> dict[str, Any]:  # noqa: A002
        return {**state, "id": id, "region": state.get("region") or aws.region, "account": aws.account}


def _says_gone(error: ClientError) -> bool:
    said = f"{error.response['Error']['Code']} {error.response['Error'].get('Message', '')}"
    return any(word in said for word in _GONE)


def nested(into: str, *outside: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Move all inputs but `outside` one level down, where the API has them."""

    def nest(inputs: dict[str, Any]) -> dict[str, Any]:
        inner = {key: value for key, value in inputs.items() if key not in outside}
        return {**{key: inputs[key] for key in outside if key in inputs}, into: inner}

    return nest


def _changed(old: Inputs, new: Inputs) -> set[str]:
    return {key for key in {**old, **new} if old.get(key) != new.get(key)}


def _lost(old: Any, new: Any) -> bool:
    """Whether the input, or an entry of a map such as tags, is no longer there."""
    return new is None or (isinstance(old, Mapping) and isinstance(new, Mapping) and not old.keys() <= new.keys())


def _merge(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(first)
    for key, value in second.items():
        before = merged.get(key)
        merged[key] = _merge(before, value) if isinstance(before, Mapping) and isinstance(value, Mapping) else value
    return merged
