"""`transload local fire`, `clock` and `reclaim`: what starts, hurries and interrupts jobs on this machine."""

import contextlib
import json
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from transload._errors import Problem

if TYPE_CHECKING:
    from transload.conductor.runs import Store
    from transload.local import Cloud
    from transload.local.clock import Clock, Day, Started
    from transload.local.delivery import Planned, Scheduler

_PROJECT = click.option(
    "--project",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=".",
    show_default="this folder",
    help="Folder that holds Pulumi.yaml.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")
_TWICE = click.option("--twice", is_flag=True, help="Deliver twice at once: EventBridge Scheduler delivers at least once.")
# AWS gives a Spot task two minutes before it is ended (Amazon ECS Developer Guide, "Fargate Spot capacity termination notices").
_GRACE_SECONDS = 120.0


@click.command()
@click.argument("job")
@click.option(
    "--at", help="Time that it is due: 2026-11-24T02:30 (in the schedule's zone), 2026-11-23T17:30Z, or 2h for two hours ago."
)
@_TWICE
@_PROJECT
@_JSON
def fire(job: str, at: str | None, twice: bool, project: Path, as_json: bool) -> None:
    """Start JOB as EventBridge Scheduler would: its schedule is read back from the emulator, filled in and delivered.

    The run counts as the one that was due at that time: firing twice for one time makes one run.
    """
    from transload.local.delivery import Scheduler

    scheduler = Scheduler(_cloud(project))
    planned = scheduler.of_job(job)[0]
    if not planned.enabled:
        click.echo(f"schedule {planned.name} is disabled: EventBridge Scheduler would not fire it", err=True)
    scheduler.check(planned)
    answers = scheduler.deliver(planned, _moment(at, planned.timezone), 2 if twice else 1)
    failed = next((answer.error for answer in answers if answer.error), None)
    if failed:
        raise Problem(f"{planned.target.rsplit(':', 1)[-1]} failed: {failed}; see moto.log in {project / '.transload'}")
    told = [answer.answer for answer in answers]
    if as_json:
        click.echo(json.dumps(told if twice else told[0], indent=2))
        return
    run_id, states = told[0]["run_id"], ", ".join(answer["status"] for answer in told)
    yielded = f", yielded to {told[0]['yielded_to']}" if told[0].get("yielded_to") else ""
    click.echo(f"{run_id}  {'delivered twice, one run: ' if twice else ''}{states}{yielded}")
    click.echo(f"follow it: transload logs {run_id} --follow", err=True)


@click.command()
@click.argument("run")
@click.option(
    "--grace", type=click.FloatRange(0), default=_GRACE_SECONDS, show_default=True, help="Seconds from SIGTERM to SIGKILL."
)
@click.option("--now", is_flag=True, help="Kill at once, as --grace 0.")
@_PROJECT
def reclaim(run: str, grace: float, now: bool, project: Path) -> None:
    """Take the Spot capacity away from RUN as AWS does: SIGTERM, two minutes, SIGKILL. RUN is a run id, the id of a Batch job, or
    a job for its latest run that goes on.

    Only a run that was placed on Fargate Spot can be reclaimed. What follows is up to the job's retry strategy.
    """
    from transload.conductor.times import parse_run_id

    cloud = _cloud(project)
    if parse_run_id(run) is None:
        run = _going(cloud, run) or run
    answer = _control(cloud, "reclaim", job=run, grace=0.0 if now else grace)
    click.echo(f"{run}: attempt {answer['attempt']} of job {answer['job_id']} is being interrupted")


@click.command()
@click.option(
    "--speed", type=click.FloatRange(min=0, min_open=True), default=1.0, show_default=True, help="Simulated seconds in a real one."
)
@click.option("--from", "start", help="Simulated time to begin with, as 2026-11-24T00:00 (UTC) or with an offset.  [default: now]")
@click.option("--until", help="Simulated time to end at. Default: none, Ctrl-C ends it.")
@_TWICE
@click.option(
    "--patience", type=click.FloatRange(0), default=600.0, show_default=True, help="Real seconds to stand still for one run."
)
@_PROJECT
@_JSON
def clock(speed: float, start: str | None, until: str | None, twice: bool, patience: float, project: Path, as_json: bool) -> int:
    """Deliver every enabled schedule as (simulated) time passes.

    Simulated time never outruns the jobs: before it moves on it waits for each run that would be over by then in real time. So a
    high speed makes no overlaps, and no skipped runs, that real time would not make. Schedules are read once, at the start.
    """
    from transload.local.clock import Clock
    from transload.local.delivery import Scheduler

    cloud = _cloud(project)
    scheduler = Scheduler(cloud)
    planned = [one for one in scheduler.all() if one.enabled]
    for one in planned:
        scheduler.check(one)
    if not planned:
        raise Problem("there is no enabled schedule in the local cloud: nothing would ever happen")
    begin, end = _moment(start, "UTC"), _moment(until, "UTC") if until else None
    if end is not None and end <= begin:
        raise Problem(f"--until {end:%Y-%m-%dT%H:%MZ} is not after --from {begin:%Y-%m-%dT%H:%MZ}", 2)
    with _progress(as_json) as show:
        ticking: Clock = Clock(
            scheduler,
            planned,
            _look(cloud, scheduler, planned),
            start=begin,
            until=end,
            speed=speed,
            copies=2 if twice else 1,
            patience=patience,
            told=lambda run: show(ticking, run),
        )
        interrupted = []
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _: (interrupted.append(number), ticking.stop()))
        day = ticking.run()
    _report(day, ticking.now, as_json)
    if day.errors:
        return 1
    return 128 + interrupted[0] if interrupted and end is not None else 0


