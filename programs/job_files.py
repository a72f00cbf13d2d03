"""Jobs as people write them, one YAML file each: read, checked, and every mistake told with its file and line."""

import difflib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import jsonschema
import yaml
from yaml.reader import ReaderError

_PLACEHOLDER = re.compile(r"\$\{(.*?)\}")
_PLAIN_KEY = "tag:yaml.org,2002:str"
_QUOTES = "a text that starts with *, &, @, % or ` needs quotes"
_YAML_TYPES = {
    "integer": "a whole number",
    "number": "a number",
    "string": "a text",
    "array": "a list",
    "object": "keys and values",
}


@dataclass(frozen=True)
class JobFile:
    """One job: its arguments as written, and where each of them stands."""

    path: str
    name: str
    arguments: Mapping[str, Any]
    lines: Mapping[tuple[str | int, ...], int] = field(repr=False)

    def placed(self, message: str) -> str:
        """The message of a component about this job, with the file and the line of what it names: the innermost, then the first."""
        text = re.sub(rf"^\w+ '{re.escape(self.name)}': ", "", message)
        words = {found.group(): -found.start() for found in reversed(list(re.finditer(r"\w+", text)))}

        def closeness(path: tuple[str | int, ...]) -> tuple[int, int, int]:
            keys = [key for key in path if isinstance(key, str)]
            if not keys or any(key not in words for key in keys):
                return (0, 0, -self.lines[path])
            return (len(keys), self._of_named_item(path, words), words[keys[-1]])

        nearest = max(self.lines, key=closeness)
        line = self.lines[nearest] if closeness(nearest)[0] else self.lines[("name",)]
        return f"{self.path}:{line}: {text}"

    def _of_named_item(self, path: tuple[str | int, ...], words: Mapping[str, int]) -> int:
        """1 for a path through an item of a list that the message calls by its `sid`."""
        value: Any = self.arguments
        for key in path[:-1]:
            value = value[key]
        return int(isinstance(value, dict) and value.get("sid") in words)

    def filled(self, values: Mapping[str, Any], join: Callable[..., Any]) -> dict[str, Any]:
        """The arguments with each `${name}` replaced out of `values`. `join` makes one text of pieces that may be Outputs."""

        def fill(value: Any, path: tuple[str | int, ...]) -> Any:
            if isinstance(value, dict):
                return {key: fill(child, (*path, key)) for key, child in value.items()}
            if isinstance(value, list):
                return [fill(child, (*path, number)) for number, child in enumerate(value)]
            if not isinstance(value, str) or "${" not in value:
                return value
            pieces = _PLACEHOLDER.split(value)
            for unknown in set(pieces[1::2]) - values.keys():
                near = difflib.get_close_matches(unknown, values, 1)
                hint = f"did you mean ${{{near[0]}}}?" if near else "known are " + ", ".join(sorted(values))
                _refuse(self.path, self.lines.get(path, 1), f"nothing is called ${{{unknown}}}; {hint}")
            return join(*(values[piece] if number % 2 else piece for number, piece in enumerate(pieces) if piece))

        return fill(dict(self.arguments), ())


def load(folder: Path, root: Path) -> list[JobFile]:
    """Every job of `folder`, by file name. `ValueError` for the first mistake, with the file as seen from `root`."""
    schema = json.loads((folder / "schema.json").read_text("utf-8"))
    jobs: dict[str, JobFile] = {}
    for path in sorted(folder.glob("*.y*ml")):
        job = _read(path, path.relative_to(root).as_posix(), schema)
        if job.name in jobs:
            _refuse(
                job.path, job.lines[("name",)], f"there is a job {job.name} already, in {jobs[job.name].path}: rename one of them"
            )
        jobs[job.name] = job
    return list(jobs.values())


