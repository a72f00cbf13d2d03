"""Runs that should have started by their schedule and did not: told once, and once more when the schedule works again."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from transload import _schedule
from transload.conductor.context import Conductor
from transload.conductor.log import log
from transload.conductor.table import Item
from transload.conductor.tell import note, tell, tell_recovery
from transload.conductor.times import compact, from_iso, iso

LOOK_BACK = timedelta(days=7)
"""After a longer pause of `watch` itself, older times are not looked for."""

AGAIN = timedelta(hours=20)
"""A daily job that is missed again is told again; a job of every five minutes is not told 288 times a day."""

_GRACE = 15
_MOST = 500


def look(conductor: Conductor, now: datetime) -> int:
    """Check all schedules up to `now`. How many messages went out."""
    told = conductor.store.told()
    off = conductor.store.controls(now)
    before = from_iso(told["watch"]["checked_until"]) if "watch" in told else now
    due: dict[str, list[datetime]] = {}
    jobs = {job["job"]: job for job in conductor.store.jobs()}
    _forget_removed(conductor, jobs, told)
    for name, job in jobs.items():
        since = _known_since(conductor, job, name in off, told, now)
        if since is None:
            continue
        grace = timedelta(minutes=job.get("grace_minutes") or _GRACE)
        due[name] = _due(conductor, job, max(since, before - grace, now - LOOK_BACK), now - grace, since)
    count = _tell_missing(conductor, jobs, _missing(conductor, due), told, now)
    count += _recovered(conductor, now)
    # Last: what a crash leaves unchecked is checked by the next pass.
    conductor.store.renote("watch", {"checked_until": iso(max(now, before))})
    return count


def _forget_removed(conductor: Conductor, jobs: Mapping[str, Item], told: Mapping[str, Item]) -> None:
    """A job that is declared again later is a new one."""
    for key in told:
        kind, _, name = key.partition("#")
        if kind in ("seen", "missed") and name not in jobs:
            conductor.store.forget(key)


def _known_since(conductor: Conductor, job: Item, off: bool, told: Mapping[str, Item], now: datetime) -> datetime | None:
    """Since when the job has had the schedule it has now; None if it has none. Before that nothing was due: a job that is new, was
    changed or is enabled again is not missed for times at which it did not stand like this."""
    name, key = job["job"], f"seen#{job['job']}"
    expressions = job.get("expressions") or []
    active = expressions and job.get("enabled") is not False and not off
    spec = " ".join([job.get("timezone") or "UTC", *expressions]) if active else "off"
    seen = told.get(key)
    if seen is None and not expressions:
        return None
    if seen is None or seen["spec"] != spec:
        conductor.store.renote(key, {"spec": spec, "since": iso(now)})
        if f"missed#{name}" in told:
            conductor.store.forget(f"missed#{name}")
        return None
    return from_iso(seen["since"]) if active else None


def _due(conductor: Conductor, job: Item, start: datetime, end: datetime, since: datetime) -> list[datetime]:
    """The times in (start, end] at which the job should have started."""
    times: set[datetime] = set()
    for expression in job["expressions"]:
        try:
            rate = _schedule.read(expression)
            if isinstance(rate, _schedule.Rate):
                times |= _due_by_rate(conductor, job, rate.every, end, since)
            else:
                times |= set(_schedule.due_between(expression, job.get("timezone") or "UTC", start, end))
        except ValueError as error:
            log("cannot read the schedule", job=job["job"], error=str(error))
    return sorted(times)[-_MOST:]


def _due_by_rate(conductor: Conductor, job: Item, every: timedelta, end: datetime, since: datetime) -> set[datetime]:
    """A rate counts from when its schedule was made, which only EventBridge Scheduler knows: so it is missed when a whole interval
    has gone by without a run."""
    intervals = (end - since) // every
    time = since + intervals * every
    if intervals < 1 or any(_by_schedule(run) for run in conductor.store.history(job["job"], since=time - every)):
        return set()
    return {time}


def _by_schedule(run: Mapping[str, Any]) -> bool:
    return run.get("trigger") == "schedule"


def _missing(conductor: Conductor, due: Mapping[str, list[datetime]]) -> dict[str, list[datetime]]:
    """Those times without a run. Scheduler names the time it was set to, the minute at 0 s; the whole minute is looked at all the
    same before somebody is told."""
    wanted = [(name, compact(time)) for name, times in due.items() for time in times]
    there = conductor.store.present(wanted) if wanted else set()
    missing: dict[str, list[datetime]] = {}
    for name, times in due.items():
        gone = [time for time in times if (name, compact(time)) not in there]
        gone = [time for time in gone if not conductor.store.started_in_minute(name, compact(time))]
        if gone:
            missing[name] = gone
    return missing


def _tell_missing(
    conductor: Conductor, jobs: Mapping[str, Item], missing: Mapping[str, list[datetime]], told: Mapping[str, Item], now: datetime
) -> int:
    count = 0
    for name, times in missing.items():
        key, job = f"missed#{name}", jobs[name]
        before = told.get(key)
        # A pass that crashed before its end finds the same times again.
        times = [time for time in times if before is None or time > from_iso(before["last"])]
        if not times:
            continue
        number = len(times) + (before["number"] if before else 0)
        facts = _facts(job, times, number)
        title = f"{name} did not start at {_local(job, times[-1])}"
        news = note("missed", title, facts, now, thread=f"missed-{name}", keep=True) | {"last": iso(times[-1]), "number": number}
        if before and from_iso(before["noted_at"]) > now - AGAIN:
            conductor.store.renote(key, {**before, "last": iso(times[-1]), "number": number})
            continue
        conductor.store.renote(key, news)
        count += tell(conductor, key, news)
    return count


def _facts(job: Mapping[str, Any], times: list[datetime], number: int) -> list[tuple[str, str]]:
    shown = ", ".join(f"{_local(job, time)} ({iso(time)})" for time in times[-5:])
    facts = [
        ("job", job["job"]),
        ("missed", shown if len(times) <= 5 else f"{len(times)} times, last {shown}"),
        ("in all", str(number) if number > len(times) else None),
        ("schedule", f"{job.get('schedule') or ', '.join(job['expressions'])} {job.get('timezone') or 'UTC'}"),
        ("grace", f"{job.get('grace_minutes') or _GRACE} min"),
        ("owner", job.get("owner")),
        ("impact", job.get("impact_if_stopped")),
        ("next", f"transload verify {job['job']}, then transload run {job['job']}"),
    ]
    return [(name, value) for name, value in facts if value]


def _local(job: Mapping[str, Any], time: datetime) -> str:
    zone = job.get("timezone") or "UTC"
    return f"{time.astimezone(_schedule.zone_of(zone)):%Y-%m-%d %H:%M} {zone}"


def _recovered(conductor: Conductor, now: datetime) -> int:
    """The next run that the schedule starts, or the missed one if it comes late, ends the matter."""
    count = 0
    for key, before in conductor.store.told().items():
        name = key.partition("#")[2]
        if not key.startswith("missed#") or before.get("pending") or before["kind"] != "missed":
            continue
        last = from_iso(before["last"])
        came = [run for run in conductor.store.history(name, since=last) if _by_schedule(run)]
        if came:
            facts = [("run", came[-1]["run_id"]), ("missed in all", str(before["number"]))]
            title = f"{name} starts by its schedule again"
            count += tell_recovery(conductor, key, title, facts, now, f"missed-{name}")
    return count