def _cloud(project: Path) -> "Cloud":
    """The local cloud that runs for the project; `Problem` when none does."""
    from transload.local import Cloud, _state

    home = _state.folder(project)
    state = _state.load(home)
    if state is None or len(state.servers) != 2:
        raise Problem("the local cloud is down: transload local up starts it")
    cloud = Cloud(home, state)
    dead = cloud.dead()
    if dead:
        raise dead
    return cloud


def _moment(text: str | None, zone: str) -> datetime:
    from transload.cli._when import moment

    now = datetime.now(UTC).replace(microsecond=0)
    return moment(text, now, zone=zone) if text else now


def _going(cloud: "Cloud", job: str) -> str | None:
    """The id of the newest run of the job that goes on; None for what is no job."""
    from transload.local.delivery import Scheduler

    scheduler = Scheduler(cloud)
    store = _store(cloud, scheduler, scheduler.all())
    if store is None or store.job(job) is None:
        return None
    going = [one for one in store.live() if one["job_name"] == job]
    if not going:
        raise Problem(f"no run of {job} goes on: there is nothing to reclaim")
    return max(going, key=lambda one: one["since"])["run_id"]


def _control(cloud: "Cloud", knob: str, **what: Any) -> dict[str, Any]:
    """Turn a knob of the moto server that AWS does not have."""
    request = urllib.request.Request(f"{cloud.endpoints['']}/transload/{knob}", json.dumps(what).encode(), method="POST")  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - http to loopback
            return json.load(answer)
    except urllib.error.HTTPError as refusal:
        with refusal:
            raise Problem(json.load(refusal)["problem"]) from None
    except OSError as error:
        raise Problem(f"the local cloud does not answer: {error}") from None


def _store(cloud: "Cloud", scheduler: "Scheduler", planned: "list[Planned]") -> "Store | None":
    """The tables of the conductor that these schedules start."""
    from transload.conductor.runs import Store

    tables = scheduler.runs_table(planned)
    return Store(cloud.client("dynamodb"), *tables) if tables else None


def _look(cloud: "Cloud", scheduler: "Scheduler", planned: "list[Planned]") -> Callable[[str], str | None]:
    """What the history says of a run."""
    store = _store(cloud, scheduler, planned)

    def look(run_id: str) -> str | None:
        run = store.get(run_id) if store else None
        return run["status"] if run else None

    return look


@contextlib.contextmanager
def _progress(quiet: bool) -> Generator[Callable[["Clock", "Started | None"], None]]:
    """A line for each run that ends, on stderr; on a terminal also the simulated time and what runs."""
    if quiet:
        yield lambda ticking, run: None
        return
    if not sys.stderr.isatty():
        yield lambda ticking, run: click.echo(_line(run), err=True) if run and run.over else None
        return
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    with console.status("starting") as spinner:

        def show(ticking: "Clock", run: "Started | None") -> None:
            if run and run.over:
                console.print(_line(run), style=None if run.status == "SUCCEEDED" else "yellow")
            live = [one.job for one in ticking.day.runs.values() if not one.over]
            spinner.update(f"{ticking.now:%a %d %b %H:%M} UTC  [dim]{', '.join(live) or 'nothing runs'}[/dim]")

        yield show


def _line(run: "Started") -> str:
    return f"{run.due:%Y-%m-%d %H:%M} UTC  {run.status:<9}  {run.run_id}"


def _report(day: "Day", now: datetime, as_json: bool) -> None:
    rows = {job: {"due": due, **day.ended(job)} for job, due in sorted(day.due.items())}
    if as_json:
        told = {"now": f"{now:%Y-%m-%dT%H:%M:%SZ}", "jobs": rows, "watched": day.watched, "errors": day.errors}
        click.echo(json.dumps(told, indent=2))
        return
    width = max(map(len, rows), default=0)
    for job, row in rows.items():
        click.echo(f"{job:<{width}}  {', '.join(f'{count} {name.lower()}' for name, count in row.items())}")
    click.echo(f"it is {now:%Y-%m-%d %H:%M} UTC; watch looked {day.watched} times")
    for error in day.errors:
        click.echo(f"not delivered: {error}", err=True)
