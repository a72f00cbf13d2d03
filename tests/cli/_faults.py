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
        # By its name: at an address microburst first reads the model of every service, which takes it five seconds.
        self.process, self.endpoint = process, f"http://localhost:{port}"

    def strike(self, caller: str, *rules: dict[str, Any]) -> None:
        """These faults for who calls with this access key, and for nobody else."""
        self.ask("rules", [{**rule, **_of(caller)} for rule in rules], "PATCH")

    def spare(self, caller: str) -> None:
        """From now on no fault for this access key."""
        self.ask("rules", [_of(caller)], "DELETE")

    def fired(self, caller: str) -> int:
        """How many calls of this access key were struck."""
        rules = {rule["id"] for rule in self.ask("rules") if rule.get("headers") == _of(caller)["headers"]}
        return sum(each["rule_id"] in rules for each in self.ask("fired"))

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


def _of(caller: str) -> dict[str, Any]:
    return {"headers": {"Authorization": f"Credential={caller}/"}}


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
