"""Name the user's line in what a program raises."""

import contextlib
import traceback
from collections.abc import Iterator

from transload.testing._watchdog import _is_users


def user_line(error: BaseException) -> tuple[str, int] | None:
    """File and line of the innermost of the user's frames that an error came through, also when it came through an `apply`."""
    seen: set[int] = set()
    current: BaseException | None = error
    found: tuple[str, int] | None = None
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        frames = [one for one in traceback.extract_tb(current.__traceback__) if _is_users(one.filename)]
        if frames:
            found = frames[-1].filename, frames[-1].lineno or 0
        current = current.__cause__ or current.__context__
    return found


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Add the user's line to an error as a note: the error itself, its type and its text stay as they are."""
    try:
        yield
    except Exception as error:
        place = user_line(error)
        note = f"at {place[0]}:{place[1]}" if place else ""
        if note and note not in getattr(error, "__notes__", ()):
            error.add_note(note)
        raise
