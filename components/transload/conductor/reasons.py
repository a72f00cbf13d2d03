"""Why a job ended, in words and as one of a few causes, from what AWS Batch says of it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from transload.conductor.times import from_millis, iso

# Texts of AWS Batch and Amazon ECS, in the order in which they are tried: exit code 137 comes with a Spot reclaim and with too
# little memory too, so what AWS says goes before the exit code. Sources: AWS Batch User Guide, "Automated job retries" and "Job
# timeouts"; Amazon ECS Developer Guide, "Stopped tasks error messages".
_CAUSES = (
    ("spot", r"Your Spot Task was interrupted|Host EC2", "Spot capacity was taken back"),
    ("timeout", r"exceeded timeout", "stopped by its timeout"),
    ("out_of_memory", r"OutOfMemory", "out of memory: give it more memory_mib"),
    (
        "image",
        r"CannotPull|ImageNotFound|image manifest|manifest unknown|CannotInspectContainerImage",
        "the image could not be pulled",
    ),
    (
        "network",
        r"network interface|i/o timeout|dial tcp|no route to host|TLS handshake timeout",
        "the network was not reachable at the start",
    ),
    (
        "capacity",
        r"CAPACITY:|Capacity is unavailable|RESOURCE:|MISCONFIGURATION:|stuck in RUNNABLE|RUNNABLE (?:for )?(?:too|longer)",
        "no capacity to run it",
    ),
    (
        "platform",
        r"ResourceInitializationError|Task failed to start|DockerTimeoutError|CannotStartContainer|CannotCreate|AGENT",
        "AWS could not start or keep the container",
    ),
)
_SIGNALS = {130: "SIGINT", 134: "SIGABRT", 137: "SIGKILL", 139: "SIGSEGV", 143: "SIGTERM"}
_EXITS = {126: "the command is not executable", 127: "the command was not found"}
_DEPENDENCY = re.compile(r"depend", re.IGNORECASE)


@dataclass(frozen=True)
class Detail:
    """A Batch job, read from an event or from DescribeJobs: both have the same shape (AWS Batch API reference, JobDetail)."""

    id: str
    name: str
    queue: str
    status: str
    status_reason: str
    exit_code: int | None
    container_reason: str
    attempts: list[dict[str, Any]]
    started_at: str | None
    stopped_at: str | None
    log_stream: str | None
    image: str | None
    job_definition: str | None
    array: dict[str, int] | None
    index: int | None
    ended_by_somebody: bool
    environment: dict[str, str] = field(repr=False)
    """Of the containers. Only to give a second submission what the first had, and to keep values out of messages."""


def read(job: Mapping[str, Any]) -> Detail:
    """What the conductor needs of a job; of a job of several containers, the one that did not end well, else the first."""
    containers = _containers(job)
    shown = next((one for one in containers if one.get("exitCode")), containers[0])
    attempts = [_attempt(one) for one in job.get("attempts") or []]
    last = attempts[-1] if attempts else {}
    environment = {one["name"]: one["value"] for each in containers for one in each.get("environment") or []}
    array = job.get("arrayProperties") or {}
    values = secret_values(environment)
    return Detail(
        id=job["jobId"],
        name=job["jobName"],
        queue=job["jobQueue"],
        status=_status(job, array),
        status_reason=redact(job.get("statusReason") or "", values),
        exit_code=shown.get("exitCode", last.get("exit_code")),
        container_reason=redact(shown.get("reason") or last.get("reason") or "", values),
        attempts=[{**one, "reason": redact(one["reason"], values)} if "reason" in one else one for one in attempts],
        started_at=attempts[0].get("started_at") if attempts else _time(job.get("startedAt")),
        stopped_at=_time(job.get("stoppedAt")),
        log_stream=shown.get("logStreamName") or last.get("log_stream"),
        image=shown.get("image"),
        job_definition=job.get("jobDefinition"),
        array=_array(array),
        index=array.get("index"),
        ended_by_somebody=bool(job.get("isCancelled") or job.get("isTerminated")),
        environment=environment,
    )


def _containers(job: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    tasks = (job.get("ecsProperties") or {}).get("taskProperties") or []
    return [one for task in tasks for one in task.get("containers") or []] or [job.get("container") or {}]


def _attempt(attempt: Mapping[str, Any]) -> dict[str, Any]:
    tasks = attempt.get("taskProperties") or []
    containers = [one for task in tasks for one in task.get("containers") or []] or [attempt.get("container") or {}]
    shown = next((one for one in containers if one.get("exitCode")), containers[0])
    found = {
        "started_at": _time(attempt.get("startedAt")),
        "stopped_at": _time(attempt.get("stoppedAt")),
        "exit_code": shown.get("exitCode"),
        "reason": "; ".join(text for text in (attempt.get("statusReason"), shown.get("reason")) if text) or None,
        "log_stream": shown.get("logStreamName"),
    }
    return {key: value for key, value in found.items() if value is not None}


def _time(millis: int | float | None) -> str | None:
    time = from_millis(millis)
    return iso(time) if time else None


def _array(properties: Mapping[str, Any]) -> dict[str, int] | None:
    """Of the parent of an array job: how many children there are, succeeded and failed."""
    if not properties.get("size"):
        return None
    summary = properties.get("statusSummary") or {}
    return {"size": properties["size"], "succeeded": summary.get("SUCCEEDED", 0), "failed": summary.get("FAILED", 0)}


def _status(job: Mapping[str, Any], array: Mapping[str, Any]) -> str:
    """The parent of an array is PENDING while its children run (AWS Batch User Guide, "Array jobs"): it is as far as they are."""
    summary = array.get("statusSummary") or {}
    if not array.get("size") or job["status"] in ("SUCCEEDED", "FAILED"):
        return job["status"]
    if any(summary.get(one) for one in ("RUNNING", "SUCCEEDED", "FAILED")):
        return "RUNNING"
    return next((one for one in ("STARTING", "RUNNABLE") if summary.get(one)), job["status"])


@dataclass(frozen=True)
class Outcome:
    """How a failed job ended."""

    cause: str
    reason: str


def held_back(detail: Detail) -> bool:
    """Whether it failed only because a job that it waits for failed (AWS Batch User Guide, "Job dependencies")."""
    return not detail.attempts and _DEPENDENCY.search(detail.status_reason) is not None


def outcome(detail: Detail) -> Outcome:
    """Why a FAILED job failed."""
    said = f"{detail.status_reason}; {detail.container_reason}"
    for cause, pattern, words in _CAUSES:
        if re.search(pattern, said):
            return Outcome(cause, _with_detail(words, detail))
    if detail.array and detail.array["failed"]:
        return Outcome("application", f"{detail.array['failed']} of {detail.array['size']} array children failed")
    if detail.ended_by_somebody:
        return Outcome("stopped", _with_detail("ended in AWS Batch by somebody", detail))
    if detail.exit_code:
        return Outcome("application", exit_in_words(detail.exit_code))
    if detail.exit_code == 0:
        return Outcome("platform", _with_detail("failed in AWS Batch although it exited with code 0", detail))
    return Outcome("platform", _with_detail("ended without an exit code", detail))


def exit_in_words(code: int) -> str:
    """An exit code for people."""
    if code in _SIGNALS:
        return f"exited with code {code} ({_SIGNALS[code]})"
    return f"exited with code {code}" + (f" ({_EXITS[code]})" if code in _EXITS else "")


def _with_detail(words: str, detail: Detail) -> str:
    said = [text.strip() for text in (detail.status_reason, detail.container_reason) if text.strip()]
    plain = [text for text in said if not text.startswith("Essential container")]
    return f"{words} ({one_line('; '.join(dict.fromkeys(plain)))})" if plain else words


def one_line(text: str, limit: int = 300) -> str:
    """Text of somebody else as one line of bounded length, without control characters: Amazon SNS takes none in a subject."""
    line = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def secret_values(environment: Mapping[str, str]) -> list[str]:
    """The values to keep out of a text. The shortest would blank out ordinary words, and say nothing: "1", "true", "prod"."""
    return sorted({value for value in environment.values() if len(value) > 5}, key=len, reverse=True)


def redact(text: str, values: Iterable[str]) -> str:
    """The text without these values: AWS quotes parts of a request in some of its errors."""
    for value in values:
        text = text.replace(value, "***")
    return text
