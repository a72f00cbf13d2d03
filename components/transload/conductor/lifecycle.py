"""The life of a run between the tables and AWS Batch: begun, followed, stopped, ended. All handlers change runs through this."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

# Runs begin flows and steps end them: the two modules call each other, never while they are imported.
from transload.conductor import batch, flow
from transload.conductor.context import Conductor
from transload.conductor.log import log
from transload.conductor.messages import run_facts
from transload.conductor.reasons import Detail, Outcome, held_back, one_line, outcome
from transload.conductor.runs import BusyError, is_over
from transload.conductor.table import Item
from transload.conductor.tell import note, tell
from transload.conductor.times import from_iso, iso

SUBMIT_WITHIN = timedelta(seconds=40)
"""A SubmitJob call takes at most 25 s (see context.py). Who has less left of his claim must leave the run to the next one."""

UNKNOWN = timedelta(minutes=10)
"""A job that AWS Batch does not know this long after it was submitted is lost. Earlier it may only be late."""

_STATUS_RANK = {"ACCEPTED": 0, "QUEUED": 0, "SUBMITTED": 1, "PENDING": 2, "RUNNABLE": 3, "STARTING": 4, "RUNNING": 5}


def rank(submission: int, attempts: int, status: str) -> int:
    """How far a run is. It only grows, so that an event that comes late or twice changes nothing."""
    return submission * 1000 + attempts * 10 + _STATUS_RANK.get(status, 9)


def begin(conductor: Conductor, job: Mapping[str, Any] | None, run: Item, environment: Mapping[str, str] | None = None) -> Item:
    """Submit a run whose claim is ours. The run as it is then; UnsureError if it should be tried again."""
    return flow.begin(conductor, run) if is_flow(run) else start_again(conductor, job, run, environment)


def start(
    conductor: Conductor,
    job: Mapping[str, Any],
    run: Item,
    environment: Mapping[str, str] | None = None,
    depends_on: Sequence[str] = (),
) -> Item:
    """Submit one Batch job for a run whose claim is ours."""
    if (run.get("overrides") or {}).get("environment") and environment is None:
        lost = (
            "the values of its environment were lost with the process that was starting it, and are stored nowhere: start it again"
        )
        return finish(conductor, run, "FAILED", "submit", lost)
    if conductor.now() > from_iso(run["claim_until"]) - SUBMIT_WITHIN:
        log("left to the next", run_id=run["run_id"])
        return run
    try:
        job_id = batch.submit(conductor, batch.request(job, run, environment, depends_on), environment)
    except batch.RefusedError as refused:
        return finish(conductor, run, "FAILED", "submit", f"could not be submitted: {refused}")
    except batch.UnsureError as unsure:
        # Lambda tries again after a minute: by then the claim is over, and a job that was taken can be found by its name.
        conductor.store.release(run, conductor.now() + timedelta(seconds=30 if unsure.sent else 0))
        raise
    return submitted(conductor, run, job_id)


def submitted(conductor: Conductor, run: Item, job_id: str) -> Item:
    """Write the id of a run's Batch job. An event may have written it before."""
    for _ in range(8):
        current = _current(conductor, run)
        ids = current["batch_job_ids"]
        if job_id in ids:
            return current
        if is_over(current) or len(ids) >= current["submission"]:
            batch.terminate(conductor, job_id, f"a second copy of {run['run_id']}")
            log("ended a second copy", run_id=run["run_id"], batch_job_id=job_id)
            return current
        now = conductor.now()
        here = rank(current["submission"], 0, "SUBMITTED")
        changes: Item = {"batch_job_id": job_id, "batch_job_ids": [*ids, job_id], "submitted_at": iso(now)}
        if here > current["rank"]:
            changes |= {"status": "SUBMITTED", "rank": here, "status_since": iso(now)}
        written = conductor.store.submitted(current, changes)
        if written:
            log("submitted", run_id=run["run_id"], batch_job_id=job_id, queue=written["queue"], submission=written["submission"])
            return _stop_if_asked(conductor, written)
    raise BusyError(f"{run['run_id']}: the run is written by too many at once")


