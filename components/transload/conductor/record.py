"""Writes down what becomes of a run: AWS Batch's state changes, in any order, twice or late."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from transload.conductor import batch
from transload.conductor.context import Conductor, from_environment
from transload.conductor.lifecycle import apply
from transload.conductor.log import log
from transload.conductor.reasons import Detail, one_line, read
from transload.conductor.runs import is_over
from transload.conductor.table import Item
from transload.conductor.tell import note, tell_once
from transload.conductor.times import from_iso, iso

_COUNT_EVERY = timedelta(seconds=10)
"""An array of 10,000 children sends as many events: its counts are asked for at most this often."""


def handler(event: Mapping[str, Any], context: object = None) -> dict[str, Any]:
    """AWS Lambda's way in, for events of EventBridge."""
    return record(from_environment(), event)


def record(conductor: Conductor, event: Mapping[str, Any]) -> dict[str, Any]:
    """Apply one event. {"run_id", "status"} of the run, or {"ignored": why}."""
    kind = event.get("detail-type")
    if event.get("source") != "aws.batch" or kind not in ("Batch Job State Change", "Batch Job Queue Blocked"):
        return {"ignored": "not an event of AWS Batch"}
    job = event["detail"]
    run = conductor.store.get(job.get("jobName", ""))
    if run is None:
        # Somebody else may use the queues as well.
        return {"ignored": "not a run of this cluster"}
    if kind == "Batch Job Queue Blocked":
        return _blocked(conductor, run, read(job))
    detail = read(job)
    if detail.index is not None or ":" in detail.id:
        run = _count(conductor, run, detail)
    else:
        run = apply(conductor, run, _whole(conductor, detail))
    return {"run_id": run["run_id"], "status": run["status"]}


def _whole(conductor: Conductor, detail: Detail) -> Detail:
    """With the final counts of an array: the event may come without them."""
    if (
        detail.array
        and detail.status in ("SUCCEEDED", "FAILED")
        and detail.array["succeeded"] + detail.array["failed"] < detail.array["size"]
    ):
        return batch.describe(conductor, [detail.id]).get(detail.id, detail)
    return detail


def _count(conductor: Conductor, run: Item, child: Detail) -> Item:
    """A child of an array changed: look at the parent, for the counts and for whether it runs."""
    now = conductor.now()
    fresh = run.get("counted_at") and from_iso(run["counted_at"]) > now - _COUNT_EVERY
    if is_over(run) or fresh:
        return run
    parent_id = child.id.partition(":")[0]
    parent = batch.describe(conductor, [parent_id]).get(parent_id)
    if parent is None:
        return run
    run = apply(conductor, run, parent)
    counted = parent.array and conductor.store.amend(run, {"array": parent.array, "counted_at": iso(now)})
    return counted or run


def _blocked(conductor: Conductor, run: Item, detail: Detail) -> dict[str, Any]:
    """The run stands first in its queue and cannot start: the same words as `watch` would find, only sooner."""
    if not is_over(run):
        reason = one_line(detail.status_reason or "its queue is blocked")
        log("blocked", run_id=run["run_id"])
        facts = [("run", run["run_id"]), ("reason", reason), ("queue", run["queue"].rpartition("/")[2])]
        told = note("stuck", f"{run['job']} cannot start: {reason}", facts, conductor.now(), thread=run["run_id"], keep=True)
        tell_once(conductor, f"stuck#{run['run_id']}", told)
    return {"run_id": run["run_id"], "status": run["status"]}
