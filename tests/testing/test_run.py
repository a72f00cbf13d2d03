"""A project's program runs where the language host would run it, and leaves nothing behind."""

import sys
from pathlib import Path

import pulumi
import pytest

from transload.testing import run_program
from transload.testing._errors import user_line


@pytest.fixture
def project(tmp_path: Path):
    """A project whose program reads a module and a file beside it."""
    (tmp_path / "Pulumi.yaml").write_text(
        "name: shop\nruntime: {name: python}\nmain: program\nconfig: {size: {type: integer, default: 1}}\n"
    )
    (tmp_path / "Pulumi.staging.yaml").write_text("config: {shop:size: 2}\n")
    (tmp_path / "Pulumi.prod.yaml").write_text("config: {shop:size: 3}\n")
    program = tmp_path / "program"
    program.mkdir()
    (program / "settings.py").write_text("import pulumi\nSIZE = pulumi.Config().require_int('size')\n")
    (program / "greeting.txt").write_text("hello")
    (program / "__main__.py").write_text(
        "import pathlib, pulumi, settings\n"
        "pulumi.export('size', settings.SIZE)\n"
        "pulumi.export('greeting', pathlib.Path('greeting.txt').read_text())\n"
        "pulumi.export('root', pulumi.get_root_directory())\n"
    )
    return tmp_path


def test_stacks_of_one_project_run_after_each_other_with_modules_read_anew(project):
    path, cwd = list(sys.path), Path.cwd()

    assert run_program(project, stack="staging").exports == {"size": 2, "greeting": "hello", "root": str(project)}
    assert run_program(project / "Pulumi.yaml", stack="prod").exports["size"] == 3
    assert run_program(project, stack="new", config={"size": 9}).exports["size"] == 9
    assert "settings" not in sys.modules
    assert (sys.path, Path.cwd()) == (path, cwd)


def test_a_module_of_the_same_name_from_elsewhere_is_neither_used_nor_lost(project):
    mine = type(sys)("settings")
    sys.modules["settings"] = mine
    try:
        assert run_program(project, stack="staging").exports["size"] == 2
        assert sys.modules["settings"] is mine
    finally:
        del sys.modules["settings"]


def test_an_error_in_the_program_is_raised_as_it_is_and_names_its_line(project):
    (project / "program" / "__main__.py").write_text("import settings\n\nsettings.missing()\n")

    with pytest.raises(AttributeError, match=r"missing") as error:
        run_program(project, stack="staging")

    assert user_line(error.value) == (f"{project}/program/__main__.py", 3)
    assert "settings" not in sys.modules


def test_a_project_without_a_program_says_where_it_was_looked_for(project):
    (project / "program" / "__main__.py").unlink()

    with pytest.raises(ValueError, match=r"^no program at .*/program/__main__.py: see main in Pulumi.yaml$"):
        run_program(project, stack="staging")


def test_the_name_of_a_project_cannot_be_overridden(project):
    with pytest.raises(ValueError, match=r"^project 'other': the name of a project is in its Pulumi.yaml$"):
        run_program(project, stack="staging", project="other")


def test_config_of_a_function_has_python_values_and_secrets(record):
    def program():
        config = pulumi.Config()
        pulumi.export("sizes", config.require_object("sizes"))
        pulumi.export("password", config.require_secret("password"))
        pulumi.export("region", pulumi.Config("aws").require("region"))

    recording = record(program, config={"sizes": [1, 2], "password": "hunter2"}, secrets=["password"])

    assert recording.exports == {"sizes": [1, 2], "password": "hunter2", "region": "eu-west-1"}
    assert recording.secret_exports == ("password",)
