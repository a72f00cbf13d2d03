"""AWS Batch in memory, behind a real boto3 client: botocore checks each request and reads each answer by the model of the service.

The test moves the jobs along (`advance`, `succeed`, `fail`, ...) and takes the state changes from `events`, to deliver them as
it likes. A terminated job that has started goes on running until `kill`, as a real container does until its stop timeout.
"""

import json
from collections.abc import Callable
from datetime import datetime
from functools import partial
from io import BytesIO
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError
from calls import Client

STEPS = ("SUBMITTED", "RUNNABLE", "STARTING", "RUNNING")
OVER = ("SUCCEEDED", "FAILED")


class _Raw(BytesIO):
    def stream(self, **_: Any) -> Any:
        yield self.read()


def _as_it_is(facts: dict[str, Any]) -> dict[str, Any]:
    """A copy, faster than copy.deepcopy makes it."""
    return json.loads(json.dumps(facts))


class _Quick(Client):
    def __init__(self, service: "BatchFake"):
        super().__init__()
        jobs = ("submit_job", "describe_jobs", "list_jobs", "terminate_job")
        for operation in (*jobs, "describe_job_queues", "describe_compute_environments"):
            setattr(self, f"_do_{operation}", partial(self._do, service, operation.replace("_", "")))

    def _do(self, service: "BatchFake", operation: str, **asked: Any) -> dict[str, Any]:
        status, code, message, body = service.perform(operation, asked)
        if status != 200:
            error: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
            raise ClientError(error, operation)
        return body

    def get_paginator(self, operation: str) -> Any:
        return SimpleNamespace(
            paginate=lambda **asked: SimpleNamespace(build_full_result=lambda: getattr(self, operation)(**asked))
        )


