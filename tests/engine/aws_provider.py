"""A stand-in for the `aws` provider: the real engine talks to it, the drivers of the local cloud do the work."""

from importlib.metadata import version
from typing import Any

from _serve import Provider, answered, serve
from pulumi.runtime import rpc
from pulumi.runtime.proto import provider_pb2

from transload._errors import Problem
from transload.local.drivers import _aws as aws_clients
from transload.local.drivers import driver_for
from transload.testing._checks import check
from transload.testing._invokes import Invokes
from transload.testing._placeholders import ACCOUNT, Placeholders
from transload.testing._schema import schema
from transload.testing._values import UNKNOWN, Unknown, from_struct, to_struct
from transload.testing._wire import Empty, Struct


def _token(urn: str) -> str:
    return urn.split("::")[2].split("$")[-1]


def _name(urn: str) -> str:
    return urn.split("::", 3)[3]


def _has_unknown(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_unknown, value.values()))
    if isinstance(value, list):
        return any(map(_has_unknown, value))
    return isinstance(value, Unknown)


def _joined(inputs: Struct, outputs: dict[str, Any]) -> Struct:
    """State: the inputs as they came, secrets and assets included, and what the provider adds."""
    state = to_struct(outputs)
    for key, value in inputs.fields.items():
        state.fields[key].CopyFrom(value)
    return state


def _known(state: Struct) -> dict[str, Any]:
    """What is in a stored state. Of an asset or an archive it keeps the hash only, which no driver asks for."""
    known = Struct()
    for key, value in state.fields.items():
        if rpc._special_sig_key not in value.struct_value.fields or "hash" not in value.struct_value.fields:
            known.fields[key].CopyFrom(value)
    return from_struct(known).values


def _is_empty(*values: Any) -> bool:
    """Absent, null and empty mean the same to the provider."""
    return not any(_content(value) for value in values)


def _content(value: Any) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return value.struct_value.fields
    return value.list_value.values if kind == "list_value" else kind not in (None, "null_value")


class Aws(Provider):
    def __init__(self) -> None:
        super().__init__("aws", version("pulumi-aws"))
        self._region = "eu-west-1"
        self._aws = aws_clients.Aws(self._region)

    @answered
    def Configure(self, request: Any) -> Any:
        self._region = from_struct(request.args).values.get("region") or self._region
        self._aws = aws_clients.Aws(self._region)
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    @answered
    def Check(self, request: Any) -> Any:
        token = _token(request.urn)
        news = from_struct(request.news).values
        failures = [
            provider_pb2.CheckFailure(property=path, reason=message)
            for severity, _, path, message in check(token, news)
            if severity == "error"
        ]
        inputs = Struct()
        inputs.CopyFrom(request.news)
        try:
            checked = driver_for(token).check(_name(request.urn), news, _known(request.olds), seed=str(request.randomSeed))
        except Problem as problem:
            return provider_pb2.CheckResponse(failures=[*failures, provider_pb2.CheckFailure(reason=str(problem))])
        for key, value in to_struct({key: value for key, value in checked.items() if key not in news}).fields.items():
            inputs.fields[key].CopyFrom(value)
        return provider_pb2.CheckResponse(inputs=inputs, failures=failures)

    @answered
    def Diff(self, request: Any) -> Any:
        # Compared as they travel: there an asset carries the hash of its content.
        before, after = request.old_inputs.fields, request.news.fields
        olds, news = _known(request.old_inputs), _known(request.news)
        changed = [
            key
            for key in sorted({*before, *after})
            if before[key] != after[key] and not _is_empty(before[key], after[key]) and key not in request.ignoreChanges
        ]
        driver = driver_for(_token(request.urn))
        replaces = [key for key in driver.replaces(self._aws, olds, news) if key in changed]
        kind = provider_pb2.DiffResponse
        return kind(
            changes=kind.DIFF_SOME if changed else kind.DIFF_NONE,
            diffs=changed,
            replaces=replaces,
            # With an automatic name the new resource can stand beside the old one.
            deleteBeforeReplace=bool(replaces)
            and (not driver.auto_name or olds.get(driver.auto_name) == news.get(driver.auto_name)),
        )

    @answered
    def Create(self, request: Any) -> Any:
        token = _token(request.urn)
        inputs = from_struct(request.properties).values
        if request.preview or _has_unknown(inputs):
            known = schema(token)
            unknown = dict.fromkeys(known.output_only if known else (), UNKNOWN)
            return provider_pb2.CreateResponse(properties=_joined(request.properties, unknown))
        identity, outputs = driver_for(token).make(self._aws, inputs)
        _, others = Placeholders(ACCOUNT, self._region).create(token, _name(request.urn), inputs, request.urn)
        return provider_pb2.CreateResponse(id=identity, properties=_joined(request.properties, {**others, **outputs}))

    @answered
    def Update(self, request: Any) -> Any:
        olds, news = _known(request.olds), from_struct(request.news).values
        known = schema(_token(request.urn))
        kept = {key: olds[key] for key in (known.output_only if known else ()) if key in olds}
        if not request.preview:
            old_inputs = _known(request.old_inputs)
            kept |= driver_for(_token(request.urn)).change(self._aws, request.id, {**kept, **old_inputs}, {**kept, **news})
        return provider_pb2.UpdateResponse(properties=_joined(request.news, kept))

    @answered
    def Read(self, request: Any) -> Any:
        state = _known(request.properties)
        if driver_for(_token(request.urn)).describe(self._aws, request.id, state) is None:
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(id=request.id, properties=request.properties, inputs=request.inputs)

    @answered
    def Delete(self, request: Any) -> Any:
        driver_for(_token(request.urn)).remove(self._aws, request.id, _known(request.properties))
        return Empty()

    @answered
    def Invoke(self, request: Any) -> Any:
        answer = Invokes(ACCOUNT, self._region)(request.tok, from_struct(request.args).values)
        response: Any = provider_pb2.InvokeResponse
        return response(**{"return": to_struct(answer)})


if __name__ == "__main__":
    serve(Aws())
