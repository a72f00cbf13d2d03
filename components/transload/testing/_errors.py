"""Name the user's line in what a program raises."""

import contextlib
import re
import sys
import traceback
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from transload.testing._source import Place, caller

_LIBRARY = str(Path(__file__).parents[1])


def user_line(error: BaseException) -> Place | None:
    """File and line of the user's code that an error came from, also when it came through an `apply`."""
    for note in getattr(error, "__notes__", ()):
        found = re.fullmatch(r"at (.+):(\d+)", note)
        if found:
            return found.group(1), int(found.group(2))
    seen: set[int] = set()
    current: BaseException | None = error
    place: Place | None = None
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        frames = [one for one in traceback.extract_tb(current.__traceback__) if is_users(one.filename)]
        if frames:
            place = frames[-1].filename, frames[-1].lineno or 0
        current = current.__cause__ or current.__context__
    return place


def is_users(file: str) -> bool:
    """Whether code belongs to the program rather than to Python, an installed package or this one."""
    return not file.startswith((sys.base_prefix, sys.prefix, _LIBRARY, "<")) and "site-packages" not in file


def note(error: BaseException, place: Place | None = None) -> None:
    """Add the user's line to an error, once. Its type and its text stay as they are."""
    if any(one.startswith("at ") for one in getattr(error, "__notes__", ())):
        return
    place = place or user_line(error)
    if place:
        error.add_note(f"at {place[0]}:{place[1]}")


@contextlib.contextmanager
def explained(place: Place | None = None) -> Generator[None]:
    """Note the user's line on what is raised inside."""
    try:
        yield
    except Exception as error:
        note(error, place)
        raise


def unwrapped(error: Exception) -> Exception:
    """The program's own error, out of the SDK's "While processing resource" around it."""
    while str(error).startswith("While processing ") and isinstance(error.__cause__, Exception):
        error = error.__cause__
    return error


def noting(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A function given to `apply`, whose errors note their line at once: the traceback gets lost in the SDK's tasks.

    An error in a component's own function notes the line of the program that made the component.
    """
    place = caller(sys._getframe(2))

    def run(value: Any) -> Any:
        try:
            return function(value)
        except Exception as error:
            note(error, user_line(error) or place)
            raise

    return run
