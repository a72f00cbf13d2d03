"""Stop a local cloud."""

from pathlib import Path

from transload.local import _state
from transload.local._cloud import clear


def down(project_dir: str | Path = ".") -> int:
    """Stop the local cloud of a project: exactly its processes, whatever became of the `up` that started them.

    Returns the number of processes stopped; 0 when nothing ran. `Problem` while an `up` is still at work.
    """
    home = _state.folder(project_dir)
    if not home.is_dir():
        return 0
    with _state.locked(home):
        return clear(home)
