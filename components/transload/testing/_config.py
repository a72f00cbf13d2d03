"""Configuration of a project's stack, under the engine's own rules: required keys, defaults, types, secrets.

The rules are those of Pulumi's `pkg/workspace/config.go`; whatever breaks one is a ValueError of one line.
"""

import difflib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from transload.testing._passphrase import Decrypter

_TYPES = ("string", "integer", "boolean", "array", "object")
_STAND_INS = {"integer": "0", "boolean": "false", "array": "[]", "object": "{}"}


@dataclass(frozen=True)
class Settings:
    """What a program gets: full keys with their text, and which of them are secret. `main` is the folder or file to run."""

    project: str
    values: dict[str, str] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()
    root: Path | None = None
    main: Path = Path()

    def with_values(self, values: Mapping[str, Any], secrets: Collection[str] = ()) -> "Settings":
        """With more values laid over, and more keys secret."""
        return replace(
            self,
            values={**self.values, **{full(key, self.project): text(value) for key, value in values.items()}},
            secrets=self.secrets | {full(key, self.project) for key in secrets},
        )

    def with_region(self, region: str) -> "Settings":
        """With a region, unless there is one."""
        return replace(self, values={"aws:region": region, **self.values})


def full(key: str, project: str) -> str:
    """A key with its namespace; without one it is the project's. `aws:config:region` is the old way of writing `aws:region`."""
    parts = key.split(":")
    if len(parts) == 3 and parts[1] == "config":
        del parts[1]
    return ":".join(parts) if len(parts) > 1 else f"{project}:{key}"


def text(value: Any) -> str:
    """A value as Pulumi hands it to the program: JSON, but strings as they are."""
    return value if isinstance(value, str) else json.dumps(value)


def load(
    path: Path,
    stack: str,
    passphrase: str | None = None,
    given: Mapping[str, Any] | None = None,
    given_secrets: Collection[str] = (),
) -> Settings:
    """The settings of one stack of the project in a folder (or at its Pulumi.yaml). `given` is laid over the stack's file.

    Without a passphrase (and for secrets of a cloud provider) secret values are stand-ins of their type. Raises ValueError.
    """
    file = _project_file(path)
    document = _read(file)
    name = document.get("name")
    if not isinstance(name, str):
        raise ValueError(f"{file}: a project needs a name")
    runtime = document.get("runtime")
    runtime = runtime.get("name") if isinstance(runtime, dict) else runtime
    if runtime != "python":
        raise ValueError(f"{file}: only the runtime python can be run here, got {runtime!r}")
    root = file.parent.resolve()
    declared = _Declared(file, name, document.get("config") or {})
    stack_file = root / (document.get("stackConfigDir") or "") / f"Pulumi.{stack}.yaml"
    values, secrets = _stack_values(stack_file, name, declared, passphrase)
    values.update({full(key, name): value for key, value in (given or {}).items()})
    secrets |= {full(key, name) for key in given_secrets}
    settings = Settings(name, root=root, main=(root / (document.get("main") or ".")).resolve(), secrets=frozenset(secrets))
    return settings.with_values(declared.resolved(values, secrets, stack_file))


def stacks(path: Path) -> list[str]:
    """The stacks of a project that have a file. Raises ValueError."""
    file = _project_file(path)
    folder = file.parent / (_read(file).get("stackConfigDir") or "")
    return sorted(found.name.removeprefix("Pulumi.").removesuffix(".yaml") for found in folder.glob("Pulumi.*.yaml"))


def _project_file(path: Path) -> Path:
    if path.is_file():
        return path
    for name in ("Pulumi.yaml", "Pulumi.yml"):
        if (path / name).is_file():
            return path / name
    raise ValueError(f"no Pulumi.yaml in {path}: give the folder of a Pulumi project")


