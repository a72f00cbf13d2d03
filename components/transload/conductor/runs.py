"""The tables of jobs and runs: every access to DynamoDB that the conductor and the command line make.

docs/conductor.md has the partitions. A run and its lock change together in one transaction, so that no crash can part them.
"""

import random
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from transload.conductor.table import Item, Table, delete, failed_items, put, update
from transload.conductor.times import from_iso, iso, parse_run_id

__all__ = ["CLAIM", "KEEP", "LEASE", "TERMINAL", "BusyError", "Store", "is_over", "parse_run_id"]

TERMINAL = ("SUCCEEDED", "FAILED", "STOPPED", "SKIPPED")
"""A run with one of these is over: it never changes again."""

CLAIM = timedelta(minutes=2)
"""Whoever accepted a run has this long to submit it. Then somebody else may, after looking for the job in AWS Batch."""

LEASE = timedelta(minutes=15)
"""No lock outlives its run by more than this: three passes of `watch`, of which two may be lost."""

KEEP = timedelta(days=400)
"""How long the history is kept."""

_NOT_OVER = "NOT #status IN (:succeeded, :failed, :stopped, :skipped)"
_OVER = {f":{status.lower()}": status for status in TERMINAL}
_TRIES = 8


class BusyError(Exception):
    """Others write the same items all the time. Trying again later helps."""


def is_over(run: Mapping[str, Any]) -> bool:
    """Whether the run has ended."""
    return run["status"] in TERMINAL


