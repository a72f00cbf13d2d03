"""What a provider asks of a driver after the first deployment: names, differences, changes in place."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from transload._errors import Problem
from transload.local import Cloud
from transload.local.drivers import driver_for

QUEUE, ROLE, GROUP = "aws:sqs/queue:Queue", "aws:iam/role:Role", "aws:cloudwatch/logGroup:LogGroup"


def _changed(cloud: Cloud, token: str, name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Mapping[str, Any]:
    """Create with `old`, change to `new` in place; the resource as boto3 then shows it."""
    driver, aws = driver_for(token), cloud.aws()
    before = driver.check(name, old)
    identity, outputs = driver.make(aws, before)
    after = driver.check(name, new, old=before, seed="another")
    assert driver.replaces(aws, before, after) == []
    driver.change(aws, identity, {**before, **outputs}, after)
    found = driver.describe(aws, identity, {**after, **outputs})
    assert found is not None
    return found


def test_an_automatic_name_is_kept_by_the_next_deployment():
    first = driver_for(QUEUE).check("work", {}, seed="one")
    assert first["name"].startswith("work-")
    assert driver_for(QUEUE).check("work", {}, old=first, seed="two") == first
    assert driver_for(QUEUE).check("work", {}, seed="two") != first


@pytest.mark.parametrize(
    ("token", "inputs", "start", "end"),
    [
        (QUEUE, {"fifoQueue": True}, "work-", ".fifo"),
        (QUEUE, {"namePrefix": "team-"}, "team-", ""),
        ("aws:kms/alias:Alias", {}, "alias/work-", ""),
    ],
)
def test_an_automatic_name_has_the_form_that_the_service_asks_for(token: str, inputs: dict[str, Any], start: str, end: str):
    name = driver_for(token).check("work", inputs)["name"]
    assert name.startswith(start)
    assert name.endswith(end)


def test_an_automatic_name_that_is_too_long_is_refused():
    with pytest.raises(
        Problem, match=r"^aws:lb/loadBalancer:LoadBalancer 'a{30}': the automatic name a{30}-\w{7} has more than 32"
    ):
        driver_for("aws:lb/loadBalancer:LoadBalancer").check("a" * 30, {})


def test_another_name_replaces_and_another_attribute_does_not(cloud: Cloud):
    driver, aws = driver_for(QUEUE), cloud.aws()
    old = {"name": "one", "visibilityTimeoutSeconds": 30}
    assert driver.replaces(aws, old, {**old, "name": "two"}) == ["name"]
    assert driver.replaces(aws, old, {**old, "visibilityTimeoutSeconds": 60}) == []
    assert driver.replaces(aws, old, old) == []


def test_what_nothing_can_take_away_replaces(cloud: Cloud):
    driver, aws = driver_for(GROUP), cloud.aws()
    old = {"name": "one", "retentionInDays": 30, "tags": {"a": "b", "c": "d"}}
    assert driver.replaces(aws, old, {"name": "one", "tags": old["tags"]}) == ["retentionInDays"]
    assert driver.replaces(aws, old, {**old, "tags": {"a": "b"}}) == ["tags"]


def test_an_input_that_the_driver_skips_changes_nothing(cloud: Cloud):
    driver, aws = driver_for("aws:s3/bucket:Bucket"), cloud.aws()
    assert driver.replaces(aws, {"bucket": "one"}, {"bucket": "one", "forceDestroy": True}) == []


def test_an_attribute_of_a_queue_changes_in_place(cloud: Cloud):
    found = _changed(cloud, QUEUE, "changing", {"visibilityTimeoutSeconds": 30}, {"visibilityTimeoutSeconds": 77})
    assert found["VisibilityTimeout"] == "77"


def test_trust_and_description_of_a_role_change_in_place(cloud: Cloud):
    old = {"assumeRolePolicy": json.dumps({"Version": "2012-10-17", "Statement": []}), "description": "old"}
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    policy = {"Version": "2012-10-17", "Statement": [trust]}
    found = _changed(cloud, ROLE, "changing", old, {"assumeRolePolicy": json.dumps(policy), "description": "new"})
    assert (found["Description"], found["AssumeRolePolicyDocument"]) == ("new", policy)


def test_retention_of_a_log_group_changes_in_place(cloud: Cloud):
    assert _changed(cloud, GROUP, "changing", {"retentionInDays": 7}, {"retentionInDays": 30})["retentionInDays"] == 30


def test_a_schedule_is_written_anew_as_a_whole(cloud: Cloud):
    cloud.client("iam").create_role(RoleName="changing-schedule", AssumeRolePolicyDocument="{}")
    target = {"arn": "arn:aws:sqs:eu-west-1:123456789012:x", "roleArn": "arn:aws:iam::123456789012:role/changing-schedule"}
    old = {"scheduleExpression": "rate(1 hour)", "flexibleTimeWindow": {"mode": "OFF"}, "target": target, "description": "hourly"}
    new = {"scheduleExpression": "rate(1 day)", "flexibleTimeWindow": {"mode": "OFF"}, "target": target}
    found = _changed(cloud, "aws:scheduler/schedule:Schedule", "changing", old, new)
    assert found["ScheduleExpression"] == "rate(1 day)"
    assert "Description" not in found


def test_rules_of_a_security_group_change_in_place(cloud: Cloud):
    vpc = cloud.client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
    rule = {"protocol": "tcp", "fromPort": 443, "toPort": 443, "cidrBlocks": ["10.0.0.0/8"]}
    old = {"vpcId": vpc, "ingress": [rule]}
    found = _changed(cloud, "aws:ec2/securityGroup:SecurityGroup", "changing", old, {"vpcId": vpc, "egress": [rule]})
    assert (found["IpPermissions"], len(found["IpPermissionsEgress"])) == ([], 1)


def test_a_weight_changes_in_place(cloud: Cloud):
    zone = cloud.client("route53").create_hosted_zone(Name="changing.example", CallerReference="changing")["HostedZone"]["Id"]
    record = {
        "zoneId": zone.rsplit("/")[-1],
        "name": "www",
        "type": "A",
        "ttl": 60,
        "records": ["192.0.2.1"],
        "setIdentifier": "old",
    }
    old, new = ({**record, "weightedRoutingPolicies": [{"weight": weight}]} for weight in (100, 50))
    assert _changed(cloud, "aws:route53/record:Record", "changing", old, new)["Weight"] == 50


def test_an_item_of_another_key_replaces_and_another_value_does_not(cloud: Cloud):
    driver, aws = driver_for("aws:dynamodb/tableItem:TableItem"), cloud.aws()
    old = {"tableName": "t", "hashKey": "job", "item": json.dumps({"job": {"S": "a"}, "n": {"N": "1"}})}
    assert driver.replaces(aws, old, {**old, "item": json.dumps({"job": {"S": "b"}})}) == ["item"]
    assert driver.replaces(aws, old, {**old, "item": json.dumps({"job": {"S": "a"}, "n": {"N": "2"}})}) == []


def test_code_that_is_packed_twice_is_the_same(cloud: Cloud):
    import pulumi

    from transload.local.drivers.compute import packed

    archive = pulumi.AssetArchive({"b.py": pulumi.StringAsset("2"), "a/c.py": pulumi.StringAsset("1")})
    assert packed(archive) == packed(archive)
