"""From an image reference to what runs on this machine; which failed attempts are followed by another."""

import copy
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from transload.local.batch import _retry
from transload.local.batch._container import Container, container_of
from transload.local.batch._image import NoImageError, program, repository


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("orders", "orders"),
        ("orders:7", "orders"),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/orders:7", "orders"),
        ("registry:5000/orders@sha256:0123", "orders"),
        ("public.ecr.aws/x/orders:7@sha256:0123", "orders"),
    ],
)
def test_the_last_part_of_the_repository_names_the_folder(reference: str, name: str) -> None:
    assert repository(reference) == name


def image(images: Path, dockerfile: str, *files: str) -> Path:
    folder = images / "orders"
    folder.mkdir()
    (folder / "Dockerfile").write_text(dockerfile)
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text("")
    return folder


@pytest.mark.parametrize(
    ("dockerfile", "command", "expected"),
    [
        ('CMD ["python", "main.py"]', [], [sys.executable, "main.py"]),
        ('CMD ["python", "main.py"]', ["python3.13", "-m", "other"], [sys.executable, "-m", "other"]),
        ('ENTRYPOINT ["python", "main.py"]\nCMD ["--all"]', [], [sys.executable, "main.py", "--all"]),
        ('ENTRYPOINT ["python", "main.py"]\nCMD ["--all"]', ["--one"], [sys.executable, "main.py", "--one"]),
        ("ENTRYPOINT exec ./run", ["ignored"], ["/bin/sh", "-c", "exec ./run"]),
        ("CMD ./run --all", [], ["/bin/sh", "-c", "./run --all"]),
        ("CMD ['not', 'json']", [], ["/bin/sh", "-c", "['not', 'json']"]),
        ('CMD ["first"]\nCMD ["last"]', [], ["last"]),
    ],
)
def test_entrypoint_and_command_go_together_as_docker_does_it(
    tmp_path: Path, dockerfile: str, command: list[str], expected: list[str]
) -> None:
    folder = image(tmp_path, f"FROM python:3.13\nWORKDIR /app\nCOPY . .\n{dockerfile}\n")
    found = program("x/orders:1", tmp_path, command, "/bin")
    assert (found.arguments, found.folder) == (expected, folder)


def test_paths_of_the_image_are_those_that_were_copied_there(tmp_path: Path) -> None:
    text = """
FROM a
ENV ROOT=/srv
WORKDIR $ROOT/app
COPY --chown=1:1 src/ ./
COPY run.sh /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/run.sh", "/srv/app/x.py", "/etc/y"]
"""
    folder = image(tmp_path, text, "src/x.py", "run.sh")
    found = program("orders", tmp_path, [], "/bin")
    assert found.arguments == [str(folder / "run.sh"), str(folder / "src/x.py"), "/etc/y"]
    assert found.folder == folder / "src"


def test_a_stage_built_on_another_has_its_lines_and_other_stages_do_not_count(tmp_path: Path) -> None:
    text = """
ARG PYTHON=python:3.13
FROM ${PYTHON} AS base
ENV A=1 PATH=/opt/venv/bin:$PATH
WORKDIR /app
FROM base AS build
ENV B=2
ENTRYPOINT ["build"]
FROM base
ENV C="$A and more"
COPY --from=build /app /app
CMD ["python", "main.py"]
"""
    found = program("orders", tmp_path, [], "/bin") if image(tmp_path, text) else None
    assert found is not None
    assert found.environment == {"A": "1", "PATH": "/opt/venv/bin:/bin", "C": "1 and more"}
    assert found.arguments == [sys.executable, "main.py"]


def test_an_image_without_a_folder_says_which(tmp_path: Path) -> None:
    with pytest.raises(NoImageError, match=r"no .*/orders/Dockerfile for image x/orders:1"):
        program("x/orders:1", tmp_path, [], "/bin")


def test_overrides_win_and_parameters_fill_the_command() -> None:
    properties = {
        "image": "orders",
        "command": ["Ref::job", "--day", "Ref::day"],
        "environment": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
        "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "2048"}],
    }
    before = copy.deepcopy(properties)
    overrides = {"environment": [{"name": "B", "value": "3"}], "resourceRequirements": [{"type": "MEMORY", "value": "4096"}]}
    container = container_of(SimpleNamespace(container_properties=properties), overrides, {}, {"job": "export", "day": "monday"})
    assert container.command == ["export", "--day", "monday"]
    assert container.environment == {"A": "1", "B": "3"}
    assert (container.vcpu, container.memory_mib) == (1.0, 4096)
    assert properties == before


def test_another_log_driver_than_awslogs_has_no_options_of_ours() -> None:
    splunk = {"logConfiguration": {"logDriver": "splunk", "options": {"splunk-url": "https://x"}}}
    assert Container({"image": "x", **splunk}).log_options == {}


SPOT = {"onStatusReason": "Your Spot Task was interrupted*", "action": "RETRY"}
EXIT = {"onReason": "*", "action": "exit"}


@pytest.mark.parametrize(
    ("rules", "exit_code", "reason", "status_reason", "expected"),
    [
        ([], 1, None, "Essential container in task exited", True),
        ([SPOT, EXIT], 137, None, "Your Spot Task was interrupted.", True),
        # What exits by itself has no reason, and the last rule ends it.
        ([SPOT, EXIT], 1, None, "Essential container in task exited", False),
        ([SPOT, EXIT], 1, "OutOfMemoryError: x", "Essential container in task exited", False),
        ([{"onExitCode": "1*", "action": "EXIT"}], 137, None, "", False),
        ([{"onExitCode": "1", "action": "EXIT"}], 137, None, "", True),
        ([{"onExitCode": "1*", "action": "EXIT"}], None, "CannotPullContainerError: x", "Task failed to start", True),
        ([{"onExitCode": "1", "onStatusReason": "Ess*", "action": "EXIT"}], 1, None, "Other", True),
        ([{"onExitCode": "1", "action": "RETRY"}, {"onExitCode": "*", "action": "EXIT"}], 1, None, "", True),
    ],
)
def test_the_first_rule_whose_conditions_all_hold_decides_and_none_means_retry(
    rules: list[dict[str, str]], exit_code: int | None, reason: str | None, status_reason: str, expected: bool
) -> None:
    strategy = {"attempts": 3, "evaluateOnExit": rules}
    assert _retry.again(strategy, 1, exit_code, reason, status_reason) is expected
    assert _retry.again(strategy, 3, exit_code, reason, status_reason) is False
