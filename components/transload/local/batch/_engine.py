"""Jobs in their own images, where a Docker engine answers.

The image is the one of that name the engine has, else it is built from the project's folder of that name, else it is pulled.
`TRANSLOAD_LOCAL_DOCKER=0` runs processes even so.
"""

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from transload.local.batch._image import NoImageError

log = logging.getLogger(__name__)

_LABEL = "transload.local"


@lru_cache
def engine() -> Any | None:
    """A client of the Docker engine of this machine, or None. Asked once."""
    if os.environ.get("TRANSLOAD_LOCAL_DOCKER") == "0":
        return None
    import docker.errors

    try:
        client = docker.from_env(timeout=5)
        client.ping()
    except (docker.errors.DockerException, OSError):
        return None
    return client


def remove_leftovers(home: Path) -> None:
    """Remove the containers that an earlier server of this folder was killed over."""
    client = engine()
    for container in client.containers.list(all=True, filters={"label": f"{_LABEL}={home}"}) if client else ():
        container.remove(force=True)


class ContainerProcess:
    """A container of an image, as `Running`. Its output goes to the file descriptor `output`."""

    def __init__(
        self,
        client: Any,
        reference: str,
        folder: Path,
        command: Sequence[str],
        environment: Mapping[str, str],
        output: int,
        memory_bytes: int,
        home: Path,
        ended: Callable[[], None],
    ):
        self._code: int | None = None
        self._container = client.containers.run(
            _image(client, reference, folder),
            list(command) or None,
            environment=_reachable(environment),
            # The emulators listen on the loopback of this machine only.
            network_mode="host" if sys.platform == "linux" else None,
            mem_limit=memory_bytes,
            labels={_LABEL: str(home)},
            detach=True,
        )
        self._output = os.dup(output)
        threading.Thread(target=self._follow, args=(ended,), daemon=True).start()

    def exit_code(self) -> int | None:
        return self._code

    def terminate(self) -> None:
        self._signal("SIGTERM")

    def kill(self) -> None:
        self._signal("SIGKILL")

    def over_memory(self) -> bool:
        return bool(self._container.attrs["State"].get("OOMKilled"))

    def _signal(self, name: str) -> None:
        import docker.errors

        # One that has ended takes no signal.
        with contextlib.suppress(docker.errors.APIError):
            self._container.kill(name)

    def _follow(self, ended: Callable[[], None]) -> None:
        try:
            for chunk in self._container.logs(stream=True, follow=True):
                os.write(self._output, chunk)
            code = int(self._container.wait()["StatusCode"])
            self._container.reload()
            self._container.remove()
        except Exception:
            log.exception("the Docker engine lost container %s", self._container.id)
            code = 137
        os.close(self._output)
        self._code = code
        ended()


def _image(client: Any, reference: str, folder: Path) -> Any:
    import docker.errors

    try:
        with contextlib.suppress(docker.errors.ImageNotFound):
            return client.images.get(reference)
        if (folder / "Dockerfile").is_file():
            return client.images.build(path=str(folder), tag=reference)[0]
        return client.images.pull(reference)
    except docker.errors.DockerException as error:
        raise NoImageError(f"image {reference}: {error}") from error


def _reachable(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment with the emulators' addresses as a container sees them."""
    own = {name: value for name, value in environment.items() if name not in ("PATH", "HOME", "TMPDIR")}
    if sys.platform == "linux":
        return own
    return {name: value.replace("//127.0.0.1:", "//host.docker.internal:") for name, value in own.items()}
