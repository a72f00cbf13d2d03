"""Say what runs."""

from pathlib import Path
from typing import Any

from transload.local import _state
from transload.local._cloud import Cloud


def status(project_dir: str | Path = ".") -> dict[str, Any]:
    """What the record says and what is true of it.

    `state` is `down`, `up`, `building` (an `up` is at work, or was killed) or `broken` (an emulator has ended).
    """
    home = _state.folder(project_dir)
    state = _state.load(home)
    if state is None:
        return {"state": "down", "servers": {}}
    servers = {
        name: {"pid": server.pid, "port": server.port, "alive": server.process() is not None, "log": server.log}
        for name, server in state.servers.items()
    }
    whole = len(servers) == 2 and all(server["alive"] for server in servers.values())
    return {
        "state": "broken" if state.ready and not whole else "up" if state.ready else "building",
        "project": state.project,
        "stack": state.stack,
        "region": state.region,
        "resources": state.resources,
        "seconds": state.seconds,
        "env": str(home / "local.env"),
        "endpoints": Cloud(home, state).endpoints if len(servers) == 2 else {},
        "servers": servers,
    }
