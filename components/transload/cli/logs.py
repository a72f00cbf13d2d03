"""`transload logs`: what a run printed, or prints now."""

from datetime import UTC, datetime
from typing import Any

import click

from transload.cli import _names, _outcome, _when
from transload.cli._aws import Cloud, placed
from transload.cli._printer import Printer, following, tell
from transload.cli._session import Session
from transload.cli._signals import Signals


@click.command(
    epilog="""\b
Examples:
  transload logs nightly-export
  transload logs nightly-export 20261123T18
  transload logs nightly-export-20261123T180000Z --follow
  transload logs nightly-export --since 2d --grep 'ERROR|WARN'"""
)
@click.argument("target", metavar="JOB|RUN", type=_names.JOB)
@click.argument("run", required=False, type=_names.RUN)
@click.option("-f", "--follow", is_flag=True, help="Go on until the run ends, and answer with its exit code as `run` does.")
@click.option(
    "--since", metavar="WHEN", help="Only lines since then: 10m, 2d, 2026-11-23T18:00. Without RUN: of every run since then."
)
@click.option("--grep", metavar="REGEX", help="Only lines in which this regular expression is found.")
@click.option("--timestamps", is_flag=True, help="The time of each line in front of it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line: timestamp, attempt, index, message.")
@following
@placed
def command(
    cloud: Cloud,
    target: str,
    run: str | None,
    follow: bool,
    since: str | None,
    grep: str | None,
    timestamps: bool,
    as_json: bool,
    poll: float,
    patience: float,
) -> int:
    """The log of a run: JOB alone is its latest run that was not skipped, RUN its id or the first characters of it.

    All attempts of the run are shown one after the other, the children of an array with [index] in front.
    """
    printer = Printer(grep=grep, as_json=as_json, timestamps=timestamps)
    start = _when.moment(since, datetime.now(UTC)) if since else None
    with Signals() as signals:
        session = Session(cloud, signals, poll=poll, patience=patience)
        runs = session.ask(lambda cloud: _runs(cloud, target, run, start))
        group = session.ask(lambda cloud: cloud.job(runs[-1]["job"])["log_group"]) if runs else ""
        millis = int(start.timestamp() * 1000) if start else None
        for record in runs:
            follower = session.follower(record["job"], record["run"], record.get("log_group") or group, printer, millis)
            if follow and record is runs[-1]:
                return session.to_end(follower)
            session.once(follower)
            if record.get("array") and not follower.known:
                tell(f"AWS Batch forgets the children of an array after a week: look for {record['job']}/default/ in {group}")
            if not as_json and record is runs[-1] and not _outcome.ended(record):
                tell(f"{record['run_id']} is {record['status']}; --follow goes on")
    return _outcome.OK


def _runs(cloud: Cloud, target: str, run: str | None, since: datetime | None) -> list[dict[str, Any]]:
    """The runs to show, the oldest first."""
    job, _ = _names.split(target, run)
    if since is None or run or job != target:
        return [_names.find_run(cloud, target, run)]
    cloud.job(job)
    # A run that began before still printed since then.
    return [record for record in reversed(cloud.store.history(job, limit=200)) if _last_sign(record) >= since]


def _last_sign(record: dict[str, Any]) -> datetime:
    return _when.parse(record.get("ended_at")) or datetime.now(UTC)
