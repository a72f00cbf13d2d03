"""Arguments: what is wrong with them is said in one line that names the component."""

from typing import Any, NotRequired, TypedDict

import pulumi
import pytest

import transload
from transload._args import check_args, choice, integer, retention_days


class _Args(TypedDict):
    image: str
    memory_mib: NotRequired[int]
    capacity: NotRequired[str]


class _AllKinds(TypedDict):
    text: NotRequired[str]
    yes: NotRequired[bool]
    texts: NotRequired[list[str]]
    later: NotRequired[pulumi.Input[list[str]]]
    pairs: NotRequired[dict[str, pulumi.Input[str]]]
    size: NotRequired[int]
    shape: NotRequired[_Args]


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


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"text": 5}, "text must be a text, got 5"),
        ({"text": ["a"]}, r"text must be a text, got \['a'\]"),
        ({"yes": "no"}, "yes must be true or false, got 'no'"),
        ({"texts": "a"}, "texts must be a list, got 'a'"),
        ({"texts": ["a", 5]}, r"texts\[1\] must be a text, got 5"),
        ({"later": "a"}, "later must be a list, got 'a'"),
        ({"later": [5]}, r"later\[0\] must be a text, got 5"),
        ({"pairs": ["a"]}, r"pairs must be keys and values, got \['a'\]"),
        ({"pairs": {"a": 5}}, r"pairs\['a'\] must be a text, got 5"),
    ],
)
def test_a_value_of_another_type_is_refused(read, args, message):
    with pytest.raises(ValueError, match=f"(?m)^_Thing 'one': {message}$"):
        read(lambda thing: check_args(thing, args, _AllKinds))


def test_what_is_known_later_is_not_looked_at(read):
    def checked(thing):
        later = pulumi.Output.from_input("a")
        given: Any = {"later": later, "texts": ["a"], "pairs": {"a": later}, "yes": True, "shape": {"image": "a"}}
        return check_args(thing, given, _AllKinds) == given

    assert read(checked)


def test_none_stands_for_the_default(read):
    given: Any = {"text": None, "size": 5, "pairs": None}

    assert read(lambda thing: check_args(thing, given, _AllKinds)) == {"size": 5}


REF = {"name": "platform", "submit_function_arn": "arn:aws:lambda:eu-west-1:123456789012:function:submit"}
SERVERS = {"old": {"ip_address": "203.0.113.1"}, "new": {"ip_address": "203.0.113.2"}}
LEAST = {
    "BatchCluster": {"vpc_id": "vpc-1", "subnet_ids": ["subnet-1"], "no_alerts_because": "a test"},
    "JobFlow": {"cluster": REF, "steps": [{"name": "a", "job": "b"}]},
    "LogPipeline": {"columns": [{"name": "a", "type": "int"}]},
    "Network": {},
    "ScheduledJob": {"cluster": REF, "image": "a:1"},
    "WeightedCutover": {"zone_id": "Z1", "record_name": "a.example.com", "percent": 10, **SERVERS},
}


@pytest.mark.parametrize("component", sorted(LEAST))
def test_whatever_stands_where_it_makes_no_sense_is_one_line_that_names_it(record, component):
    make: Any = getattr(transload, component)
    shape: Any = getattr(transload, f"{component}Args")
    for key in sorted(shape.__required_keys__ | shape.__optional_keys__):
        with pytest.raises(ValueError, match=f"(?m)^{component} 'thing': .*{key}.*$") as refused:
            record(lambda key=key: make("thing", {**LEAST[component], key: frozenset()}))
        assert "\n" not in str(refused.value)


def test_a_whole_number_may_arrive_as_a_float_from_another_language(read):
    found = read(lambda thing: integer(thing, {"size": 7.0}, "size", 1, 1, 10))

    assert (found, type(found)) == (7, int)


@pytest.mark.parametrize("wrong", [0, 11, 2.5, "3", True, float("inf")])
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