def resume(conductor: Conductor, run: Item, environment: Mapping[str, str] | None = None) -> Item:
    """Go on with a run that was claimed and not submitted, once its claim is over: adopt its Batch job or submit one."""
    if run["status"] != "ACCEPTED" or from_iso(run["claim_until"]) > conductor.now():
        return run
    if run.get("step") and run["submission"] == 1:
        # The claim of a step is its flow's.
        whole = conductor.store.get(run["flow_run_id"])
        if whole:
            resume(conductor, whole)
        return _current(conductor, run)
    mine = conductor.store.reclaim(run, conductor.now())
    if mine is None:
        return _current(conductor, run)
    log("took over", run_id=run["run_id"])
    if is_flow(mine):
        return flow.begin(conductor, mine)
    waits: list[str] | str | None = []
    if run.get("step"):
        whole = conductor.store.get(run["flow_run_id"])
        waits = flow.waits_for(conductor, whole, run) if whole else []
    adopted = adopt(conductor, mine)
    if adopted:
        return adopted
    if isinstance(waits, str):
        return flow.hold(conductor, mine, waits)
    if waits is None:
        return mine
    return start_again(conductor, conductor.store.job(run["job"]), mine, environment, waits)


def adopt(conductor: Conductor, run: Item) -> Item | None:
    """The run with the Batch job that was submitted for it, if there is one."""
    found = batch.find(conductor, run["queue"], run["run_id"], run["batch_job_ids"])
    if not found:
        return None
    log("adopted", run_id=run["run_id"], batch_job_id=found)
    adopted = submitted(conductor, run, found)
    detail = batch.describe(conductor, [found]).get(found)
    return apply(conductor, adopted, detail) if detail else adopted


def start_again(
    conductor: Conductor,
    job: Mapping[str, Any] | None,
    run: Item,
    environment: Mapping[str, str] | None = None,
    depends_on: Sequence[str] = (),
) -> Item:
    """Submit a run that somebody accepted and did not submit."""
    if run.get("stop"):
        return finish(conductor, run, "STOPPED", run["stop"]["cause"], run["stop"]["reason"])
    if job is None:
        return finish(conductor, run, "FAILED", "submit", f"no job named {run['job']} is declared any more")
    if environment is None and run["batch_job_ids"]:
        first = batch.describe(conductor, run["batch_job_ids"][:1]).get(run["batch_job_ids"][0])
        environment = _own_environment(run, first) if first else None
    return start(conductor, job, run, environment, depends_on)


def _own_environment(run: Mapping[str, Any], detail: Detail) -> dict[str, str]:
    """The values that a person gave to this run, read back from its first job."""
    names = (run.get("overrides") or {}).get("environment", ())
    return {name: detail.environment[name] for name in names if name in detail.environment}


def apply(conductor: Conductor, run: Item, detail: Detail) -> Item:
    """Write what AWS Batch says of a run's job. Old news and jobs that are not the run's change nothing."""
    if is_over(run) or not _is_current(run, detail):
        return run
    here = rank(run["submission"], len(detail.attempts), detail.status)
    if detail.status == "SUCCEEDED":
        return finish(
            conductor, run, "SUCCEEDED", None, None, facts=_facts(conductor, run, detail) | {"ended_at": detail.stopped_at}
        )
    if detail.status == "FAILED":
        return _failed(conductor, run, detail)
    if here <= run["rank"]:
        # Old news cost nothing: a pass of `watch` hears of every run that goes on.
        return run
    changes = _facts(conductor, run, detail) | {"status": detail.status, "rank": here, "status_since": iso(conductor.now())}
    written = conductor.store.progress(run, changes)
    if not written:
        return _current(conductor, run)
    log("recorded", run_id=run["run_id"], status=detail.status, rank=here)
    if run.get("flow_run_id") and detail.status == "RUNNING":
        flow.follow(conductor, run["flow_run_id"])
    return _stop_if_asked(conductor, written)


def _is_current(run: Mapping[str, Any], detail: Detail) -> bool:
    ids = run["batch_job_ids"]
    if detail.id in ids:
        return ids.index(detail.id) + 1 == run["submission"]
    # The event was faster than the writing of the id.
    return len(ids) < run["submission"] and detail.queue == run["queue"]


def _facts(conductor: Conductor, run: Mapping[str, Any], detail: Detail) -> Item:
    image = detail.image
    started = detail.started_at or run.get("started_at") or (iso(conductor.now()) if detail.status == "RUNNING" else None)
    return {
        "batch_job_id": detail.id,
        "batch_job_ids": run["batch_job_ids"] if detail.id in run["batch_job_ids"] else [*run["batch_job_ids"], detail.id],
        "submitted_at": run.get("submitted_at") or iso(conductor.now()),
        "job_definition": detail.job_definition,
        "image": image,
        "image_digest": image.partition("@")[2] or None if image else None,
        "log_stream": detail.log_stream,
        "started_at": started,
        "attempts": len(detail.attempts),
        "attempt_details": detail.attempts or None,
        "array": detail.array,
    }


