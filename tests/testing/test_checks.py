"""Inputs are checked against what the installed SDK declares."""

import pulumi
import pulumi_aws as aws
import pytest

from transload.testing import run_program
from transload.testing._checks import check
from transload.testing._values import UNKNOWN

QUEUE = "aws:sqs/queue:Queue"
SCHEDULE = "aws:scheduler/schedule:Schedule"
TARGET = {"arn": "a", "roleArn": "r"}


def test_right_inputs_have_no_findings():
    inputs = {"flexibleTimeWindow": {"mode": "OFF"}, "scheduleExpression": "rate(1 hour)", "target": TARGET}

    assert check(SCHEDULE, inputs) == []


@pytest.mark.parametrize(
    ("token", "inputs", "found"),
    [
        (
            SCHEDULE,
            {"flexibleTimeWindow": {}, "scheduleExpression": "rate(1 hour)", "target": TARGET},
            ("error", "missing", "flexibleTimeWindow.mode", "required input mode is missing"),
        ),
        (
            QUEUE,
            {"visibilityTimeoutSecond": 30},
            (
                "error",
                "unknown",
                "visibilityTimeoutSecond",
                "no such input visibilityTimeoutSecond, did you mean visibilityTimeoutSeconds?",
            ),
        ),
        (QUEUE, {"delaySeconds": "soon"}, ("error", "type", "delaySeconds", "expected a whole number, got str 'soon'")),
        (QUEUE, {"delaySeconds": 1.5}, ("error", "type", "delaySeconds", "expected a whole number, got float 1.5")),
        (QUEUE, {"fifoQueue": "yes"}, ("error", "type", "fifoQueue", "expected true or false, got str 'yes'")),
        (QUEUE, {"tags": ["a"]}, ("error", "type", "tags", "expected a map, got a list")),
        (QUEUE, {"tags": {"a": ["b"]}}, ("error", "type", "tags.a", "expected a string, got a list")),
        (QUEUE, {"name": 5}, ("warning", "type", "name", "expected a string, got int 5, which the provider converts")),
        (
            "aws:batch/jobQueue:JobQueue",
            {"priority": 1, "state": "ENABLED", "computeEnvironmentOrders": {"order": 1}},
            ("error", "type", "computeEnvironmentOrders", "expected a list, got an object"),
        ),
        (
            "aws:batch/jobQueue:JobQueue",
            {"priority": 1, "state": "ENABLED", "computeEnvironmentOrders": [{"order": 1}]},
            ("error", "missing", "computeEnvironmentOrders[0].computeEnvironment", "required input computeEnvironment is missing"),
        ),
        (
            "awsx:ec2:Vpc",
            {"natGateways": {"strategy": "Singel"}},
            ("error", "enum", "natGateways.strategy", "'Singel' is not a value of NatGatewayStrategy, did you mean Single?"),
        ),
    ],
)
def test_finds(token, inputs, found):
    assert check(token, inputs) == [found]


def test_what_the_provider_itself_converts_is_no_finding():
    assert check(QUEUE, {"delaySeconds": "5", "fifoQueue": "true"}) == []


def test_an_unknown_value_fits_everything():
    assert check(QUEUE, {"delaySeconds": UNKNOWN, "tags": UNKNOWN, "name": UNKNOWN}) == []


def test_deprecated_inputs_and_types_are_warnings():
    assert [one[:3] for one in check("aws:s3/bucket:Bucket", {"acl": "private"})] == [("warning", "deprecated", "acl")]
    assert [one[:3] for one in check("aws:s3/bucketV2:BucketV2", {})] == [("warning", "deprecated", "")]


def test_a_finding_reads_as_one_line_with_its_place():
    recording = run_program(lambda: pulumi.CustomResource(QUEUE, "orders", {"visibilityTimeout": 30}))

    file, line = recording.one(QUEUE).source or ("", 0)
    assert file == __file__
    assert [str(one) for one in recording.findings] == [
        "error: aws:sqs/queue:Queue 'orders' visibilityTimeout: no such input visibilityTimeout, "
        f"did you mean visibilityTimeoutSeconds? ({file}:{line})"
    ]


def test_the_fixture_fails_a_test_with_error_findings_unless_told_otherwise(record):
    def program():
        pulumi.CustomResource(QUEUE, "orders", {"visibilityTimeout": 30})

    with pytest.raises(pytest.fail.Exception, match="did you mean visibilityTimeoutSeconds"):
        record(program)
    assert len(record(program, allow_findings=True).findings) == 1


def test_components_of_the_program_are_not_checked(record):
    class Shop(pulumi.ComponentResource):
        def __init__(self, name: str):
            super().__init__("test:index:Shop", name, {"anything": "goes"})
            aws.sqs.Queue(name, opts=pulumi.ResourceOptions(parent=self))

    assert record(lambda: Shop("shop")).findings == ()
