"""What docs/operations.md shows is what the command prints: the page is typed from its first block to its last, in a local cloud of
its own that `make up` starts. So is the tour of the README."""

import contextlib
import difflib
import io
import itertools
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from markdown_it import MarkdownIt
from tests.local._project import variables

from transload import JobFlow, ScheduledJob
from transload.cli import VERBS, _outcome, main
from transload.cli import transload as root
from transload.local import Cloud, _state

_ROOT = Path(__file__).parents[2]
_PAGE = _ROOT / "docs/operations.md"
_README = _ROOT / "README.md"
# What `make` would install is installed.
_MAKE = 'make() { command make --old-file=.venv/.installed "$@"; }\n'
_RUN = re.compile(r"\d{8}T\d{6}Z(?:-[0-9a-f]{4})?")
# What differs from one time to the next, and what is put in its place before two outputs are compared.
_VARIES = [
    (_RUN.pattern, "RUN"),
    (r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "ID"),
    (r"(?<=[a-z]-)[0-9a-f]{7,17}\b", "ID"),
    (r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) )?\d\d [A-Z][a-z]{2}(?: \d{4})? \d\d:\d\d [A-Z]+", "WHEN"),
    (r"[A-Z][a-z]+day \d\d [A-Z][a-z]+ \d{4}", "DAY"),
    (r"\d{4}-\d\d-\d\d(?:T[\d:.]+Z)?", "DATE"),
    (r"\d\d:\d\d:\d\d UTC", "TIME"),
    (r"\b\d+(?:d\d\dh|h\d\dm|m\d\ds|s)\b", "LENGTH"),
    (r"127\.0\.0\.1:\d+", "PLACE"),
    (r"process \d+", "process N"),
    # Not the page's affair: each component's tests count them.
    (r"\d+ resources", "N resources"),
    (r"^\[\d+\] child \d+", "[N] child N"),
    (r"^vCPU  .*", "vCPU"),
    (r"\b(?:ACCEPTED|SUBMITTED|PENDING|RUNNABLE|STARTING|RUNNING)\b", "STATE"),
    (r"\s+", " "),
]


@dataclass(frozen=True)
class Shown:
    """A command of the page and what it prints there. A line `...` stands for any number of lines, `...` at the end of a line for
    the rest of it, `^C` for Ctrl-C."""

    line: int
    command: str
    printed: list[str]


def _blocks(page: Path, *kinds: str) -> list[tuple[int, str]]:
    found = [block for block in MarkdownIt().parse(page.read_text()) if block.type == "fence" and block.info in kinds]
    return [(block.map[0] + 2, block.content) for block in found if block.map]


def _shown(page: Path) -> list[Shown]:
    found: list[Shown] = []
    for line, content in _blocks(page, "console"):
        for number, text in enumerate(content.splitlines(), line):
            if text.startswith("$ "):
                found.append(Shown(number, text[2:], []))
            else:
                found[-1].printed.append(text)
    return found


def _alike(text: str) -> str:
    for pattern, instead in _VARIES:
        text = re.sub(pattern, instead, text)
    return text.strip()


def _lines(printed: list[str]) -> list[str]:
    # A run passes through its states faster or slower.
    return [line for line in map(_alike, printed) if line and not re.fullmatch(r"transload: \S+: STATE", line)]


def _pattern(line: str) -> str:
    return re.escape(line.removesuffix("...").rstrip()) + (".*\n" if line.endswith("...") else "\n")


def _differs(shown: list[str], printed: list[str]) -> str:
    """How what is printed differs from what the page shows; nothing where it does not."""
    wanted, found = _lines(shown), _lines(printed)
    pattern = "".join("(?:.*\n)*?" if line == "..." else _pattern(line) for line in wanted)
    if re.fullmatch(pattern, "".join(f"{line}\n" for line in found)):
        return ""
    return "\n".join(difflib.unified_diff(wanted, found, "the page", "printed", n=1, lineterm=""))