def _failed(conductor: Conductor, run: Item, detail: Detail) -> Item:
    facts = _facts(conductor, run, detail) | {"exit_code": detail.exit_code, "ended_at": detail.stopped_at}
    ended = outcome(detail)
    if run.get("stop") and not _ended_before(run["stop"], ended, detail):
        return finish(conductor, run, "STOPPED", run["stop"]["cause"], run["stop"]["reason"], facts=facts)
    if run.get("step") and held_back(detail):
        return flow.hold_back(conductor, run, detail)
    if ended.cause == "spot" and _falls_back(conductor, run, detail):
        return _fall_back(conductor, run, detail)
    return finish(conductor, run, "STOPPED" if ended.cause == "stopped" else "FAILED", ended.cause, ended.reason, facts=facts)


def _ended_before(stop: Mapping[str, Any], ended: Outcome, detail: Detail) -> bool:
    """Whether the job had failed by itself when the stop reached it: it is told, as if nobody had asked."""
    # AWS Batch marks what it was asked to end, and gives the reason back (AWS Batch API reference, TerminateJob).
    asked = detail.ended_by_somebody or stop["reason"][:100] in detail.status_reason
    return not asked and not detail.array and not held_back(detail) and ended.cause != "spot"


def _falls_back(conductor: Conductor, run: Mapping[str, Any], detail: Detail) -> bool:
    """Once: on demand nothing is taken back. Children of an array are retried by Batch one by one; the whole array is not run again
    for those that Spot took. A cluster may have no on-demand queue."""
    cluster = conductor.cluster
    return not detail.array and run["queue"] == cluster["spot_queue"] and bool(cluster.get("on_demand_queue"))


def _fall_back(conductor: Conductor, run: Item, detail: Detail) -> Item:
    log("goes to on-demand", run_id=run["run_id"])
    again = submit_again(conductor, run, detail, conductor.cluster["on_demand_queue"], [])
    if run.get("step"):
        # Batch failed the steps behind it together with its first job: they follow it.
        whole = conductor.store.get(run["flow_run_id"])
        if whole and not is_over(whole):
            flow.settle(conductor, whole)
    return again


def submit_again(conductor: Conductor, run: Item, detail: Detail, queue: str, depends_on: Sequence[str]) -> Item:
    """Submit a run whose Batch job failed for no reason of its own."""
    # All in one write: somebody else may be at the same end, and what he wrote must not be taken for what was read.
    claimed = conductor.store.again(run, _facts(conductor, run, detail), queue, conductor.now())
    if not claimed:
        return _current(conductor, run)
    try:
        job = conductor.store.job(run["job"])
        return start_again(conductor, job, claimed, _own_environment(run, detail), depends_on)
    except batch.UnsureError as unsure:
        # The event is recorded; `watch` goes on with the run.
        log("not submitted yet", run_id=run["run_id"], error=str(unsure))
        return claimed


def finish(
    conductor: Conductor,
    run: Item,
    status: str,
    cause: str | None,
    reason: str | None,
    *,
    facts: Mapping[str, Any] | None = None,
    quiet: bool = False,
) -> Item:
    """End a run, tell people if it failed, and start what waited for it."""
    now = conductor.now()
    changes: Item = {**(facts or {}), "status": status, "cause": cause, "reason": one_line(reason, 500) if reason else None}
    changes |= {
        "ended_at": changes.get("ended_at") or iso(now),
        "status_since": iso(now),
        "rank": rank(run["submission"], int(changes.get("attempts") or 0), status),
    }
    if status == "SUCCEEDED":
        changes |= {"exit_code": 0}
    if status == "FAILED" and run.get("flow_run_id"):
        changes["holds_back"] = flow.behind(conductor, run) or None
    key, told = f"failed#{run['run_id']}", None
    if status == "FAILED" and not quiet:
        known = {**run, **{name: value for name, value in changes.items() if value is not None}}
        told = {**_message(conductor, known), "job": "#told", "run": key}
    ended = conductor.store.end(run, changes, told)
    if ended is None:
        return _current(conductor, run)
    log("ended", run_id=run["run_id"], status=status, cause=cause, exit_code=ended.get("exit_code"))
    if told:
        tell(conductor, key, told)
    after(conductor, ended)
    return ended


def _message(conductor: Conductor, run: Mapping[str, Any]) -> Item:
    job = conductor.store.job(run["job"]) or {}
    title = f"{run['job']} failed: {run['reason']}"
    return note("failed", title, run_facts(job, run), conductor.now(), thread=run["run_id"])


