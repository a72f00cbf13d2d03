"""What a verb prints: one table on a terminal or none, one JSON document, notes on stderr."""

import json
import shutil
import sys
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import click

# A cell is text, or text and a rich style; lines of a cell stand below each other on a terminal and beside each other without one.
Cell = str | tuple[str, str]

STYLES = {
    "SUCCEEDED": "green",
    "FAILED": "bold red",
    "STOPPED": "yellow",
    "SKIPPED": "yellow",
    "RUNNING": "cyan",
    "disabled": "yellow",
}


def on_terminal() -> bool:
    """Whether a person looks at stdout."""
    return sys.stdout.isatty()


def tell(line: str) -> None:
    """A note to the person: stderr, as stdout belongs to the output."""
    click.echo(line, err=True)


def status(text: str) -> Cell:
    return (text, STYLES.get(text, "cyan"))


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"no JSON for {type(value).__name__}")


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=_plain))


def table(headers: Sequence[str], rows: Iterable[Sequence[Cell]], *, keep: Sequence[str] = ()) -> None:
    """Prints a table. On a terminal the columns of `keep` are wrapped only when they are wider than 28, the others share what is
    left of its width."""
    rows = list(rows)
    if not on_terminal():
        _without_terminal(headers, rows)
        return
    from rich.table import Table

    drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column, header in enumerate(headers):
        longest = max((len(line) for row in rows for line in _text(row[column]).splitlines()), default=0)
        kept = header in keep
        drawn.add_column(header, no_wrap=kept and longest <= 28, min_width=min(longest, 28) if kept else None, overflow="fold")
    for row in rows:
        drawn.add_row(*(_styled(cell) for cell in row))
    console().print(drawn)


def _without_terminal(headers: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    texts = [[_text(cell).replace("\n", "  ") for cell in row] for row in rows]
    widths = [max(len(line[column]) for line in [list(headers), *texts]) for column in range(len(headers))]
    for line in [list(headers), *texts]:
        click.echo("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def _text(cell: Cell) -> str:
    return cell if isinstance(cell, str) else cell[0]


def _styled(cell: Cell):
    from rich.text import Text

    return Text(cell) if isinstance(cell, str) else Text(cell[0], style=cell[1])


def console():
    """A rich console on stdout that does not guess at what is a number or a path."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=False, width=shutil.get_terminal_size((80, 24)).columns)


def heading(subject: str, said: Cell) -> None:
    """The line above facts: what they are about, and how it stands."""
    if not on_terminal():
        click.echo(f"{subject}: {_text(said)}")
        return
    from rich.text import Text

    console().print(Text.assemble((subject, "bold"), "  ", _styled(said)))


def facts(pairs: Iterable[tuple[str, Sequence[Cell]]]) -> None:
    """Name and value, one pair below the other; a value may have several lines, one without any is left out."""
    shown = [(name, [line for line in lines if line]) for name, lines in pairs]
    width = max((len(name) for name, lines in shown if lines), default=0)
    heads = [(name if number == 0 else "", line) for name, lines in shown for number, line in enumerate(lines)]
    if not on_terminal():
        for name, line in heads:
            click.echo(f"{name:<{width}}  {_text(line)}")
        return
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, line in heads:
        grid.add_row(name, _styled(line))
    console().print(grid)
