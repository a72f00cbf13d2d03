"""The conductor's log: one JSON line for each decision, with names and ids, never the value of an environment variable."""

import json
import sys


def log(decision: str, **facts: str | int | float | bool | list[str] | None) -> None:
    """Write one line. Facts are names, ids, times and counts; what AWS or a person wrote goes through `reasons.redact` first."""
    print(json.dumps({"decision": decision, **{key: fact for key, fact in facts.items() if fact is not None}}), file=sys.stderr)
