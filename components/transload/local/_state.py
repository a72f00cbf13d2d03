"""What the local cloud remembers about itself: `.transload/local.json`, and the lock that one `up` at a time holds."""

import contextlib
import fcntl
import json
import os
from collections.abc import Generator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import psutil

from transload._errors import Problem

FOLDER = ".transload"


@dataclass(frozen=True)
class Server:
    """One emulator process. A process id alone may by now belong to somebody else, together with its start time it cannot."""

    pid: int
    started: float
    """Start time as the operating system gives it, seconds since 1970."""
    port: int
    log: str

    @classmethod
    def of(cls, pid: int, port: int, log: Path) -> Self:
        return cls(pid, psutil.Process(pid).create_time(), port, str(log))

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def process(self) -> psutil.Process | None:
        """The live process, or None when it has ended or its id was given to another."""
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.pid)
            if process.create_time() == self.started and process.status() != psutil.STATUS_ZOMBIE:
                return process
        return None


@dataclass(frozen=True)
class State:
    """The record of one local cloud."""

    token: str
    """Mark that every process of this cloud carries in its environment (`TRANSLOAD_LOCAL_TOKEN`), its grandchildren too."""
    region: str
    account: str
    project: str = ""
    stack: str = ""
    ready: bool = False
    """False while `up` is at work, and for ever if it was killed."""
    resources: int = 0
    seconds: float = 0.0
    servers: dict[str, Server] = field(default_factory=dict)

    def with_server(self, name: str, server: Server) -> "State":
        return replace(self, servers={**self.servers, name: server})


def folder(project_dir: str | Path) -> Path:
    """The folder of the local cloud of a project; it need not exist yet."""
    return Path(project_dir).resolve() / FOLDER


def load(home: Path) -> State | None:
    """The record in `home`, or None when there is none or it cannot be read."""
    try:
        data: dict[str, Any] = json.loads((home / "local.json").read_text())
        data["servers"] = {name: Server(**row) for name, row in data["servers"].items()}
        return State(**data)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def save(home: Path, state: State) -> None:
    """Write the record at once or not at all: whoever reads it meanwhile sees the old or the new one."""
    home.mkdir(parents=True, exist_ok=True)
    draft = home / f"local.json.{os.getpid()}"
    draft.write_text(json.dumps(asdict(state), indent=2) + "\n")
    draft.replace(home / "local.json")


def forget(home: Path) -> None:
    """Remove the record and the environment file that points to what is gone."""
    for name in ("local.json", "local.env"):
        (home / name).unlink(missing_ok=True)


@contextlib.contextmanager
def locked(home: Path) -> Generator[None]:
    """Hold the lock of `home`. The operating system lets go of it when the holder dies, however it dies."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise Problem(
                f"another transload local command (process {holder}) is at work in {home}: wait for it or stop it"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
