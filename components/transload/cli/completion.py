"""`transload completion`: the script that makes a shell complete verbs, job names and runs."""

import click
from click.shell_completion import get_completion_class

_SHELLS = ["bash", "zsh", "fish"]


@click.command(
    epilog="""\b
Examples:
  transload completion bash > ~/.local/share/bash-completion/completions/transload
  transload completion zsh > "${fpath[1]}/_transload"
  transload completion fish > ~/.config/fish/completions/transload.fish"""
)
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script for SHELL. Job names and runs are asked of the cluster when a key is pressed."""
    made = get_completion_class(shell)
    assert made is not None
    click.echo(made(ctx.find_root().command, {}, "transload", "_TRANSLOAD_COMPLETE").source())
