"""`transload history`: the runs of a job, for a year and more."""

from datetime import UTC, datetime
from typing import Any

import click

from transload.cli import _names, _outcome, _output, _when
from transload.cli._aws import Cloud, as_json, placed

_STATUSES = ["SUCCEEDED", "FAILED", "STOPPED", "SKIPPED", "RUNNING", "QUEUED"]


@click.command(
    epilog="""\b
Examples:
  transload history nightly-export
  transload history nightly-export --since 7d --status failed
  transload history nightly-export --since 2026-11-01 --json"""
)
@click.argument("job", type=_names.JOB)
@click.option("--since", metavar="WHEN", help="Only runs due since then: 12h, 7d, 2026-11-01. A date is in the job's time zone.")
@click.option(
    "--status", "statuses", multiple=True, type=click.Choice(_STATUSES, case_sensitive=False), help="Only these; may be repeated."
)
@click.option("-n", "--limit", type=click.IntRange(1), default=None, help="At most so many. Default: 20, with --since all.")
@as_json
@placed
def command(cloud: Cloud, job: str, since: str | None, statuses: tuple[str, ...], limit: int | None, as_json: bool) -> None:
    """The runs of JOB, the newest first: when, how long, how it ended, who started it.

    A run that was skipped is a run too: its reason names the run it yielded to.
    """
    item = cloud.job(job)
    zone = item.get("timezone") or "UTC"
    start = _when.moment(since, datetime.now(UTC), zone=zone) if since else None
    runs = _names.newest(cloud, job, limit or (None if since else 20), since=start, status=statuses)
    if as_json:
        _output.print_json(runs)
    elif runs:
        headers = ["RUN", "STARTED", "TOOK", "STATUS", "BY", "REASON"]
        _output.table(headers, [row(run, zone) for run in runs], keep=["RUN", "STARTED", "STATUS"])
    else:
        _output.tell(f"no such run of {job}" if since or statuses else _names.no_run_yet(job))


def row(run: dict[str, Any], zone: str) -> list[_output.Cell]:
    """One line of the history."""
    status, code = run["status"], run.get("exit_code")
    started = _when.began(run) or _when.parse(run.get("scheduled_for"))
    return [
        run["run"],
        _when.clock(started, zone).partition(" ")[2],
        _when.length(_when.took(run)),
        (f"{status} ({int(code)})" if code else status, _output.STYLES.get(status, "cyan")),
        {"person": "hand"}.get(run.get("trigger", ""), run.get("trigger", "")),
        _outcome.reason(run),
    ]