def after(conductor: Conductor, ended: Mapping[str, Any]) -> None:
    """What follows the end of a run. `watch` does the same for runs whose end was written by somebody who then crashed."""
    if ended.get("flow_run_id"):
        flow.follow(conductor, ended["flow_run_id"])
    for name in ended.get("locks", ()):
        start_waiting(conductor, name)


def start_waiting(conductor: Conductor, name: str) -> None:
    """Start the run that has waited longest for this lock, if the lock is free."""
    waiting = [one for one in conductor.store.live() if name in (one.get("waits_for") or ())]
    for one in sorted(waiting, key=lambda one: (from_iso(one["since"]), one["run"])):
        run = conductor.store.run(one["job_name"], one["run"])
        if run is None or run["status"] != "QUEUED":
            continue
        if run.get("stop"):
            finish(conductor, run, "STOPPED", run["stop"]["cause"], run["stop"]["reason"])
            continue
        off = disabled(conductor, [run["job"], *(step["job"] for step in run.get("steps") or ())])
        if off:
            finish(conductor, run, "SKIPPED", "disabled", off)
            continue
        if conductor.store.promote(run, conductor.now()) is not None:
            return
        promoted = _current(conductor, run)
        log("its turn", run_id=run["run_id"])
        try:
            # A waiting run has no environment of its own: see submit.py.
            begin(conductor, conductor.store.job(run["job"]), promoted)
        except batch.UnsureError as unsure:
            log("not submitted yet", run_id=run["run_id"], error=str(unsure))


def disabled(conductor: Conductor, jobs: Iterable[str]) -> str | None:
    """Who disabled one of these jobs, in words; None if they may start."""
    for name in dict.fromkeys(jobs):
        control = conductor.store.control(name, conductor.now())
        if control:
            words = f"{name} was disabled by {control['by']}" + (f" until {control['until']}" if control.get("until") else "")
            return words + (f": {control['why']}" if control.get("why") else "")
    return None


def _current(conductor: Conductor, run: Item) -> Item:
    return conductor.store.run(run["job"], run["run"]) or run


def is_flow(run: Mapping[str, Any]) -> bool:
    """Whether it is the run of a whole flow."""
    return run.get("kind") == "flow"


def stop(conductor: Conductor, run_id: str, by: str, *, cause: str = "stopped", reason: str | None = None) -> Item:
    """Ask for the end of a run: it ends STOPPED as soon as AWS Batch has ended its job. LookupError if there is no such run."""
    run = conductor.store.get(run_id)
    if run is None:
        raise LookupError(f"no run {run_id}")
    asked = {"by": by, "at": iso(conductor.now()), "cause": cause, "reason": reason or f"stopped by {by}"}
    marked = conductor.store.amend(run, {"stop": run.get("stop") or asked})
    if marked is None:
        return conductor.store.get(run_id) or run
    log("asked to stop", run_id=run_id, cause=cause)
    if is_flow(marked) and marked["status"] != "QUEUED":
        return flow.stop(conductor, marked)
    if marked["status"] == "QUEUED":
        return finish(conductor, marked, "STOPPED", cause, asked["reason"])
    # Without a job yet: whoever is submitting sees the mark when the id is written.
    return _stop_if_asked(conductor, resume(conductor, marked))


def _stop_if_asked(conductor: Conductor, run: Item) -> Item:
    if run.get("stop") and not is_over(run) and len(run["batch_job_ids"]) >= run["submission"]:
        batch.terminate(conductor, run["batch_job_ids"][-1], run["stop"]["reason"])
    return run


def settle(conductor: Conductor, run: Item) -> Item:
    """Bring a run up to date by asking AWS Batch, as far as that is due."""
    if is_over(run) or run["status"] == "QUEUED":
        return run
    if is_flow(run):
        return flow.settle(conductor, run)
    if len(run["batch_job_ids"]) < run["submission"]:
        return resume(conductor, run)
    details = batch.describe(conductor, run["batch_job_ids"][-1:])
    return settle_with(conductor, run, details)


def settle_with(conductor: Conductor, run: Item, details: Mapping[str, Detail]) -> Item:
    """The same with the answer of AWS Batch at hand."""
    detail = details.get(run["batch_job_ids"][-1])
    if detail:
        settled = apply(conductor, run, detail)
        return _stop_if_asked(conductor, settled)
    if from_iso(run["submitted_at"]) < conductor.now() - UNKNOWN:
        return finish(conductor, run, "FAILED", "platform", "AWS Batch does not know its job any more: how it ended was not seen")
    return run
