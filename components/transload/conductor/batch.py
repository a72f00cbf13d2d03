"""AWS Batch: what a run asks for, and the few calls the conductor makes."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from transload.conductor.context import Conductor
from transload.conductor.reasons import Detail, one_line, read, redact, secret_values
from transload.conductor.runs import each_hundred

PAYLOAD = 30 * 1024
"""Bytes of a SubmitJob request (AWS Batch User Guide, "Service quotas")."""

_AGAIN = (
    "Throttl",
    "TooManyRequests",
    "RequestLimitExceeded",
    "ServerException",
    "InternalFailure",
    "ServiceUnavailable",
    "ExpiredToken",
)


class RefusedError(Exception):
    """AWS Batch will not take this job however often it is asked. One line, without values of its environment."""


class UnsureError(Exception):
    """The job may or may not have been submitted, or AWS Batch asks to wait. Trying again later helps."""

    def __init__(self, message: str, *, sent: bool):
        super().__init__(message)
        self.sent = sent
        """Whether AWS Batch may have taken the job."""


def request(
    job: Mapping[str, Any], run: Mapping[str, Any], environment: Mapping[str, str] | None = None, depends_on: Sequence[str] = ()
) -> dict[str, Any]:
    """The SubmitJob request of a run. RefusedError if it is larger than AWS Batch takes."""
    overrides = run.get("overrides") or {}
    size = overrides.get("array_size") or job.get("array_size")
    asked: dict[str, Any] = {
        "jobName": run["run_id"],
        "jobQueue": run["queue"],
        # By name: then Batch takes the newest revision that is active.
        "jobDefinition": job.get("definition_name") or job["definition"],
        **_override(job, _container(run, overrides, environment or {})),
    }
    if size and size > 1:
        asked["arrayProperties"] = {"size": size}
    if overrides.get("timeout_seconds"):
        asked["timeout"] = {"attemptDurationSeconds": overrides["timeout_seconds"]}
    if depends_on:
        asked["dependsOn"] = [{"jobId": one} for one in depends_on]
    length = len(json.dumps(asked, ensure_ascii=False).encode())
    if length > PAYLOAD:
        raise RefusedError(
            f"command and environment make a request of {length} bytes, AWS Batch takes {PAYLOAD}: "
            "put large values into S3 and pass the key"
        )
    return asked


def _container(run: Mapping[str, Any], overrides: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    own = {"TRANSLOAD_JOB": run["job"], "TRANSLOAD_RUN_ID": run["run_id"], "TRANSLOAD_SCHEDULED_FOR": run["scheduled_for"]}
    container: dict[str, Any] = {"environment": [{"name": name, "value": value} for name, value in {**environment, **own}.items()]}
    if overrides.get("command"):
        container["command"] = list(overrides["command"])
    sizes = (("VCPU", overrides.get("vcpu")), ("MEMORY", overrides.get("memory_mib")))
    if any(value for _, value in sizes):
        container["resourceRequirements"] = [{"type": kind, "value": f"{value:g}"} for kind, value in sizes if value]
    return container


def _override(job: Mapping[str, Any], container: dict[str, Any]) -> dict[str, Any]:
    """A definition with ecsProperties ignores containerOverrides (AWS Batch API reference, SubmitJob)."""
    # ScheduledJob writes ecsProperties where a stop timeout is given: only that form has one.
    if job.get("properties", "ecs" if job.get("stop_timeout_seconds") else "container") == "container":
        return {"containerOverrides": container}
    named = {"name": "default", **container}
    return {"ecsPropertiesOverride": {"taskProperties": [{"containers": [named]}]}}


def submit(conductor: Conductor, asked: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> str:
    """Submit a job once and return its id. RefusedError or UnsureError say why not, without values of the environment."""
    values = secret_values(environment or {})
    try:
        return conductor.client("submit").submit_job(**asked)["jobId"]
    except ParamValidationError:
        # Its text quotes the values.
        raise RefusedError(
            "the request does not fit the API of AWS Batch: is everything in the environment and the command text?"
        ) from None
    except ClientError as error:
        said = error.response["Error"]
        message = redact(one_line(f"{said.get('Code')}: {said.get('Message')}"), values)
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
        if status < 500 and not said.get("Code", "").startswith(_AGAIN):
            raise RefusedError(message) from None
        raise UnsureError(message, sent=status >= 500) from None
    except BotoCoreError as error:
        raise UnsureError(redact(one_line(str(error)), values), sent=True) from None


def find(conductor: Conductor, queue: str, run_id: str, known: Sequence[str] = ()) -> str | None:
    """The id of the job of this name in the queue that is none of the `known`, the oldest if there are several."""
    pages = conductor.client("batch").get_paginator("list_jobs")
    found = pages.paginate(jobQueue=queue, filters=[{"name": "JOB_NAME", "values": [run_id]}]).build_full_result()
    # Batch compares names without case.
    same = [one for one in found.get("jobSummaryList", ()) if one["jobName"] == run_id and one["jobId"] not in known]
    return min(same, key=lambda one: one.get("createdAt", 0))["jobId"] if same else None


def describe(conductor: Conductor, ids: Iterable[str]) -> dict[str, Detail]:
    """What AWS Batch knows of these jobs, by id."""
    client = conductor.client("batch")
    pages = (client.describe_jobs(jobs=list(some))["jobs"] for some in each_hundred(sorted(set(ids))))
    return {job["jobId"]: read(job) for page in pages for job in page}


def terminate(conductor: Conductor, job_id: str, reason: str) -> None:
    """End a job in whatever state it is: one that has not begun is cancelled (AWS Batch API reference, TerminateJob)."""
    conductor.client("batch").terminate_job(jobId=job_id, reason=reason[:1024])
