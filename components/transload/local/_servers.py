"""Start the emulators and stop them, so that nothing is left behind whatever happens in between."""

import contextlib
import errno
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from transload._errors import Problem
from transload.local import _state
from transload.local._state import Server, State

ACCOUNT = "123456789012"
TOKEN = "TRANSLOAD_LOCAL_TOKEN"  # noqa: S105 - the name of a mark, nothing secret
_READY_SECONDS = 30
_STOP_SECONDS = 3


@dataclass(frozen=True)
class _Kind:
    name: str
    module: str
    health: str


KINDS = (
    _Kind("moto", "transload.local.moto_server", "/moto-api/config"),
    _Kind("ministack", "transload.local.ministack_server", "/_ministack/health"),
)


def start(home: Path, state: State, ports: dict[str, int]) -> State:
    """Start every emulator and record it in `home` before it runs a line of its own.

    `ports`: emulator name -> port, 0 for a free one. A port in use is a `Problem`; then nothing was started.
    The servers answer only after `wait_ready`.
    """
    with contextlib.ExitStack() as opened:
        sockets = {kind.name: opened.enter_context(_listen(kind.name, ports.get(kind.name, 0))) for kind in KINDS}
        numbers = {name: listening.getsockname()[1] for name, listening in sockets.items()}
        _state.save(home, state)
        for kind in KINDS:
            log = home / f"{kind.name}.log"
            child = _spawn(kind, home, state, log, sockets[kind.name], numbers)
            state = state.with_server(kind.name, Server.of(child.pid, numbers[kind.name], log))
            _state.save(home, state)
            # Until this line the child only waits. Had we been killed before the record was written, it would end by itself.
            assert child.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                child.stdin.write(b"go\n")
                child.stdin.close()
            # Not our child to wait for: it outlives this process. `_reap` fetches its end if it comes while we are still here.
            child.returncode = 0
    return state


def wait_ready(state: State) -> None:
    """Return when every emulator answers; `Problem` when one ended or kept silent for 30 s."""
    for kind in KINDS:
        server = state.servers[kind.name]
        try:
            # The port listens since before the process was started: the request waits in its queue, nobody has to poll.
            urllib.request.urlopen(server.endpoint + kind.health, timeout=_READY_SECONDS).close()  # noqa: S310 - http to loopback
        except OSError as error:
            silent = Problem(f"{kind.name} did not answer within {_READY_SECONDS} s ({error}): see {server.log}")
            raise dead(state) or silent from None


def dead(state: State) -> Problem | None:
    """The one line about an emulator that has ended, or None when all are alive."""
    for name, server in state.servers.items():
        _reap(server.pid)
        if server.process() is None:
            return Problem(f"{name} has stopped: its log {server.log} says why{_last_words(Path(server.log))}")
    return None


def stop(home: Path, state: State | None) -> int:
    """Stop what `state` records and all that carries its mark; returns the number of processes that were alive."""
    if state is None:
        return 0
    stopped: set[int] = set()
    for signal in ("terminate", "kill"):
        # Again after the first round: a server may have started one more child while it was ending.
        family = _family(state)
        stopped |= {process.pid for process in family}
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                getattr(process, signal)()
        _wait(family)
    shutil.rmtree(home / "tmp", ignore_errors=True)
    return len(stopped)


def new_token() -> str:
    return secrets.token_hex(8)


def _listen(name: str, port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
        listening.listen(512)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise Problem(f"port {port} for {name} is in use: give another with --{name}-port, or none for a free one") from None
        raise Problem(f"port {port} for {name} cannot be opened: {error.strerror}") from None
    return listening


def _spawn(
    kind: _Kind, home: Path, state: State, log: Path, listening: socket.socket, ports: dict[str, int]
) -> subprocess.Popen[bytes]:
    scratch = home / "tmp"
    scratch.mkdir(exist_ok=True)
    arguments = ["--fd", str(listening.fileno()), "--home", str(home)]
    for name, number in ports.items():
        arguments += [f"--{name}-port", str(number)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOTO_", "MINISTACK_"))}
    environment |= {
        TOKEN: state.token,
        "TMPDIR": str(scratch),
        "AWS_DEFAULT_REGION": state.region,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "PYTHONUNBUFFERED": "1",
    }
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", kind.module, *arguments],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            pass_fds=[listening.fileno()],
            # Ctrl-C in the terminal of `up` must reach `up` alone: it stops the servers in order.
            start_new_session=True,
        )


def _family(state: State) -> list[psutil.Process]:
    found: dict[int, psutil.Process] = {}
    for server in state.servers.values():
        process = server.process()
        if process is not None:
            found[process.pid] = process
    found |= {process.pid: process for process in _marked(state.token)}
    for process in list(found.values()):
        with contextlib.suppress(psutil.NoSuchProcess):
            found |= {child.pid: child for child in process.children(recursive=True)}
    return [process for process in found.values() if process.pid != os.getpid()]


def _marked(token: str) -> Iterator[psutil.Process]:
    """Processes that inherited the mark, however far down and whoever their parent is by now."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(TOKEN) == token:
                yield process


def _wait(processes: list[psutil.Process]) -> None:
    until = time.monotonic() + _STOP_SECONDS
    while not all(_has_ended(process) for process in processes) and time.monotonic() < until:
        time.sleep(0.01)


def _has_ended(process: psutil.Process) -> bool:
    _reap(process.pid)
    try:
        # A process whose first thread has ended is a zombie already, while the others go on and hold its port.
        return not process.is_running() or (process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1)
    except psutil.NoSuchProcess:
        return True


def _reap(pid: int) -> None:
    """Fetch the end of a child of ours, so that no zombie stays. That of another process is not ours to fetch."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _last_words(log: Path) -> str:
    try:
        lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    except OSError:
        return ""
    return f" (last line: {lines[-1][:200]})" if lines else ""
