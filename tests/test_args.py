"""Arguments: what is wrong with them is said in one line that names the component."""

from typing import NotRequired, TypedDict

import pulumi
import pytest

from transload._args import check_args, choice, integer, retention_days


class _Args(TypedDict):
    image: str
    memory_mib: NotRequired[int]
    capacity: NotRequired[str]


class _Thing(pulumi.ComponentResource):
    def __init__(self, name, check):
        super().__init__("test:index:Thing", name, {})
        self.read = check(self)


@pytest.fixture
def read(record):
    def run(check):
        found = []
        record(lambda: found.append(_Thing("one", check).read))
        return found[0]

    return run


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"image": "a", "memory": 1}, "unknown argument memory, did you mean memory_mib\\?"),
        ({"image": "a", "zzz": 1}, "unknown argument zzz; known are capacity, image, memory_mib"),
        ({}, "missing argument image"),
        ({"image": None}, "missing argument image"),
        ("text", r"arguments must be a mapping such as \{...\}, got str"),
    ],
)
def test_wrong_keys_are_refused_with_the_nearest_known_one(read, args, message):
    with pytest.raises(ValueError, match=f"(?m)^_Thing 'one': {message}$"):
        read(lambda thing: check_args(thing, args, _Args))


def test_a_whole_number_may_arrive_as_a_float_from_another_language(read):
    found = read(lambda thing: integer(thing, {"size": 7.0}, "size", 1, 1, 10))

    assert (found, type(found)) == (7, int)


@pytest.mark.parametrize("wrong", [0, 11, 2.5, "3", True])
def test_a_number_out_of_its_bounds_is_refused(read, wrong):
    with pytest.raises(ValueError, match=f"(?m)^_Thing 'one': size must be 1 to 10, got {wrong!r}$"):
        read(lambda thing: integer(thing, {"size": wrong}, "size", 1, 1, 10))


def test_what_is_not_given_has_its_default(read):
    assert read(lambda thing: (integer(thing, {}, "size", 5, 1, 10), choice(thing, {}, "capacity", "ec2", ["ec2"]))) == (5, "ec2")


def test_a_wrong_word_is_refused_with_the_nearest_one(read):
    with pytest.raises(
        ValueError, match=r"(?m)^_Thing 'one': capacity must be one of ec2, fargate, got 'fargat'; did you mean fargate\?$"
    ):
        read(lambda thing: choice(thing, {"capacity": "fargat"}, "capacity", "ec2", ["ec2", "fargate"]))


def test_a_retention_that_cloudwatch_does_not_have_is_refused_with_the_nearest(read):
    message = "days must be a number that CloudWatch Logs takes, got 100; nearest is 90"
    with pytest.raises(ValueError, match=f"(?m)^_Thing 'one': {message}$"):
        read(lambda thing: retention_days(thing, {"days": 100}, "days", 30))
