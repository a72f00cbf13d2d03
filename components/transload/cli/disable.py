"""`transload disable`: keep a job from running, for a while or until it is enabled."""

from datetime import UTC, datetime

import click

from transload._errors import Problem
from transload.cli import _names, _output, _when
from transload.cli._aws import Cloud, placed


@click.command(
    epilog="""\b
Examples:
  transload disable nightly-export --until 2d --why "the database moves"
  transload disable nightly-export --until 2026-12-01T09:00"""
)
@click.argument("job", type=_names.JOB)
@click.option(
    "--until", metavar="WHEN", help="Enabled again then: 2h, 3d, 2026-12-01T09:00 in the job's time zone. Default: by `enable`."
)
@click.option("--why", metavar="TEXT", help="The reason, for whoever finds a run skipped.")
@click.option("--dry-run", is_flag=True, help="Show what would change.")
@placed
def command(cloud: Cloud, job: str, until: str | None, why: str | None, dry_run: bool) -> None:
    """From now on no run of JOB starts. What is running goes on (see `stop`).

    Each run that was due stands in the history as SKIPPED. The schedule and the program stay as they are, so the next
    deployment does not undo this.
    """
    item, now = cloud.job(job), datetime.now(UTC).replace(microsecond=0)
    zone = item.get("timezone") or "UTC"
    end = _when.moment(until, now, ahead=True, zone=zone) if until else None
    if end and end <= now:
        raise Problem(f"--until {until} is over: {_when.clock(end, zone, year=True)}", 2)
    what = f"{job} until {_when.clock(end, zone, year=True)}" if end else f"{job} until transload enable {job}"
    if dry_run:
        _output.tell(f"would disable {what}")
        return
    cloud.store.disable(job, cloud.caller(), now, why=why, until=end)
    _output.tell(f"disabled {what}")
