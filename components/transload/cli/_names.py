"""How jobs and runs are named on the command line, and completed there."""

import difflib
from collections.abc import Collection
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from transload._errors import Problem
from transload.cli import _outcome, _when
from transload.conductor import times

if TYPE_CHECKING:
    from transload.cli._aws import Cloud

LATEST = "latest"
# Every status but SKIPPED: what a person means by the latest run is one that ran, or that is going to.
_RAN = ("ACCEPTED", "QUEUED", "SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED", "FAILED", "STOPPED")


def split(target: str, run: str | None = None) -> tuple[str, str]:
    """Job and run of "JOB RUN", "JOB" alone (its latest run) or a run id."""
    found = times.parse_run_id(target)
    if found is None:
        return target, run or LATEST
    if run:
        raise Problem(f"{target} is already a run; leave out {run}", 2)
    return found


def unknown_job(job: str, known: Collection[str], cluster: str) -> Problem:
    near = difflib.get_close_matches(job, known, 1)
    hint = f"did you mean {near[0]}?" if near else "see transload jobs"
    return Problem(f"no job {job!r} in cluster {cluster}; {hint}", 2)


def newest(cloud: "Cloud", job: str, limit: int | None = None, **narrow: Any) -> list[dict[str, Any]]:
    """Runs of a job, the newest first. In the table those of one second stand by the random end of their names, so a few more are
    read than are wanted."""
    runs = cloud.store.history(job, limit=limit and limit + 10, **narrow)
    return sorted(runs, key=_age, reverse=True)[:limit]


def _age(run: dict[str, Any]) -> tuple[str, datetime, str]:
    second = run["run"][:15]
    return second, _when.parse(run.get("created_at")) or datetime.min.replace(tzinfo=UTC), run["run"]


def find_run(cloud: "Cloud", target: str, run: str | None = None, *, live: bool = False) -> dict[str, Any]:
    """The run record for what a person wrote: a run id, a job and the first characters of a run, or a job for its latest run, with
    `live` for the latest that goes on, if one does."""
    job, name = split(target, run)
    # "why nightly nightly-2026..." is what is pasted from a table.
    name = name.removeprefix(f"{job}-")
    if times.is_run(name) and (record := cloud.store.run(job, name)):
        return record
    cloud.job(job)
    if name == LATEST:
        found = (live and _live(cloud, job)) or newest(cloud, job, 1, status=_RAN) or newest(cloud, job, 1)
        if not found:
            raise Problem(no_run_yet(job), 2)
        return found[0]
    found = [record for record in cloud.store.history(job, since=_day(name)) if record["run"].startswith(name)]
    if not found:
        raise Problem(f"no run {name} of {job}; see transload history {job}", 2)
    if len(found) > 1:
        raise Problem(f"{name} may be {', '.join(record['run'] for record in found[:5])}: write more of it", 2)
    return found[0]


def _live(cloud: "Cloud", job: str) -> list[dict[str, Any]]:
    """The runs of a job that go on, the newest first."""
    going = [cloud.store.run(job, one["run"]) for one in cloud.store.live() if one["job_name"] == job]
    return sorted((run for run in going if run and not _outcome.ended(run)), key=_age, reverse=True)


def no_run_yet(job: str) -> str:
    return f"{job} has no run yet; start one: transload run {job}"


def _day(name: str) -> datetime:
    try:
        return datetime.strptime(name[:8], "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        raise Problem(f"{name!r} is no run: write latest, or the day and as much as is needed, such as 20261123T18", 2) from None


def _cloud(ctx: click.Context) -> "Cloud":
    from transload.cli._aws import Cloud

    return Cloud(ctx.params.get("cluster"), ctx.params.get("region"), ctx.params.get("profile"))


class JobName(click.ParamType):
    """The name of a job; completed from the jobs table."""

    name = "job"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
        from click.shell_completion import CompletionItem

        # A completion that fails completes nothing: there is no place to tell why.
        try:
            jobs = _cloud(ctx).store.jobs()
        except Exception:
            return []
        return [CompletionItem(job["job"], help=job.get("purpose")) for job in jobs if job["job"].startswith(incomplete)]


class RunName(click.ParamType):
    """A run of the job before it, or a run id; completed from the history."""

    name = "run"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
        from click.shell_completion import CompletionItem

        job = ctx.params.get("target") or ctx.params.get("job")
        try:
            runs = _cloud(ctx).store.history(job, limit=20) if job else []
        except Exception:
            return []
        items = [CompletionItem(run["run"], help=run["status"]) for run in runs]
        return [item for item in [CompletionItem(LATEST), *items] if item.value.startswith(incomplete)]


JOB, RUN = JobName(), RunName()