class Store:
    """The tables of one cluster. `dynamodb` is a boto3 client."""

    def __init__(self, dynamodb: Any, jobs_table: str, runs_table: str):
        self._jobs = Table(dynamodb, jobs_table)
        self._runs = Table(dynamodb, runs_table)
        self._dynamodb = dynamodb

    # What there is

    def cluster(self) -> Item:
        """What BatchCluster wrote of the cluster: queues, alert topic and so on. LookupError if it is not there."""
        found = self._jobs.get({"job": "#cluster"})
        if found is None:
            raise LookupError(f"the table {self._jobs.name} has no item #cluster: is it the jobs table of a cluster?")
        return found

    def job(self, name: str) -> Item | None:
        """A job or a flow, as its component declared it."""
        return None if name.startswith("#") else self._jobs.get({"job": name})

    def jobs(self) -> list[Item]:
        """All jobs and flows, by name."""
        return sorted((one for one in self._jobs.scan() if not one["job"].startswith("#")), key=lambda one: one["job"])

    def get(self, run_id: str) -> Item | None:
        """A run by its id."""
        parsed = parse_run_id(run_id)
        return self.run(*parsed) if parsed else None

    def run(self, job: str, run: str) -> Item | None:
        """A run by its keys, as the last write left it."""
        return self._runs.get({"job": job, "run": run})

    def runs(self, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Item]:
        """Those of these runs (job, run) that exist, as the last write left each."""
        return {(one["job"], one["run"]): one for one in self._runs.some(keys)}

    def history(
        self,
        job: str,
        since: datetime | None = None,
        status: str | Iterable[str] | None = None,
        limit: int | None = None,
        among: int | None = None,
    ) -> list[Item]:
        """Runs of a job, the newest first. `since` is the scheduled time of the oldest; `status` one or several; at most `limit` of
        the newest `among`."""
        wanted = {status} if isinstance(status, str) else set(status or ())
        first = since.strftime("%Y%m%dT%H%M%SZ") if since else "1"
        found: list[Item] = []
        for run in islice(self._runs.query(job, between=(first, "9"), newest_first=True, page=limit and max(limit, 100)), among):
            if not wanted or run["status"] in wanted:
                found.append(run)
                if limit and len(found) >= limit:
                    break
        return found

    def present(self, keys: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
        """Which of these (job, run) exist."""
        return {(one["job"], one["run"]) for one in self._runs.some(keys, keys_only=True)}

    def started_in_minute(self, job: str, run: str) -> bool:
        """Whether a scheduled run of the job has its time in the same minute as the run suffix `run`."""
        return any(len(one["run"]) == len(run) for one in self._runs.query(job, begins_with=run[:13]))

    def live(self) -> list[Item]:
        """Runs that are not over: {run_id, job_name, run, since, waits_for}."""
        return [{**one, "run_id": one["run"], "run": one["of"]} for one in self._runs.query("#live")]

    def last_of_all(self) -> dict[str, Item]:
        """The newest run of every job, by job."""
        return {one["run"]: {**one, "job": one["run"], "run": one["of"]} for one in self._runs.query("#last")}

    def lock(self, name: str) -> Item | None:
        """The lock of a job: {holder, claimed_at, lease_until}."""
        return self._runs.get({"job": "#lock", "run": name})

    def locks(self) -> dict[str, Item]:
        """All locks, by job."""
        return {one["run"]: one for one in self._runs.query("#lock")}

    # What people decide

    def control(self, job: str, now: datetime) -> Item | None:
        """Who disabled the job, if it is disabled now: {by, why, until}."""
        found = self._runs.get({"job": "#control", "run": job})
        return found if found and _disables(found, now) else None

    def controls(self, now: datetime) -> dict[str, Item]:
        """The jobs that are disabled now."""
        return {one["run"]: one for one in self._runs.query("#control") if _disables(one, now)}

    def disable(self, job: str, by: str, now: datetime, *, why: str | None = None, until: datetime | None = None) -> None:
        """From now on no run of the job starts, until `until` or until it is enabled."""
        item = {"job": "#control", "run": job, "disabled": True, "by": by, "why": why, "at": iso(now)}
        self._runs.put({**item, "until": iso(until) if until else None})

    def enable(self, job: str) -> None:
        """Runs of the job start again."""
        self._runs.delete({"job": "#control", "run": job})

    # How a run begins

    def claim(self, run: Mapping[str, Any], now: datetime) -> Item | None:
        """Write a new run with its locks, all or nothing. None if it is ours now; else what was in the way: the run itself, if it
        was there before, or a lock of somebody else."""
        writes = [put(self._runs.name, _kept(run, now), "attribute_not_exists(#run)"), self._put_live(run)]
        writes += [self._put_lock(name, run["run_id"], now) for name in run["locks"]]
        return self._transact(writes)

    def enqueue(self, run: Mapping[str, Any], now: datetime) -> Item | None:
        """Write a run that waits for its locks. None if it is ours; else the run that was there before."""
        live = self._put_live(run, waits_for=list(run["locks"]))
        return self._transact([put(self._runs.name, _kept(run, now), "attribute_not_exists(#run)"), live])

    def promote(self, run: Mapping[str, Any], now: datetime) -> Item | None:
        """Give a waiting run its locks. None if it may start now; else what was in the way."""
        claimed = {"status": "ACCEPTED", "claim_until": iso(now + CLAIM)}
        key = {"job": run["job"], "run": run["run"]}
        writes = [
            update(
                self._runs.name,
                key,
                claimed,
                when="#status = :queued AND attribute_not_exists(#stop)",
                values={":queued": "QUEUED"},
            ),
            self._put_live(run),
        ]
        return self._transact(writes + [self._put_lock(name, run["run_id"], now) for name in run["locks"]])

    def skip(self, run: Mapping[str, Any], now: datetime) -> Item | None:
        """Write a run that is over before it began. None if it is ours; else the run that was there before."""
        kept = _kept(run, now)
        for _ in range(_TRIES):
            writes = [put(self._runs.name, kept, "attribute_not_exists(#run)"), *self._last(run)]
            blocked = self._transact(writes)
            if blocked is None or blocked["job"] != "#last":
                return blocked
        raise BusyError(f"{run['run_id']}: the history is written by too many at once")

    def add_step(self, run: Mapping[str, Any], now: datetime) -> Item | None:
        """Write the run of a step: its locks are the flow's. None if it is ours; else the run that was there before."""
        return self._transact([put(self._runs.name, _kept(run, now), "attribute_not_exists(#run)"), self._put_live(run)])

    def reclaim(self, run: Mapping[str, Any], now: datetime) -> Item | None:
        """Take over a claim that expired. The run with its new claim, or None if somebody else was faster."""
        return self._change(
            run,
            {"claim_until": iso(now + CLAIM)},
            when="#status = :accepted AND #claim_until = :seen",
            values={":accepted": "ACCEPTED", ":seen": run["claim_until"]},
        )

    def release(self, run: Mapping[str, Any], until: datetime) -> None:
        """Shorten the own claim, so that a second try need not wait for it."""
        self._change(
            run,
            {"claim_until": iso(until)},
            when="#status = :accepted AND #claim_until = :seen",
            values={":accepted": "ACCEPTED", ":seen": run["claim_until"]},
        )

    # How it goes on

    def progress(self, run: Mapping[str, Any], changes: Mapping[str, Any]) -> Item | None:
        """Write what is known of a run that goes on, unless more is known (`rank`). The run, or None if nothing is written."""
        when = f"#rank < :new AND {_NOT_OVER}"
        return self._change(run, changes, when=when, values={":new": changes["rank"], **_OVER})

    def submitted(self, run: Mapping[str, Any], changes: Mapping[str, Any]) -> Item | None:
        """Write the id of the Batch job. None if the run changed since it was read."""
        when = f"#rank = :seen AND size(#batch_job_ids) = :count AND {_NOT_OVER}"
        return self._change(run, changes, when=when, values={":seen": run["rank"], ":count": len(run["batch_job_ids"]), **_OVER})

    def amend(self, run: Mapping[str, Any], changes: Mapping[str, Any]) -> Item | None:
        """Write facts beside the status of a run that goes on. The run, or None if it is over."""
        return self._change(run, changes, when=_NOT_OVER, values=_OVER)

    def again(self, run: Mapping[str, Any], facts: Mapping[str, Any], queue: str, now: datetime) -> Item | None:
        """Claim the next submission of a run and write the facts of the last. None if somebody did, or the run is over."""
        number = run["submission"] + 1
        second = {
            **facts,
            "submission": number,
            "status": "ACCEPTED",
            "rank": number * 1000,
            "queue": queue,
            "claim_until": iso(now + CLAIM),
        }
        first = {":first": run["submission"], **_OVER}
        return self._change(run, {**second, "status_since": iso(now)}, when=f"#submission = :first AND {_NOT_OVER}", values=first)

    def end(self, run: Mapping[str, Any], changes: Mapping[str, Any], tell: Mapping[str, Any] | None = None) -> Item | None:
        """End a run, free its locks, renew the summary of its job and note what is to be told, all or nothing.

        The run as it ended, or None if it was over before: a run ends once.
        """
        for _ in range(_TRIES):
            current = self.run(run["job"], run["run"])
            if current is None or is_over(current):
                return None
            ended = {**current, **{key: value for key, value in changes.items() if value is not None}}
            blocked = self._transact(self._ending(current, ended, changes, tell))
            if blocked is None:
                return ended
        raise BusyError(f"{run['run_id']}: the run is written by too many at once")

    def _ending(
        self, current: Item, ended: Item, changes: Mapping[str, Any], tell: Mapping[str, Any] | None
    ) -> list[dict[str, Any]]:
        key = {"job": current["job"], "run": current["run"]}
        # The status that was read stands in the condition: between the reading and the writing a waiting run may get its locks.
        seen = {":seen": current["status"], ":rank": current["rank"]}
        writes = [
            update(self._runs.name, key, changes, remove=("claim_until",), when="#status = :seen AND #rank = :rank", values=seen),
            delete(self._runs.name, {"job": "#live", "run": current["run_id"]}),
        ]
        for name in current.get("locks", ()):
            lock = self.lock(name)
            if lock and lock["holder"] == current["run_id"]:
                mine = {":me": current["run_id"]}
                writes.append(delete(self._runs.name, {"job": "#lock", "run": name}, when="#holder = :me", values=mine))
        if tell:
            writes.append(put(self._runs.name, dict(tell)))
        return writes + self._last(ended)

    def _last(self, run: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The write that makes this run the summary of its job, if it is the newest."""
        last = self._runs.get({"job": "#last", "run": run["job"]})
        if last and last["of"] > run["run"]:
            return []
        facts = ("run_id", "status", "exit_code", "reason", "cause", "scheduled_for", "started_at", "ended_at", "trigger", "array")
        summary = {
            "job": "#last",
            "run": run["job"],
            "of": run["run"],
            **{key: run[key] for key in facts if run.get(key) is not None},
        }
        return [put(self._runs.name, summary, "attribute_not_exists(#run) OR #of <= :of", {":of": run["run"]})]

    def renew_lock(self, name: str, holder: str, now: datetime) -> None:
        """The holder was seen alive."""
        self._runs.change({"job": "#lock", "run": name}, {"lease_until": iso(now + LEASE)}, "#holder = :me", {":me": holder})

    def drop_lock(self, name: str, holder: str) -> None:
        """Free a lock whose run is over or was never written."""
        self._transact([delete(self._runs.name, {"job": "#lock", "run": name}, when="#holder = :me", values={":me": holder})])

    def drop_live(self, run_id: str) -> None:
        """Forget a run that is over or was never written."""
        self._runs.delete({"job": "#live", "run": run_id})

    # What was told

    def told(self) -> dict[str, Item]:
        """What is to be told or was told, by key."""
        return {one["run"]: one for one in self._runs.query("#told")}

    def note(self, key: str, facts: Mapping[str, Any]) -> bool:
        """Write down what is to be told. False if it was written before."""
        item = {**facts, "job": "#told", "run": key}
        return self._transact([put(self._runs.name, item, "attribute_not_exists(#run)")]) is None

    def renote(self, key: str, facts: Mapping[str, Any]) -> None:
        """Write down what is to be told in place of what was told."""
        self._runs.put({**facts, "job": "#told", "run": key})

    def forget(self, key: str) -> None:
        """It was told, and nothing follows."""
        self._runs.delete({"job": "#told", "run": key})

    # How

    def _change(self, run: Mapping[str, Any], changes: Mapping[str, Any], *, when: str, values: Mapping[str, Any]) -> Item | None:
        return self._runs.change({"job": run["job"], "run": run["run"]}, changes, when, values)

    def _put_live(self, run: Mapping[str, Any], waits_for: list[str] | None = None) -> dict[str, Any]:
        live = {"job": "#live", "run": run["run_id"], "of": run["run"], "job_name": run["job"], "since": run["created_at"]}
        return put(self._runs.name, {**live, "waits_for": waits_for})

    def _put_lock(self, name: str, holder: str, now: datetime) -> dict[str, Any]:
        lock = {"job": "#lock", "run": name, "holder": holder, "claimed_at": iso(now), "lease_until": iso(now + LEASE)}
        return put(self._runs.name, lock, "attribute_not_exists(#run)")

    def _transact(self, writes: list[dict[str, Any]]) -> Item | None:
        """Do all of these or none. None if done; else the first item whose condition did not hold."""
        for attempt in range(_TRIES):
            try:
                self._dynamodb.transact_write_items(TransactItems=writes)
            except self._dynamodb.exceptions.TransactionCanceledException as error:
                found = failed_items(error.response, writes)
                if found is not None:
                    return found
                time.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311
            else:
                return None
        raise BusyError("DynamoDB cancels the transaction again and again because others write the same items")


def _disables(control: Item, now: datetime) -> bool:
    return bool(control.get("disabled")) and (not control.get("until") or from_iso(control["until"]) > now)


def _kept(run: Mapping[str, Any], now: datetime) -> Item:
    return {**run, "expires_at": int((now + KEEP).timestamp())}


def each_hundred(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Slices of a hundred: the most that AWS Batch and DynamoDB take at once."""
    for start in range(0, len(items), 100):
        yield items[start : start + 100]
