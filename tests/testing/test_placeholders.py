"""Ids, ARNs and outputs have AWS's own shape."""

import re

import pulumi_aws as aws
import pytest

from transload.testing._placeholders import Placeholders
from transload.testing._schema import schema

ANSWERS = Placeholders(account="123456789012", region="eu-west-1")


@pytest.mark.parametrize(
    ("token", "inputs", "arn"),
    [
        ("aws:sqs/queue:Queue", {"name": "x"}, "arn:aws:sqs:eu-west-1:123456789012:x"),
        ("aws:sns/topic:Topic", {"name": "x"}, "arn:aws:sns:eu-west-1:123456789012:x"),
        ("aws:lambda/function:Function", {"name": "x"}, "arn:aws:lambda:eu-west-1:123456789012:function:x"),
        ("aws:iam/role:Role", {"name": "x"}, "arn:aws:iam::123456789012:role/x"),
        ("aws:iam/role:Role", {"name": "x", "path": "/jobs/"}, "arn:aws:iam::123456789012:role/jobs/x"),
        ("aws:s3/bucket:Bucket", {"bucket": "x"}, "arn:aws:s3:::x"),
        ("aws:dynamodb/table:Table", {"name": "x"}, "arn:aws:dynamodb:eu-west-1:123456789012:table/x"),
        ("aws:batch/jobDefinition:JobDefinition", {"name": "x"}, "arn:aws:batch:eu-west-1:123456789012:job-definition/x:1"),
        ("aws:batch/jobQueue:JobQueue", {"name": "x"}, "arn:aws:batch:eu-west-1:123456789012:job-queue/x"),
        ("aws:cloudwatch/logGroup:LogGroup", {"name": "/a/x"}, "arn:aws:logs:eu-west-1:123456789012:log-group:/a/x"),
        ("aws:cloudwatch/eventRule:EventRule", {"name": "x"}, "arn:aws:events:eu-west-1:123456789012:rule/x"),
        (
            "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream",
            {"name": "x"},
            "arn:aws:firehose:eu-west-1:123456789012:deliverystream/x",
        ),
        (
            "aws:scheduler/schedule:Schedule",
            {"name": "x", "groupName": "g"},
            "arn:aws:scheduler:eu-west-1:123456789012:schedule/g/x",
        ),
        ("aws:ssm/parameter:Parameter", {"name": "/a/x"}, "arn:aws:ssm:eu-west-1:123456789012:parameter/a/x"),
        ("aws:ecr/repository:Repository", {"name": "x"}, "arn:aws:ecr:eu-west-1:123456789012:repository/x"),
        ("aws:glue/catalogTable:CatalogTable", {"name": "x", "databaseName": "d"}, "arn:aws:glue:eu-west-1:123456789012:table/d/x"),
        ("aws:appsync/graphQLApi:GraphQLApi", {"name": "x"}, "arn:aws:appsync:eu-west-1:123456789012:graphqlapi/x"),
    ],
)
def test_arn(token, inputs, arn):
    assert ANSWERS.create(token, "logical", inputs, "urn:x")[1]["arn"] == arn


@pytest.mark.parametrize(
    ("token", "identity"),
    [
        ("aws:ec2/vpc:Vpc", r"vpc-[0-9a-f]{17}"),
        ("aws:ec2/subnet:Subnet", r"subnet-[0-9a-f]{17}"),
        ("aws:ec2/securityGroup:SecurityGroup", r"sg-[0-9a-f]{17}"),
        ("aws:iam/role:Role", r"logical-[0-9a-f]{7}"),
        ("aws:sqs/queue:Queue", r"https://sqs\.eu-west-1\.amazonaws\.com/123456789012/logical-[0-9a-f]{7}"),
        ("aws:batch/jobQueue:JobQueue", r"arn:aws:batch:eu-west-1:123456789012:job-queue/logical-[0-9a-f]{7}"),
        ("aws:route53/zone:Zone", r"Z[0-9A-F]{13}"),
        ("aws:scheduler/schedule:Schedule", r"default/logical-[0-9a-f]{7}"),
    ],
)
def test_id(token, identity):
    found, _ = ANSWERS.create(token, "logical", {}, "urn:x")

    assert re.fullmatch(identity, found)


def test_names_follow_pulumis_auto_naming():
    def name(**inputs):
        return ANSWERS.create("aws:sqs/queue:Queue", "orders", inputs, "urn:x")[1].get("name")

    assert name() == name() != "orders"
    assert name().startswith("orders-")
    assert name(namePrefix="shop-").startswith("shop-")
    assert name(fifoQueue=True).endswith(".fifo")
    assert name(name="fixed") is None


def test_two_resources_never_share_an_id_or_a_name():
    first, second = (ANSWERS.create("aws:ec2/vpc:Vpc", "net", {}, urn)[0] for urn in ("urn:a", "urn:b"))

    assert first != second


def test_every_output_has_the_type_that_the_sdk_declares(record):
    def program():
        aws.lb.LoadBalancer("web", subnets=["subnet-1"], access_logs={"bucket": "b"})
        aws.ecs.Cluster("web")
        aws.cloudfront.OriginAccessControl(
            "web", origin_access_control_origin_type="s3", signing_behavior="always", signing_protocol="sigv4"
        )

    recording = record(program)

    assert recording.one("aws:lb/loadBalancer:LoadBalancer").outputs["dnsName"].endswith(".eu-west-1.elb.amazonaws.com")
    assert recording.one("aws:ecs/cluster:Cluster").outputs["tagsAll"] == {}


def test_the_installed_sdk_is_read_by_reflection():
    found = schema("aws:scheduler/schedule:Schedule")

    assert found is not None
    assert found.inputs["flexibleTimeWindow"].required
    assert found.inputs["flexibleTimeWindow"].python == "flexible_time_window"
    assert not found.inputs["description"].required
    assert {"arn", "id"} & found.output_only
    assert schema("aws:no/such:Thing") is None
    assert schema("test:index:Component") is None
