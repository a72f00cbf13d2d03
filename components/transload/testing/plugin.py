"""The pytest plugin: the fixture `record`."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from transload.testing.recording import Recording


@pytest.fixture
def record() -> Callable[..., "Recording"]:
    """Run a program offline and return its `Recording`: `record(program, **options)`, with the options of `run_program`.

    Fails the test when an input does not fit the provider's types; `allow_findings=True` leaves that to the test.
    """
    from transload.testing import run_program

    def run(program: Any, *, allow_findings: bool = False, **options: Any) -> "Recording":
        __tracebackhide__ = True
        recording = run_program(program, **options)
        errors = [] if allow_findings else [str(one) for one in recording.findings if one.severity == "error"]
        if errors:
            pytest.fail("the program registers what the provider refuses:\n  " + "\n  ".join(errors), pytrace=False)
        return recording

    return run
