"""Batch's job calls, answered from our jobs; resources (queues, environments, definitions) stay moto's."""

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from moto.batch.exceptions import ClientException
from moto.batch.models import BatchBackend, batch_backends
from moto.batch.responses import BatchResponse
from moto.core.config import default_user_config

from transload.local.batch import _retry
from transload.local.batch._container import container_of, from_ecs
from transload.local.batch._job import STATUSES, Job
from transload.local.batch._placement import Placement

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_MAX_DEPENDENCIES = 20


def replace(placement: Placement) -> None:
    """Put our answers in the place of moto's."""
    default_user_config["batch"] = {"use_docker": True}  # the other backend knows no jobs at all

    def submitjob(self: Any) -> str:
        asked = json.loads(self.body)
        job = _submit(self.batch_backend, placement, asked)
        return json.dumps({"jobId": job.job_id, "jobName": job.name, "jobArn": job.arn})

    def describejobs(self: Any) -> str:
        with placement.lock:
            wanted = [_job(self.batch_backend, job_id) for job_id in json.loads(self.body).get("jobs") or []]
            return json.dumps({"jobs": [job.describe() for job in wanted if job]})

    def listjobs(self: Any) -> str:
        with placement.lock:
            return json.dumps(_list(self.batch_backend, json.loads(self.body)))

    def canceljob(self: Any) -> str:
        asked = json.loads(self.body)
        placement.cancel(_existing(self.batch_backend, asked["jobId"]), asked["reason"])
        return ""

    def terminatejob(self: Any) -> str:
        asked = json.loads(self.body)
        placement.terminate(_existing(self.batch_backend, asked["jobId"]), asked["reason"])
        return ""

    def deletejobqueue(self: Any) -> str:
        queue = self.batch_backend.get_job_queue(json.loads(self.body)["jobQueue"])
        # "All jobs in the queue are eventually terminated when you delete a job queue" (AWS Batch API reference).
        for job in list(queue.jobs) if queue else []:
            placement.terminate(job, "Job Queue deleted")
        return delete_queue(self)

    def reset(self: Any) -> None:
        for job in list(self._jobs.values()):
            placement.terminate(job, "reset")
        self._jobs.clear()
        reset_backend(self)

    def create_compute_environment(self: Any, **given: Any) -> Any:
        # Left out it is ENABLED (AWS Batch API reference, CreateComputeEnvironment); moto keeps None.
        return create_environment(self, **{**given, "state": given.get("state") or "ENABLED"})

    delete_queue, reset_backend = BatchResponse.deletejobqueue, BatchBackend.reset
    kept: Any = BatchBackend
    create_environment = kept.create_compute_environment
    for answer in (submitjob, describejobs, listjobs, canceljob, terminatejob, deletejobqueue, registerjobdefinition):
        setattr(BatchResponse, answer.__name__, answer)
    kept.reset = reset
    kept.create_compute_environment = create_compute_environment


def replaced() -> bool:
    """Whether `replace` was called."""
    return BatchResponse.submitjob.__module__ == __name__


def jobs() -> Iterator[Job]:
    """Every job of every account and region, oldest first within one."""
    for account in list(batch_backends.values()):
        for backend in list(account.values()):
            kept: dict[str, Any] = backend._jobs
            yield from list(kept.values())


def registerjobdefinition(self: Any) -> str:
    """moto knows no ecsProperties, no check of the retry strategy, and lets a new revision inherit from the one before."""
    asked = json.loads(self.body)
    ecs = asked.get("ecsProperties")
    if ecs and (len(ecs["taskProperties"]) != 1 or len(ecs["taskProperties"][0]["containers"]) != 1):
        raise ClientException("the local cloud runs jobs of one container: ecsProperties has several")
    strategy = asked.get("retryStrategy") or {}
    if refusal := _retry.problem(strategy):
        raise ClientException(refusal)
    definition = self.batch_backend.register_job_definition(
        def_name=asked.get("jobDefinitionName"),
        parameters=asked.get("parameters") or {},
        _type=asked.get("type"),
        tags=asked.get("tags"),
        retry_strategy=strategy,
        container_properties=from_ecs(ecs) if ecs else asked.get("containerProperties"),
        node_properties=asked.get("nodeProperties"),
        eks_properties=asked.get("eksProperties"),
        timeout=asked.get("timeout") or {},
        platform_capabilities=asked.get("platformCapabilities") or [],
        propagate_tags=asked.get("propagateTags") or False,
    )
    definition.platform_capabilities = asked.get("platformCapabilities") or []
    definition.propagate_tags = asked.get("propagateTags") or False
    if ecs:
        definition.ecs_properties = ecs
        definition.describe = lambda: {
            **{key: value for key, value in type(definition).describe(definition).items() if key != "containerProperties"},
            "ecsProperties": ecs,
        }
    return json.dumps({"jobDefinitionArn": definition.arn, "jobDefinitionName": definition.name, "revision": definition.revision})


