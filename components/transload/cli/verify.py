"""`transload verify`: whether jobs can start, asked before they have to."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import groupby

import click

from transload.cli import _names, _output
from transload.cli._aws import Cloud, as_json, placed
from transload.cli._checks import NG, OK, UNKNOWN, Check, Checks

_STYLES = {OK: "green", NG: "bold red", UNKNOWN: "dim"}


@click.command(
    epilog="""\b
Examples:
  transload verify
  transload verify nightly-export
  transload verify --json | jq '.[] | select(.verdict == "NG")'"""
)
@click.argument("job", required=False, type=_names.JOB)
@as_json
@placed
def command(cloud: Cloud, job: str | None, as_json: bool) -> int:
    """Check JOB, or every job, as it would start: definition, queue, size, image, roles, secrets, schedule; and what the
    cluster gives to all: queues, subnets with free addresses, the log group.

    OK it will do, NG it will not, -- it cannot be known from here (no permission, or not in AWS). Nothing is started and no
    secret is read. Exit code 1 when anything is NG.
    """
    jobs = [cloud.job(job)] if job is not None else cloud.store.jobs()
    checks = list(_all(Checks(cloud), [each for each in jobs if each.get("kind") != "flow"]))
    bad = [check for check in checks if check.verdict == NG]
    if as_json:
        _output.print_json([asdict(check) for check in checks])
    else:
        _show(checks)
        unknown = sum(check.verdict == UNKNOWN for check in checks)
        _output.tell(f"{len(checks)} checks: {len(bad)} NG" + (f", {unknown} could not be checked" if unknown else ""))
    return 1 if bad else 0


def _all(checks: Checks, jobs: Iterable[dict]) -> Iterator[Check]:
    yield from checks.cluster()
    for job in jobs:
        yield from checks.job(job)


def _show(checks: list[Check]) -> None:
    width = max(len(check.name) for check in checks)
    groups = [(subject, list(rows)) for subject, rows in groupby(checks, key=lambda check: check.subject)]
    if not _output.on_terminal():
        for subject, rows in groups:
            click.echo(subject)
            for check in rows:
                click.echo(f"  {check.verdict}  {check.name:<{width}}  {check.words}")
        return
    from rich.table import Table
    from rich.text import Text

    console = _output.console()
    for subject, rows in groups:
        console.print(Text(subject, style="bold"))
        grid = Table.grid(padding=(0, 2))
        grid.add_column(no_wrap=True)
        grid.add_column(min_width=min(width, 30), overflow="fold")
        grid.add_column(overflow="fold", ratio=1)
        for check in rows:
            grid.add_row(Text(f"  {check.verdict}", style=_STYLES[check.verdict]), check.name, check.words)
        console.print(grid)
