"""Policies are data, and no statement of ours is wider than it says why."""

import json

import pulumi
import pytest

from transload import BatchCluster, BatchClusterArgs, JobFlow, LogPipeline, Network, PermissionArgs, ScheduledJob
from transload._iam import allow, deny, policy, trust
from transload.testing import run_program

CLUSTER: BatchClusterArgs = {
    "vpc_id": "vpc-1",
    "subnet_ids": ["subnet-1"],
    "alerts": {"emails": ["platform@example.com"], "slack_workspace_id": "T0", "slack_channel_id": "C0"},
    "capacity": ["fargate_spot", "fargate", "ec2"],
    "secret_key_arns": ["arn:aws:kms:eu-west-1:123456789012:key/1"],
}

# IAM has no resource type for these actions (Service authorization reference), so `*` is all that can be written.
WITHOUT_RESOURCE_TYPE = {
    "SignInToTheRegistry": {"ecr:GetAuthorizationToken"},
    "SeeJobs": {"batch:DescribeJobs", "batch:ListJobs"},
    "SeeCapacity": {
        "batch:DescribeComputeEnvironments",
        "batch:DescribeJobQueues",
        "ec2:DescribeSubnets",
        "servicequotas:GetServiceQuota",
    },
}
# In the policy of a key `*` is the key itself.
OF_A_KEY = "aws:kms/key:Key"


@pytest.fixture(scope="module")
def everything():
    def program():
        Network("net", {})
        cluster = BatchCluster("platform", CLUSTER)
        permission: PermissionArgs = {"sid": "WriteExports", "actions": ["s3:PutObject"], "resources": ["arn:aws:s3:::exports/*"]}
        ScheduledJob("nightly", {"cluster": cluster.ref, "image": "a:1", "permissions": [permission]})
        JobFlow("flow", {"cluster": cluster.ref, "steps": [{"name": "one", "job": "nightly"}]})
        LogPipeline("logs", {"columns": [{"name": "message", "type": "string"}]})

    return run_program(program)


def _statements(recording):
    for resource in recording.resources:
        for text in (resource.inputs.get("policy"), resource.inputs.get("assumeRolePolicy")):
            if isinstance(text, str):
                for statement in json.loads(text)["Statement"]:
                    yield resource, statement


def _list(value):
    return [value] if isinstance(value, str) else value


def test_no_statement_allows_every_action_or_all_of_a_service(everything):
    allowed = [statement for _, statement in _statements(everything) if statement["Effect"] == "Allow"]
    actions = [action for statement in allowed for action in _list(statement["Action"])]

    assert len(actions) > 50
    assert [action for action in actions if action == "*" or action.endswith(":*")] == []


def test_everything_is_named_only_where_iam_can_name_nothing_else(everything):
    wide = {
        statement["Sid"]: set(statement["Action"])
        for resource, statement in _statements(everything)
        if statement["Effect"] == "Allow" and resource.type != OF_A_KEY and "*" in _list(statement.get("Resource", []))
    }

    assert wide == WITHOUT_RESOURCE_TYPE


def test_every_statement_says_its_purpose(everything):
    permissions = [
        statement["Sid"]
        for resource, statement in _statements(everything)
        if "Resource" in statement and resource.type != "aws:iam/role:Role"
    ]

    assert all(sid.isalnum() for sid in permissions)
    assert len(permissions) > 20


def test_roles_that_services_take_are_bound_to_this_account_where_the_service_supports_it(everything):
    # AWS Lambda, Amazon EC2 and AWS Chatbot do not send these keys when they take a role.
    without = {"lambda.amazonaws.com", "ec2.amazonaws.com", "chatbot.amazonaws.com"}
    trusts = [
        (statement["Principal"]["Service"], statement.get("Condition", {}).get("StringEquals", {}).get("aws:SourceAccount"))
        for resource, statement in _statements(everything)
        if resource.type == "aws:iam/role:Role"
    ]

    assert {service for service, account in trusts if account is None} == without
    assert {account for _, account in trusts if account is not None} == {"123456789012"}


def test_a_policy_waits_for_the_outputs_in_it(record):
    found = []

    def program():
        arn = pulumi.Output.from_input("arn:aws:s3:::exports")
        text = policy(
            allow("Read", ["s3:GetObject"], [pulumi.Output.concat(arn, "/*")], principal={"AWS": "*"}),
            deny("NotInClear", ["s3:GetObject"], "*", condition={"Bool": {"aws:SecureTransport": "false"}}),
        )
        text.apply(found.append)

    record(program)
    assert json.loads(found[0]) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Read",
                "Effect": "Allow",
                "Principal": {"AWS": "*"},
                "Action": ["s3:GetObject"],
                "Resource": ["arn:aws:s3:::exports/*"],
            },
            {
                "Sid": "NotInClear",
                "Effect": "Deny",
                "Action": ["s3:GetObject"],
                "Resource": "*",
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            },
        ],
    }


def test_a_trust_policy_names_the_service_and_its_condition(record):
    found = []
    record(lambda: trust("scheduler.amazonaws.com", {"StringEquals": {"aws:SourceAccount": "1"}}).apply(found.append))

    assert json.loads(found[0])["Statement"] == [
        {
            "Effect": "Allow",
            "Principal": {"Service": "scheduler.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:SourceAccount": "1"}},
        }
    ]
