"""The other team's project: it fits what our stack exports, and its own tests run where they lie."""

import subprocess
import sys
from pathlib import Path

from transload import BatchClusterRef
from transload.testing import run_program

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "reporting-team"


def test_plugs_into_the_cluster_that_our_prod_stack_exports():
    platform = run_program(ROOT, stack="prod")
    outputs = {"organization/transload/prod": dict(platform.exports)}

    team = run_program(EXAMPLE, stack="prod", stack_references=outputs)

    assert team.findings == ()
    assert set(platform.exports["cluster"]) == set(BatchClusterRef.__required_keys__)
    definition = team.one("aws:batch/jobDefinition:JobDefinition", "monthly-report").inputs
    assert definition["name"] == "platform-prod-monthly-report"
    assert team.one("aws:scheduler/schedule:Schedule").inputs["target"]["arn"] == platform.exports["cluster"]["submit_function_arn"]


def test_its_tests_run_from_its_own_folder():
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", str(EXAMPLE), "tests"],
        cwd=EXAMPLE,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert " passed" in ran.stdout
