"""The frame of the command: help without heavy imports, errors of one line, the same options everywhere."""

import shlex
import subprocess
import sys
from typing import Any

import click
import pytest
from tests.cli.conftest import Cluster

from transload.cli import VERBS, main
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


def test_without_a_verb_the_help_is_shown_as_it_is(transload: Any) -> None:
    answer = transload()
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("Usage: transload")
    assert "see transload" not in answer.err


@pytest.mark.parametrize("verb", ["run", "why", "logs", "stop", "verify", "history"])
def test_an_empty_name_is_no_job(cluster: Cluster, transload: Any, verb: str) -> None:
    assert transload(verb, "").err == f"transload: no job '' in cluster {cluster.name}; see transload jobs\n"


def test_an_endpoint_that_is_none_is_one_line(cluster: Cluster, transload: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "banana")
    answer = transload("jobs")
    assert (answer.code, answer.err) == (2, "transload: Invalid endpoint: banana; look at --region and AWS_ENDPOINT_URL\n")


def test_a_local_cloud_that_is_down_is_said_to_be(cluster: Cluster, transload: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("TRANSLOAD_LOCAL", "1")
    answer = transload("jobs")
    assert (answer.code, answer.err.count("\n")) == (1, 1)
    assert answer.err.endswith("; is the local cloud up? transload local status\n")


def test_a_cluster_that_is_half_deleted_is_one_line_and_a_traceback_for_who_asks(
    cluster: Cluster, transload: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.client("dynamodb").delete_item(TableName=cluster.jobs_table, Key={"job": {"S": "#cluster"}})
    answer = transload("verify")
    assert (answer.code, answer.out, answer.err.count("\n")) == (1, "", 1)
    assert "has no item #cluster" in answer.err
    monkeypatch.setenv("TRANSLOAD_TRACEBACK", "1")
    with pytest.raises(LookupError):
        main(["verify"])


def test_a_picture_that_cannot_be_written_is_one_line(cluster: Cluster, transload: Any) -> None:
    answer = transload("timeline", "--html", "/nowhere/day.html")
    assert (answer.code, answer.err) == (1, "transload: /nowhere/day.html: No such file or directory\n")


@pytest.mark.parametrize(
    ("redirection", "told"), [(">&-", ""), ("> /dev/full", "transload: the output cannot be written: No space left on device\n")]
)
def test_an_output_that_takes_nothing_is_no_traceback(redirection: str, told: str) -> None:
    shell = f"{shlex.join([sys.executable, '-c', 'from transload.cli import main; main()', 'schedule', '@daily'])} {redirection}"
    done = subprocess.run(["sh", "-c", shell], stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (1 if told else 0, told)


@pytest.mark.parametrize(
    "words",
    [("run", "nightly", "--timeout", "banana"), ("run", "nightly", "--patience", "-1"), ("logs", "nightly", "--patience", "x")],
)
def test_a_length_of_time_that_is_none_names_its_option(cluster: Cluster, transload: Any, words: tuple[str, ...]) -> None:
    answer = transload(*words)
    assert answer.code == 2
    assert f"Invalid value for '{words[2]}': '{words[3]}' is no length of time: write 90s, 15m, 1h30m or 2d" in answer.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["completion"], "Missing argument '{bash|zsh|fish}'. Choose from: bash, zsh, fish (see transload completion --help)"),
        (["run", "nightly", "-e"], "Option '-e' requires an argument. (see transload run --help)"),
        (
            ["run", "nightly", "--json"],
            "--json goes with --detach or --dry-run: stdout belongs to the job (see transload run --help)",
        ),
    ],
)
def test_wrong_usage_is_one_line_that_names_the_help_of_the_verb(
    cluster: Cluster, transload: Any, words: list[str], told: str
) -> None:
    answer = transload(*words)
    assert (answer.code, answer.out, answer.err) == (2, "", f"transload: {told}\n")


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
