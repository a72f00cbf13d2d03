"""The `transload` command: one module per verb, imported when the verb is called."""

import importlib
import os
import sys
from collections.abc import Sequence

import click

from transload._errors import Problem

# verb -> module of this package that defines a click command `command`, and the line that --help shows. The line stands here so
# that --help imports no verb: most of them need boto3, some Pulumi.
VERBS: dict[str, tuple[str, str]] = {
    "jobs": ("jobs", "Every job: schedule, next run, last result, state"),
    "run": ("run", "Start a job now, print its output, answer with its exit code"),
    "logs": ("logs", "What a run printed, or prints now"),
    "history": ("history", "The runs of a job"),
    "why": ("why", "Why a run ended as it did, and what to do next"),
    "stop": ("stop", "End a run before its time"),
    "enable": ("enable", "Let a disabled job run again"),
    "disable": ("disable", "Keep a job from running, for a while or for good"),
    "verify": ("verify", "Check that jobs can start"),
    "timeline": ("timeline", "A picture of the day: runs, overlaps, vCPU at peak"),
    "completion": ("completion", "Completion for bash, zsh or fish"),
    "local": ("local", "Run the whole platform on this machine: up, down, status"),
    "schedule": ("schedule", "Show what a schedule means and when it fires"),
}


class _Verbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        return importlib.import_module(f"transload.cli.{VERBS[cmd_name][0]}").command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(verb, line) for verb, (_, line) in VERBS.items()])

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            # Click does not say of which verb, where an option lacks its value.
            verb = click.Command(ctx.invoked_subcommand)
            error.ctx = error.ctx or click.Context(verb, info_name=verb.name, parent=ctx)
            raise

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], VERBS, 1)
            raise click.UsageError(
                f"no command {args[0]!r}" + (f", did you mean {near[0]}?" if near else "; see transload --help"), ctx
            )
        return super().resolve_command(ctx, args)


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="transload")
def transload() -> None:
    """Run, follow, stop and explain container jobs on AWS, or on this machine.

    Exit codes: 0 done, 1 failed, 2 wrong usage; `run` answers with the job's own.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point: errors are one line on stderr, never a traceback, unless TRANSLOAD_TRACEBACK asks for it."""
    # Python leaves None where a shell closed one of them (>&-): what is written there is not wanted.
    sys.stdout, sys.stderr = (stream or open(os.devnull, "w") for stream in (sys.stdout, sys.stderr))  # noqa: SIM115
    try:
        # A verb may return its exit code.
        code = transload.main(args=None if arguments is None else list(arguments), prog_name="transload", standalone_mode=False)
    except click.exceptions.Exit as end:
        code = end.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        code = 2
    except click.UsageError as error:
        where = f" (see {error.ctx.command_path} --help)" if error.ctx else ""
        click.echo(f"transload: {' '.join(error.format_message().split())}{where}", err=True)
        code = 2
    except click.ClickException as error:
        click.echo(f"transload: {error.format_message()}", err=True)
        code = error.exit_code
    except Problem as problem:
        click.echo(f"transload: {problem}", err=True)
        code = problem.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("transload: interrupted", err=True)
        code = 130
    except OSError as error:
        # A folder that is not there, or a full disk. A reader that went away, as `| head` does, click ends quietly.
        click.echo(f"transload: {error.filename or 'the output cannot be written'}: {error.strerror or error}", err=True)
        code = 1
        if not error.filename:
            # What is left in the buffer must not raise once more at exit.
            sys.stdout = None
    except Exception as error:
        if os.environ.get("TRANSLOAD_TRACEBACK"):
            raise
        text = f"{type(error).__name__}: {error}"
        click.echo(f"transload: {' '.join(text.split())} (a mistake in transload: TRANSLOAD_TRACEBACK=1 shows where)", err=True)
        code = 1
    sys.exit(code if isinstance(code, int) else 0)
