"""Looks every five minutes for what nobody else would notice: lost events, missed runs, runs that do not start or take too long."""

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any

from transload.conductor import batch, causes, flow, lifecycle, missed
from transload.conductor.context import Conductor, from_environment
from transload.conductor.log import log
from transload.conductor.reasons import Detail
from transload.conductor.runs import is_over
from transload.conductor.submit import nudge
from transload.conductor.table import Item
from transload.conductor.tell import leftovers, note, tell_once, tell_recovery
from transload.conductor.times import duration, from_iso, parse_run_id

STUCK_AFTER = timedelta(minutes=10)
"""A run that was taken by AWS Batch this long ago and has not started is told, or earlier if the cluster gives up earlier."""

_NOT_STARTED = ("SUBMITTED", "RUNNABLE", "STARTING")
_LOOK_BACK = 20
_AMONG = 200
"""How far back those may lie. Of a job that always fails the whole history would be read, every five minutes."""
_AT_LEAST = 5
_TIMES_USUAL = 2


def handler(event: Mapping[str, Any], context: object = None) -> dict[str, Any]:
    """AWS Lambda's way in."""
    return watch(from_environment(), event)


def watch(conductor: Conductor, event: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """One pass. How many runs were brought up to date, and how many things were told.

    `now` of the event is the time for which schedules are checked. What goes wrong in one part does not keep the others from their
    work; the first error is raised at the end, so that the alarm on the function's errors rings.
    """
    as_of = from_iso(event["now"]) if event and event.get("now") else conductor.now()
    counts: dict[str, int] = {}
    errors: list[Exception] = []
    details: dict[str, Detail] = {}
    live = _live(conductor)

    def part(name: str, work: Callable[[], int]) -> None:
        try:
            counts[name] = work()
        except Exception as error:
            log("a part of the pass failed", part=name, error=type(error).__name__)
            errors.append(error)

    part("live", lambda: len(live))
    part("known", lambda: _ask(conductor, live, details))
    part("settled", lambda: _settle(conductor, live, details, known="known" in counts))
    part("locks", lambda: _locks(conductor))
    part("missed", lambda: missed.look(conductor, as_of))
    # What is told of these is true of them now: settling has changed some.
    runs = conductor.store.runs(_key(run) for run in live)
    going_on = [run for run in (runs.get(_key(run)) for run in live) if run and not is_over(run)]
    part("stuck", lambda: _stuck(conductor, going_on, details))
    part("long", lambda: _long(conductor, going_on))
    part("recovered", lambda: _recovered(conductor))
    part("leftovers", lambda: leftovers(conductor, conductor.store.told()))
    if errors:
        raise errors[0]
    return counts


def _live(conductor: Conductor) -> list[Item]:
    """The runs that are not over."""
    noted = conductor.store.live()
    runs = conductor.store.runs((one["job_name"], one["run"]) for one in noted)
    live: list[Item] = []
    for one in noted:
        run = runs.get((one["job_name"], one["run"]))
        if run is None or is_over(run):
            conductor.store.drop_live(one["run_id"])
        else:
            live.append(run)
    return live


def _key(run: Mapping[str, Any]) -> tuple[str, str]:
    return run["job"], run["run"]


def _ask(conductor: Conductor, live: Iterable[Item], details: dict[str, Detail]) -> int:
    """Ask AWS Batch for the jobs of these runs. How many it knows."""
    details |= batch.describe(conductor, [run["batch_job_ids"][-1] for run in live if _has_job(run)])
    return len(details)


def _has_job(run: Mapping[str, Any]) -> bool:
    return bool(run["batch_job_ids"]) and len(run["batch_job_ids"]) >= run["submission"]


def _settle(conductor: Conductor, live: Iterable[Item], details: Mapping[str, Detail], *, known: bool) -> int:
    """Bring every run up to date; without an answer of AWS Batch (`known`) only those that have no job yet. A run that cannot be
    keeps the others from nothing: the first error is raised at the end."""
    errors: list[Exception] = []
    count = 0
    # Steps before their flow: the flow is derived from them.
    for run in sorted(live, key=lifecycle.is_flow):
        if _has_job(run) and not known:
            continue
        try:
            _settle_one(conductor, run, details)
            count += 1
        except batch.UnsureError as unsure:
            log("not submitted yet", run_id=run["run_id"], error=str(unsure))
        except Exception as error:
            log("could not be brought up to date", run_id=run["run_id"], error=type(error).__name__)
            errors.append(error)
    if errors:
        raise errors[0]
    return count


def _settle_one(conductor: Conductor, run: Item, details: Mapping[str, Detail]) -> None:
    if run["status"] == "QUEUED":
        nudge(conductor, run)
    elif lifecycle.is_flow(run):
        whole = lifecycle.resume(conductor, run)
        if whole.get("stop") and not is_over(whole):
            flow.stop(conductor, whole)
        flow.follow(conductor, run["run_id"])
    elif _has_job(run):
        lifecycle.settle_with(conductor, run, details)
    else:
        lifecycle.resume(conductor, run)


def _locks(conductor: Conductor) -> int:
    """Renew the locks of runs that go on, free the others, and start what waits. How many were freed."""
    freed = 0
    locks = conductor.store.locks()
    holders = conductor.store.runs(filter(None, (parse_run_id(lock["holder"]) for lock in locks.values())))
    for name, lock in locks.items():
        holder = holders.get(parse_run_id(lock["holder"]) or ("", ""))
        if holder and not is_over(holder):
            conductor.store.renew_lock(name, lock["holder"], conductor.now())
        else:
            conductor.store.drop_lock(name, lock["holder"])
            log("lock freed", lock=name, holder=lock["holder"])
            freed += 1
    for name in dict.fromkeys(name for one in conductor.store.live() for name in one.get("waits_for") or ()):
        lifecycle.start_waiting(conductor, name)
    return freed


def _stuck(conductor: Conductor, runs: list[Item], details: Mapping[str, Detail]) -> int:
    now = conductor.now()
    after = min(STUCK_AFTER, timedelta(minutes=conductor.cluster.get("stuck_after_minutes") or 10))
    told = conductor.store.told()
    look = causes.Look(conductor)
    count = 0
    for run in runs:
        waited = now - from_iso(run["status_since"])
        if run["status"] not in _NOT_STARTED or waited < after or lifecycle.is_flow(run) or f"stuck#{run['run_id']}" in told:
            continue
        job = conductor.store.job(run["job"]) or {}
        found = causes.likely(look, job, run, details.get(run["batch_job_id"]), runs)
        facts = [
            ("run", run["run_id"]),
            ("state", f"{run['status']} for {duration(waited.total_seconds())}"),
            *(("likely cause", cause) for cause in found or ["none found: AWS may be short of capacity"]),
            ("queue", run["queue"].rpartition("/")[2]),
            ("next", f"transload why {run['run_id']}"),
        ]
        title = f"{run['job']} does not start: {found[0] if found else 'no cause found'}"
        count += tell_once(conductor, f"stuck#{run['run_id']}", note("stuck", title, facts, now, thread=run["run_id"], keep=True))
    return count


def _long(conductor: Conductor, runs: Iterable[Item]) -> int:
    now = conductor.now()
    told = conductor.store.told()
    count = 0
    for run in runs:
        if run["status"] != "RUNNING" or not run.get("started_at") or lifecycle.is_flow(run) or f"long#{run['run_id']}" in told:
            continue
        took = (now - from_iso(run["started_at"])).total_seconds()
        usual = usual_seconds(conductor.store.history(run["job"], status="SUCCEEDED", limit=_LOOK_BACK, among=_AMONG))
        if usual is None or took <= _TIMES_USUAL * usual:
            continue
        facts = [
            ("run", run["run_id"]),
            ("running for", duration(took)),
            ("usually done within", duration(usual)),
            ("next", f"transload logs {run['job']} --follow"),
        ]
        title = f"{run['job']} runs longer than usual: {duration(took)}"
        count += tell_once(conductor, f"long#{run['run_id']}", note("long", title, facts, now, thread=run["run_id"], keep=True))
    return count


def usual_seconds(successes: Iterable[Mapping[str, Any]]) -> float | None:
    """The 90th percentile (nearest rank) of how long these runs took; None of fewer than five."""
    ended = [one for one in successes if one.get("started_at") and one.get("ended_at")]
    took = sorted((from_iso(one["ended_at"]) - from_iso(one["started_at"])).total_seconds() for one in ended)
    return took[math.ceil(0.9 * len(took)) - 1] if len(took) >= _AT_LEAST else None


def _recovered(conductor: Conductor) -> int:
    """Say once that a run which was told goes on, and forget what is over."""
    count = 0
    for key, told in conductor.store.told().items():
        kind, _, rest = key.partition("#")
        if told.get("pending") or kind not in ("stuck", "long", "skipped"):
            continue
        run = conductor.store.get(rest.partition("#")[2] if kind == "skipped" else rest)
        if run is None or (kind == "skipped" and is_over(run)):
            conductor.store.forget(key)
        elif (kind == "long" and is_over(run)) or (kind == "stuck" and run["status"] not in _NOT_STARTED):
            count += tell_recovery(conductor, key, f"{run['job']}: {_news(kind, run)}", _facts(run), conductor.now(), run["run_id"])
    return count


def _news(kind: str, run: Mapping[str, Any]) -> str:
    if kind == "stuck" and not is_over(run):
        return "the run that did not start has started"
    return f"the run that {'did not start' if kind == 'stuck' else 'took longer than usual'} ended {run['status']}"


def _facts(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    facts = [("run", run["run_id"]), ("state", run["status"])]
    if run.get("started_at") and run.get("ended_at"):
        facts.append(("took", duration((from_iso(run["ended_at"]) - from_iso(run["started_at"])).total_seconds())))
    return facts + ([("reason", run["reason"])] if run.get("reason") else [])
