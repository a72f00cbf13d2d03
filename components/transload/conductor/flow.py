"""The run of a flow: its steps are runs of their own jobs, held back by AWS Batch until the steps before them succeeded.

The flow's run holds its own lock and those of the jobs of its steps, all taken and freed at once, so that a step never waits for a
lock half-way, and a job never runs beside itself because a flow runs it too.
"""

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

# Runs begin flows and steps end them: the two modules call each other, never while they are imported.
from transload.conductor import batch, lifecycle
from transload.conductor.context import Conductor
from transload.conductor.log import log
from transload.conductor.reasons import Detail
from transload.conductor.runs import is_over
from transload.conductor.table import Item
from transload.conductor.times import from_iso, iso


def jobs(job: Mapping[str, Any]) -> list[str]:
    """The jobs of the steps."""
    return list(dict.fromkeys(step["job"] for step in job.get("steps") or ()))


def plan(conductor: Conductor, job: Item, run: Item, from_run: str | None) -> Item:
    """What the run of a flow has beside what every run has: its steps with their run ids, and its locks.

    With `from_run` the steps that succeeded there are not run again. ValueError if there is nothing to go on with.
    """
    carried = _succeeded(conductor, job, from_run) if from_run else {}
    steps, taken = [], set()
    for step in _ordered(job["steps"]):
        suffix = _suffix(run, step["name"], taken)
        taken.add(suffix)
        named = {"name": step["name"], "job": step["job"], "after": list(step.get("after") or ())}
        before = carried.get(step["name"])
        steps.append(
            named | ({"run_id": before, "carried": True} if before else {"run_id": f"{step['job']}-{suffix}", "run": suffix})
        )
    if all(step.get("carried") for step in steps):
        raise ValueError(f"{run['job']}: all steps of {from_run} succeeded, there is nothing to run again")
    locks = [*run["locks"]]
    for step in steps:
        declared = conductor.store.job(step["job"]) or {}
        if not step.get("carried") and step["job"] not in locks and declared.get("concurrency", "forbid") != "allow":
            locks.append(step["job"])
    return {"kind": "flow", "steps": steps, "locks": locks, "from_run": from_run}


def _suffix(run: Mapping[str, Any], step: str, taken: set[str]) -> str:
    """Always the same for a step of a run, so that a flow that is begun twice has each step once."""
    for count in range(1000):
        end = hashlib.sha256(f"{run['run_id']}/{step}/{count}".encode()).hexdigest()[:4]
        if f"{run['run'][:16]}-{end}" not in taken | {run["run"]}:
            return f"{run['run'][:16]}-{end}"
    raise ValueError(f"{run['job']}: too many steps")


def _succeeded(conductor: Conductor, job: Item, from_run: str) -> dict[str, str]:
    before = conductor.store.get(from_run)
    if before is None or before["job"] != job["job"]:
        raise ValueError(f"{job['job']}: there is no run {from_run} of this flow")
    if not is_over(before):
        raise ValueError(f"{job['job']}: {from_run} is still {before['status']}")
    runs = {step["name"]: conductor.store.get(step["run_id"]) for step in before.get("steps") or ()}
    return {name: run["run_id"] for name, run in runs.items() if run and run["status"] == "SUCCEEDED"}


