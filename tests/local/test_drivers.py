"""Every driver against the real emulators: what it creates is there, and gone after it is removed."""

import pytest

from transload.local import Built, Cloud
from transload.local.drivers import all_drivers, driver_for
from transload.testing import Resource

from ._samples import everything


@pytest.fixture(scope="module")
def built(cloud: Cloud) -> Built:
    return cloud.run(everything)


@pytest.fixture(scope="module")
def removed(built: Built) -> Built:
    """The same after every resource was removed, the newest first."""
    aws = built.cloud.aws()
    for resource in reversed(_made(built)):
        driver_for(resource.type).remove(aws, resource.id, {**resource.inputs, **resource.outputs})
    return built


def _made(built: Built) -> list[Resource]:
    return [resource for resource in built.recording.resources if resource.kind == "custom"]


def _of(built: Built, token: str) -> tuple[Resource, ...]:
    return built.recording.all(token)


@pytest.mark.parametrize("token", sorted(all_drivers()))
def test_what_a_driver_creates_is_found_by_boto3(built: Built, token: str) -> None:
    made = _of(built, token)
    assert made, f"the sample program has no {token}"
    for resource in made:
        assert driver_for(token).describe(built.cloud.aws(), resource.id, {**resource.inputs, **resource.outputs})


@pytest.mark.parametrize("token", sorted(all_drivers()))
def test_what_a_driver_removes_is_gone(removed: Built, token: str) -> None:
    driver = driver_for(token)
    for resource in _of(removed, token):
        found = driver.describe(removed.cloud.aws(), resource.id, {**resource.inputs, **resource.outputs})
        assert driver.stays or found is None, found


def test_removing_what_is_gone_is_no_error(removed: Built) -> None:
    aws = removed.cloud.aws()
    for resource in _made(removed):
        driver_for(resource.type).remove(aws, resource.id, {**resource.inputs, **resource.outputs})
