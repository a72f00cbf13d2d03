"""Lines of a job on stdout and notes on stderr, and the options of the verbs that follow a run."""

import io
import json
import os
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click

from transload.cli import _output, _when
from transload.cli._follow import Line


def tell(line: str) -> None:
    _output.tell(f"transload: {line}")


class Printer:
    """Prints the lines of a run. A reader that went away (`| head`), or a full disk, ends the printing, not the following: the exit
    code counts."""

    def __init__(self, *, grep: str | None = None, as_json: bool = False, timestamps: bool = False):
        try:
            self._pattern = re.compile(grep) if grep else None
        except re.error as error:
            raise click.UsageError(f"--grep {grep!r} is no regular expression: {error}") from error
        self._as_json, self._timestamps = as_json, timestamps
        self._attempt, self._gone = 1, False
        # The log is UTF-8 whatever the terminal is.
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")

    def __call__(self, lines: list[Line]) -> None:
        for line in lines:
            if not line.stream.label and line.stream.attempt != self._attempt:
                self._attempt = line.stream.attempt
                tell(f"attempt {self._attempt}")
            if self._pattern is None or self._pattern.search(line.message):
                self._write(line)
        self._flush()

    def _write(self, line: Line) -> None:
        if self._gone:
            return
        try:
            sys.stdout.write(self._text(line) + "\n")
        except OSError as error:
            self._leave(error)

    def _flush(self) -> None:
        try:
            sys.stdout.flush()
        except OSError as error:
            self._leave(error)

    def _leave(self, error: OSError) -> None:
        self._gone = True
        if not isinstance(error, BrokenPipeError):
            tell(f"the output cannot be written: {error.strerror}; the log keeps it: transload logs")
        # What is left in the buffer must not raise once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def _text(self, line: Line) -> str:
        message, stream = line.message.rstrip("\n"), line.stream
        at = datetime.fromtimestamp(line.timestamp / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if self._as_json:
            where = {"step": stream.step, "index": stream.index}
            known = {name: value for name, value in where.items() if value is not None}
            return json.dumps({"timestamp": at, "attempt": stream.attempt, **known, "message": message}, ensure_ascii=False)
        return f"{f'{at} ' if self._timestamps else ''}{stream.label}{message}"


def following(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a verb the options of following: `poll` and `patience`, in seconds."""
    poll = click.option(
        "--poll",
        envvar="TRANSLOAD_POLL",
        type=click.FloatRange(0, min_open=True),
        default=lambda: 0.25 if os.environ.get("TRANSLOAD_LOCAL") else 2.0,
        metavar="SECONDS",
        help="Ask AWS so often. Default: 2, in the local cloud 0.25.",
    )
    patience = click.option(
        "--patience",
        envvar="TRANSLOAD_PATIENCE",
        type=_when.LENGTH,
        default="5m",
        metavar="TIME",
        help="Go on for so long while AWS does not answer. Default: 5m.",
    )
    return poll(patience(function))
