"""How a run ended: the exit code `run` answers with, and the words for it. Pure: a run record in, a decision out."""

import re
from collections.abc import Mapping
from typing import Any

TERMINAL = frozenset({"SUCCEEDED", "FAILED", "STOPPED", "SKIPPED"})

OK, USAGE, SKIPPED, UNKNOWN, TIMEOUT, NOT_STARTED, INTERRUPTED, TERMINATED = 0, 2, 76, 75, 124, 125, 130, 143


def ended(run: Mapping[str, Any]) -> bool:
    return run.get("status") in TERMINAL


def exit_code(run: Mapping[str, Any]) -> int:
    """The exit code for a run that ended: the truth table of docs/operations.md. Zero only for SUCCEEDED."""
    status, code = run.get("status"), run.get("exit_code")
    if status == "SUCCEEDED":
        return OK
    if status == "SKIPPED":
        return SKIPPED
    if status == "STOPPED":
        return TERMINATED
    if run.get("cause") == "timeout":
        return TIMEOUT
    # No exit code: the container never ran, or the platform lost it. With 0 and FAILED the application is not to be believed.
    return int(code) if code else NOT_STARTED


# What is kept of an identity: arn:aws:iam::123456789012:user/team/kim, arn:aws:sts::123456789012:assumed-role/admin/kim.
_PERSON = re.compile(r"(?<=\bby )arn:[a-z-]+:(?:iam|sts)::\d+:(?:[^\s:]*/)?([^\s:/]+)")


def short(text: str) -> str:
    """The text with the name of a person in place of his ARN, wherever it says by whom something was done."""
    return _PERSON.sub(r"\1", text)


def reason(run: Mapping[str, Any]) -> str:
    """Why the run ended so, for a line that tells its status and exit code beside it."""
    said = run.get("reason") or ""
    return "" if run.get("status") == "SUCCEEDED" or said == f"exited with code {run.get('exit_code')}" else short(said)


def sentence(run: Mapping[str, Any]) -> str:
    """One line: how the run ended."""
    status, said = run.get("status", "UNKNOWN"), reason(run)
    head = {"SUCCEEDED": "succeeded", "SKIPPED": "skipped", "STOPPED": "stopped", "FAILED": _failure(run)}.get(status, status)
    for same in (f"exited with code {run.get('exit_code')}", "stopped by its timeout"):
        if said.startswith(same):
            return head + said.removeprefix(same)
    # "stopped by kim" and "step load failed" say themselves how it ended.
    return said if said.startswith(("stopped by ", "step ")) else f"{head}: {said}" if said else head


def _failure(run: Mapping[str, Any]) -> str:
    if run.get("cause") == "timeout":
        return "timed out"
    if code := run.get("exit_code"):
        return f"exit code {int(code)}"
    # The parent of an array and a flow have no exit code of their own.
    return "failed" if run.get("cause") == "application" else "did not run to an end"


# cause -> what it means in words, and what to do next. The keys are the causes of the run record.
ADVICE: dict[str, tuple[str, str]] = {
    "application": ("the program ended with an error", "read its last lines: transload logs {run_id}"),
    "timeout": (
        "it ran longer than its timeout and was stopped",
        "look where it stood still (transload logs {run_id}); if it needs the time, raise `timeout` or run it with --timeout",
    ),
    "spot": (
        "AWS took the Spot capacity back while it ran",
        "run it again if it may be repeated; a job that must not be interrupted takes capacity on-demand",
    ),
    "image": ("the image could not be pulled", "transload verify {job}"),
    "network": ("the network interface of the container could not be made or reached", "transload verify {job}"),
    "out_of_memory": ("the container used more memory than it has", "run it with more: transload run {job} --memory {more_memory}"),
    "capacity": (
        "no capacity was found for it in time",
        "transload verify {job}; look at the vCPU quota of the account and at max_vcpus",
    ),
    "platform": ("AWS ended it without an exit code", "run it again; if it repeats, read the attempts above"),
    "stopped": ("a person stopped it", "transload run {job} starts it again"),
    "concurrency": (
        "another run of the job was still going, and the job does not run twice at once",
        "wait for {yielded_to}, or stop it: transload stop {yielded_to}",
    ),
    "disabled": ("the job is disabled", "transload enable {job}"),
    "replaced": ("a newer run took its place", "transload history {job}"),
    "submit": ("AWS Batch did not accept it", "transload verify {job}"),
    "dependency": (
        "a step before it did not succeed",
        "transload why {flow_run_id}; go on from that step: transload run {flow} --from {flow_run_id}",
    ),
}


def advice(run: Mapping[str, Any], memory_mib: int | None = None) -> tuple[str, str]:
    """What the cause means and what to do next; two empty texts for a run that needs nothing."""
    meaning, step = ADVICE.get(run.get("cause") or "", ("", ""))
    if run.get("status") == "FAILED" and not meaning:
        meaning, step = "it failed", "transload logs {run_id}"
    if run.get("kind") == "flow" and run.get("status") in ("FAILED", "STOPPED") and run.get("cause") != "submit":
        step = "read its last lines: transload logs {run_id}; go on where it ended: transload run {job} --from {run_id}"
    names = {
        "job": run.get("job", "JOB"),
        "run_id": run.get("run_id", "RUN"),
        "flow": run.get("flow", "FLOW"),
        "flow_run_id": run.get("flow_run_id", "FLOW"),
        "yielded_to": run.get("yielded_to") or "the other run",
        "more_memory": 2 * memory_mib if memory_mib else "MIB",
    }
    return meaning, step.format(**names)
