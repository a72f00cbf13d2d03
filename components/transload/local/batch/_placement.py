"""Where and when jobs run: dependencies, queues, the vCPUs of the compute environments, retries, arrays, stops."""

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from transload.local.batch import _retry
from transload.local.batch._host import Host
from transload.local.batch._job import WAITING, Job, now_ms
from transload.local.batch._process import SPOT, Attempt, Outcome, Stop

log = logging.getLogger(__name__)

# Status reasons that AWS Batch writes itself.
_DEPENDENCY_FAILED = "Dependent Job failed"
_CHILD_FAILED = "Array Child Job failed"
# AWS Batch User Guide, "Jobs stuck in a RUNNABLE status".
_TOO_LARGE = "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE"
_TOO_LARGE_WORDS = f"{_TOO_LARGE} - CE(s) associated with the job queue cannot meet the CPU requirement of the job."
_LIMITED = "Canceled by JobStateTimeLimit action due to reason: "


class RefusedError(Exception):
    """Why a job cannot be reclaimed: one line."""


class Placement:
    """All jobs of the process. One lock guards them; whatever waits (processes, services) is done outside of it."""

    def __init__(self, host: Host, changed: Callable[[Job], None], blocked: Callable[[Job], None]):
        """Called under the lock: `changed` at each change of a status that Batch announces, `blocked` for a job that stands first
        in its queue and can never start."""
        self._host, self._changed, self._blocked = host, changed, blocked
        self.lock = threading.RLock()
        self._waiting: dict[str, deque[Job]] = {}
        self._used: dict[str, float] = {}
        self._running: set[Job] = set()

    def submit(self, job: Job) -> None:
        """Take a job; its dependencies and children are already linked."""
        with self.lock:
            for one in job.children or [job]:
                self._evaluate(one)
            self._place()

    def cancel(self, job: Job, reason: str) -> None:
        """End a job that has not started; one that has goes on (AWS Batch API reference, CancelJob)."""
        with self.lock:
            job.cancelled, job.asked = True, reason
            for one in job.children or [job]:
                if one.status in WAITING:
                    one.cancelled = True
                    self._end(one, "FAILED", reason)
            self._place()

    def terminate(self, job: Job, reason: str) -> None:
        """End a job wherever it is."""
        with self.lock:
            if job.ended:
                return
            job.terminated, job.asked = True, reason
            for one in job.children or [job]:
                if one.status in WAITING:
                    one.terminated = True
                    self._end(one, "FAILED", reason)
                elif one.attempt:
                    one.terminated = True
                    one.attempt.stop(Stop(reason, one.container.stop_timeout))
            self._place()

    def reclaim(self, job: Job, grace: float) -> None:
        """Take the Spot capacity from under a running job. `RefusedError` when it does not run or not on Fargate Spot."""
        with self.lock:
            if job.attempt is None:
                raise RefusedError(f"job {job.name} is {job.status}: only a job that has capacity can lose it")
            kind = job.environment.compute_resources.get("type")
            if kind != "FARGATE_SPOT":
                raise RefusedError(f"job {job.name} runs on {kind} ({job.environment.name}): only FARGATE_SPOT is reclaimed")
            job.attempt.stop(Stop(SPOT, grace, retryable=True))

    def kill_all(self) -> None:
        """End every process: the server ends. What they started dies with them, or is found by `down`."""
        with self.lock:
            self._waiting.clear()
            for job in self._running:
                if job.attempt:
                    job.attempt.kill()

    def _evaluate(self, job: Job) -> None:
        """Move a waiting job on as far as its dependencies allow."""
        if any(other.status == "FAILED" for other in job.waits_for):
            self._end(job, "FAILED", _DEPENDENCY_FAILED)
        elif any(not other.ended for other in job.waits_for):
            self._enter(job, "PENDING")
        else:
            self._queue(job, front=False)

    def _queue(self, job: Job, *, front: bool) -> None:
        line = self._waiting.setdefault(job.queue.arn, deque())
        # "Retried jobs move to the front of the queue" (AWS Batch User Guide, "Automated job retries").
        (line.appendleft if front else line.append)(job)
        self._enter(job, "RUNNABLE")

    def _enter(self, job: Job, status: str) -> None:
        if job.status == status:
            return
        job.status = status
        self._changed(job)
        if status == "RUNNABLE" and job.parent and job.parent.status == "SUBMITTED":
            self._enter(job.parent, "PENDING")

    def _place(self) -> None:
        """Start what fits, first come first served: a job that does not fit holds back those behind it."""
        for line in self._waiting.values():
            while line and len(self._running) < self._host.processes:
                environment = self._room_for(line[0])
                if environment is None:
                    self._look_at_head(line[0])
                    break
                self._start(line.popleft(), environment)

    def _room_for(self, job: Job) -> Any:
        for environment in job.queue.environments:
            limit = float(environment.compute_resources.get("maxvCpus", 0))
            if environment.state == "ENABLED" and self._used.get(environment.arn, 0) + job.container.vcpu <= limit:
                return environment
        return None

    def _look_at_head(self, job: Job) -> None:
        """Say it of a job that no environment is large enough for, and cancel it when its queue asks for that."""
        largest = max((float(one.compute_resources.get("maxvCpus", 0)) for one in job.queue.environments), default=0)
        if job.container.vcpu <= largest or job.status_reason == _TOO_LARGE_WORDS:
            return
        job.status_reason = _TOO_LARGE_WORDS
        self._blocked(job)
        for action in getattr(job.queue, "job_state_time_limit_actions", []):
            if action["reason"] == _TOO_LARGE:
                timer = threading.Timer(action["maxTimeSeconds"], self._time_is_up, [job])
                timer.daemon = True
                timer.start()

    def _time_is_up(self, job: Job) -> None:
        with self.lock:
            if job.status_reason == _TOO_LARGE_WORDS and not job.ended:
                self._end(job, "FAILED", _LIMITED + _TOO_LARGE)
                self._place()

    def _start(self, job: Job, environment: Any) -> None:
        job.environment = environment
        self._used[environment.arn] = self._used.get(environment.arn, 0) + job.container.vcpu
        self._running.add(job)
        job.new_task()
        seconds = job.timeout.get("attemptDurationSeconds")
        job.attempt = Attempt(
            self._host, job.backend.region_name, job.container, job.task["logStreamName"], job.variables(), seconds
        )
        self._enter(job, "STARTING")
        threading.Thread(target=self._run, args=(job, job.attempt), name=f"job-{job.job_id}", daemon=True).start()

    def _run(self, job: Job, attempt: Attempt) -> None:
        try:
            outcome = attempt.run(lambda: self._runs(job))
        except Exception as error:
            # Nobody else would ever end this job.
            log.exception("job %s (%s) could not be run", job.name, job.job_id)
            outcome = Outcome(None, "Task failed to start", f"InternalError: {error}", retryable=False)
        with self.lock:
            job.attempt = None
            self._running.discard(job)
            self._used[job.environment.arn] -= job.container.vcpu
            job.record(outcome)
            if outcome.succeeded:
                self._end(job, "SUCCEEDED", outcome.status_reason)
            elif outcome.retryable and not job.terminated and self._again(job, outcome):
                self._queue(job, front=True)
            else:
                self._end(job, "FAILED", outcome.status_reason)
            self._place()

    def _again(self, job: Job, outcome: Outcome) -> bool:
        return _retry.again(job.retry_strategy, len(job.attempts), outcome.exit_code, outcome.reason, outcome.status_reason)

    def _runs(self, job: Job) -> None:
        with self.lock:
            job.started_at = now_ms()
            self._enter(job, "RUNNING")

    def _end(self, job: Job, status: str, reason: str) -> None:
        line = self._waiting.get(job.queue.arn)
        if line and job in line:
            line.remove(job)
        job.status_reason = reason
        job.stopped_at = now_ms()
        self._enter(job, status)
        for dependant in job.dependants:
            if dependant.status in ("SUBMITTED", "PENDING"):
                self._evaluate(dependant)
        if job.parent and all(child.ended for child in job.parent.children):
            failed = any(child.status == "FAILED" for child in job.parent.children)
            self._end_parent(job.parent, failed)

    def _end_parent(self, parent: Job, failed: bool) -> None:
        reason = (parent.asked or _CHILD_FAILED) if failed else None
        parent.status_reason, parent.stopped_at = reason, now_ms()
        self._enter(parent, "FAILED" if failed else "SUCCEEDED")
        for dependant in parent.dependants:
            if dependant.status in ("SUBMITTED", "PENDING"):
                self._evaluate(dependant)
