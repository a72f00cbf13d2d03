"""What the moto server process knows about itself: its folders, its ports, and clients to talk to the local cloud with."""

import os
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

# What MiniStack holds; everything else is moto's.
_ON_MINISTACK = ("S3", "FIREHOSE", "GLUE", "ATHENA", "CLOUDWATCH_LOGS")
_CLIENT_CONFIG = Config(max_pool_connections=64, retries={"mode": "standard", "max_attempts": 5})
TOKEN = "TRANSLOAD_LOCAL_TOKEN"  # noqa: S105 - the name of a mark, nothing secret


@dataclass(frozen=True)
class Host:
    """The machine and the emulators a job runs on."""

    home: Path
    """Folder of the local cloud, `.transload` of the project."""
    moto_port: int
    ministack_port: int
    processes: int = 32
    """Jobs that run at once at most, whatever the compute environments allow: this is one machine."""
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def images(self) -> Path:
        return self.home.parent / "images"

    def endpoints(self) -> dict[str, str]:
        """The SDKs' own variables that lead to the emulators."""
        ministack = f"http://127.0.0.1:{self.ministack_port}"
        named = {f"AWS_ENDPOINT_URL_{service}": ministack for service in _ON_MINISTACK}
        return {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.moto_port}", **named, "TRANSLOAD_LOCAL": "1"}

    def clean_environment(self, region: str, scratch: Path) -> dict[str, str]:
        """What a process starts with: nothing of the server's own but the mark by which `down` finds it.

        HOME lies in `scratch`, so that no setting of the developer's account (~/.aws/config) reaches a job.
        """
        mark = {TOKEN: os.environ[TOKEN]} if TOKEN in os.environ else {}
        path = [str(Path(sys.executable).parent), "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
        return {
            "PATH": ":".join(path),
            "HOME": str(scratch),
            "TMPDIR": str(scratch),
            "LANG": "C.UTF-8",
            # A job runs in the project's own folder: it leaves no bytecode there.
            "PYTHONDONTWRITEBYTECODE": "1",
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            # Without a job role a container has no credentials: the SDKs must not go and look for a machine's.
            "AWS_EC2_METADATA_DISABLED": "true",
            **self.endpoints(),
            **mark,
        }

    def client(self, service: str, region: str) -> Any:
        """A boto3 client of the server itself, to moto or MiniStack. Made once; clients may be shared by threads."""
        with self._lock:
            if (service, region) not in self._clients:
                variable = f"AWS_ENDPOINT_URL_{'CLOUDWATCH_LOGS' if service == 'logs' else service.upper()}"
                endpoints = self.endpoints()
                session = boto3.session.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name=region)  # noqa: S106
                self._clients[service, region] = session.client(
                    service, endpoint_url=endpoints.get(variable, endpoints["AWS_ENDPOINT_URL"]), config=_CLIENT_CONFIG
                )
            return self._clients[service, region]


def pairs(rows: list[Mapping[str, str]] | None) -> dict[str, str]:
    """AWS's list of {name, value} as a dictionary."""
    return {row["name"]: row.get("value", "") for row in rows or []}
