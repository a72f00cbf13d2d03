"""Starts one run of a job or a flow: once, however often it is asked, and as the job's `concurrency` says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from transload.conductor import flow
from transload.conductor.context import Conductor, from_environment
from transload.conductor.lifecycle import begin, disabled, resume, settle, start_waiting, stop
from transload.conductor.log import log
from transload.conductor.runs import CLAIM, BusyError, is_over
from transload.conductor.table import Item
from transload.conductor.tell import note, tell_once
from transload.conductor.times import by_hand, compact, from_iso, is_run, iso

MAX_WAITING = 20
"""How many runs of a job may wait under concurrency "queue"."""

_NOT_STORED = ", and the values of its environment are not stored while it waits: start it again then"

_TRIGGERS = ("schedule", "person", "flow", "retry")
_OVERRIDES = {"command", "environment", "vcpu", "memory_mib", "array_size", "timeout_seconds"}


def handler(event: Mapping[str, Any], context: object = None) -> dict[str, Any]:
    """AWS Lambda's way in. Raises for what is worth another try, and for an event that is none."""
    return submit(from_environment(), event)


@dataclass(frozen=True)
class Request:
    """An event that was read and checked."""

    job: str
    run: str
    scheduled_for: datetime
    trigger: str
    triggered_by: str | None
    from_run: str | None
    overrides: dict[str, Any] = field(repr=False)
    environment: dict[str, str] = field(repr=False)


def read(event: Mapping[str, Any], now: datetime) -> Request:
    """ValueError says what is wrong with the event, without a value of its environment."""
    job, trigger = event.get("job"), event.get("trigger") or "person"
    if not isinstance(job, str) or not job or job.startswith("#"):
        raise ValueError("the event names no job")
    if trigger not in _TRIGGERS:
        raise ValueError(f"{job}: trigger must be one of {', '.join(_TRIGGERS)}, got {trigger!r}")
    if trigger == "schedule" and not event.get("scheduled_for"):
        raise ValueError(f"{job}: a scheduled run needs scheduled_for")
    scheduled_for = from_iso(event["scheduled_for"]) if event.get("scheduled_for") else now.replace(microsecond=0)
    overrides = {key: value for key, value in (event.get("overrides") or {}).items() if value not in (None, [], {})}
    if not overrides.keys() <= _OVERRIDES:
        raise ValueError(f"{job}: unknown override {min(overrides.keys() - _OVERRIDES)}; known are {', '.join(sorted(_OVERRIDES))}")
    environment = {str(name): str(value) for name, value in (overrides.pop("environment", None) or {}).items()}
    if environment:
        overrides["environment"] = sorted(environment)
    run = event.get("run") or (compact(scheduled_for) if trigger == "schedule" else by_hand(now))
    if not is_run(run):
        raise ValueError(f"{job}: run must look like 20261123T180000Z or 20261123T180501Z-ab12, got {run!r}")
    return Request(job, run, scheduled_for, trigger, event.get("triggered_by"), event.get("from_run"), overrides, environment)


def submit(conductor: Conductor, event: Mapping[str, Any]) -> dict[str, Any]:
    """Start the run that the event asks for: {"run_id", "status"}, with "batch_job_id", "yielded_to", "reason" if there is one.

    Safe to repeat. `batch.UnsureError` and `runs.BusyError` mean that it should be repeated.
    """
    request = read(event, conductor.now())
    job = conductor.store.job(request.job)
    run_id = f"{request.job}-{request.run}"
    known = conductor.store.run(request.job, request.run)
    if known:
        return _answer(_again(conductor, known, request))
    if job is None:
        return _no_such_job(conductor, request, run_id)
    run = _new_run(conductor, job, request, run_id)
    off = _off(conductor, job, request)
    if off:
        log("skipped", run_id=run_id, cause="disabled")
        return _answer(_skip(conductor, run, "disabled", off))
    return _answer(_place(conductor, job, run, request))


