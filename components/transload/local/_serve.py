"""What both emulator processes do before they serve."""

import argparse
import sys
from pathlib import Path


def arguments(description: str | None) -> argparse.Namespace:
    """Read the command line, then wait for the word of `up` that this process stands in its record.

    Ends the process when the word never comes: `up` was killed in between and nobody would ever stop us.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--fd", type=int, required=True, help="listening socket, inherited")
    parser.add_argument("--home", type=Path, required=True, help="folder of the local cloud")
    parser.add_argument("--moto-port", type=int, required=True)
    parser.add_argument("--ministack-port", type=int, required=True)
    given = parser.parse_args()
    if sys.stdin.readline() != "go\n":
        sys.exit(1)
    return given