@dataclass
class Desk:
    """The folder of a project that is up, and a person who types."""

    folder: Path
    environment: dict[str, str]
    up: str
    """What `make up` printed."""
    code: int = 0
    runs: dict[str, str] = field(default_factory=dict)
    """A run of the page -> the run that stands for it here."""

    def declares(self, code: str) -> None:
        """Run a program of the page beside the one that is up."""
        below = self.up.partition("\n  cluster\n")[2].splitlines()
        words = [line.split() for line in itertools.takewhile(lambda line: line.startswith("    "), below)]
        ref = {name: "".join(value) for name, *value in words}
        program = compile(code, _PAGE, "exec")
        names = {"cluster": SimpleNamespace(ref=ref), "ScheduledJob": ScheduledJob, "JobFlow": JobFlow}
        home = _state.folder(self.folder)
        state = _state.load(home)
        assert state is not None
        Cloud(home, state).run(lambda: exec(program, names))

    def types(self, shown: Shown) -> str:
        """What is printed, stdout and stderr as a terminal mixes them."""
        command = _RUN.sub(lambda run: self.runs.get(run[0], run[0]), shown.command)
        if command == "make up":
            printed = self.up
        elif "^C" in shown.printed:
            printed = self._interrupts(command, shown.printed[shown.printed.index("^C") - 1])
        elif command.startswith("transload ") and not command.startswith("transload local") and not set("|;&<>$") & set(command):
            printed = self._calls(shlex.split(command)[1:])
        else:
            printed = self._asks_the_shell(command)
        mine, theirs = (list(dict.fromkeys(_RUN.findall(text))) for text in ("\n".join(shown.printed), printed))
        if len(mine) == len(theirs):
            self.runs |= dict(zip(mine, theirs, strict=True))
        return printed

    def _calls(self, words: list[str]) -> str:
        """In this process: importing boto3 for each command would be most of the time."""
        out = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out), pytest.raises(SystemExit) as ended:
            main(words)
        self.code = int(ended.value.code or 0)
        out.seek(0)
        return out.read()

    def _asks_the_shell(self, command: str) -> str:
        script = f"{_MAKE}(exit {self.code})\n{command}"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        self.code = done.returncode
        return done.stdout

    def _interrupts(self, command: str, after: str) -> str:
        """Ctrl-C as soon as the line `after` is there."""
        process = subprocess.Popen(
            ["bash", "-c", f"exec {command}"],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        printed = []
        with process, process.stdout as lines:
            for line in lines:
                printed.append(line)
                if line.rstrip("\n") == after:
                    process.send_signal(signal.SIGINT)
                    printed.append("^C\n")
        self.code = process.returncode
        return "".join(printed)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("page")
    for name in ("Makefile", "Pulumi.yaml", "Pulumi.local.yaml"):
        shutil.copy(_ROOT / name, folder)
    for name in ("programs", "images"):
        shutil.copytree(_ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / ".venv").symlink_to(sys.prefix)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    # Nothing of the `make test` that runs this: a make below another tells where it works.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    environment = {**inherited, "PATH": path, "COLUMNS": "120", "TRANSLOAD_LOCAL_DOCKER": "0"}
    here = Desk(folder, environment, "")
    up = here.types(Shown(0, "make up ", []))
    try:
        assert here.code == 0, up
        settings = {**variables(folder / ".transload/local.env"), "TRANSLOAD_POLL": "0.1"}
        here.up, here.environment = up, {**environment, **settings, "PATH": path}
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            for name, value in here.environment.items():
                patch.setenv(name, value)
            yield here
    finally:
        subprocess.run(["bash", "-c", f"{_MAKE} make down"], cwd=folder, env=environment, check=True, capture_output=True)


def test_what_the_page_shows_is_what_is_printed(desk: Desk) -> None:
    steps = [*_shown(_PAGE), *(Shown(line, code, ["program"]) for line, code in _blocks(_PAGE, "python"))]
    wrong = []
    for step in sorted(steps, key=lambda step: step.line):
        if step.printed == ["program"]:
            desk.declares(step.command)
        elif found := _differs(step.printed, desk.types(step).splitlines()):
            wrong.append(f"{_PAGE.name}:{step.line}: $ {step.command}\n{found}")
    assert not wrong, "\n\n".join(wrong)


def test_the_tour_of_the_readme_runs(desk: Desk) -> None:
    tour = _README.read_text().partition("<!-- tour -->")[2].partition("```sh\n")[2].partition("```")[0].splitlines()
    commands = [line.partition(" #")[0].rstrip() for line in tour]
    assert len(commands) == 10
    assert (commands[0], commands[-1]) == ("make up", "make down")
    printed = {}
    for command in commands[:-1]:
        printed[command] = desk.types(Shown(0, command, []))
        assert desk.code == 0, printed[command]
    assert "rows are in s3://" in printed["transload run nightly-export"]
    assert printed["transload logs nightly-export latest"] in printed["transload run nightly-export"]
    assert len(set(_RUN.findall(printed["transload local fire hourly-aggregate --twice"]))) == 1


def _command(text: str) -> list[str]:
    """The words of a command line, up to where the shell does something else with what it prints."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    return list(itertools.takewhile(lambda word: word not in ("|", ">", ";"), lexer))


def _in_docs() -> Iterator[str]:
    """Every command line of ours that a page shows, in a block or within a line."""
    for page in [_README, *sorted((_ROOT / "docs").rglob("*.md"))]:
        yield from (line.removeprefix("$ ") for _, content in _blocks(page, "sh", "console") for line in content.splitlines())
        tokens = MarkdownIt().enable("table").parse(page.read_text())
        yield from (token.content for block in tokens for token in block.children or [] if token.type == "code_inline")


def _in_help() -> Iterator[str]:
    """Every example of a verb's --help."""
    for verb in VERBS:
        command = root.get_command(click.Context(root), verb)
        assert command is not None
        yield from (line.strip() for line in (command.epilog or "").splitlines())


def _refused(line: str) -> str:
    """What click says against a command line before anything is done; nothing if it can be typed."""
    command: click.Command | None = root
    words = _command(line)[1:]
    try:
        while isinstance(command, click.Group):
            _, command, words = command.resolve_command(click.Context(command), words)
        assert command is not None
        command.make_context(command.name, words)
    except click.MissingParameter:
        # A sentence may name a verb without what goes with it.
        return ""
    except click.UsageError as error:
        return f"{line}: {error.format_message()}"
    return ""


@pytest.mark.parametrize("lines", [_in_docs, _in_help])
def test_every_command_line_that_is_shown_can_be_typed(lines: Callable[[], Iterator[str]]) -> None:
    ours = [line for line in dict.fromkeys(lines()) if line.startswith("transload ")]
    assert len(ours) > 20
    assert list(filter(None, map(_refused, ours))) == []


def test_the_page_shows_every_verb() -> None:
    shown = [_command(step.command) for step in _shown(_PAGE)]
    shown += [_command(line) for _, content in _blocks(_PAGE, "sh") for line in content.splitlines()]
    local = root.get_command(click.Context(root), "local")
    assert isinstance(local, click.Group)
    wanted = {(verb,) for verb in VERBS if verb != "local"} | {("local", verb) for verb in local.commands}
    found = {tuple(words[1 : 3 if words[1] == "local" else 2]) for words in shown if words[:1] == ["transload"]}
    assert wanted - found - {("local", "up"), ("local", "down")} == set()
    assert _shown(_PAGE)[0].command == "make up"


def _table(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading of the page."""
    below = _PAGE.read_text().partition(f"\n{heading}\n")[2].splitlines()
    rows = itertools.takewhile(lambda line: line.startswith("|"), itertools.dropwhile(lambda line: not line.startswith("|"), below))
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows][2:]


def test_the_exit_codes_of_the_page_are_those_of_the_command() -> None:
    rows = _table("### Exit codes of `run`")
    named = {_outcome.OK, _outcome.USAGE, _outcome.SKIPPED, _outcome.UNKNOWN, _outcome.TIMEOUT, _outcome.NOT_STARTED}
    assert {code for _, code, _ in rows} == {"n", *map(str, named | {_outcome.INTERRUPTED, _outcome.TERMINATED})}
    recorded = 0
    for what, code, written in rows:
        status, *facts = written.replace("`", "").split()
        # Of the own Ctrl-C the record does not know.
        if status not in _outcome.TERMINAL or "SIGINT" in what:
            continue
        recorded += 1
        exits = [int(fact) if fact.isdigit() else 7 for fact in facts if fact.isdigit() or fact == "n"]
        run: dict[str, Any] = {"status": status, "cause": next(iter(facts), None), "exit_code": next(iter(exits), None)}
        assert _outcome.exit_code(run) == (7 if code == "n" else int(code)), what
    assert recorded == 10


def test_the_page_explains_every_cause() -> None:
    assert {cause.strip("`") for cause, *_ in _table("## `why`: explain a run")} == set(_outcome.ADVICE)
