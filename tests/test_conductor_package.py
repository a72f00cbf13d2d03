"""The archive that AWS Lambda gets: it runs where there is nothing but Python and boto3."""

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from transload.testing import run_program

PROJECT = Path(__file__).parent.parent
FUNCTIONS = ("platform-submit", "platform-record", "platform-watch")
# What Lambda's Python runtime brings besides the standard library.
RUNTIME = ("boto3", "botocore", "jmespath", "dateutil", "s3transfer", "urllib3", "six")


@pytest.fixture(scope="module")
def functions():
    recording = run_program(PROJECT, stack="prod")
    return {name: recording.one("aws:lambda/function:Function", name).inputs for name in FUNCTIONS}


def _files(archive):
    """Path -> bytes of everything in the archive."""
    return {
        path: asset.text.encode() if hasattr(asset, "text") else Path(asset.path).read_bytes()
        for path, asset in sorted(archive.assets.items())
    }


@pytest.fixture(scope="module")
def unpacked(functions, tmp_path_factory):
    """The archive as Lambda has it: packed into a zip and unpacked again."""
    folder = tmp_path_factory.mktemp("lambda")
    package = folder / "code.zip"
    with zipfile.ZipFile(package, "w") as target:
        for path, content in _files(functions["platform-submit"]["code"]).items():
            target.writestr(path, content)
    with zipfile.ZipFile(package) as source:
        source.extractall(folder / "task")
    return folder / "task"


@pytest.fixture(scope="module")
def runtime(tmp_path_factory):
    """A folder with what Lambda brings, and nothing else of this environment."""
    folder = tmp_path_factory.mktemp("runtime")
    for name in RUNTIME:
        found = __import__("importlib.util", fromlist=["util"]).find_spec(name)
        place = Path(found.origin)
        place = place.parent if found.submodule_search_locations else place
        (folder / place.name).symlink_to(place)
    return folder


def _python(code, *folders):
    """The answer of a Python that sees these folders and the standard library: no site-packages, no user's, none of ours."""
    prologue = f"import sys; sys.path[:0] = {[str(folder) for folder in folders]!r}; sys.dont_write_bytecode = True\n"
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", prologue + code], capture_output=True, text=True, check=False, env={}, cwd="/"
    )


def test_all_three_functions_have_the_same_archive(functions):
    contents = [_files(given["code"]) for given in functions.values()]

    assert contents[0] == contents[1] == contents[2]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_handler_is_found_and_nothing_but_the_runtime_is_loaded(functions, unpacked, runtime, name):
    module, _, attribute = functions[name]["handler"].rpartition(".")
    loaded = "[one for one in {one.partition('.')[0] for one in sys.modules} - sys.stdlib_module_names if one[0] != '_']"
    code = f"import importlib, json; print(callable(importlib.import_module({module!r}).{attribute}), json.dumps({loaded}))"
    answer = _python(code, unpacked, runtime)

    assert answer.returncode == 0, answer.stderr
    found, _, packages = answer.stdout.partition(" ")
    assert found == "True"
    assert {"transload", "boto3"} <= set(json.loads(packages)) <= {"transload", *RUNTIME}


@pytest.mark.parametrize("name", ["pulumi", "pulumi_aws", "click", "transload.scheduled_job", "transload._iam", "transload.cli"])
def test_pulumi_the_components_and_the_command_line_stay_out(unpacked, runtime, name):
    answer = _python(f"import {name}", unpacked, runtime)

    assert answer.returncode == 1
    assert "ModuleNotFoundError" in answer.stderr


def test_without_the_archive_there_is_no_handler(runtime):
    """So that the other tests prove something: this Python does not find the library of this environment."""
    assert "ModuleNotFoundError" in _python("import transload", runtime).stderr


def test_the_archive_is_the_conductor_the_schedules_and_nothing_else(functions):
    paths = set(functions["platform-submit"]["code"].assets)
    source = PROJECT / "components" / "transload"
    modules = {f"transload/conductor/{path.name}" for path in (source / "conductor").glob("*.py")}

    assert paths == {"transload/__init__.py", "transload/_schedule.py", *modules}
    assert len(modules) > 10


def test_the_archive_is_the_same_on_every_build(functions):
    """A folder that was used in between has caches; they and the times of files must not make a deployment."""
    again = run_program(PROJECT, stack="prod").one("aws:lambda/function:Function", "platform-submit").inputs["code"]

    assert list(again.assets) == list(functions["platform-submit"]["code"].assets)
    assert _digest(again) == _digest(functions["platform-submit"]["code"])


def _digest(archive):
    return hashlib.sha256(b"".join(path.encode() + content for path, content in _files(archive).items())).hexdigest()


def test_the_watch_reads_schedules_in_every_zone_without_the_zones_of_pip(unpacked, runtime):
    """`tzdata` of pip is not there: the zones are those of the operating system, as on Lambda."""
    code = (
        "from datetime import UTC, datetime; from transload._schedule import due_between\n"
        "days = datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC)\n"
        "print(*(time.astimezone(UTC).isoformat() for time in due_between('cron(30 2 * * ? *)', 'Asia/Tokyo', *days)))"
    )
    answer = _python(code, unpacked, runtime)

    assert answer.stdout == "2026-11-23T17:30:00+00:00\n", answer.stderr
