"""From an image reference to a command in a folder of this machine: the Dockerfile says which."""

import io
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dockerfile_parse import DockerfileParser

_PYTHON = re.compile(r"(/usr(/local)?/bin/)?python(3(\.\d+)?)?")


class NoImageError(Exception):
    """No folder stands for the image: what Fargate reports as CannotPullContainerError."""


@dataclass(frozen=True)
class Program:
    """What the image would run, as it can run here."""

    arguments: list[str]
    folder: Path
    environment: dict[str, str]


def program(reference: str, images: Path, command: Sequence[str], path: str) -> Program:
    """The program of the image `reference` when it is started with `command` (empty: the image's own CMD).

    `path`: the PATH that stands for the base image's. `NoImageError` when no folder of `images` is named like its repository.
    """
    folder = images / repository(reference)
    recipe = folder / "Dockerfile"
    if not recipe.is_file():
        raise NoImageError(f"no {recipe} for image {reference}")
    return _Recipe(folder, recipe.read_text(), path).program(command)


def repository(reference: str) -> str:
    """The last part of the repository: `orders` of `123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/orders:7@sha256:...`."""
    return re.sub(r"[:@].*", "", re.sub(r"@.*", "", reference).rsplit("/", 1)[-1])


class _Recipe:
    """The last stage of a Dockerfile, with the stages of the same file that it is built on."""

    def __init__(self, folder: Path, text: str, path: str):
        self._folder = folder
        parser = _parsed(_last_stage(text), {"PATH": path})
        self._lines: list[tuple[str, str]] = [(line["instruction"], line["value"]) for line in parser.structure]
        self._environment: dict[str, str] = dict(parser.envs)
        self._workdir = PurePosixPath("/")
        for value in self._all("WORKDIR"):
            self._workdir /= _expanded(value, self._environment)
        self._copied = dict(self._copies())

    def program(self, command: Sequence[str]) -> Program:
        entrypoint, shell = _words(self._last("ENTRYPOINT"))
        # An ENTRYPOINT in shell form takes no arguments (Dockerfile reference, "Understand how CMD and ENTRYPOINT interact").
        rest = [] if shell else list(command) or _words(self._last("CMD"))[0]
        arguments = [self._here(word) for word in [*entrypoint, *rest]]
        if arguments and _PYTHON.fullmatch(arguments[0]):
            arguments[0] = sys.executable
        return Program(arguments, self._local(self._workdir) or self._folder, self._environment)

    def _all(self, instruction: str) -> list[str]:
        return [value for name, value in self._lines if name == instruction]

    def _last(self, instruction: str) -> str | None:
        return next(reversed(self._all(instruction)), None)

    def _copies(self) -> Iterator[tuple[PurePosixPath, Path]]:
        """Path in the image and path here, of what is copied from the folder (not from another stage)."""
        workdir = PurePosixPath("/")
        for name, value in self._lines:
            if name == "WORKDIR":
                workdir /= _expanded(value, self._environment)
            if name not in ("COPY", "ADD") or "--from=" in value:
                continue
            words, _ = (
                _words(value) if value.startswith("[") else ([word for word in value.split() if not word.startswith("--")], False)
            )
            *sources, target = words
            for source in sources:
                here = self._folder / source
                into = workdir / _expanded(target, self._environment)
                # A file copied to a folder keeps its name; of a folder its contents are copied.
                keeps_name = not here.is_dir() and (target.endswith("/") or target == "." or len(sources) > 1)
                yield into / here.name if keeps_name else into, here

    def _local(self, path: PurePosixPath) -> Path | None:
        """Where a path of the image lies here: under the copied folder nearest to it."""
        for target, here in sorted(self._copied.items(), key=lambda item: len(item[0].parts), reverse=True):
            if path.is_relative_to(target) and (here / path.relative_to(target)).exists():
                return (here / path.relative_to(target)).resolve()
        return None

    def _here(self, word: str) -> str:
        return str(self._local(PurePosixPath(word)) or word) if word.startswith("/") else word


def _parsed(text: str, parent: Mapping[str, str]) -> DockerfileParser:
    return DockerfileParser(fileobj=io.BytesIO(text.encode()), parent_env=dict(parent))


def _last_stage(text: str) -> str:
    """One stage that says the same: `FROM base` of an earlier stage is replaced by that stage's own lines."""
    stages: dict[str | None, str] = {}
    lines = ""
    name: str | None = None
    for line in _parsed(text, {}).structure:
        if line["instruction"] == "FROM":
            stages[name] = lines
            words = line["value"].split()
            base = next(word for word in words if not word.startswith("--"))
            name = words[-1] if len(words) > 2 and words[-2].lower() == "as" else None
            lines = stages.get(base) or f"FROM {base}\n"
        else:
            lines += line["content"].rstrip("\n") + "\n"
    return lines


def _words(value: str | None) -> tuple[list[str], bool]:
    """The words of an instruction in exec form; in shell form the shell that runs it, and True."""
    if not value:
        return [], False
    try:
        words = json.loads(value)
    except ValueError:
        words = None
    if isinstance(words, list) and all(isinstance(word, str) for word in words):
        return words, False
    return ["/bin/sh", "-c", value], True


def _expanded(value: str, environment: Mapping[str, str]) -> str:
    return re.sub(r"\$\{?(\w+)\}?", lambda found: environment.get(found[1], ""), value).strip("\"'")
