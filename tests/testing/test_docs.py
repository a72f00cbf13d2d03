"""docs/testing.md is a project whose tests pass."""

import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs/testing.md"


def test_the_snippets_of_the_page_are_a_project_whose_tests_pass(tmp_path):
    blocks = re.findall(r"^```(?:python|yaml)\n# (\S+)\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    for name, text in blocks:
        (tmp_path / name).write_text(text)
    # Another team's project has warnings as errors too, but the provider's own at its import.
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nfilterwarnings =\n  error\n  ignore:.* has been deprecated in favor of:DeprecationWarning\n"
        "  ignore:Waiting for:DeprecationWarning\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(tmp_path)]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)

    assert done.returncode == 0, done.stdout
    assert len(blocks) == len(re.findall(r"^```(?:python|yaml)$", PAGE.read_text(), re.MULTILINE))
    assert re.search(r"^16 passed", done.stdout, re.MULTILINE), done.stdout
