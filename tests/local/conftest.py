"""One local cloud for all tests of this folder."""

from collections.abc import Iterator

import pytest

from transload.local import Cloud, running


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    """Emulators that are up. Tests name what they make after themselves and share the rest."""
    with running() as found:
        yield found
