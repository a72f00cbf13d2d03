"""Transforms in the engine's order: a resource's own, those of each ancestor, those of the stack."""

from typing import Any

import grpc
from pulumi.runtime.proto import callback_pb2, callback_pb2_grpc, resource_pb2

from transload.testing.recording import STACK_TYPE


class Transforms:
    """Calls the program back over its own callback server, as the engine does: its loop must be free to answer meanwhile."""

    def __init__(self) -> None:
        self.for_stack: list[Any] = []
        self.for_invokes: list[Any] = []
        self._own: dict[str, list[Any]] = {}
        self._parents: dict[str, str] = {}
        self._channels: dict[str, Any] = {}

    def __bool__(self) -> bool:
        """Whether the program has registered any."""
        return bool(self._own or self.for_stack or self.for_invokes)

    def apply(self, urn: str, request: Any) -> Any:
        """The request as the transforms leave it."""
        self._parents[urn] = request.parent
        if request.transforms:
            self._own[urn] = list(request.transforms)
        callbacks = self._callbacks(urn, request)
        if not callbacks:
            return request
        message = _message(request)
        for callback in callbacks:
            answer = self._call(callback, message)
            message.properties.CopyFrom(answer.properties)
            if answer.HasField("options"):
                message.options.CopyFrom(answer.options)
        return _merged(request, message)

    def apply_to_invoke(self, request: Any) -> Any:
        """The arguments of a provider function as the stack's invoke transforms leave them."""
        message = resource_pb2.TransformInvokeRequest(token=request.tok, args=request.args)
        for callback in self.for_invokes:
            answer = self._answer(callback, message.SerializeToString(), request.tok)
            message.args.CopyFrom(resource_pb2.TransformInvokeResponse.FromString(answer).args)
        return message.args

    def _callbacks(self, urn: str, request: Any) -> list[Any]:
        if request.type == STACK_TYPE or not (self._own or self.for_stack):
            return []
        found: list[Any] = []
        while urn:
            found += self._own.get(urn, ())
            urn = self._parents.get(urn, "")
        return found + self.for_stack

    def _call(self, callback: Any, message: Any) -> Any:
        answer = self._answer(callback, message.SerializeToString(), f"{message.type} '{message.name}'")
        return resource_pb2.TransformResponse.FromString(answer)

    def _answer(self, callback: Any, request: bytes, what: str) -> bytes:
        channel = self._channels.get(callback.target)
        if channel is None:
            channel = self._channels[callback.target] = grpc.insecure_channel(callback.target)
        try:
            call = callback_pb2.CallbackInvokeRequest(token=callback.token, request=request)
            return callback_pb2_grpc.CallbacksStub(channel).Invoke(call).response
        except grpc.RpcError as error:
            details = getattr(error, "details", str)()
            raise RuntimeError(f"a transform of {what} failed: {details}") from None

    def close(self) -> None:
        """Give the connections back."""
        for channel in self._channels.values():
            channel.close()
        self._channels.clear()


# Options by their two names: in a transform and in a registration.
_LISTS = {
    "depends_on": "dependencies",
    "ignore_changes": "ignoreChanges",
    "replace_on_changes": "replaceOnChanges",
    "aliases": "aliases",
    "additional_secret_outputs": "additionalSecretOutputs",
}
_FLAGS = {"protect": "protect", "retain_on_delete": "retainOnDelete"}
_TEXTS = {"version": "version", "provider": "provider", "plugin_download_url": "pluginDownloadURL", "deleted_with": "deletedWith"}


def _message(request: Any) -> Any:
    options = resource_pb2.TransformResourceOptions(providers=request.providers)
    for ours, theirs in _LISTS.items():
        getattr(options, ours).extend(getattr(request, theirs))
    for ours, theirs in _FLAGS.items():
        if request.HasField(theirs):
            setattr(options, ours, getattr(request, theirs))
    for ours, theirs in _TEXTS.items():
        setattr(options, ours, getattr(request, theirs))
    if request.deleteBeforeReplaceDefined:
        options.delete_before_replace = request.deleteBeforeReplace
    if request.HasField("customTimeouts"):
        options.custom_timeouts.CopyFrom(request.customTimeouts)
    return resource_pb2.TransformRequest(
        type=request.type,
        name=request.name,
        custom=request.custom,
        parent=request.parent,
        properties=request.object,
        options=options,
    )


def _merged(request: Any, message: Any) -> Any:
    merged = resource_pb2.RegisterResourceRequest()
    merged.CopyFrom(request)
    merged.object.CopyFrom(message.properties)
    options = message.options
    for ours, theirs in _LISTS.items():
        given = getattr(merged, theirs)
        del given[:]
        given.extend(getattr(options, ours))
    for ours, theirs in _FLAGS.items():
        if options.HasField(ours):
            setattr(merged, theirs, getattr(options, ours))
    for ours, theirs in _TEXTS.items():
        setattr(merged, theirs, getattr(options, ours))
    if options.HasField("delete_before_replace"):
        merged.deleteBeforeReplace, merged.deleteBeforeReplaceDefined = options.delete_before_replace, True
    if options.HasField("custom_timeouts"):
        merged.customTimeouts.CopyFrom(options.custom_timeouts)
    return merged
