"""The conductor alone in AWS Lambda: boto3, the standard library and the schedule module."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "components" / "transload"
MODULES = sorted((PACKAGE / "conductor").glob("*.py"))


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names |= {f"{node.module}.{one.name}" for one in node.names} if node.module == "transload" else {str(node.module)}
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_it_imports_boto3_the_standard_library_and_the_schedule_module_only(path: Path):
    allowed = sys.stdlib_module_names | {"boto3", "botocore"}
    for name in imported(path):
        assert name.partition(".")[0] in allowed or name == "transload._schedule" or name.startswith("transload.conductor"), name


def test_it_runs_from_what_is_packed_for_lambda(tmp_path: Path):
    target = tmp_path / "transload" / "conductor"
    target.mkdir(parents=True)
    (tmp_path / "transload" / "__init__.py").write_text("")
    shutil.copy(PACKAGE / "_schedule.py", tmp_path / "transload")
    for path in MODULES:
        shutil.copy(path, target)
    code = "import sys; from transload.conductor import record, submit, watch; [one.handler for one in (record, submit, watch)]; "
    code += "print(submit.__file__, [name for name in sys.modules if name.split('.')[0] in ('pulumi', 'moto', 'click', 'rich')])"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == [str(target / "submit.py"), "[]"]