def _ordered(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each step after those it waits for."""
    rest, done, ordered = list(steps), set(), []
    while rest:
        ready = [step for step in rest if done.issuperset(step.get("after") or ())]
        if not ready:
            raise ValueError(f"the steps {', '.join(step['name'] for step in rest)} wait for each other")
        ordered += ready
        done |= {step["name"] for step in ready}
        rest = [step for step in rest if step not in ready]
    return ordered


def begin(conductor: Conductor, run: Item) -> Item:
    """Submit every step that is not submitted yet. The claim of the run is ours. UnsureError if it should be tried again."""
    declared = {name: conductor.store.job(name) for name in jobs(run)}
    missing = [name for name, job in declared.items() if job is None]
    if missing:
        return lifecycle.finish(conductor, run, "FAILED", "submit", f"no job named {missing[0]} is declared in this cluster")
    flows = [name for name, job in declared.items() if job and lifecycle.is_flow(job)]
    if flows:
        return lifecycle.finish(conductor, run, "FAILED", "submit", f"{flows[0]} is a flow itself: a step runs a job")
    try:
        done = all(_begin_step(conductor, run, step, declared[step["job"]]) for step in run["steps"] if not step.get("carried"))
    except batch.UnsureError:
        conductor.store.release(run, conductor.now() + timedelta(seconds=30))
        raise
    if done:
        now = iso(conductor.now())
        here = lifecycle.rank(1, 0, "SUBMITTED")
        conductor.store.progress(run, {"status": "SUBMITTED", "rank": here, "submitted_at": now, "status_since": now})
    current = _current(conductor, run)
    if current.get("stop") and not is_over(current):
        return stop(conductor, current)
    follow(conductor, run["run_id"])
    return _current(conductor, run)


def _begin_step(conductor: Conductor, whole: Item, step: Mapping[str, Any], job: Item | None) -> bool:
    """Whether the step has its Batch job now, or is over."""
    run, fresh = conductor.store.run(step["job"], step["run"]), False
    if run is None:
        if whole.get("stop"):
            return True
        run = _new_step(conductor, whole, step, job or {})
        fresh = conductor.store.add_step(run, conductor.now()) is None
    if not fresh:
        run = conductor.store.run(step["job"], step["run"]) or run
        if is_over(run) or len(run["batch_job_ids"]) >= run["submission"]:
            return True
        # Whoever claimed it, perhaps for its second job, may still be at it.
        if from_iso(run["claim_until"]) > conductor.now():
            return False
        run = conductor.store.reclaim(run, conductor.now())
        if run is None:
            return False
        adopted = lifecycle.adopt(conductor, run)
        if adopted:
            return True
    before = waits_for(conductor, whole, run)
    if before is None:
        return False
    if isinstance(before, str):
        hold(conductor, run, before)
        return True
    begun = lifecycle.start_again(conductor, job, run, depends_on=before)
    return begun["status"] != "ACCEPTED"


def _new_step(conductor: Conductor, whole: Mapping[str, Any], step: Mapping[str, Any], job: Mapping[str, Any]) -> Item:
    now = iso(conductor.now())
    run = {
        "job": step["job"],
        "run": step["run"],
        "run_id": step["run_id"],
        "status": "ACCEPTED",
        "scheduled_for": whole["scheduled_for"],
        "created_at": now,
        "status_since": now,
        "claim_until": whole["claim_until"],
        "trigger": "flow",
        "triggered_by": whole["run_id"],
        "flow": whole["job"],
        "flow_run_id": whole["run_id"],
        "step": step["name"],
        "queue": job.get("queue"),
        "batch_job_ids": [],
        "submission": 1,
        "rank": 1000,
        "attempts": 0,
        "vcpu": job.get("vcpu"),
        "memory_mib": job.get("memory_mib"),
        "image": job.get("image"),
        "log_group": job.get("log_group"),
        "locks": [],
    }
    return {key: value for key, value in run.items() if value is not None}


def waits_for(conductor: Conductor, whole: Mapping[str, Any], run: Mapping[str, Any]) -> list[str] | str | None:
    """The Batch jobs that a step depends on; or the name of the step that holds it back for good; or None: not known yet."""
    ids: list[str] = []
    unclear = False
    for step, before in _before(conductor, whole, run["step"]):
        if before is None:
            unclear = True
        elif is_over(before):
            if before["status"] != "SUCCEEDED":
                return step
        elif len(before["batch_job_ids"]) < before["submission"]:
            unclear = True
        else:
            ids.append(before["batch_job_ids"][-1])
    return None if unclear else ids


def _before(conductor: Conductor, whole: Mapping[str, Any], name: str) -> list[tuple[str, Item | None]]:
    steps = {step["name"]: step for step in whole["steps"]}
    return [(one, conductor.store.get(steps[one]["run_id"])) for one in steps[name]["after"]]


def hold(conductor: Conductor, run: Item, step: str, facts: Mapping[str, Any] | None = None) -> Item:
    """End a step that cannot run any more, because `step` before it did not succeed."""
    return lifecycle.finish(conductor, run, "SKIPPED", "dependency", f"held back: step {step} did not succeed", facts=facts)


def hold_back(conductor: Conductor, run: Item, detail: Detail) -> Item:
    """AWS Batch failed a step because a step before it failed. If that one goes on after Spot took it, so does this one."""
    whole = conductor.store.get(run["flow_run_id"])
    if whole is None:
        return lifecycle.finish(conductor, run, "SKIPPED", "dependency", "held back: the run of its flow is gone")
    for _, before in _before(conductor, whole, run["step"]):
        # Its own event may come later than this one.
        if before and not is_over(before) and len(before["batch_job_ids"]) >= before["submission"]:
            lifecycle.settle(conductor, before)
    current = _current(conductor, run)
    if is_over(current) or current["submission"] != run["submission"]:
        return current
    waits = waits_for(conductor, whole, run)
    if isinstance(waits, str):
        return hold(conductor, run, waits, {"batch_job_id": detail.id, "job_definition": detail.job_definition})
    if waits is None:
        log("cannot be said yet", run_id=run["run_id"])
        return run
    return lifecycle.submit_again(conductor, current, detail, current["queue"], waits)


def behind(conductor: Conductor, run: Mapping[str, Any]) -> list[str]:
    """The steps that wait for this one, directly or not."""
    whole = conductor.store.get(run["flow_run_id"])
    held: list[str] = []
    for step in whole["steps"] if whole else ():
        if {run["step"], *held} & set(step["after"]):
            held.append(step["name"])
    return held


def follow(conductor: Conductor, flow_run_id: str) -> None:
    """Derive what becomes of the flow from its steps."""
    whole = conductor.store.get(flow_run_id)
    if whole is None or is_over(whole):
        return
    runs = {step["name"]: conductor.store.get(step["run_id"]) for step in whole["steps"]}
    there = {name: run for name, run in runs.items() if run}
    if all(is_over(run) for run in there.values()) and (len(there) == len(runs) or whole.get("stop")):
        _end(conductor, whole, there)
    elif any(run["status"] == "RUNNING" or (is_over(run) and not _carried(whole, name)) for name, run in there.items()):
        started = min((run["started_at"] for run in there.values() if run.get("started_at")), default=iso(conductor.now()))
        here = lifecycle.rank(1, 0, "RUNNING")
        if whole["status"] == "SUBMITTED":
            changes = {"status": "RUNNING", "rank": here, "started_at": started, "status_since": iso(conductor.now())}
            conductor.store.progress(whole, changes)


def _carried(whole: Mapping[str, Any], name: str) -> bool:
    return any(step["name"] == name and step.get("carried") for step in whole["steps"])


def _end(conductor: Conductor, whole: Item, runs: Mapping[str, Item]) -> None:
    named = {status: [name for name, run in runs.items() if run["status"] == status] for status in ("FAILED", "STOPPED", "SKIPPED")}
    held = f"; held back: {', '.join(named['SKIPPED'])}" if named["SKIPPED"] else ""
    started = [run["started_at"] for name, run in runs.items() if run.get("started_at") and not _carried(whole, name)]
    facts: Item = {"started_at": min(started, default=None)}
    if named["FAILED"]:
        first = runs[named["FAILED"][0]]
        words = "; ".join(f"step {name} failed: {runs[name]['reason']}" for name in named["FAILED"])
        facts["exit_code"] = first.get("exit_code")
        # Each step that failed was told with its reason and what it holds back.
        lifecycle.finish(conductor, whole, "FAILED", first.get("cause"), words + held, facts=facts, quiet=True)
    elif named["STOPPED"] or whole.get("stop") or len(runs) < len(whole["steps"]):
        asked = whole.get("stop") or {"cause": "stopped", "reason": f"step {', '.join(named['STOPPED'])} was stopped"}
        lifecycle.finish(conductor, whole, "STOPPED", asked["cause"], asked["reason"] + held, facts=facts)
    elif named["SKIPPED"]:
        lifecycle.finish(conductor, whole, "FAILED", "platform", f"steps did not run{held}", facts=facts)
    else:
        lifecycle.finish(conductor, whole, "SUCCEEDED", None, None, facts=facts)


def stop(conductor: Conductor, whole: Item) -> Item:
    """Stop every step that is not over. The flow ends with its last step."""
    asked = whole["stop"]
    for step in whole["steps"]:
        run = conductor.store.get(step["run_id"])
        if run and not is_over(run) and not step.get("carried"):
            lifecycle.stop(conductor, run["run_id"], asked["by"], cause=asked["cause"], reason=asked["reason"])
    if whole["status"] != "ACCEPTED":
        follow(conductor, whole["run_id"])
    return _current(conductor, whole)


def settle(conductor: Conductor, whole: Item) -> Item:
    """Bring the flow and its steps up to date by asking AWS Batch."""
    whole = lifecycle.resume(conductor, whole)
    for step in whole["steps"]:
        run = conductor.store.get(step["run_id"])
        if run and not is_over(run):
            lifecycle.settle(conductor, run)
    if whole.get("stop") and not is_over(whole):
        return stop(conductor, whole)
    follow(conductor, whole["run_id"])
    return _current(conductor, whole)


def _current(conductor: Conductor, run: Item) -> Item:
    return conductor.store.run(run["job"], run["run"]) or run
