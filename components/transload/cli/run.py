"""`transload run`: start a job now, print what it prints, answer with its exit code."""

import os
import shlex
import time
from datetime import UTC, datetime
from typing import Any

import click

from transload import _fargate
from transload._errors import Problem
from transload.cli import _names, _outcome, _output, _when
from transload.cli._aws import Cloud, of_no_cluster, placed, refusal
from transload.cli._contact import LostContactError
from transload.cli._printer import Printer, following, tell
from transload.cli._session import Session
from transload.cli._signals import Interrupted, Signals
from transload.conductor import times


@click.command(
    epilog="""\b
Examples:
  transload run nightly-export
  transload run nightly-export -e DRY_RUN=1 --memory 8192 -- python export.py --day 2026-11-22
  transload run reindex --array 20
  transload run nightly-export --detach
  transload run month-end --from latest

\b
Exit codes: the job's own, and
   75  AWS does not answer any more: the run goes on, its end is not known
   76  skipped: another run of the job is going on, or the job is disabled
  124  timed out, and was stopped
  125  could not start, or ended without an exit code; the reason is told
  130  interrupted (SIGINT), and the job is stopped; 143 after SIGTERM
    2  wrong usage, such as an unknown job"""
)
@click.argument("job", type=_names.JOB)
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "-e",
    "--env",
    "environment",
    multiple=True,
    metavar="KEY=VALUE",
    help="Environment variable; KEY alone takes its value from here.",
)
@click.option("--vcpu", type=click.FloatRange(0, min_open=True), metavar="N", help="vCPUs instead of the job's own.")
@click.option("--memory", "memory_mib", type=click.IntRange(1), metavar="MIB", help="Memory in MiB instead of the job's own.")
@click.option(
    "--array", "array_size", type=click.IntRange(2, 10000), metavar="N", help="As an array of N children; lines begin with [index]."
)
@click.option("--timeout", type=_when.LENGTH, metavar="TIME", help="Stop an attempt that runs longer: 90s, 15m, 2h. At least 60s.")
@click.option(
    "--from",
    "from_run",
    metavar="RUN",
    type=_names.RUN,
    help="Run a flow again from the step that failed in this run of it: latest, an id or the first characters of it.",
)
@click.option("--detach", is_flag=True, help="Leave it running and print the run id.")
@click.option("--dry-run", is_flag=True, help="Show what would be started.")
@click.option("--json", "as_json", is_flag=True, help="With --detach or --dry-run: one JSON document.")
@following
@placed
def command(
    cloud: Cloud,
    job: str,
    command: tuple[str, ...],
    environment: tuple[str, ...],
    timeout: int | None,
    from_run: str | None,
    detach: bool,
    dry_run: bool,
    as_json: bool,
    poll: float,
    patience: float,
    **sizes: Any,
) -> int:
    """Start JOB now, as its schedule would: same queue, network and roles. Print its output; answer with its exit code.

    stdout carries the job's output and nothing else. COMMAND, after --, replaces the job's command for this run.
    """
    if as_json and not (detach or dry_run):
        raise click.UsageError("--json goes with --detach or --dry-run: stdout belongs to the job")
    changes = {
        "command": list(command) or None,
        "environment": variables(environment),
        "timeout_seconds": check_timeout(timeout),
        **sizes,
    }
    overrides = {name: value for name, value in changes.items() if value}
    with Signals() as signals:
        session = Session(cloud, signals, poll=poll, patience=patience)
        item = _start(session, lambda cloud: cloud.job(job))
        check_size(item, overrides)
        check_flow(item, overrides, from_run)
        if from_run:
            before = _start(session, lambda cloud: _names.find_run(cloud, job, from_run))
            from_run = before["run_id"]
        if dry_run:
            _show(item, overrides, from_run, as_json)
            return _outcome.OK
        run = times.by_hand(datetime.now(UTC))
        accepted = _submit(session, {"job": job, "run": run, "overrides": overrides, "from_run": from_run})
        if isinstance(accepted, int):
            return accepted
        if detach:
            _output.print_json(accepted) if as_json else click.echo(accepted["run_id"])
            # Skipped, refused, or faster than we looked.
            return session.ended(accepted) if _outcome.ended(accepted) else _outcome.OK
        follower = session.follower(job, run, item.get("log_group", ""), Printer())
        return session.to_end(follower, stop=lambda cloud: cloud.stop(job, run))


def _start(session: Session, ask: Any) -> Any:
    """What is asked before anything runs: whatever goes wrong here is "could not start"."""
    try:
        answer = session.contact(ask)
        # A signal that came meanwhile: what was not begun needs no stop.
        session.signals.check()
        return answer
    except Interrupted as signal:
        raise Problem(f"{signal}: nothing was started", signal.exit_code) from signal
    except Problem:
        raise
    except LostContactError as lost:
        raise Problem(f"could not start: {lost}", _outcome.NOT_STARTED) from lost
    except Exception as error:
        if of_no_cluster(error):
            raise
        raise Problem(f"could not start: {refusal(error)}", _outcome.NOT_STARTED) from error


