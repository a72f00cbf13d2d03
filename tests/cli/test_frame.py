"""The frame of the command: help without heavy imports, errors of one line, the same options everywhere."""

import subprocess
import sys
from typing import Any

import click
import pytest

from transload.cli import VERBS
from transload.cli import transload as root

HEAVY = ("boto3", "botocore", "pulumi", "rich", "moto", "yaml", "jsonschema")
OURS = [verb for verb, (module, _) in VERBS.items() if module not in ("local", "schedule")]


def test_help_names_every_verb_and_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom transload.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert all(f"  {verb} " in done.stdout for verb in VERBS)


def test_an_unknown_verb_is_answered_with_the_nearest(transload: Any) -> None:
    answer = transload("histroy")
    assert (answer.code, answer.out) == (2, "")
    assert "did you mean history?" in answer.err


def test_no_credentials_is_one_line_that_says_what_to_do(transload: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    answer = transload("jobs", "--region", "eu-west-1", "--cluster", "platform-prod")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith("transload: no credentials: log in")
    assert transload("jobs", "--profile", "nobody").err == "transload: The config profile (nobody) could not be found\n"


@pytest.mark.parametrize("verb", OURS)
def test_every_verb_explains_itself_with_examples(verb: str) -> None:
    command = root.get_command(click.Context(root), verb)
    assert command is not None
    assert command.help
    assert f"transload {verb}" in (command.epilog or "")
    assert all(option.help for option in command.params if isinstance(option, click.Option))


@pytest.mark.parametrize("verb", [verb for verb in OURS if verb != "completion"])
def test_where_to_look_is_said_the_same_way_everywhere(verb: str) -> None:
    command = root.get_command(click.Context(root), verb)
    assert command is not None
    options = {name for option in command.params for name in option.opts}
    assert {"--cluster", "--region", "--profile"} <= options
    if verb in ("jobs", "history", "why", "verify", "timeline", "logs", "run"):
        assert "--json" in options
    if verb in ("run", "stop", "enable", "disable"):
        assert "--dry-run" in options
