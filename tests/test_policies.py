"""Every policy of every environment, read as IAM reads it."""

import json
import re
from pathlib import Path

import pytest

from transload.testing import run_program

PROJECT = Path(__file__).parent.parent
STACKS = ("local", "staging", "prod")
# What the environments do not use, but may be configured.
WIDER = {
    "capacity": ["fargate_spot", "fargate", "ec2"],
    "nat": "one_per_zone",
    "protect_data": True,
    "alert_emails": ["one@example.com", "two@example.com"],
}

# Statements that may say `*`, and what AWS says of it in the Service authorization reference or the guide of the service.
EVERYTHING = {
    "SignInToTheRegistry": "ecr:GetAuthorizationToken has no resource type",
    "SeeJobs": "batch:DescribeJobs and batch:ListJobs have no resource type",
    "SeeCapacity": "the Describe actions of AWS Batch and Amazon EC2, and servicequotas:GetServiceQuota, have no resource type",
    "UseAndAdministerByThisAccount": "in the policy of a key `*` is the key (AWS KMS developer guide, Key policies)",
    "PublishAlarms": "in the policy of a key `*` is the key (AWS KMS developer guide, Key policies)",
}
# Services that say nothing of the account or the resource on whose behalf they take a role.
UNBOUND = {"lambda.amazonaws.com", "ec2.amazonaws.com", "chatbot.amazonaws.com"}
DOCUMENTS = {"policy", "assumeRolePolicy"}


def _list(value):
    return value if isinstance(value, list) else [value]


@pytest.fixture(scope="module", params=[*STACKS, "prod, wider"])
def documents(request):
    """(resource, key of the input, statements) of every policy document that an environment registers, wherever it stands."""
    stack, _, wider = request.param.partition(", ")
    recording = run_program(PROJECT, stack=stack, config=WIDER if wider else None)
    return [
        (resource, key, json.loads(value)["Statement"])
        for resource in recording.resources
        for key, value in resource.inputs.items()
        if isinstance(value, str) and value.startswith("{") and '"Statement"' in value
    ]


def _permissions(documents):
    return [(resource, one) for resource, key, statements in documents if key != "assumeRolePolicy" for one in statements]


def test_every_document_is_one_that_is_known_to_be_a_policy(documents):
    assert {key for _, key, _ in documents} == DOCUMENTS
    assert len(documents) > 20


def test_no_action_is_everything_or_all_of_a_service(documents):
    # A refusal must be wide: of s3:* without encryption on the way, say.
    open_ended = {
        one.get("Sid")
        for _, _, statements in documents
        for one in statements
        for action in _list(one["Action"])
        if one["Effect"] == "Allow" and not re.fullmatch(r"[a-z0-9-]+:[A-Z][A-Za-z]+", action)
    }
    actions = {action for _, one in _permissions(documents) for action in _list(one["Action"]) if one["Effect"] == "Allow"}

    # The administrators of a key, as AWS words them: kms:Describe* and its like (AWS KMS developer guide, Default key policy).
    assert open_ended == {"UseAndAdministerByThisAccount"}
    assert [action for action in actions if not re.match(r"[a-z0-9-]+:[A-Z][a-z]", action)] == []
    assert not any(key in one for _, _, statements in documents for one in statements for key in ("NotAction", "NotResource"))


def test_every_resource_is_named_but_where_aws_knows_none(documents):
    wide = {one["Sid"] for _, one in _permissions(documents) if one["Effect"] == "Allow" and "*" in _list(one["Resource"])}

    assert wide <= set(EVERYTHING)
    # None of the other stars takes in more than one kind of thing in this account.
    named = {resource for _, one in _permissions(documents) for resource in _list(one["Resource"]) if resource != "*"}
    assert [name for name in named if not re.match(r"arn:aws:[a-z0-9]+:[a-z0-9-]*:(\d{12})?:[a-z0-9/]", name)] == []


def test_every_permission_says_its_purpose_once(documents):
    for resource, key, statements in documents:
        if key != "assumeRolePolicy":
            sids = [one["Sid"] for one in statements]
            assert len(set(sids)) == len(sids), resource.urn
            assert all(re.fullmatch(r"[A-Z][A-Za-z0-9]+", sid) for sid in sids), resource.urn


def test_a_role_is_taken_by_one_service_on_behalf_of_this_account_alone(documents):
    trusts = [one for _, key, statements in documents if key == "assumeRolePolicy" for one in statements]
    unbound = {
        one["Principal"]["Service"]
        for one in trusts
        if one.get("Condition", {}).get("StringEquals", {}).get("aws:SourceAccount") != "123456789012"
    }

    assert {one["Action"] for one in trusts} == {"sts:AssumeRole"}
    assert unbound <= UNBOUND
    assert {"lambda.amazonaws.com", "ecs-tasks.amazonaws.com", "scheduler.amazonaws.com", "firehose.amazonaws.com"} <= {
        one["Principal"]["Service"] for one in trusts
    }


def test_a_policy_of_a_resource_lets_in_services_only_from_where_it_says(documents):
    """Queues and topics are written to by other services: each says which. A bucket lets nobody in, it only refuses."""
    for resource, one in _permissions(documents):
        principal = one.get("Principal")
        if principal is None or one["Effect"] == "Deny":
            continue
        assert principal != "*", resource.urn
        assert principal != {"AWS": "*"}, resource.urn
        if resource.type == "aws:sqs/queuePolicy:QueuePolicy":
            assert "aws:SourceArn" in one["Condition"]["ArnEquals"], resource.urn


def test_no_role_may_hand_out_roles_or_change_iam(documents):
    actions = {action for _, one in _permissions(documents) for action in _list(one["Action"]) if one["Effect"] == "Allow"}

    assert [action for action in actions if action.startswith(("iam:", "sts:", "organizations:"))] == []