def _submit(session: Session, event: dict[str, Any]) -> dict[str, Any] | int:
    """The run record after the start, or the exit code where nothing can be known of it."""
    run_id = f"{event['job']}-{event['run']}"
    event |= {"trigger": "person", "triggered_by": _start(session, lambda cloud: cloud.caller())}
    try:
        # The run is named here, so that asking twice starts it once.
        give_up = time.monotonic() + session.patience
        # ACCEPTED: AWS Batch has not confirmed it yet. The values of -e are stored nowhere, so this process asks on.
        while session.contact(lambda cloud: cloud.submit(event))["status"] == "ACCEPTED":
            if time.monotonic() > give_up:
                raise LostContactError("AWS Batch did not confirm the job")
            session.signals.wait(session.poll)
        return session.contact(lambda cloud: cloud.run(event["job"], event["run"]))
    except LostContactError as lost:
        tell(f"no answer from AWS ({lost}); it is not known whether {run_id} was started; transload why {run_id}")
        return _outcome.UNKNOWN
    except Interrupted as signal:
        tell(f"{signal}: AWS did not answer yet; if {run_id} was started it is running: transload stop {run_id}")
        return signal.exit_code
    except Problem:
        raise
    except ValueError as error:
        # Such as a run of a flow that there is nothing to go on with.
        raise Problem(f"could not start: {error}", _outcome.NOT_STARTED) from error
    except Exception as error:
        raise Problem(f"could not start: {refusal(error)}", _outcome.NOT_STARTED) from error


def variables(pairs: tuple[str, ...]) -> dict[str, str]:
    """The environment of -e; a KEY alone takes its value from this environment."""
    found = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not key or key.startswith("AWS_BATCH"):
            raise click.UsageError(
                f"-e {pair}: " + ("AWS Batch keeps names that begin with AWS_BATCH" if key else "write KEY=VALUE")
            )
        if not equals and key not in os.environ:
            raise click.UsageError(f"-e {key}: there is no such variable here; write {key}=VALUE")
        found[key] = value if equals else os.environ[key]
    return found


def check_timeout(timeout: int | None) -> int | None:
    """The timeout of an attempt. AWS Batch takes no less than 60 s (API reference, JobTimeout)."""
    if timeout is not None and timeout < 60 and not os.environ.get("TRANSLOAD_LOCAL"):
        raise click.UsageError(f"--timeout {timeout}s: AWS Batch takes 60s and more")
    return timeout


def check_size(item: dict[str, Any], overrides: dict[str, Any]) -> None:
    """A size that Fargate does not run is refused here: in AWS Batch it would wait for ever."""
    if item.get("capacity") == "ec2" or not overrides.keys() & {"vcpu", "memory_mib"}:
        return
    vcpu, memory = float(overrides.get("vcpu", item["vcpu"])), int(overrides.get("memory_mib", item["memory_mib"]))
    if problem := _fargate.problem_with_size(vcpu, memory):
        raise click.UsageError(problem.replace("memory_mib", "--memory").replace("vcpu must", "--vcpu must"))


def check_flow(item: dict[str, Any], overrides: dict[str, Any], from_run: str | None) -> None:
    """A flow runs its steps as they are declared; only a flow can be run from a step on."""
    if item.get("kind") != "flow" and from_run:
        raise click.UsageError(f"--from is for flows, {item['job']} is a job: run it again as it is")
    if item.get("kind") == "flow" and overrides:
        names = ", ".join(overrides).replace("_", " ")
        raise click.UsageError(f"{item['job']} is a flow, its steps run as they are declared: leave out {names}")


def _show(item: dict[str, Any], overrides: dict[str, Any], from_run: str | None, as_json: bool) -> None:
    """What would be started, the environment by its names alone."""
    shown = {
        "job": item["job"],
        "definition": item.get("definition"),
        "queue": item.get("queue"),
        "steps": [step["name"] for step in item.get("steps", ())],
        "from": from_run,
        "image": item.get("image"),
        "command": overrides.get("command") or item.get("command") or "the image's own",
        "environment": sorted(overrides.get("environment", {})),
        "vcpu": overrides.get("vcpu", item.get("vcpu")),
        "memory_mib": overrides.get("memory_mib", item.get("memory_mib")),
        "array_size": overrides.get("array_size", item.get("array_size")),
        "timeout_seconds": overrides.get("timeout_seconds", item.get("timeout_seconds")),
        "concurrency": item.get("concurrency"),
    }
    if as_json:
        _output.print_json(shown)
        return
    texts = {name: shlex.join(map(str, value)) if isinstance(value, list) else str(value or "") for name, value in shown.items()}
    _output.facts([("would start", [texts.pop("job")]), *((name.replace("_", " "), [text]) for name, text in texts.items())])
