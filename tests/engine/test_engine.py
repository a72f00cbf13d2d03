"""The programs under the real engine: what `pulumi up` does is what the offline run says."""

import json
import sys
from pathlib import Path

import pytest

import transload
from transload.local.drivers import driver_for
from transload.local.drivers._aws import Aws
from transload.testing import run_program

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def offline(engine):
    """The same stack, run offline."""
    return run_program(engine.folder, stack="local", account=engine.cloud.state.account)


def test_preview_names_what_the_offline_run_registers(engine, offline):
    created = engine.changes("preview", "-s", "local")["create"]

    assert created == len(offline.resources)


@pytest.fixture(scope="module")
def up(engine):
    return engine.pulumi("up", "-s", "local", "--yes", "--skip-preview")


def test_up_makes_the_urns_of_the_offline_run(engine, offline, up):
    assert {one["urn"] for one in engine.resources()} == {one.urn for one in offline.resources if one.kind == "custom"}


def test_what_up_made_exists_in_the_local_cloud(engine, up):
    aws = Aws(engine.cloud.region, engine.cloud.endpoints)
    absent = [
        one["urn"]
        for one in engine.resources()
        if driver_for(one["type"]).describe(aws, one["id"], {**one["inputs"], **one["outputs"]}) is None
    ]

    assert absent == []


def test_a_second_up_changes_nothing(engine, up):
    assert "unchanged" in engine.pulumi("up", "-s", "local", "--yes", "--skip-preview", "--expect-no-changes")


def test_one_change_of_a_setting_changes_what_hangs_on_it_only(engine, up):
    engine.pulumi("config", "set", "cutover_percent", "50", "-s", "local")

    changes = engine.changes("up", "-s", "local", "--yes", "--skip-preview")

    assert changes == {"update": 2, "same": changes["same"]}  # the two weighted records


def test_a_mistake_in_a_job_file_is_one_line_and_stops_before_anything_is_touched(engine, up):
    job = engine.folder / "programs/jobs/nightly-export.yaml"
    text = job.read_text()
    job.write_text(text.replace("memory_mib:", "memory_mb:"))
    try:
        said = engine.pulumi("preview", "-s", "local", fails=True)
    finally:
        job.write_text(text)

    assert "programs/jobs/nightly-export.yaml:" in said
    assert "memory_mb" in said
    assert "Traceback" not in said


def test_destroy_leaves_nothing(engine, up):
    made = engine.resources()
    engine.pulumi("destroy", "-s", "local", "--yes", "--skip-preview")

    aws = Aws(engine.cloud.region, engine.cloud.endpoints)
    left = [
        one["urn"]
        for one in made
        # What AWS itself keeps for a while is not there either: describe says None for it.
        if driver_for(one["type"]).describe(aws, one["id"], {**one["inputs"], **one["outputs"]}) is not None
        and not driver_for(one["type"]).stays
    ]
    assert engine.resources() == []
    assert left == []


def test_other_languages_get_the_schema_of_every_component(engine, tmp_path):
    # Given the folder, the command line would first install a second environment from its requirements.txt, which takes a minute.
    plugin = tmp_path / "pulumi-resource-transload"
    plugin.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ROOT / "components/__main__.py"}" "$@"\n')
    plugin.chmod(0o755)

    schema = json.loads(engine.pulumi("package", "get-schema", str(plugin)))

    components = [name for name in transload.__all__ if not name.endswith(("Args", "Ref"))]
    assert sorted(schema["resources"]) == [f"transload:index:{name}" for name in sorted(components)]
    assert all(one["isComponent"] and one["description"] for one in schema["resources"].values())
