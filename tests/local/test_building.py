"""What a program gets that runs in the local cloud."""

import json
from pathlib import Path

import pulumi
import pulumi_aws as aws
import pulumi_awsx as awsx
import pytest

from transload._errors import Problem
from transload.local import Cloud
from transload.local.drivers import driver_for

_ROOT = Path(__file__).parents[2]


def test_every_resource_of_the_local_stack_exists_afterwards(cloud: Cloud) -> None:
    built = cloud.run(_ROOT, stack="local")
    made = [resource for resource in built.recording.resources if resource.kind == "custom"]
    aws = cloud.aws(region="ap-northeast-1")
    missing = [
        f"{resource.type} {resource.name}"
        for resource in made
        if not driver_for(resource.type).describe(aws, resource.id, {**resource.inputs, **resource.outputs})
    ]
    assert missing == []
    assert len(made) == built.resources > 50
    assert built.recording.findings == ()


def test_a_type_without_a_driver_is_refused_by_name(cloud: Cloud) -> None:
    with pytest.raises(
        Problem, match=r"^aws:sfn/activity:Activity 'approve': the local cloud has no driver for aws:sfn/activity:Activity"
    ):
        cloud.run(lambda: aws.sfn.Activity("approve"))


def test_an_input_that_is_not_passed_on_is_refused_by_name(cloud: Cloud) -> None:
    def program() -> None:
        aws.ec2.Subnet("net", vpc_id="vpc-1", enable_dns64=True)

    with pytest.raises(Problem, match=r"^aws:ec2/subnet:Subnet 'net': the local driver does not pass on the input enableDns64"):
        cloud.run(program)


def test_a_nested_input_that_is_not_passed_on_is_refused_by_its_path(cloud: Cloud) -> None:
    def program() -> None:
        aws.batch.JobDefinition("x", type="container", container_properties=json.dumps({"image": "x", "banana": {"size": 1}}))

    with pytest.raises(Problem, match=r"does not pass on the input containerProperties\.banana"):
        cloud.run(program)


def test_what_the_sdks_types_forbid_is_refused_before_aws_is_asked(cloud: Cloud) -> None:
    def program() -> None:
        aws.sqs.Queue("work", delay_seconds="soon")  # ty: ignore[invalid-argument-type]

    with pytest.raises(Problem, match=r"^aws:sqs/queue:Queue 'work': delaySeconds: expected a whole number, got str 'soon'"):
        cloud.run(program)


def test_a_wrong_input_of_another_packages_component_is_refused(cloud: Cloud) -> None:
    def program() -> None:
        awsx.ec2.Vpc("net", cidr_block="10.8.0.0/16", number_of_availability_zones="two")  # ty: ignore[invalid-argument-type]

    with pytest.raises(Problem, match=r"^awsx:ec2:Vpc 'net': numberOfAvailabilityZones: expected a whole number, got str 'two'"):
        cloud.run(program)


def test_nothing_is_made_after_the_first_error(cloud: Cloud) -> None:
    made: list[str] = []

    def program() -> None:
        bad = aws.sqs.Queue("bad", name="not a name")
        aws.sqs.Queue("after", name=bad.name.apply(lambda name: f"{name}-after"))

    with pytest.raises(Problem, match="'bad'"):
        cloud.run(program, on_created=lambda token, name: made.append(name))
    assert made == []


def test_an_output_that_no_driver_gives_is_refused_where_it_is_needed(cloud: Cloud) -> None:
    def program() -> None:
        vpc = aws.ec2.Vpc("net", cidr_block="10.9.0.0/16")
        aws.ec2.RouteTableAssociation("main", route_table_id=vpc.main_route_table_id, subnet_id="subnet-1")

    with pytest.raises(
        Problem, match=r"'main': routeTableId needs an output that the local cloud does not have: aws:ec2/vpc:Vpc 'net' "
    ):
        cloud.run(program)


def test_a_name_that_the_program_leaves_out_is_the_same_in_every_run(cloud: Cloud) -> None:
    def program() -> None:
        topic = aws.sns.Topic("news")
        pulumi.export("name", topic.name)

    names = [cloud.run(program, project="same").recording.exports["name"] for _ in range(2)]
    assert names[0] == names[1]
    assert names[0].startswith("news-")
    assert len(names[0]) == len("news-1234567")


def test_a_provider_function_is_answered_by_the_local_cloud(cloud: Cloud) -> None:
    def program() -> None:
        pulumi.export("account", aws.get_caller_identity_output().account_id)
        pulumi.export("zones", aws.get_availability_zones_output(state="available").names)

    exports = cloud.run(program).recording.exports
    assert exports["account"] == "123456789012"
    assert exports["zones"] == ["eu-west-1a", "eu-west-1b", "eu-west-1c"]


def test_a_provider_function_that_nobody_answers_is_refused_by_name(cloud: Cloud) -> None:
    with pytest.raises(Problem, match="does not answer aws:ec2/getAmi:getAmi"):
        cloud.run(lambda: aws.ec2.get_ami(owners=["amazon"]))


def test_what_is_there_can_be_read_and_what_is_not_is_refused(cloud: Cloud) -> None:
    cloud.client("iam").create_role(RoleName="there", AssumeRolePolicyDocument="{}")

    cloud.run(lambda: aws.iam.Role.get("role", "there"))

    with pytest.raises(Problem, match="there is no elsewhere in the local cloud to be read"):
        cloud.run(lambda: aws.iam.Role.get("role", "elsewhere"))


def test_a_resource_passed_as_a_value_is_its_id(cloud: Cloud) -> None:
    def program() -> None:
        role = aws.iam.Role("whole", assume_role_policy="{}", name="whole")
        profile = aws.iam.InstanceProfile("whole", role=role)  # ty: ignore[invalid-argument-type]
        pulumi.export("role", profile.role)

    assert cloud.run(program).recording.exports["role"] == "whole"
