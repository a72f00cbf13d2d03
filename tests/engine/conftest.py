"""A project on the real engine: `pulumi` with a file backend, stand-in providers, and a local cloud under them."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from transload.local import Cloud, running

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if shutil.which("pulumi"):
        return
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="pulumi is not on PATH: the engine tests need its command line"))


@dataclass
class Engine:
    """`pulumi` in a copy of this repository's project."""

    folder: Path
    cloud: Cloud
    env: dict[str, str] = field(default_factory=dict)

    def pulumi(self, *arguments: str, fails: bool = False, **variables: str) -> str:
        """Run it to its end; returns what it printed. `fails`: whether it is expected to."""
        done = subprocess.run(
            ["pulumi", *arguments, "--non-interactive", "--color=never"],
            cwd=self.folder,
            env=self.env | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        assert (done.returncode != 0) == fails, done.stdout
        return done.stdout

    def changes(self, *arguments: str) -> dict[str, int]:
        """What an operation did, by kind: `{"create": 130}`."""
        events = [
            json.loads(line) for line in self.pulumi(*arguments, "--json", PULUMI_ENABLE_STREAMING_JSON_PREVIEW="true").splitlines()
        ]
        summary = next(event["summaryEvent"] for event in events if "summaryEvent" in event)
        return summary["resourceChanges"]

    def resources(self) -> list[dict[str, Any]]:
        """The custom resources in the state."""
        state = json.loads(self.pulumi("stack", "export"))["deployment"].get("resources", [])
        return [one for one in state if one["custom"] and not one["type"].startswith("pulumi:")]


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The local stack, initialized and not yet brought up."""
    base = tmp_path_factory.mktemp("engine")
    project = base / "project"
    project.mkdir()
    for name in ("Pulumi.yaml", "Pulumi.local.yaml", "programs", "images"):
        source = ROOT / name
        shutil.copytree(source, project / name) if source.is_dir() else shutil.copy(source, project / name)
    # Pulumi.yaml says where `make` puts the environment: here it is the one that runs the tests.
    (project / ".venv").symlink_to(sys.prefix)
    (base / "state").mkdir()
    with running(base / "cloud", region="ap-northeast-1") as cloud:
        one = Engine(project, cloud, _environment(base, cloud))
        one.pulumi("stack", "init", "local")
        yield one


def _environment(base: Path, cloud: Cloud) -> dict[str, str]:
    return {
        **os.environ,
        **cloud.env,
        "PATH": f"{HERE / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PULUMI_HOME": str(base / "home"),
        "PULUMI_BACKEND_URL": (base / "state").as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "correct horse",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "TRANSLOAD_ENGINE_PYTHON": sys.executable,
    }
