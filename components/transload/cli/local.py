"""`transload local`: the whole platform on this machine."""

import contextlib
import json
import shutil
import signal
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from transload.cli.local_jobs import clock, fire, reclaim

if TYPE_CHECKING:
    from transload.local import Built
    from transload.testing import Recording, Resource

_PROJECT = click.option(
    "--project",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=".",
    show_default="this folder",
    help="Folder that holds Pulumi.yaml.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")


@click.group()
def command() -> None:
    """Run the whole platform on this machine, in emulators of AWS: no account, no Docker.

    State, logs and the environment file are in the project's folder .transload.
    """


@command.command()
@_PROJECT
@click.option("--stack", default="local", show_default=True, help="Stack whose settings are used.")
@click.option("--moto-port", type=click.IntRange(0, 65535), default=0, show_default="a free one")
@click.option("--ministack-port", type=click.IntRange(0, 65535), default=0, show_default="a free one")
@_JSON
def up(project: Path, stack: str, moto_port: int, ministack_port: int, as_json: bool) -> None:
    """Start the emulators and create every resource of a stack. On a running local cloud: start it clean."""
    # A `kill`, and a terminal that is closed, must stop the emulators just as Ctrl-C does.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    from transload.local import up as bring_up

    with _progress(as_json) as (on_step, on_created):
        ports = {"moto": moto_port, "ministack": ministack_port}
        built = bring_up(project, stack, ports=ports, on_step=on_step, on_created=on_created)
    if as_json:
        click.echo(json.dumps(_report(built), indent=2))
    else:
        _show(built)


@command.command()
@_PROJECT
@_JSON
def down(project: Path, as_json: bool) -> None:
    """Stop the local cloud and all that it started, also what a crash left behind."""
    from transload.local import down as stop

    stopped = stop(project)
    if as_json:
        click.echo(json.dumps({"stopped": stopped}))
    else:
        click.echo(f"stopped {stopped} process{'' if stopped == 1 else 'es'}" if stopped else "nothing was running")


@command.command()
@_PROJECT
@_JSON
def status(project: Path, as_json: bool) -> None:
    """Show what runs. Exit code 1 when an emulator has ended by itself."""
    from transload.local import status as look

    found = look(project)
    if as_json:
        click.echo(json.dumps(found, indent=2))
    elif found["state"] == "down":
        click.echo("the local cloud is down: transload local up starts it")
    else:
        click.echo(f"{found['state']}: stack {found['stack'] or '?'} of {found['project'] or '?'}, {found['resources']} resources")
        for name, server in found["servers"].items():
            life = f"process {server['pid']}" if server["alive"] else f"has stopped, its log says why: {server['log']}"
            click.echo(f"  {name:<10} http://127.0.0.1:{server['port']}  {life}")
    if found["state"] == "broken":
        raise click.exceptions.Exit(1)


for verb in (fire, clock, reclaim):
    command.add_command(verb)


@contextlib.contextmanager
def _progress(quiet: bool) -> Generator[tuple[Callable[[str], None], Callable[[str, str], None]]]:
    """A line for each step, and on a terminal a counter of resources. All of it on stderr."""
    if quiet or not sys.stderr.isatty():
        yield (lambda line: None if quiet else click.echo(line, err=True)), (lambda token, name: None)
        return
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    made = 0
    with console.status("starting") as spinner:

        def on_created(token: str, name: str) -> None:
            nonlocal made
            made += 1
            spinner.update(f"{made} resources  [dim]{_short(token)} {name}[/dim]")

        yield (lambda line: console.print(line, style="dim")), on_created


def _show(built: "Built") -> None:
    recording = built.recording
    click.echo(f"{recording.project}-{recording.stack}")
    for line in tree(recording, shutil.get_terminal_size((100, 24)).columns):
        click.echo(line)
    kinds = Counter(resource.type for resource in recording.resources if resource.kind == "custom")
    click.echo(f"\n{built.resources} resources of {len(kinds)} types in {built.seconds:.1f} s")
    warnings = [finding for finding in recording.findings if finding.severity == "warning"]
    for finding in warnings:
        click.echo(str(finding))
    outputs = _outputs(recording)
    if outputs:
        click.echo("\nOutputs")
        for line in _aligned(outputs, "  "):
            click.echo(line)
    click.echo("\nNext")
    for line in _next(built):
        click.echo(f"  {line}")


