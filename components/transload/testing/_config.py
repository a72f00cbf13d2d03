"""Configuration of a project's stack, under the engine's own rules: required keys, defaults, types, secrets."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class Settings:
    """What a program gets: full keys with their text, and which of them are secret."""

    project: str
    values: dict[str, str] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()
    root: Path | None = None
    main: Path = Path()

    def with_values(self, values: Mapping[str, Any], secrets: Collection[str] = ()) -> "Settings":
        """With more values laid over."""
        return replace(
            self,
            values={**self.values, **{self.full(key): text(value) for key, value in values.items()}},
            secrets=self.secrets | {self.full(key) for key in secrets},
        )

    def with_region(self, region: str) -> "Settings":
        """With a region, unless there is one."""
        return replace(self, values={"aws:region": region, **self.values})

    def full(self, key: str) -> str:
        """A key with its namespace."""
        return key if ":" in key else f"{self.project}:{key}"


def text(value: Any) -> str:
    """A value as Pulumi hands it to the program: JSON, but strings as they are."""
    return value if isinstance(value, str) else json.dumps(value)


def load(path: Path, stack: str, passphrase: str | None = None) -> Settings:
    """The settings of one stack of the project in a folder (or at its Pulumi.yaml). Raises ValueError, one line."""
    file = path if path.is_file() else path / "Pulumi.yaml"
    project = yaml.safe_load(file.read_text())
    root = file.parent.resolve()
    settings = Settings(project["name"], root=root, main=(root / project.get("main", ".")).resolve())
    values = yaml.safe_load((root / f"Pulumi.{stack}.yaml").read_text()).get("config") or {}
    return settings.with_values(values)
