"""`transload enable`: let a job run again that was disabled by hand."""

from datetime import UTC, datetime

import click

from transload.cli import _names, _outcome, _output
from transload.cli._aws import Cloud, placed


@click.command(
    epilog="""\b
Examples:
  transload enable nightly-export"""
)
@click.argument("job", type=_names.JOB)
@click.option("--dry-run", is_flag=True, help="Show what would change.")
@placed
def command(cloud: Cloud, job: str, dry_run: bool) -> None:
    """Undo `disable`: runs of JOB start again.

    A job that its program disables (enabled: false) is enabled there, not here.
    """
    item = cloud.job(job)
    control = cloud.store.control(job, datetime.now(UTC))
    if not item.get("enabled", True):
        _output.tell(f"{job} is disabled in its program: set enabled there and deploy")
    if control is None:
        _output.tell(f"{job} was not disabled by hand: nothing to do")
        return
    if dry_run:
        _output.tell(f"would enable {job}, {_disabled(control)}")
        return
    cloud.store.enable(job)
    _output.tell(f"{job} is enabled; it was {_disabled(control)}")


def _disabled(control: dict) -> str:
    return _outcome.short(f"disabled by {control['by']}") + (f": {control['why']}" if control.get("why") else "")
