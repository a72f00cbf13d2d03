"""Ids, ARNs and outputs for resources that are never created: of the right type, and of AWS's own shape where that is known."""

import enum
import functools
import hashlib
from dataclasses import dataclass
from typing import Any

from pulumi import _types

from transload.testing import _arns
from transload.testing._schema import is_list, is_map, members, schema

ACCOUNT = "123456789012"
REGION = "eu-west-1"


@dataclass(frozen=True)
class Placeholders:
    """Answers for one account and region."""

    account: str = ACCOUNT
    region: str = REGION

    def create(self, token: str, name: str, inputs: dict[str, Any], urn: str) -> tuple[str, dict[str, Any]]:
        """Id and computed outputs of a resource: what the provider would add to `inputs`. The same URN gets the same answer.

        With an `id` in the inputs it is that existing resource.
        """
        seed = hashlib.sha256(urn.encode()).hexdigest()
        outputs = self._existing(token, inputs) or self._physical_names(token, name, inputs, seed)
        known = {**inputs, **outputs}
        region = inputs.get("region") if isinstance(inputs.get("region"), str) else self.region
        shape = _arns.shape(token, name, known, seed, str(region), self.account)
        outputs.update(shape.outputs)
        for wire, kind in _computed(token):
            if wire not in outputs and wire not in inputs:
                outputs[wire] = self._value(kind, wire, shape)
        if "tagsAll" in outputs:
            outputs["tagsAll"] = inputs.get("tags") or {}
        return shape.id, {wire: value for wire, value in outputs.items() if value is not None}

    @staticmethod
    def _existing(token: str, inputs: dict[str, Any]) -> dict[str, Any]:
        """The physical name of what already exists, as far as its id tells it."""
        identity, found = inputs.get("id"), schema(token)
        if not isinstance(identity, str) or found is None:
            return {}
        wire = _arns.name_property(token)
        arn = {"arn": identity} if identity.startswith("arn:") and "arn" in found.outputs else {}
        name = identity.replace("/", ":").rpartition(":")[2] if arn or identity.startswith("https:") else identity
        return {**arn, **({wire: name} if wire in found.inputs else {})}

    @staticmethod
    def _physical_names(token: str, name: str, inputs: dict[str, Any], seed: str) -> dict[str, Any]:
        """The names Pulumi gives to what the program left unnamed: the logical name and seven hexadecimal digits."""
        wire = _arns.name_property(token)
        found = schema(token)
        if found is None or wire not in found.inputs or inputs.get(wire) is not None:
            return {}
        prefix = inputs.get(f"{wire}Prefix")
        automatic = f"{prefix}{seed[:26]}" if isinstance(prefix, str) else f"{name}-{seed[:7]}"
        return {wire: automatic + _arns.NAME_ENDINGS.get(token, "") if not inputs.get("fifoQueue") else automatic + ".fifo"}

    def value(self, kind: Any, wire: str, token: str, name: str) -> Any:
        """A stand-in for one output of the resource `name`."""
        seed = hashlib.sha256(f"{token}::{name}".encode()).hexdigest()
        return self._value(kind, wire, _arns.shape(token, name, {}, seed, self.region, self.account))

    def _value(self, kind: Any, wire: str, shape: "_arns.Shape", depth: int = 0) -> Any:
        """A stand-in of the type of one output."""
        for member in members(kind):
            if member is str:
                return self._text(wire, shape)
            if member in (bool, int, float):
                return member(0)
            if is_list(member):
                return []
            if is_map(member):
                return {}
            if isinstance(member, type) and issubclass(member, enum.Enum):
                return next(iter(member)).value
            if isinstance(member, type) and _types.is_output_type(member) and depth < 3:
                inner = _types.output_type_types(member)
                return {name: self._value(part, name, shape, depth + 1) for name, part in inner.items()}
        return None

    def _text(self, wire: str, shape: "_arns.Shape") -> str:
        low = wire.lower()
        if low == "region":
            return shape.region
        if low in ("ownerid", "accountid", "awsaccountid", "owneraccountid", "registryid", "catalogid", "accountowner"):
            return self.account
        if low == "arn" or low.endswith("arn"):
            return shape.arn
        if low in ("createdate", "creationdate", "createddate", "createdat", "lastupdatedtime"):
            return "2026-01-01T00:00:00Z"
        return f"{shape.name}-{wire}"


@functools.cache
def _computed(token: str) -> tuple[tuple[str, Any], ...]:
    """The outputs that are no inputs, and `region`, which the provider always fills."""
    found = schema(token)
    if found is None:
        return ()
    extra = {"region", "arn"} & found.outputs.keys()
    return tuple((wire, found.outputs[wire]) for wire in sorted(found.output_only | extra))
