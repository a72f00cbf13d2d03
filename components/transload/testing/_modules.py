"""A project's program as something that can be called, again and again in one process."""

import contextlib
import importlib
import os
import runpy
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from types import ModuleType
from typing import Any


def main_of(main: Path) -> Callable[[], Any]:
    """The program in a folder (its `__main__.py`) or file. Raises ValueError when there is none."""
    file = main / "__main__.py" if main.is_dir() else main
    if not file.is_file():
        raise ValueError(f"no program at {file}: see main in Pulumi.yaml")
    return lambda: runpy.run_path(str(main), run_name="__main__")


@contextlib.contextmanager
def inside(main: Path) -> Generator[None]:
    """Run in the program's folder, as Pulumi's language host does, with the modules of that folder read anew.

    Afterwards they are forgotten, and those of the same names that were there before are back: staging and prod, or two projects
    that both have a `settings.py`, can run in one process.
    """
    folder = main if main.is_dir() else main.parent
    names = {one.stem for one in folder.glob("*.py")} | {one.name for one in folder.iterdir() if one.is_dir()}
    # This very package may live in the folder: taking it away would leave the run without itself.
    names -= {__name__.partition(".")[0]}
    cwd, path = Path.cwd(), list(sys.path)
    hidden = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] in names and name != "__main__"}
    before = set(sys.modules)
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        os.chdir(cwd)
        sys.path[:] = path
        for name in set(sys.modules) - before:
            if _is_below(folder, sys.modules[name]):
                del sys.modules[name]
        sys.modules.update(hidden)


def _is_below(folder: Path, module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    if not isinstance(file, str) or module.__name__.partition(".")[0] == __name__.partition(".")[0]:
        return False
    found = Path(file).resolve()
    return folder in found.parents and "site-packages" not in found.parts