def _read(path: Path, shown: str, schema: Mapping[str, Any]) -> JobFile:
    node, value = _parsed(path.read_bytes(), shown)
    if not isinstance(node, yaml.MappingNode):
        _refuse(shown, 1, "a job is keys and values, such as `name: nightly-export`")
    lines = {(): 1, **dict(_lines(node, shown))}
    errors = jsonschema.Draft202012Validator(schema).iter_errors(value)
    for error in sorted(errors, key=lambda error: lines.get(tuple(error.absolute_path), 1)):
        where, message = _explained(error)
        _refuse(shown, lines.get(where, 1), message)
    return JobFile(shown, value["name"], {key: child for key, child in value.items() if key != "name"}, lines)


def _parsed(content: bytes, shown: str) -> tuple[yaml.Node | None, Any]:
    """What YAML makes of the file: as nodes that know their lines, and as values."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as problem:
        _refuse(shown, content.count(b"\n", 0, problem.start) + 1, "not UTF-8: save the file as UTF-8")
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            # A job is short, and whoever looks at night at what it does should not have to put it together.
            if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
                _refuse(shown, event.start_mark.line + 1, f"{event.anchor} is an anchor, which jobs do not take; {_QUOTES}")
        return yaml.compose(text, Loader=yaml.SafeLoader), yaml.safe_load(text)
    except ReaderError as problem:
        line = text.count("\n", 0, problem.position) + 1
        _refuse(shown, line, f"the character {chr(problem.character)!r}, which YAML does not allow")
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        _refuse(shown, mark.line + 1 if mark else 1, _in_our_words(problem))


def _in_our_words(problem: yaml.MarkedYAMLError) -> str:
    found = str(problem.problem)
    if "found character '\\t'" in found:
        return "a tab, which YAML does not allow here: use spaces"
    if "cannot start any token" in found or problem.context in ("while scanning an alias", "while scanning an anchor"):
        return _QUOTES
    return found


def _lines(node: yaml.Node, shown: str, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], int]]:
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.tag != _PLAIN_KEY:
                _refuse(shown, line, f"{key.value} as a key is no text to YAML: put it in quotes")
            if key.value in seen:
                _refuse(shown, line, f"{key.value} is given twice, first in line {seen[key.value]}")
            seen[key.value] = line
            yield (*path, key.value), line
            yield from _lines(value, shown, (*path, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield (*path, number), item.start_mark.line + 1
            yield from _lines(item, shown, (*path, number))


def _explained(error: jsonschema.ValidationError) -> tuple[tuple[str | int, ...], str]:
    """Where in the file, and one line in the words of whoever writes a job."""
    where = tuple(error.absolute_path)
    name = ".".join(str(part) for part in where)
    found = error.instance
    schema = error.schema if isinstance(error.schema, dict) else {}
    known = sorted(schema.get("properties", ()))
    match error.validator:
        case "additionalProperties":
            unknown = next(key for key in found if key not in known)
            near = difflib.get_close_matches(unknown, known, 1)
            return (*where, unknown), f"unknown key {unknown}, " + (
                f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
            )
        case "required":
            missing = next(key for key in error.validator_value if key not in found)
            return where, f"{name + ': ' if name else ''}{missing} is missing"
        case "type":
            wanted = " or ".join(_YAML_TYPES.get(kind, kind) for kind in _as_list(error.validator_value))
            hint = "; put it in quotes" if wanted == "a text" and not isinstance(found, dict | list) else ""
            return where, f"{name} must be {wanted}, got {json.dumps(found, default=str)}{hint}"
        case "enum":
            return (
                where,
                f"{name} must be one of {', '.join(map(str, error.validator_value))}, got {json.dumps(found, default=str)}",
            )
        case "minimum" | "maximum":
            low, high = schema.get("minimum"), schema.get("maximum")
            return (
                where,
                f"{name} must be {low} or more, got {found}" if high is None else f"{name} must be {low} to {high}, got {found}",
            )
        case _:
            return where, f"{name}: {error.message}" if name else error.message


def _as_list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def _refuse(path: str, line: int, message: str) -> NoReturn:
    raise ValueError(f"{path}:{line}: {' '.join(message.split())}")
