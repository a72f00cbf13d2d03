"""awsx components are expanded to the children that the real provider makes."""

import json
import re
from pathlib import Path
from typing import Any

import pulumi_awsx as awsx
import pytest
from pulumi_awsx.ec2 import NatGatewayStrategy, SubnetAllocationStrategy, SubnetType

from transload.testing import Recording, run_program

GOLDEN = json.loads(Path(__file__).with_name("awsx-3.11.json").read_text())
STACK = "urn:pulumi:dev::proj::pulumi:pulumi:Stack::proj-dev"


def program():
    """The program that was given to the real provider."""
    vpc = awsx.ec2.Vpc("legacy2", number_of_availability_zones=2, subnet_strategy=SubnetAllocationStrategy.LEGACY)
    awsx.ec2.Vpc(
        "auto3single",
        cidr_block="10.1.0.0/16",
        nat_gateways={"strategy": NatGatewayStrategy.SINGLE},
        subnet_strategy=SubnetAllocationStrategy.AUTO,
    )
    awsx.ec2.Vpc(
        "autonone",
        cidr_block="10.2.0.0/16",
        number_of_availability_zones=2,
        nat_gateways={"strategy": NatGatewayStrategy.NONE},
        subnet_strategy=SubnetAllocationStrategy.AUTO,
        subnet_specs=[{"type": SubnetType.PUBLIC, "cidr_mask": 24}, {"type": SubnetType.ISOLATED, "name": "db", "cidr_mask": 22}],
    )
    awsx.ecr.Repository("repo", force_delete=True)
    balancer = awsx.lb.ApplicationLoadBalancer("lb", subnet_ids=vpc.public_subnet_ids)
    awsx.lb.NetworkLoadBalancer("nlb", subnet_ids=vpc.public_subnet_ids)
    container: awsx.ecs.TaskDefinitionContainerDefinitionArgsDict = {
        "image": "nginx",
        "cpu": 128,
        "memory": 256,
        "essential": True,
        "name": "a",
    }
    awsx.ecs.FargateTaskDefinition("td", log_group={"skip": True}, containers={"a": container})
    awsx.ecs.FargateService(
        "svc",
        cluster="arn:aws:ecs:eu-west-1:123456789012:cluster/c",
        network_configuration={"subnets": vpc.private_subnet_ids},
        task_definition_args={
            "containers": {"a": {**container, "port_mappings": [{"target_group": balancer.default_target_group}]}}
        },
    )


@pytest.fixture(scope="module")
def recording() -> Recording:
    return run_program(program, project="proj", stack="dev")


def comparable(inputs: dict[str, Any], stand_ins: dict[str, str]) -> Any:
    """Inputs with our ids and ARNs exchanged for those that the real provider was answered with, and JSON text read."""
    text = json.dumps({name: value for name, value in inputs.items() if name != "family"})
    if stand_ins:
        text = re.sub("|".join(map(re.escape, stand_ins)), lambda found: stand_ins[found[0]], text)
    found = json.loads(text)
    return {name: json.loads(value) if name == "containerDefinitions" else value for name, value in found.items()}


def stand_ins(recording: Recording) -> dict[str, str]:
    """Our ids, ARNs and names to those of the real provider's run, the longest first."""
    found = {}
    for one in recording.resources:
        if one.kind == "custom":
            arn = f"arn:aws:{one.type.split(':')[1].split('/')[0]}:eu-west-1:123456789012:{one.name}"
            found[one.id] = arn if one.id == one.outputs.get("arn") else f"{one.name}-id"
            found[one.outputs.get("arn")] = arn
            found[one.outputs.get("allocationId")] = f"{one.name}-allocationId"
    found |= {one.outputs.get("name"): f"{one.name}-0000000" for one in recording.resources if one.kind == "custom"}
    # An id that is just the logical name stands in for nothing.
    names = {one.name for one in recording.resources}
    return {ours: found[ours] for ours in sorted((one for one in found if one and one not in names), key=len, reverse=True)}


def test_the_same_children_under_the_same_parents(recording):
    wanted = {one["urn"]: one["parent"] for one in GOLDEN["resources"]}

    assert {one.urn: one.parent for one in recording.resources} == wanted


def test_the_children_get_the_same_inputs(recording):
    exchange = stand_ins(recording)
    for golden in GOLDEN["resources"]:
        one = recording.by_urn(golden["urn"])
        ours = comparable(one.inputs, exchange) if one.kind == "custom" else {}
        if "awsx:lb:" in one.urn and "vpcId" in ours:
            # The recorded provider got no VPC from getSubnet; ours knows it.
            assert ours.pop("vpcId") == "legacy2-id"
        assert ours == comparable(golden["inputs"], {}), one.urn


def test_the_children_depend_on_the_same_resources(recording):
    for golden in GOLDEN["resources"]:
        one = recording.by_urn(golden["urn"])
        if one.kind == "custom":
            # The engine adds what an output of a component came from, which the recording of the real provider had no engine for.
            below = {child.urn for urn in golden["dependencies"] for child in recording.below(urn)}
            ours = set(one.dependencies)
            if "awsx:lb:" in one.urn:
                ours -= set(one.property_dependencies.get("vpcId", ())) - set(golden["dependencies"])
            assert set(golden["dependencies"]) <= ours <= set(golden["dependencies"]) | below, one.urn


def test_the_children_have_the_same_aliases(recording):
    for golden in GOLDEN["resources"]:
        one = recording.by_urn(golden["urn"])
        if one.kind == "custom" and golden["aliases"]:
            assert [dict(alias) for alias in one.options.aliases] == golden["aliases"], one.urn


def test_a_preview_has_the_same_children_and_knows_no_ids():
    planned = run_program(program, project="proj", stack="dev", preview=True)

    assert {one.urn for one in planned.resources} == {one["urn"] for one in GOLDEN["resources"]}
    assert planned.findings == ()
    subnet = planned.one("aws:ec2/subnet:Subnet", "legacy2-private-1")
    assert (subnet.id, subnet.inputs["cidrBlock"], subnet.unknown_paths) == ("", "10.0.0.0/18", ("vpcId",))
    assert "containerDefinitions" in planned.one("aws:ecs/taskDefinition:TaskDefinition", "svc").unknown_paths


def test_the_family_of_a_task_definition_is_the_hash_that_awsx_makes(recording):
    golden = next(one for one in GOLDEN["resources"] if one["name"] == "td" and "family" in one["inputs"])

    assert recording.one("aws:ecs/taskDefinition:TaskDefinition", "td").inputs["family"] == golden["inputs"]["family"]
