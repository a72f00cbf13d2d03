"""`transload stop`: end a run before its time."""

import click

from transload.cli import _names, _outcome, _output
from transload.cli._aws import Cloud, placed


@click.command(
    epilog="""\b
Examples:
  transload stop nightly-export
  transload stop nightly-export-20261123T180000Z --why "wrong day"
  transload stop nightly-export 20261123T18 --dry-run"""
)
@click.argument("target", metavar="JOB|RUN", type=_names.JOB)
@click.argument("run", required=False, type=_names.RUN)
@click.option("--why", metavar="TEXT", help="The reason, for the history.")
@click.option("--dry-run", is_flag=True, help="Show what would be stopped.")
@placed
def command(cloud: Cloud, target: str, run: str | None, why: str | None, dry_run: bool) -> None:
    """Stop a run: JOB alone is its latest run that goes on, RUN its id or the first characters of it.

    The container gets SIGTERM, and SIGKILL after its stop timeout. A run that still waits does not start.
    """
    record = _names.find_run(cloud, target, run, live=True)
    run_id = record["run_id"]
    if _outcome.ended(record):
        _output.tell(f"{run_id} has ended already: {_outcome.sentence(record)}")
        return
    if dry_run:
        _output.tell(f"would stop {run_id}, which is {record['status']}")
        return
    cloud.stop(record["job"], record["run"], why)
    _output.tell(f"stopping {run_id}; transload logs {run_id} --follow shows its end")