def _no_such_job(conductor: Conductor, request: Request, run_id: str) -> dict[str, Any]:
    reason = f"no job named {request.job} is declared in this cluster"
    log("no such job", run_id=run_id)
    facts = [("job", request.job), ("scheduled for", iso(request.scheduled_for)), ("trigger", request.trigger)]
    told = note("failed", f"{request.job} could not start: {reason}", facts, conductor.now(), thread=request.job)
    tell_once(conductor, f"failed#{run_id}", told)
    return {"run_id": run_id, "status": "FAILED", "reason": reason}


def _new_run(conductor: Conductor, job: Item, request: Request, run_id: str) -> Item:
    now = conductor.now()
    locks = [request.job] if job.get("concurrency", "forbid") != "allow" else []
    run: Item = {
        "job": request.job,
        "run": request.run,
        "run_id": run_id,
        "status": "ACCEPTED",
        "scheduled_for": iso(request.scheduled_for),
        "created_at": iso(now),
        "status_since": iso(now),
        "claim_until": iso(now + CLAIM),
        "trigger": request.trigger,
        "triggered_by": request.triggered_by,
        "queue": job.get("queue"),
        "batch_job_ids": [],
        "submission": 1,
        "rank": 1000,
        "attempts": 0,
        "vcpu": request.overrides.get("vcpu") or job.get("vcpu"),
        "memory_mib": request.overrides.get("memory_mib") or job.get("memory_mib"),
        "image": job.get("image"),
        "log_group": job.get("log_group"),
        "overrides": request.overrides or None,
        "locks": locks,
    }
    if job.get("kind") == "flow":
        run |= flow.plan(conductor, job, run, request.from_run)
    return {key: value for key, value in run.items() if value is not None}


def _off(conductor: Conductor, job: Item, request: Request) -> str | None:
    """Why the job may not run now."""
    if request.trigger == "schedule" and job.get("enabled") is False:
        return "its schedule is not enabled"
    return disabled(conductor, [request.job, *flow.jobs(job)])


def _again(conductor: Conductor, run: Item, request: Request) -> Item:
    """The event came before. Nothing is done twice, and what was left half done is finished."""
    log("came before", run_id=run["run_id"], status=run["status"])
    if run["status"] == "QUEUED":
        nudge(conductor, run)
        return conductor.store.run(run["job"], run["run"]) or run
    return resume(conductor, run, request.environment or None)


def _place(conductor: Conductor, job: Item, run: Item, request: Request) -> Item:
    """Claim the run and begin it, or yield to the run that holds the lock."""
    for _ in range(8):
        if _comes_after(conductor, job, run):
            return _queue_up(conductor, job, run, "other runs wait")
        blocked = conductor.store.claim(run, conductor.now())
        if blocked is None:
            log("accepted", run_id=run["run_id"], trigger=run["trigger"], scheduled_for=run["scheduled_for"])
            return begin(conductor, job, run, request.environment)
        if blocked["job"] != "#lock":
            return _again(conductor, conductor.store.run(run["job"], run["run"]) or run, request)
        holder = _holder(conductor, blocked)
        if holder is not None:
            return _yield(conductor, job, run, holder)
    raise BusyError(f"{run['run_id']}: the lock changes hands too fast")


def _holder(conductor: Conductor, lock: Item) -> Item | None:
    """The run that holds a lock, brought up to date with AWS Batch; None if the lock is free now."""
    holder = conductor.store.get(lock["holder"])
    if holder is not None:
        holder = settle(conductor, holder)
        if not is_over(holder):
            return holder
    conductor.store.drop_lock(lock["run"], lock["holder"])
    log("lock taken over", lock=lock["run"], holder=lock["holder"])
    return None


def _comes_after(conductor: Conductor, job: Item, run: Item) -> bool:
    """Whether runs wait that must not be overtaken, even if the lock is free: a crash came before their turn."""
    ahead = {"queue": _waiting, "replace": _older}.get(job.get("concurrency", "forbid"))
    return bool(ahead and ahead(conductor, run))


def _waiting(conductor: Conductor, run: Item) -> list[Item]:
    return [one for one in conductor.store.live() if run["job"] in (one.get("waits_for") or ())]