def _aligned(values: Mapping[str, Any], indent: str) -> Iterator[str]:
    """Name and value a line; what holds names itself is indented below its own."""
    width = max(map(len, values))
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield f"{indent}{name}"
            yield from _aligned(value, f"{indent}  ")
        else:
            yield f"{indent}{name:<{width}}  {value if isinstance(value, str) else json.dumps(value)}".rstrip()


def tree(recording: "Recording", width: int = 100) -> list[str]:
    """The components as lines of a tree, each with the number of its resources and their types. `width`: characters a line."""
    children: dict[str, list[Resource]] = {}
    for resource in recording.resources:
        children.setdefault(resource.parent, []).append(resource)

    def leaves(parent: str) -> Iterator[str]:
        """Types of the resources below that belong to no component further down."""
        for one in children.get(parent, []):
            if one.kind == "custom":
                yield _short(one.type)
                yield from leaves(one.urn)

    def branch(parent: str, indent: str) -> Iterator[str]:
        inner = [one for one in children.get(parent, []) if one.kind in ("component", "remote")]
        types = Counter(leaves(parent))
        rows: list[Any] = [*inner, *([types] if types else [])]
        for place, row in enumerate(rows):
            last = place == len(rows) - 1
            head, below = ("└─ ", "   ") if last else ("├─ ", "│  ")
            if isinstance(row, Counter):
                text = ", ".join(f"{name} x{count}" if count > 1 else name for name, count in row.items())
                lines = textwrap.wrap(text, max(40, width - len(indent) - 3))
                yield f"{indent}{head}{lines[0]}"
                yield from (f"{indent}{below}{line}" for line in lines[1:])
            else:
                count = sum(one.kind == "custom" for one in recording.below(row.urn))
                yield f"{indent}{head}{row.type.rpartition(':')[2]} {row.name} ({count})"
                yield from branch(row.urn, indent + below)

    top = next(resource.urn for resource in recording.resources if resource.kind == "stack")
    return list(branch(top, ""))


def _short(token: str) -> str:
    _, module, name = token.split(":")
    return f"{module.partition('/')[0]}.{name}"


def _outputs(recording: "Recording") -> dict[str, Any]:
    """The exports, secrets hidden: the whole of one that holds a secret anywhere."""
    hidden = {path.partition(".")[0].partition("[")[0] for path in recording.secret_exports}
    return {name: "[secret]" if name in hidden else value for name, value in recording.exports.items()}


def _next(built: "Built") -> list[str]:
    environment = [f"set -a; . {_shown(built.cloud.home / 'local.env')}; set +a"]
    # Whoever came here by make has not read the environment that transload is installed in.
    activate = Path(sys.prefix) / "bin" / "activate"
    if shutil.which("transload") is None and activate.exists():
        environment.append(f". {_shown(activate)}")
    look = ["aws batch describe-job-queues"] if shutil.which("aws") else []
    return [*environment, *look, "transload jobs", "transload local down"]


def _shown(path: Path) -> str:
    """The path as a shell in this folder can read it."""
    with contextlib.suppress(ValueError):
        return f"./{path.relative_to(Path.cwd())}"
    return str(path)


def _report(built: "Built") -> dict[str, Any]:
    recording = built.recording
    return {
        "project": recording.project,
        "stack": recording.stack,
        "resources": built.resources,
        "seconds": built.seconds,
        "types": dict(Counter(resource.type for resource in recording.resources if resource.kind == "custom")),
        "outputs": _outputs(recording),
        "endpoints": built.cloud.endpoints,
        "env": str(built.cloud.home / "local.env"),
        "findings": [str(finding) for finding in recording.findings],
    }
