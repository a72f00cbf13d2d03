"""A small project of its own, and the `transload` command run on it as a process."""

import json
import os
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

# Written by the program itself, so that a test knows that `up` is in the middle of it.
MIDDLE = "middle"


@dataclass(frozen=True)
class Project:
    folder: Path

    def write(self, program: str) -> None:
        (self.folder / "Pulumi.yaml").write_text("name: tiny\nruntime: python\n")
        head = "import json, os, pathlib, time\nimport pulumi\nimport pulumi_aws as aws\n"
        (self.folder / "__main__.py").write_text(head + textwrap.dedent(program))

    @property
    def home(self) -> Path:
        return self.folder / ".transload"

    @property
    def record(self) -> dict[str, Any]:
        return json.loads((self.home / "local.json").read_text())

    def command(self, *arguments: str) -> list[str]:
        program = "from transload.cli import main; main()"
        return [sys.executable, "-c", program, "local", *arguments, "--project", str(self.folder)]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.command(*arguments), capture_output=True, text=True, check=False)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(self.command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def processes(self) -> list[psutil.Process]:
        """Every process that works in this project's folder, except for the zombies that nobody fetches in a container."""
        found = []
        for process in psutil.process_iter():
            try:
                if str(self.home) in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found


def wait_for(look: Callable[[], Any], seconds: float = 60) -> Any:
    """What `look` gives as soon as it is true; an AssertionError when that takes too long."""
    until = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.01)
    return found


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def variables(file: Path) -> dict[str, str]:
    """What a shell exports that reads the file between `set -a` and `set +a`."""
    script = f"set -a; . {file}; set +a; {sys.executable} -c 'import json, os; print(json.dumps(dict(os.environ)))'"
    answer = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True, env={"PATH": os.environ["PATH"]})
    return json.loads(answer.stdout)
