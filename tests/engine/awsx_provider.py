"""A stand-in for the `awsx` provider: the offline run's own expansion, registered with the real engine."""

from importlib.metadata import version
from typing import Any

import grpc
from _serve import Provider, answered, serve
from pulumi.runtime import rpc
from pulumi.runtime.proto import provider_pb2, resource_pb2, resource_pb2_grpc

from transload.testing import _awsx
from transload.testing._invokes import Invokes
from transload.testing._values import from_struct, to_struct


class EngineMonitor:
    """The engine's resource monitor, in the form that the expansion knows."""

    def __init__(self, endpoint: str, preview: bool):
        self._stub = resource_pb2_grpc.ResourceMonitorStub(grpc.insecure_channel(endpoint))
        self._preview = preview
        self._states: dict[str, dict[str, Any]] = {}
        self.ask = Invokes()
        self.guessed: set[str] = set()

    def RegisterResource(self, request: Any) -> Any:
        response = self._stub.RegisterResource(request)
        if self._preview and request.custom and not response.id:
            response.id = rpc.UNKNOWN
        self._states[response.urn] = from_struct(response.object).values
        return response

    def state(self, urn: str) -> dict[str, Any]:
        return self._states[urn]


class Awsx(Provider):
    @answered
    def Construct(self, request: Any) -> Any:
        monitor = EngineMonitor(request.monitorEndpoint, request.dryRun)
        component = monitor.RegisterResource(
            resource_pb2.RegisterResourceRequest(type=request.type, name=request.name, parent=request.parent)
        )
        # The expansion reads a component's request: this is the one the program sent, as the engine hands it on.
        asked = resource_pb2.RegisterResourceRequest(type=request.type, name=request.name, object=request.inputs)
        asked.providers.update(request.providers)
        outputs = to_struct(_awsx.expand(monitor, asked, component.urn, from_struct(request.inputs).values))
        monitor._stub.RegisterResourceOutputs(resource_pb2.RegisterResourceOutputsRequest(urn=component.urn, outputs=outputs))
        return provider_pb2.ConstructResponse(urn=component.urn, state=outputs)


if __name__ == "__main__":
    serve(Awsx("awsx", version("pulumi-awsx")))
