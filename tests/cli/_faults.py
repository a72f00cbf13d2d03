"""Faults between the command and AWS: microburst in front of the emulators."""

import json
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.local._jobs import wait_for


class Fault:
    """One proxy in front of one emulator."""

    def __init__(self, process: subprocess.Popen[bytes], port: int):
        self.process, self.endpoint = process, f"http://127.0.0.1:{port}"

    def rules(self, *rules: dict[str, Any]) -> None:
        """These rules and no others."""
        self.ask("rules", rules, "POST")
        self.ask("fired", method="DELETE")

    def fired(self) -> list[dict[str, Any]]:
        return self.ask("fired")

    def ask(self, path: str, body: Any = None, method: str = "GET") -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.endpoint}/_microburst/{path}", data, {"Content-Type": "application/json"}, method=method
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def ready(self) -> bool:
        try:
            return bool(self.ask("health"))
        except OSError:
            assert self.process.poll() is None, "microburst ended"
            return False


@contextmanager
def fault(upstream: str, log: Path) -> Generator[Fault]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with log.open("wb") as out:
        command = [
            str(Path(sys.executable).with_name("microburst")),
            "--upstream",
            upstream,
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
        ]
        process = subprocess.Popen(command, stdout=out, stderr=out)
        try:
            made = Fault(process, port)
            wait_for(made.ready, 60)
            yield made
        finally:
            process.terminate()
            process.wait(20)
