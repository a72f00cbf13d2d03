"""The truth table of `transload run`, row by row: a real process, real signals, jobs that really run in the local cloud."""

from collections.abc import Iterator

import pytest
from tests.cli._platform import Platform, platform

pytestmark = pytest.mark.xdist_group("local")


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with platform(tmp_path_factory.mktemp("run")) as made:
        yield made


def test_a_run_that_succeeds_gives_0_and_its_output_alone_on_stdout(cloud: Platform) -> None:
    ended = cloud.call("run", cloud.job("prints", "print", "3"))
    assert (ended.code, ended.lines) == (0, ["line 0", "line 1", "line 2"])
    assert "succeeded" in ended.err


@pytest.mark.parametrize("code", [1, 3, 75, 124, 125, 255])
def test_exit_n_gives_n(cloud: Platform, code: int) -> None:
    ended = cloud.call("run", cloud.job("leaves", "exit", "0"), "--", "exit", str(code))
    assert (ended.code, ended.lines) == (code, ["leaving"])
    assert f"exit code {code}" in ended.err