class _Loader(yaml.SafeLoader):
    """Dates stay text, as they do for the engine."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _read(file: Path) -> dict[str, Any]:
    try:
        document = yaml.load(file.read_text(), _Loader)  # noqa: S506 a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise ValueError(f"{file}{f':{mark.line + 1}' if mark else ''}: not YAML: {error.problem}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{file}: not YAML: {str(error).splitlines()[0]}") from None
    if document is not None and not isinstance(document, dict):
        raise ValueError(f"{file}: expected keys and values, got {type(document).__name__}")
    return document or {}


def _stack_values(file: Path, project: str, declared: "_Declared", passphrase: str | None) -> tuple[dict[str, Any], set[str]]:
    """The values of the stack's file, decrypted, and which of them are secret. A stack without a file has none."""
    document = _read(file) if file.is_file() else {}
    decrypter = Decrypter(file, document.get("encryptionsalt"), passphrase)
    values: dict[str, Any] = {}
    secrets: set[str] = set()

    def clear(key: str, value: Any) -> Any:
        if isinstance(value, dict) and value.keys() == {"secure"}:
            secrets.add(key)
            return decrypter.clear(key, value["secure"], stand_in=_STAND_INS.get(declared.type_of(key), f"<secret {key}>"))
        if isinstance(value, dict):
            return {name: clear(key, one) for name, one in value.items()}
        return [clear(key, one) for one in value] if isinstance(value, list) else value

    for written, value in (document.get("config") or {}).items():
        key = full(str(written), project)
        if value is None:
            raise ValueError(f"{file}: {written} has no value")
        values[key] = clear(key, value)
    return values, secrets


class _Declared:
    """The `config` of Pulumi.yaml."""

    def __init__(self, file: Path, project: str, config: Any):
        if not isinstance(config, dict):
            raise ValueError(f"{file}: config must be a mapping from key to its declaration")
        self.file, self.project = file, project
        self._keys: dict[str, dict[str, Any]] = {}
        for written, one in config.items():
            own = full(written, project).startswith(f"{project}:")
            self._keys[full(written, project)] = self._normal(written, one, own)

    def _normal(self, written: str, one: Any, own: bool) -> dict[str, Any]:
        """A declaration as a mapping; a bare value is a default (in a foreign namespace: a value)."""
        one = one if isinstance(one, dict) else {"default" if own else "value": one}
        where = f"{self.file}: config {written}"
        if not own and ("type" in one or "default" in one):
            raise ValueError(f"{where} is not in the project's namespace: use value, not type or default")
        kind, default = one.get("type"), one.get("default")
        if kind is not None and kind not in _TYPES:
            near = difflib.get_close_matches(str(kind), _TYPES, 1)
            raise ValueError(f"{where}: {kind!r} is not a type{f', did you mean {near[0]}?' if near else ''}")
        if kind == "array" and "items" not in one:
            raise ValueError(f"{where}: an array needs the type of its items")
        if kind and default is not None and not _fits(one, default):
            raise ValueError(f"{where}: the default {default!r} is not of type {kind}")
        return one

    def type_of(self, key: str) -> str:
        """The declared type of a key, or an empty string."""
        return self._keys.get(key, {}).get("type") or ""

    def resolved(self, values: dict[str, Any], secrets: Collection[str], stack_file: Path) -> dict[str, Any]:
        """The values with defaults filled in. Raises ValueError for what is missing, of the wrong type, or should be secret."""
        found = dict(values)
        missing = []
        for key, one in self._keys.items():
            own = key.startswith(f"{self.project}:")
            if key not in values:
                default = one.get("default", one.get("value"))
                if default is not None:
                    found[key] = default
                elif own:
                    missing.append(key.partition(":")[2])
                continue
            if one.get("secret") and key not in secrets:
                raise ValueError(f"{stack_file}: {key} must be encrypted: set it with pulumi config set --secret")
            if one.get("type") and not _fits(one, values[key]):
                raise ValueError(f"{stack_file}: {key} must be of type {_name(one)}, got {values[key]!r}")
        if missing:
            raise ValueError(f"{stack_file}: missing {', '.join(sorted(missing))}{self._misspelt(missing, values)}")
        return found

    def _misspelt(self, missing: list[str], values: Mapping[str, Any]) -> str:
        """A key that is given and not declared is likely one of those that are missing."""
        strange = [key.partition(":")[2] for key in values if key.startswith(f"{self.project}:") and key not in self._keys]
        near = difflib.get_close_matches(missing[0], strange, 1)
        return f"; is {near[0]} meant to be {missing[0]}?" if near else ""


def _name(one: Mapping[str, Any]) -> str:
    return f"array of {_name(one['items'])}" if one["type"] == "array" else one["type"]


def _fits(one: Mapping[str, Any], value: Any) -> bool:
    kind = one.get("type")
    if kind == "string":
        return isinstance(value, str)
    if kind == "integer":
        return not isinstance(value, bool) and (isinstance(value, int) or (isinstance(value, str) and _is_whole(value)))
    if kind == "boolean":
        return isinstance(value, bool) or value in ("true", "false")
    if kind == "object":
        return isinstance(value, dict)
    return isinstance(value, list) and all(_fits(one["items"], item) for item in value)


def _is_whole(value: str) -> bool:
    return value.removeprefix("-").isdecimal()
