"""One local cloud for all tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from transload.local import Cloud, running

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One worker has all that share the cloud, so that it is started once."""
    for item in items:
        if _HERE in item.path.parents and "cloud" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("local"))


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    """Emulators that are up. Tests name what they make after themselves and share the rest."""
    with running() as found:
        yield found