def _older(conductor: Conductor, run: Item) -> list[str]:
    """The runs of this job alone that waited before this one; flows wait for the job's lock as well."""
    waiting = [one for one in _waiting(conductor, run) if one["job_name"] == run["job"]]
    return [one["run_id"] for one in waiting if _age(one["since"], one["run"]) < _age(run["created_at"], run["run"])]


def _age(since: str, run: str) -> tuple[datetime, str]:
    return from_iso(since), run


def _yield(conductor: Conductor, job: Item, run: Item, holder: Item) -> Item:
    policy = job.get("concurrency", "forbid")
    blocks = f"{holder['run_id']} is still {holder['status']}"
    if policy in ("forbid", "allow"):
        return _skip(conductor, run, "concurrency", blocks, holder)
    return _queue_up(conductor, job, run, blocks, holder)


def _has_environment(run: Item) -> bool:
    return bool((run.get("overrides") or {}).get("environment"))


def _queue_up(conductor: Conductor, job: Item, run: Item, blocks: str, holder: Item | None = None) -> Item:
    """Write the run as one that waits. Under "replace" it waits too, until AWS Batch has really ended the older ones, so that two
    never run side by side."""
    if _has_environment(run):
        return _skip(conductor, run, "concurrency", f"{blocks}{_NOT_STORED}", holder)
    if len(_waiting(conductor, run)) >= MAX_WAITING:
        return _skip(conductor, run, "concurrency", f"{blocks}, and {MAX_WAITING} runs wait already", holder)
    queued = {key: value for key, value in run.items() if key != "claim_until"} | {"status": "QUEUED"}
    if holder:
        queued["yielded_to"] = holder["run_id"]
    if job.get("concurrency") == "replace":
        queued["replaces"] = True
    conductor.store.enqueue(queued, conductor.now())
    log("waits", run_id=run["run_id"], holder=queued.get("yielded_to"))
    nudge(conductor, queued)
    return conductor.store.run(run["job"], run["run"]) or queued


def nudge(conductor: Conductor, queued: Item) -> None:
    """Do what a waiting run waits for: also after a crash right after it was written."""
    if queued.get("replaces"):
        for run_id in [*_older(conductor, queued), *_held_by_older(conductor, queued)]:
            stop(conductor, run_id, queued["run_id"], cause="replaced", reason=f"replaced by {queued['run_id']}")
    for name in queued["locks"]:
        start_waiting(conductor, name)


def _held_by_older(conductor: Conductor, run: Item) -> list[str]:
    """The older run of this job that holds its lock. A flow may hold it for one of its steps: nobody asked to replace that."""
    lock = conductor.store.lock(run["job"])
    holder = conductor.store.get(lock["holder"]) if lock else None
    if holder is None or holder["job"] != run["job"] or is_over(holder):
        return []
    older = _age(holder["created_at"], holder["run"]) < _age(run["created_at"], run["run"])
    return [holder["run_id"]] if older else []


def _skip(conductor: Conductor, run: Item, cause: str, reason: str, holder: Item | None = None) -> Item:
    skipped = {key: value for key, value in run.items() if key not in ("claim_until", "locks")}
    skipped |= {"status": "SKIPPED", "cause": cause, "reason": reason, "ended_at": iso(conductor.now()), "locks": []}
    if holder:
        skipped["yielded_to"] = holder["run_id"]
    before = conductor.store.skip(skipped, conductor.now())
    if before:
        return before
    log("skipped", run_id=run["run_id"], cause=cause, yielded_to=skipped.get("yielded_to"))
    if holder and run["trigger"] == "schedule":
        # Once for each run that is in the way: a job of every five minutes may yield to one run many times.
        facts = [("run", run["run_id"]), ("reason", reason), ("next", f"transload why {holder['run_id']}")]
        title = f"{run['job']} was skipped: {reason}"
        told = note("skipped", title, facts, conductor.now(), thread=holder["run_id"], keep=True)
        tell_once(conductor, f"skipped#{run['job']}#{holder['run_id']}", told)
    return skipped


def _answer(run: Item) -> dict[str, Any]:
    names = ("run_id", "status", "batch_job_id", "yielded_to", "reason")
    return {name: run[name] for name in names if run.get(name) is not None}
