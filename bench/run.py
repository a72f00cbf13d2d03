"""Measure everything one after the other: prints a table, writes build/bench.json, and fails when a number is over its bound.

Run it on an idle machine. Ratios hold anywhere, seconds are of the machine that `machine` describes.
"""

import json
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path

import offline
from rich.console import Console
from rich.table import Table

import cli
import local

_OUT = Path(__file__).parents[1] / "build" / "bench.json"
_PARTS: dict[str, Callable[[], dict[str, float]]] = {"offline": offline.measure, "local": local.measure, "cli": cli.measure}

# What each number may be at most; a number without a bound is there for comparison.
BOUNDS = {
    "offline_ms_per_job_1000": 8,
    "offline_ratio_to_bare": 1.25,
    "offline_growth": 1.2,
    "local_up_seconds": 25,
    "plain_4000_seconds": 30,
    "help_seconds": 0.3,
    "jobs_1000_seconds": 2,
}


def main() -> int:
    """Exit code 0 when every number is within its bound."""
    console = Console(stderr=True)
    numbers: dict[str, float] = {}
    for name, measure in _PARTS.items():
        begun = time.monotonic()
        with console.status(f"measuring {name}"):
            numbers |= measure()
        console.print(f"{name} measured in {time.monotonic() - begun:.0f} s")
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.platform(terse=True)}
    _OUT.parent.mkdir(exist_ok=True)
    _OUT.write_text(json.dumps({"machine": machine, "numbers": numbers, "bounds": BOUNDS}, indent=2) + "\n")
    over = [name for name, bound in BOUNDS.items() if numbers[name] > bound]
    _show(numbers, over)
    if over:
        print(f"over the bound: {', '.join(over)}", file=sys.stderr)
    return 1 if over else 0


def _show(numbers: dict[str, float], over: list[str]) -> None:
    table = Table("number", "measured", "at most", box=None, pad_edge=False)
    for name, value in numbers.items():
        table.add_row(name, f"{value:g}", f"{BOUNDS[name]:g}" if name in BOUNDS else "", style="red" if name in over else "")
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
