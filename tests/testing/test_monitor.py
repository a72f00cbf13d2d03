"""What a program registers is recorded as the engine would see it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_awsx as awsx
import pytest
from pulumi_awsx.ec2 import NatGatewayStrategy

from transload.testing import Recording, run_program

QUEUE = "aws:sqs/queue:Queue"
TOPIC = "aws:sns/topic:Topic"


class Group(pulumi.ComponentResource):
    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None):
        super().__init__("test:index:Group", name, {}, opts)


def urn(recording: Recording, token: str, name: str | None = None) -> str:
    return recording.one(token, name).urn


def test_dependencies_are_those_of_the_inputs_and_the_explicit_ones(record):
    def program():
        orders, alerts = aws.sqs.Queue("orders"), aws.sns.Topic("alerts")
        aws.sqs.Queue("copy", tags={"from": orders.arn}, name=orders.name, opts=pulumi.ResourceOptions(depends_on=[alerts]))

    recording = record(program)
    copy, orders, alerts = recording.one(QUEUE, "copy"), urn(recording, QUEUE, "orders"), urn(recording, TOPIC)

    assert set(copy.dependencies) == {orders, alerts}
    assert copy.property_dependencies == {"name": (orders,), "tags": (orders,)}


def test_an_explicit_provider_is_recorded_and_passed_down(record):
    def program():
        tokyo = aws.Provider("tokyo", region="ap-northeast-1")
        group = Group("group", pulumi.ResourceOptions(providers=[tokyo]))
        aws.sqs.Queue("orders", opts=pulumi.ResourceOptions(parent=group))
        aws.sqs.Queue("default")

    recording = record(program)
    tokyo = recording.one("pulumi:providers:aws")

    assert tokyo.kind == "provider"
    assert recording.one(QUEUE, "orders").provider == f"{tokyo.urn}::{tokyo.id}"
    assert recording.one(QUEUE, "default").provider == ""


def test_a_queue_in_another_region_has_an_arn_of_that_region(record):
    def program():
        tokyo = aws.Provider("tokyo", region="ap-northeast-1")
        aws.sqs.Queue("by-provider", opts=pulumi.ResourceOptions(provider=tokyo))
        aws.sqs.Queue("by-input", region="us-east-1")

    recording = record(program)

    assert recording.one(QUEUE, "by-provider").outputs["arn"].startswith("arn:aws:sqs:ap-northeast-1:")
    assert recording.one(QUEUE, "by-input").outputs["arn"].startswith("arn:aws:sqs:us-east-1:")


def test_options_are_recorded(record):
    def program():
        alerts = aws.sns.Topic("alerts")
        aws.sqs.Queue(
            "orders",
            opts=pulumi.ResourceOptions(
                protect=True,
                retain_on_delete=True,
                ignore_changes=["tags", "visibility_timeout_seconds"],
                replace_on_changes=["name"],
                delete_before_replace=True,
                deleted_with=alerts,
                import_="https://sqs.eu-west-1.amazonaws.com/123456789012/orders",
                additional_secret_outputs=["arn"],
                custom_timeouts=pulumi.CustomTimeouts(create="5m"),
                aliases=[pulumi.Alias(name="former"), "urn:pulumi:test::test::aws:sqs/queue:Queue::older"],
            ),
        )

    recording = record(program)
    options = recording.one(QUEUE).options

    assert options.protect is True
    assert options.retain_on_delete is True
    assert options.ignore_changes == ("tags", "visibilityTimeoutSeconds")
    assert options.replace_on_changes == ("name",)
    assert options.delete_before_replace is True
    assert options.deleted_with == urn(recording, TOPIC)
    assert options.import_id.endswith("/orders")
    assert options.additional_secret_outputs == ("arn",)
    assert options.custom_timeouts == {"create": "5m"}
    assert options.aliases == ({"name": "former"}, "urn:pulumi:test::test::aws:sqs/queue:Queue::older")
    assert recording.one(TOPIC).options.protect is None


def test_secrets_are_in_the_clear_and_their_paths_are_recorded(record):
    def program():
        password = pulumi.Output.secret("hunter2")
        aws.sqs.Queue("orders", tags={"plain": "x", "password": password})
        aws.sns.Topic("alerts", display_name=password)
        pulumi.export("nested", {"list": ["x", password]})

    recording = record(program)

    assert recording.one(QUEUE).inputs["tags"] == {"plain": "x", "password": "hunter2"}
    assert recording.one(QUEUE).secret_paths == ("tags.password",)
    assert recording.one(TOPIC).secret_paths == ("displayName",)
    assert recording.exports["nested"] == {"list": ["x", "hunter2"]}
    assert recording.secret_exports == ("nested.list[1]",)


def test_what_a_preview_cannot_know_is_unknown(record):
    seen = []

    def program():
        orders = aws.sqs.Queue("orders", name="orders")
        orders.arn.apply(seen.append)
        aws.sns.Topic("alerts", name=orders.name, display_name=orders.arn)
        pulumi.export("arn", orders.arn)

    recording = record(program, preview=True)
    alerts = recording.one(TOPIC)

    assert alerts.inputs["name"] == "orders"
    assert alerts.unknown_paths == ("displayName",)
    assert alerts.id == ""
    assert seen == []


def test_source_is_the_line_that_made_the_resource(record):
    here = Path(__file__).read_text().splitlines()

    def program():
        group = Group("group")
        aws.sqs.Queue("orders", opts=pulumi.ResourceOptions(parent=group))
        awsx.ec2.Vpc("net", nat_gateways={"strategy": NatGatewayStrategy.NONE})
        aws.s3.Bucket.get("legacy", "legacy-bucket")

    recording = record(program)
    lines = {one.name: here[one.source[1] - 1].strip() for one in recording.resources if one.source}

    assert {one.source[0] for one in recording.resources if one.source} == {__file__}
    assert lines["group"] == 'group = Group("group")'
    assert lines["orders"].startswith("aws.sqs.Queue(")
    assert lines["net-private-1"].startswith("awsx.ec2.Vpc(")
    assert lines["legacy"].startswith("aws.s3.Bucket.get(")


def test_reading_an_existing_resource_gives_its_id_and_outputs(record):
    def program():
        pulumi.export("arn", aws.s3.Bucket.get("legacy", "legacy-bucket").arn)

    recording = record(program)

    assert recording.exports["arn"] == "arn:aws:s3:::legacy-bucket"
    assert (recording.one("aws:s3/bucket:Bucket").kind, recording.one("aws:s3/bucket:Bucket").id) == ("read", "legacy-bucket")


def test_a_stack_reference_is_answered_with_what_is_given():
    def program():
        platform = pulumi.StackReference("acme/platform/prod")
        pulumi.export("queue", platform.require_output("cluster")["queue"])
        pulumi.export("missing", platform.get_output("missing"))

    recording = run_program(program, stack_references={"acme/platform/prod": {"cluster": {"queue": "arn:q"}}})

    assert recording.exports == {"queue": "arn:q"}


def test_a_stack_reference_that_is_not_given_is_an_error_that_shows_how():
    with pytest.raises(
        LookupError, match=r"the program reads stack 'acme/x/prod': give its outputs as stack_references=\{'acme/x/prod'"
    ):
        run_program(lambda: pulumi.StackReference("acme/x/prod"), stack_references={"acme/y/prod": {}})


def test_provider_functions_are_answered_and_recorded(record):
    def program():
        pulumi.export("account", aws.get_caller_identity().account_id)
        pulumi.export("region", aws.get_region_output().region)
        pulumi.export("zones", aws.get_availability_zones().names)
        pulumi.export("partition", aws.get_partition_output().partition)

    recording = record(program, account="999999999999", config={"aws:region": "ap-northeast-1"})

    assert recording.exports == {
        "account": "999999999999",
        "region": "ap-northeast-1",
        "zones": ["ap-northeast-1a", "ap-northeast-1b", "ap-northeast-1c"],
        "partition": "aws",
    }
    assert len(recording.invokes) == 4


def test_a_policy_document_is_rendered(record):
    def program():
        document = aws.iam.get_policy_document(
            statements=[{"sid": "Read", "actions": ["s3:GetObject"], "resources": ["arn:aws:s3:::b/*"]}]
        )
        aws.iam.Policy("read", policy=document.json)

    assert record(program).policy("aws:iam/policy:Policy") == [
        {"Sid": "Read", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}
    ]


def test_answers_to_provider_functions_can_be_given(record):
    image = {
        "aws:ec2/getAmi:getAmi": lambda args: {"id": f"ami-of-{args['owners'][0]}"},
        "getIpRanges": {"cidrBlocks": ["10.0.0.0/8"]},
    }

    def program():
        pulumi.export("ami", aws.ec2.get_ami(owners=["amazon"], most_recent=True).id)
        pulumi.export("ranges", aws.get_ip_ranges(services=["s3"]).cidr_blocks)

    assert record(program, invokes=image).exports == {"ami": "ami-of-amazon", "ranges": ["10.0.0.0/8"]}


def test_a_provider_function_without_an_answer_is_an_error_that_shows_how():
    with pytest.raises(
        LookupError, match=r"the program calls aws:ec2/getAmi:getAmi: give its answer as invokes=\{'aws:ec2/getAmi:getAmi'"
    ):
        run_program(lambda: aws.ec2.get_ami(owners=["amazon"]))


def test_transforms_run_in_the_engines_order_and_their_result_is_what_is_recorded(record):
    order = []

    def transform(label):
        def run(args: pulumi.ResourceTransformArgs):
            if args.type_ != QUEUE:
                return None
            order.append(label)
            props: dict[str, Any] = dict(args.props)
            protect = pulumi.ResourceOptions.merge(args.opts, pulumi.ResourceOptions(protect=True))
            return pulumi.ResourceTransformResult({**props, "tags": {**props.get("tags", {}), label: "yes"}}, protect)

        return run

    def program():
        pulumi.runtime.register_resource_transform(transform("stack"))
        group = Group("group", pulumi.ResourceOptions(transforms=[transform("parent")]))
        aws.sqs.Queue("orders", opts=pulumi.ResourceOptions(parent=group, transforms=[transform("own")]))

    orders = record(program).one(QUEUE)

    assert order == ["own", "parent", "stack"]
    assert orders.inputs["tags"] == {"own": "yes", "parent": "yes", "stack": "yes"}
    assert orders.options.protect is True


def test_transforms_of_provider_functions_run(record):
    def transform(args: pulumi.InvokeTransformArgs):
        return pulumi.InvokeTransformResult({**args.args, "region": "us-east-1"}, args.opts)

    def program():
        pulumi.runtime.register_invoke_transform(transform)
        pulumi.export("region", aws.get_region_output().region)

    assert record(program).exports == {"region": "us-east-1"}


def test_an_error_in_a_transform_ends_the_run():
    def transform(args: pulumi.ResourceTransformArgs):
        raise ValueError("not like this")

    def program():
        aws.sqs.Queue("orders", opts=pulumi.ResourceOptions(transforms=[transform]))

    with pytest.raises(RuntimeError, match=r"^a transform of aws:sqs/queue:Queue 'orders' failed: .*not like this"):
        run_program(program)


def test_assets_are_recorded_as_assets(record, tmp_path):
    def program():
        code = pulumi.AssetArchive({"a.py": pulumi.StringAsset("print(1)"), "b.py": pulumi.FileAsset(str(tmp_path / "b.py"))})
        aws.lambda_.Function("f", role="arn:aws:iam::123456789012:role/f", runtime="python3.13", handler="a.b", code=code)

    code = record(program).one("aws:lambda/function:Function").inputs["code"]

    assert isinstance(code, pulumi.AssetArchive)
    assert code.assets["a.py"].text == "print(1)"
    assert code.assets["b.py"].path == str(tmp_path / "b.py")


def test_a_resource_that_arrives_as_text_and_leaves_as_object_is_no_hang(record):
    def program():
        repository = awsx.ecr.Repository("web")
        pulumi.export("policy", repository.lifecycle_policy.apply(lambda found: found and found.policy))

    recording = record(program)

    assert json.loads(recording.exports["policy"])["rules"][0]["rulePriority"] == 1


def test_zones_of_a_vpc_can_be_named_and_addresses_divided_by_hand(record):
    def program():
        awsx.ec2.Vpc(
            "net",
            cidr_block="10.9.0.0/16",
            availability_zone_names=["eu-west-1a", "eu-west-1c"],
            nat_gateways={"strategy": NatGatewayStrategy.ONE_PER_AZ},
        )

    recording = record(program)
    subnets = recording.all("aws:ec2/subnet:Subnet")

    assert {one.name: (one.inputs["availabilityZone"], one.inputs["cidrBlock"]) for one in subnets} == {
        "net-public-1": ("eu-west-1a", "10.9.64.0/19"),
        "net-private-1": ("eu-west-1a", "10.9.0.0/18"),
        "net-public-2": ("eu-west-1c", "10.9.192.0/19"),
        "net-private-2": ("eu-west-1c", "10.9.128.0/18"),
    }
    assert len(recording.all("aws:ec2/natGateway:NatGateway")) == 2


def test_a_component_of_awsx_without_an_expansion_of_its_own_is_a_finding(record):
    recording = record(lambda: awsx.cloudtrail.Trail("audit"))

    assert [(one.severity, one.kind) for one in recording.findings] == [("warning", "expansion")]
    assert "is expanded by guess" in str(recording.findings[0])
    assert recording.one("aws:cloudtrail/trail:Trail").parent == recording.one("awsx:cloudtrail:Trail").urn


def test_asynchronous_values_are_waited_for(record):
    async def slow():
        await asyncio.sleep(0)
        return "late"

    recording = record(lambda: aws.sqs.Queue("orders", name=pulumi.Output.from_input(slow())))

    assert recording.one(QUEUE).inputs["name"] == "late"
