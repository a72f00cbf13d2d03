"""What the library offers, and what each of its rooms may know."""

import ast
import inspect
import subprocess
import sys
import typing
from pathlib import Path

import pulumi
import pytest

import transload

PACKAGE = Path(transload.__file__).parent
COMPONENTS = sorted(path for path in PACKAGE.glob("*.py") if not path.name.startswith("_"))
HEAVY = ("boto3", "botocore", "click", "rich", "moto", "ministack", "duckdb", "pytest")


def _public(module):
    """Classes that a module defines without an underscore: components and the shapes of their arguments."""
    return [name for name, found in vars(module).items() if inspect.isclass(found) and found.__module__ == module.__name__]


def _imports(path):
    """Names of everything a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _room(name):
    """The room of the library that an imported name lies in: a folder, `component`, `pure`, or None for everything else."""
    parts = name.split(".")
    if parts[0] != "transload" or len(parts) == 1:
        return None
    if (PACKAGE / parts[1]).is_dir():
        return parts[1]
    return "pure" if parts[1].startswith("_") else "component"


def test_the_library_exports_what_its_modules_define():
    defined = [name for path in COMPONENTS for name in _public(__import__(f"transload.{path.stem}", fromlist=["_"]))]

    assert sorted(defined) == transload.__all__
    assert dir(transload) == transload.__all__
    assert all(getattr(transload, name).__name__ == name for name in transload.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"^module 'transload' has no attribute 'Databse'$"):
        transload.Databse  # noqa: B018


def _modules_after(statement):
    """Packages that are loaded once `statement` ran in a fresh interpreter."""
    code = f"import sys\n{statement}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_importing_the_library_imports_nothing_heavy():
    assert _modules_after("import transload") & {"pulumi", "pulumi_aws", *HEAVY} == set()


def test_using_a_component_imports_pulumi_alone():
    loaded = _modules_after("from transload import Network, BatchCluster, ScheduledJob, JobFlow, LogPipeline, WeightedCutover")

    assert "pulumi_aws" in loaded
    assert loaded & set(HEAVY) == set()


# Who may import whom. Components and pure helpers know no room; the conductor's code is packed with the schedule module alone.
ARROWS = {
    "component": {"component", "pure"},
    "pure": {"pure"},
    "conductor": {"conductor", "pure"},
    "testing": {"testing", "pure"},
    "local": {"local", "testing", "conductor", "pure"},
    "cli": {"cli", "conductor", "testing", "local", "pure"},
}


@pytest.mark.parametrize("room", ARROWS)
def test_a_room_imports_only_what_it_may(room):
    if room in ("component", "pure"):
        files = [
            path for path in PACKAGE.glob("*.py") if path.name != "__init__.py" and path.name.startswith("_") == (room == "pure")
        ]
    else:
        files = list((PACKAGE / room).rglob("*.py"))
    wrong = {
        f"{path.relative_to(PACKAGE)}: {name}"
        for path in files
        for name in _imports(path)
        if _room(name) is not None and _room(name) not in ARROWS[room]
    }

    assert files
    assert wrong == set()


def test_the_conductor_imports_boto3_and_what_is_packed_with_it():
    names = {name for path in (PACKAGE / "conductor").rglob("*.py") for name in _imports(path)}
    others = {name for name in names if name.partition(".")[0] not in {*sys.stdlib_module_names, "boto3", "botocore"}}

    assert {name for name in others if not name.startswith(("transload.conductor", "transload._schedule"))} == set()


def test_the_command_line_reads_no_components():
    names = {name for path in (PACKAGE / "cli").rglob("*.py") for name in _imports(path)}

    assert {name for name in names if _room(name) == "component"} == set()


# Its fields go together in one of three ways, which its own text says.
WITHOUT_DEFAULTS = {"CutoverSideArgs"}


@pytest.mark.parametrize("name", [name for name in transload.__all__ if name.endswith("Args")])
def test_every_argument_is_documented_and_optional_ones_say_their_default(name):
    shape = getattr(transload, name)
    (definition,) = [
        node
        for node in ast.parse(Path(inspect.getfile(shape)).read_text()).body
        if isinstance(node, ast.ClassDef) and node.name == name
    ]
    fields = zip(definition.body, definition.body[1:], strict=False)
    documented = {ast.unparse(field.target): ast.unparse(text) for field, text in fields if isinstance(field, ast.AnnAssign)}
    optional = [] if name in WITHOUT_DEFAULTS else shape.__optional_keys__

    assert documented.keys() == shape.__required_keys__ | shape.__optional_keys__
    assert [key for key, text in documented.items() if not isinstance(ast.literal_eval(text), str)] == []
    assert [key for key in optional if "Default: " not in documented[key] and "equired" not in documented[key]] == []


@pytest.mark.parametrize("name", [name for name in transload.__all__ if not name.endswith(("Args", "Ref"))])
def test_a_component_takes_args_and_declares_its_outputs(name):
    component = getattr(transload, name)
    parameters = list(inspect.signature(component.__init__).parameters)

    assert issubclass(component, pulumi.ComponentResource)
    assert parameters == ["self", "name", "args", "opts"]
    assert all(typing.get_origin(hint) is pulumi.Output for hint in component.__annotations__.values())
