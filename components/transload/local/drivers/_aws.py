"""The boto3 clients that drivers call."""

import os
import threading
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config

from transload.local._servers import ACCOUNT


class Aws:
    """Clients for the local cloud, made once for each service and region, safe to use from many threads."""

    account = ACCOUNT

    def __init__(self, region: str, endpoints: Mapping[str, str] | None = None, threads: int = 16):
        """`endpoints`: service -> address, "" for every other; None takes them from the environment (AWS_ENDPOINT_URL...)."""
        self.region = region
        self._endpoints = endpoints
        self._lock = threading.Lock()
        self._clients: dict[tuple[str, str], Any] = {}
        self._shapes: dict[tuple[str, str], Any] = {}
        self._session = boto3.Session(
            aws_access_key_id=os.environ.get("AWS_ACCESS_KEY_ID", "local") if endpoints is None else "local",
            aws_secret_access_key=os.environ.get("AWS_SECRET_ACCESS_KEY", "local") if endpoints is None else "local",
            region_name=region,
        )
        self._config = Config(
            max_pool_connections=threads,
            # An emulator on loopback either answers or is gone: waiting longer would only hide that.
            retries={"total_max_attempts": 2, "mode": "standard"},
            connect_timeout=5,
            read_timeout=60,
        )

    def client(self, service: str, region: str | None = None) -> Any:
        key = (service, region or self.region)
        if key not in self._clients:
            with self._lock:
                if key not in self._clients:
                    address = None if self._endpoints is None else self._endpoints.get(service) or self._endpoints[""]
                    self._clients[key] = self._session.client(
                        service, region_name=key[1], endpoint_url=address, config=self._config
                    )
        return self._clients[key]

    def input_shape(self, service: str, operation: str) -> Any:
        """botocore's model of what `operation` (as boto3 spells it) takes."""
        key = (service, operation)
        if key not in self._shapes:
            client = self.client(service)
            name = client.meta.method_to_api_mapping[operation]
            self._shapes[key] = client.meta.service_model.operation_model(name).input_shape
        return self._shapes[key]
