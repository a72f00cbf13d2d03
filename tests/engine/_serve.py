"""What both stand-in providers share: answers, errors and the server the engine talks to."""

import functools
import sys
from collections.abc import Callable
from concurrent import futures
from typing import Any

import grpc
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from transload.testing._wire import Empty

_LIMIT = [("grpc.max_receive_message_length", 400 << 20), ("grpc.max_send_message_length", 400 << 20)]


def answered(method: Callable[[Any, Any], Any]) -> Callable[[Any, Any, grpc.ServicerContext], Any]:
    """The engine shows the text of an error as the error of the resource."""

    @functools.wraps(method)
    def answer(self: Any, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return method(self, request)
        except Exception as error:
            return context.abort(grpc.StatusCode.UNKNOWN, str(error))

    return answer


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """Greets the engine, takes any configuration."""

    def __init__(self, name: str, version: str):
        self.name, self.version = name, version

    @answered
    def Handshake(self, request: Any) -> Any:
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, accept_resources=True)

    @answered
    def GetPluginInfo(self, request: Any) -> Any:
        return plugin_pb2.PluginInfo(version=self.version)

    @answered
    def GetSchema(self, request: Any) -> Any:
        return provider_pb2.GetSchemaResponse(schema=f'{{"name": "{self.name}", "version": "{self.version}"}}')

    @answered
    def CheckConfig(self, request: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    @answered
    def DiffConfig(self, request: Any) -> Any:
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    @answered
    def Configure(self, request: Any) -> Any:
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True, acceptResources=True)

    @answered
    def Cancel(self, request: Any) -> Any:
        return Empty()


def serve(provider: Provider) -> None:
    server = grpc.server(futures.ThreadPoolExecutor(16), options=_LIMIT)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    # Whatever is printed after the port would be taken for a protocol error.
    sys.stdout = sys.stderr
    server.wait_for_termination()