class BatchFake:
    """The jobs of one account. `now` is the clock; `definitions` None accepts every job definition."""

    def __init__(self, now: Callable[[], datetime]):
        self.jobs: dict[str, dict[str, Any]] = {}
        self.children: dict[str, dict[int, str]] = {}
        self.events: list[dict[str, Any]] = []
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.errors: list[tuple[str, int, str, str]] = []
        """Errors to answer with: operation, HTTP status, code, message. One of 502 comes after the service did its work."""
        self.image = "registry/image@sha256:" + "a" * 64
        self.definitions: set[str] | None = None
        self.queues: list[dict[str, Any]] = []
        self.environments: list[dict[str, Any]] = []
        self._now = now

    def client(self, config: Config) -> Any:
        """A real client, whose requests get here."""
        client = boto3.client(
            "batch",
            "eu-west-1",
            endpoint_url="http://batch.test",
            config=config,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        client.meta.events.register_first("before-send.batch", self._answer)
        return client

    def quick(self) -> Client:
        """The same without botocore, for tests with many thousand calls."""
        return _Quick(self)

    # What the service does

    def perform(self, operation: str, asked: dict[str, Any]) -> tuple[int, str, str, dict[str, Any]]:
        """HTTP status, code and message of an error, answer."""
        self.asked.append((operation, asked))
        if self.errors and self.errors[0][0] == operation:
            _, status, code, message = self.errors.pop(0)
            if status == 502:
                getattr(self, f"_{operation}")(asked)
            return status, code, message, {"message": message}
        try:
            return 200, "", "", getattr(self, f"_{operation}")(asked)
        except ValueError as error:
            return 400, "ClientException", str(error), {"message": str(error)}

    def _answer(self, request: Any, **context: Any) -> AWSResponse:
        operation = urlsplit(request.url).path.rpartition("/")[2]
        status, code, _, body = self.perform(operation, json.loads(request.body or b"{}"))
        headers = {"content-type": "application/json"} | ({"x-amzn-errortype": code} if code else {})
        return AWSResponse(request.url, status, headers, _Raw(json.dumps(body).encode()))

    def _submitjob(self, asked: dict[str, Any]) -> dict[str, Any]:
        definition = asked["jobDefinition"]
        if self.definitions is not None and definition not in self.definitions:
            raise ValueError(f"Job definition {definition} not found")
        job_id = f"{len(self.jobs) + 1:08d}-0000-4000-8000-000000000000"
        size = asked.get("arrayProperties", {}).get("size")
        containers = asked.get("ecsPropertiesOverride", {}).get("taskProperties", [{}])[0].get("containers")
        override = containers[0] if containers else asked.get("containerOverrides", {})
        container = {"image": self.image, "environment": override.get("environment", []), "reason": ""}
        job: dict[str, Any] = {
            "jobId": job_id,
            "jobName": asked["jobName"],
            "jobQueue": asked["jobQueue"],
            "jobDefinition": f"arn:aws:batch:eu-west-1:123456789012:job-definition/{definition}:3",
            "status": "SUBMITTED",
            "createdAt": self._millis(),
            "attempts": [],
            "dependsOn": asked.get("dependsOn", []),
            "container": container,
        }
        if size:
            job["arrayProperties"] = {"size": size, "statusSummary": {}}
            self.children[job_id] = dict.fromkeys(range(size), "PENDING")
        self.jobs[job_id] = job
        self._settle_dependencies()
        return {"jobId": job_id, "jobName": asked["jobName"]}

    def _describejobs(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert len(asked["jobs"]) <= 100
        return {"jobs": [_as_it_is(self.jobs[one]) for one in asked["jobs"] if one in self.jobs]}

    def _listjobs(self, asked: dict[str, Any]) -> dict[str, Any]:
        wanted = asked["filters"][0]["values"][0].lower()
        found = [job for job in self.jobs.values() if job["jobQueue"] == asked["jobQueue"] and job["jobName"].lower() == wanted]
        keys = ("jobId", "jobName", "createdAt", "status")
        return {"jobSummaryList": [{key: job[key] for key in keys} for job in reversed(found)]}

    def _terminatejob(self, asked: dict[str, Any]) -> dict[str, Any]:
        job = self.jobs.get(asked["jobId"])
        if job and job["status"] not in OVER:
            job["isTerminated"] = True
            job["statusReason"] = asked["reason"]
            if job["status"] not in ("STARTING", "RUNNING"):
                self._end(job, "FAILED")
        return {}

    def _describejobqueues(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {"jobQueues": [one for one in self.queues if one["jobQueueArn"] in asked["jobQueues"]]}

    def _describecomputeenvironments(self, asked: dict[str, Any]) -> dict[str, Any]:
        wanted = asked["computeEnvironments"]
        return {"computeEnvironments": [one for one in self.environments if one["computeEnvironmentArn"] in wanted]}

    # What the test does

    def named(self, run_id: str) -> list[str]:
        """The ids of the jobs of this name, in the order of their submission."""
        return [job_id for job_id, job in self.jobs.items() if job["jobName"] == run_id]

    def live(self) -> list[dict[str, Any]]:
        return [job for job in self.jobs.values() if job["status"] not in OVER]

    def running(self) -> list[dict[str, Any]]:
        return [job for job in self.jobs.values() if job["status"] in ("STARTING", "RUNNING")]

    def advance(self, job_id: str, to: str | None = None) -> None:
        """One step on the way to RUNNING, or as many as it takes."""
        job = self.jobs[job_id]
        while job["status"] in STEPS[:-1]:
            job["status"] = STEPS[STEPS.index(job["status"]) + 1]
            if job["status"] == "RUNNING":
                job["startedAt"] = self._millis()
                job["container"]["logStreamName"] = f"{job['jobName']}/default/{len(job['attempts'])}"
            self._emit(job)
            if to is None or job["status"] == to:
                return

    def succeed(self, job_id: str) -> None:
        self.advance(job_id, "RUNNING")
        self._attempt(self.jobs[job_id], 0, "", "Essential container in task exited")
        self._end(self.jobs[job_id], "SUCCEEDED")

    def fail(
        self, job_id: str, exit_code: int | None = 1, reason: str = "", status_reason: str = "Essential container in task exited"
    ) -> None:
        self._attempt(self.jobs[job_id], exit_code, reason, status_reason)
        self._end(self.jobs[job_id], "FAILED", status_reason)

    def retry(self, job_id: str, exit_code: int | None, reason: str = "", status_reason: str = "") -> None:
        """An attempt failed, Batch goes on with the next."""
        job = self.jobs[job_id]
        self._attempt(job, exit_code, reason, status_reason)
        job["status"] = "RUNNABLE"
        self._emit(job)

    def reclaim(self, job_id: str) -> None:
        """Spot takes the capacity back after the last attempt."""
        self.advance(job_id, "RUNNING")
        self.fail(job_id, 137, "", "Your Spot Task was interrupted.")

    def kill(self, job_id: str) -> None:
        """The stop timeout of a terminated job is over."""
        job = self.jobs[job_id]
        assert job.get("isTerminated")
        self._attempt(job, 143, "", job["statusReason"])
        self._end(job, "FAILED")

    def child(self, parent_id: str, index: int, status: str) -> None:
        """A child of an array changes; the parent ends with its last child."""
        parent, children = self.jobs[parent_id], self.children[parent_id]
        children[index] = status
        summary = {one: list(children.values()).count(one) for one in set(children.values())}
        parent["arrayProperties"]["statusSummary"] = summary
        parent["status"] = "PENDING"
        self._emit({**parent, "jobId": f"{parent_id}:{index}", "status": status, "arrayProperties": {"index": index}})
        if all(one in OVER for one in children.values()):
            failed = "FAILED" in children.values()
            self._end(parent, "FAILED" if failed else "SUCCEEDED", "Array Child Job failed" if failed else "")

    def forget(self, job_id: str) -> None:
        """Batch keeps an ended job for seven days."""
        del self.jobs[job_id]

    # How

    def _attempt(self, job: dict[str, Any], exit_code: int | None, reason: str, status_reason: str) -> None:
        container = {"reason": reason, "logStreamName": job["container"].get("logStreamName", "none")}
        if exit_code is not None:
            container["exitCode"] = exit_code
            job["container"]["exitCode"] = exit_code
        else:
            job["container"].pop("exitCode", None)
        job["container"]["reason"] = reason
        started = job.get("startedAt", self._millis())
        job["attempts"].append(
            {"container": container, "startedAt": started, "stoppedAt": self._millis(), "statusReason": status_reason}
        )

    def _end(self, job: dict[str, Any], status: str, status_reason: str | None = None) -> None:
        job["status"], job["stoppedAt"] = status, self._millis()
        if status_reason is not None:
            job["statusReason"] = status_reason
        self._emit(job)
        self._settle_dependencies()

    def _settle_dependencies(self) -> None:
        for job in self.jobs.values():
            if job["status"] not in ("SUBMITTED", "PENDING") or not job["dependsOn"]:
                continue
            states = [self.jobs[one["jobId"]]["status"] for one in job["dependsOn"]]
            if "FAILED" in states:
                self._end(job, "FAILED", "Dependent Job failed")
            elif all(state == "SUCCEEDED" for state in states):
                job["status"], job["dependsOn"] = "RUNNABLE", []
                self._emit(job)
            elif job["status"] == "SUBMITTED":
                job["status"] = "PENDING"
                self._emit(job)

    def _emit(self, job: dict[str, Any]) -> None:
        event = {"source": "aws.batch", "detail-type": "Batch Job State Change", "time": self._now().isoformat(), "detail": job}
        self.events.append(_as_it_is(event))

    def _millis(self) -> int:
        return int(self._now().timestamp() * 1000)