def _submit(backend: Any, placement: Placement, asked: Mapping[str, Any]) -> Job:
    name = asked.get("jobName") or ""
    if not _NAME.fullmatch(name):
        raise ClientException("Job name should match valid pattern")
    definition = _definition(backend, asked.get("jobDefinition") or "")
    queue = backend.get_job_queue(asked.get("jobQueue"))
    if queue is None:
        raise ClientException(f"Job queue {asked.get('jobQueue')} does not exist")
    if queue.state == "DISABLED":
        raise ClientException(f"Cannot submit job to job queue {queue.arn}: it is DISABLED")
    if len(asked.get("dependsOn") or []) > _MAX_DEPENDENCIES:
        raise ClientException(f"A job can depend on {_MAX_DEPENDENCIES} jobs at most")
    size = (asked.get("arrayProperties") or {}).get("size")
    if size is not None and not 2 <= size <= 10_000:
        raise ClientException("Array size must be between 2 and 10000")
    strategy = asked.get("retryStrategy") or definition.retry_strategy or {}
    if refusal := _retry.problem(strategy):
        raise ClientException(refusal)
    parameters = {**(definition.parameters or {}), **(asked.get("parameters") or {})}

    def job(job_id: str, **more: Any) -> Job:
        return Job(
            name=name,
            job_id=job_id,
            backend=backend,
            queue=queue,
            definition=definition,
            container=container_of(
                definition, asked.get("containerOverrides") or {}, asked.get("ecsPropertiesOverride") or {}, parameters
            ),
            retry_strategy=strategy,
            timeout=asked.get("timeout") or definition.timeout or {},
            depends_on=list(asked.get("dependsOn") or []),
            **more,
        )

    top = job(str(uuid.uuid4()))
    top.children = [job(f"{top.job_id}:{index}", index=index, parent=top) for index in range(size or 0)]
    with placement.lock:
        _link(backend, top)
        for one in (top, *top.children):
            backend._jobs[one.job_id] = one
        queue.jobs.append(top)
        if asked.get("tags"):
            backend.tag_resource(top.arn, asked["tags"])
        placement.submit(top)
    return top


def _link(backend: Any, top: Job) -> None:
    """Connect a job, or each child of an array, with what it depends on."""
    for one in top.children or [top]:
        for dependency in top.depends_on:
            if dependency.get("type") == "SEQUENTIAL":
                others = [top.children[one.index - 1]] if one.index else []
            elif dependency.get("type") == "N_TO_N":
                others = [_existing(backend, f"{dependency['jobId']}:{one.index}")]
            else:
                others = [_existing(backend, dependency["jobId"])]
            for other in others:
                one.waits_for.append(other)
                other.dependants.append(one)


def _definition(backend: Any, identifier: str) -> Any:
    """By ARN or name, with a revision or without: then the newest active one."""
    name, _, revision = identifier.rsplit("job-definition/", 1)[-1].partition(":")
    known = [
        one for one in backend._job_definitions.values() if one.name == name and (not revision or one.revision == int(revision))
    ]
    active = [one for one in known if one.status == "ACTIVE"]
    if not active:
        raise ClientException(f"JobDefinition {identifier} " + ("is not ACTIVE" if known else "does not exist"))
    return max(active, key=lambda one: one.revision)


def _job(backend: Any, identifier: str) -> Job | None:
    return backend._jobs.get(identifier.rsplit(":job/", 1)[-1])


def _existing(backend: Any, identifier: str) -> Job:
    job = _job(backend, identifier)
    if job is None:
        raise ClientException(f"Job {identifier} does not exist")
    return job


def _list(backend: Any, asked: Mapping[str, Any]) -> dict[str, Any]:
    """ListJobs: filters put the status aside and the newest first; without either only RUNNING jobs are listed (API reference)."""
    filters, status = asked.get("filters"), asked.get("jobStatus")
    if status is not None and status not in STATUSES:
        raise ClientException(f"Job status is not one of {' | '.join(STATUSES)}")
    if asked.get("arrayJobId"):
        found = list(_existing(backend, asked["arrayJobId"]).children)
    else:
        queue = backend.get_job_queue(asked.get("jobQueue"))
        if queue is None:
            raise ClientException(f"Job queue {asked.get('jobQueue')} does not exist")
        found = list(queue.jobs)
    if filters:
        found = sorted((job for job in found if all(_passes(job, one) for one in filters)), key=lambda job: -job.created_at)
    else:
        found = [job for job in found if job.status == (status or "RUNNING")]
    start = int(asked.get("nextToken") or 0)
    end = start + int(asked.get("maxResults") or 1000)
    page: dict[str, Any] = {"jobSummaryList": [job.summary() for job in found[start:end]]}
    return page | ({"nextToken": str(end)} if end < len(found) else {})


def _passes(job: Job, one: Mapping[str, Any]) -> bool:
    kind, values = one["name"], one["values"]
    if kind in ("BEFORE_CREATED_AT", "AFTER_CREATED_AT"):
        return (job.created_at < int(values[0])) if kind.startswith("BEFORE") else (job.created_at > int(values[0]))
    text = job.name if kind == "JOB_NAME" else job.definition.name
    if kind not in ("JOB_NAME", "JOB_DEFINITION"):
        raise ClientException(f"filter {kind} is not supported")
    return any(
        text.lower().startswith(value[:-1].lower()) if value.endswith("*") else text.lower() == value.lower() for value in values
    )
