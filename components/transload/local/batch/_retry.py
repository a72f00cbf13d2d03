"""Batch's retry strategy (AWS Batch API reference, RetryStrategy and EvaluateOnExit)."""

import re
from collections.abc import Mapping
from typing import Any

# Letters, numbers, periods, colons, white space; a star only at the end. Exit codes: digits and a star at the end.
_PATTERNS = {"onReason": r"[A-Za-z0-9.:\s]*\*?", "onStatusReason": r"[A-Za-z0-9.:\s]*\*?", "onExitCode": r"[0-9]*\*?"}


def problem(strategy: Mapping[str, Any]) -> str | None:
    """What Batch refuses about a retry strategy, or None."""
    attempts, rules = strategy.get("attempts"), strategy.get("evaluateOnExit") or []
    if attempts is not None and not 1 <= attempts <= 10:
        return "Error executing request, Exception : Attempts must be between 1 and 10"
    if rules and attempts is None:
        return "Error executing request, Exception : Attempts is required when evaluateOnExit is specified"
    if len(rules) > 5:
        return "Error executing request, Exception : evaluateOnExit must not have more than 5 conditions"
    for rule in rules:
        if str(rule.get("action", "")).upper() not in ("RETRY", "EXIT"):
            return "Error executing request, Exception : evaluateOnExit action must be RETRY or EXIT"
        for key, allowed in _PATTERNS.items():
            if rule.get(key) is not None and not re.fullmatch(allowed, rule[key]):
                return "Error executing request, Exception : Evaluate on exit condition contains restricted characters"
    return None


def again(strategy: Mapping[str, Any], attempt: int, exit_code: int | None, reason: str | None, status_reason: str | None) -> bool:
    """Whether the failed attempt number `attempt` (from 1) is followed by another.

    The first rule whose conditions all hold decides; when none holds, Batch retries. A reason that is not there is empty: the rule
    {"onReason": "*", "action": "EXIT"} of the AWS Batch User Guide ("Automated job retries") ends what nothing before it matched.
    """
    if attempt >= int(strategy.get("attempts") or 1):
        return False
    seen = {
        "onExitCode": "" if exit_code is None else str(exit_code),
        "onReason": reason or "",
        "onStatusReason": status_reason or "",
    }
    for rule in strategy.get("evaluateOnExit") or []:
        if all(_matches(rule[key], value) for key, value in seen.items() if rule.get(key) is not None):
            return str(rule["action"]).upper() == "RETRY"
    return True


def _matches(pattern: str, value: str) -> bool:
    return value.startswith(pattern[:-1]) if pattern.endswith("*") else value == pattern
