"""A running local cloud: its addresses, its clients, and a way to run a program in it."""

import contextlib
import tempfile
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transload.local import _servers, _state
from transload.local._state import State

if TYPE_CHECKING:
    from transload.local._build import Built
    from transload.local.drivers._aws import Aws

# What MiniStack holds, by boto3's name; moto holds everything else. docs/local.md says why these.
ON_MINISTACK = ("s3", "firehose", "glue", "athena", "logs")
_VARIABLES = {"logs": "CLOUDWATCH_LOGS"}


@dataclass(frozen=True)
class Cloud:
    """One local cloud that is up."""

    home: Path
    """Folder of its record and logs."""
    state: State
    _clients: "dict[tuple[str, int], Aws]" = field(default_factory=dict, repr=False, compare=False)

    @property
    def region(self) -> str:
        return self.state.region

    @property
    def endpoints(self) -> dict[str, str]:
        """Service, as boto3 calls it, to address. The address under "" is for every other service."""
        moto, ministack = (self.state.servers[name].endpoint for name in ("moto", "ministack"))
        return {"": moto, **dict.fromkeys(ON_MINISTACK, ministack)}

    @property
    def env(self) -> dict[str, str]:
        """The variables by which the AWS CLI, every SDK and the real Pulumi provider find this cloud."""
        services = {f"AWS_ENDPOINT_URL_{_VARIABLES.get(name, name.upper())}": self.endpoints[name] for name in ON_MINISTACK}
        return {
            "AWS_ENDPOINT_URL": self.endpoints[""],
            **services,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "TRANSLOAD_LOCAL": "1",
        }

    def write_env(self) -> Path:
        """Write `local.env`, to be read by a shell between `set -a` and `set +a`."""
        path = self.home / "local.env"
        path.write_text("".join(f"{name}={value}\n" for name, value in self.env.items()))
        return path

    def aws(self, threads: int = 16, region: str | None = None) -> "Aws":
        """The clients that drivers use, for as many threads at once; the same ones when asked again, as making one is slow."""
        from transload.local.drivers._aws import Aws

        key = (region or self.region, threads)
        if key not in self._clients:
            self._clients[key] = Aws(key[0], self.endpoints, threads)
        return self._clients[key]

    def client(self, service: str) -> Any:
        """A boto3 client for this cloud."""
        return self.aws().client(service)

    def run(self, program: Callable[[], Any] | str | Path, **options: Any) -> "Built":
        """Run a program here as `up` does, and keep what it made. Options: see `_build.build`."""
        from transload.local._build import build

        return build(self, program, **options)

    def wait_ready(self) -> None:
        """Return when both emulators answer. `Problem` when one has ended, or keeps silent for 30 s."""
        _servers.wait_ready(self.state)

    def dead(self) -> Exception | None:
        """The one line about an emulator that has ended, or None."""
        return _servers.dead(self.state)


@contextlib.contextmanager
def running(home: str | Path | None = None, region: str = "eu-west-1", ports: Mapping[str, int] | None = None) -> Generator[Cloud]:
    """A local cloud for the time of a `with` block, as tests want it. Nothing stays behind.

    `home`: folder for its record and logs. Default: a temporary one. `ports`: `moto` and `ministack`. Default: free ones.
    """
    with contextlib.ExitStack() as stack:
        place = Path(home) if home else Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="transload-")))
        cloud = stack.enter_context(started(place.resolve(), region, ports))
        cloud.wait_ready()
        yield cloud


@contextlib.contextmanager
def started(home: Path, region: str, ports: Mapping[str, int] | None, keep: bool = False) -> Generator[Cloud]:
    """Start the emulators; stop them at the end, after any error and when interrupted. With `keep` they stay if all went well.

    They need not answer yet: what is asked of them waits until they do.
    """
    state = State(_servers.new_token(), region, _servers.ACCOUNT)
    try:
        state = _servers.start(home, state, dict(ports or {}))
        cloud = Cloud(home, state)
        cloud.write_env()
        yield cloud
    except BaseException:
        clear(home)
        raise
    if not keep:
        clear(home)


def clear(home: Path) -> int:
    """Stop whatever is recorded in `home` and forget it; returns the number of processes stopped."""
    stopped = _servers.stop(home, _state.load(home))
    _state.forget(home)
    return stopped
