"""Network: two or three zones, ways out by choice, nothing open that need not be."""

import re

import pulumi
import pytest

from transload import Network
from transload.testing import Mocks

ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
VPC = "awsx:ec2:Vpc"


def _own(recording):
    """The children that are ours: those of awsx are its own contract."""
    of_awsx = {(child.type, child.name) for child in recording.below(recording.one(VPC).urn)}
    return recording.tree("Network", "net") - of_awsx


DEFAULTS = {
    (VPC, "net"),
    (ENDPOINT, "net-s3"),
    ("aws:cloudwatch/logGroup:LogGroup", "net-flow"),
    ("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", "net"),
    ("aws:ec2/flowLog:FlowLog", "net"),
    ("aws:iam/role:Role", "net-flow"),
    ("aws:iam/rolePolicy:RolePolicy", "net-flow"),
}


def test_builds_a_network_with_one_nat_over_two_zones(record):
    recording = record(lambda: Network("net", {}))

    assert _own(recording) == DEFAULTS
    assert len(recording.all("aws:ec2/natGateway:NatGateway")) == 1
    assert len(recording.all("aws:ec2/subnet:Subnet")) == 4
    assert recording.one(VPC).inputs == {
        "cidrBlock": "10.0.0.0/16",
        "enableDnsHostnames": True,
        "enableDnsSupport": True,
        "natGateways": {"strategy": "Single"},
        "numberOfAvailabilityZones": 2,
        "subnetSpecs": [{"type": "Public"}, {"type": "Private"}],
        "subnetStrategy": "Auto",
    }


@pytest.mark.parametrize(("nat", "gateways"), [("none", 0), ("single", 1), ("one_per_zone", 3)])
def test_nat_is_a_choice(record, nat, gateways):
    recording = record(lambda: Network("net", {"zones": 3, "nat": nat}))

    assert len(recording.all("aws:ec2/natGateway:NatGateway")) == gateways
    assert len(recording.one("transload:index:Network").outputs["private_subnet_ids"]) == 3
    assert len(recording.one("transload:index:Network").outputs["public_subnet_ids"]) == 3


def test_without_nat_the_private_subnets_have_no_route_out(record):
    recording = record(lambda: Network("net", {"nat": "none"}))
    out = [route.name for route in recording.all("aws:ec2/route:Route") if route.inputs["destinationCidrBlock"] == "0.0.0.0/0"]

    assert out == ["net-public-1", "net-public-2"]
    assert recording.one(VPC).inputs["subnetSpecs"] == [{"type": "Public"}, {"type": "Isolated"}]


def test_zones_can_be_named(record):
    inputs = record(lambda: Network("net", {"availability_zone_names": ["eu-west-1b", "eu-west-1c"]})).one(VPC).inputs

    assert inputs["availabilityZoneNames"] == ["eu-west-1b", "eu-west-1c"]
    assert "numberOfAvailabilityZones" not in inputs


def test_s3_is_reached_inside_from_every_route_table(record):
    recording = record(lambda: Network("net", {}))
    endpoint = recording.one(ENDPOINT).inputs

    assert endpoint["vpcEndpointType"] == "Gateway"
    assert endpoint["serviceName"] == "com.amazonaws.eu-west-1.s3"
    assert sorted(endpoint["routeTableIds"]) == sorted(table.id for table in recording.all("aws:ec2/routeTable:RouteTable"))


def test_interface_endpoints_take_https_from_the_network_alone(record):
    recording = record(lambda: Network("net", {"cidr_block": "10.9.0.0/16", "interface_endpoints": ["ecr.api", "logs"]}))
    group = recording.one("aws:ec2/securityGroup:SecurityGroup", "net-endpoints")
    network = recording.one("transload:index:Network")

    assert _own(recording) == DEFAULTS | {
        (ENDPOINT, "net-ecr-api"),
        (ENDPOINT, "net-logs"),
        ("aws:ec2/securityGroup:SecurityGroup", "net-endpoints"),
        ("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "net-endpoints"),
    }
    assert recording.one("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule").inputs == {
        "securityGroupId": group.id,
        "ipProtocol": "tcp",
        "fromPort": 443,
        "toPort": 443,
        "cidrIpv4": "10.9.0.0/16",
        "description": "HTTPS from this network",
    }
    assert recording.one(ENDPOINT, "net-ecr-api").inputs == {
        "vpcId": network.outputs["vpc_id"],
        "serviceName": "com.amazonaws.eu-west-1.ecr.api",
        "vpcEndpointType": "Interface",
        "privateDnsEnabled": True,
        "subnetIds": network.outputs["private_subnet_ids"],
        "securityGroupIds": [group.id],
    }


def test_the_default_security_group_lets_nothing_through(record):
    inputs = record(lambda: Network("net", {})).one("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup").inputs

    assert (inputs["ingress"], inputs["egress"]) == ([], [])


def test_refused_connections_are_logged_by_a_role_that_can_only_do_that(record):
    recording = record(lambda: Network("net", {"flow_log_retention_days": 30}))
    logs = recording.one("aws:cloudwatch/logGroup:LogGroup")
    flow = recording.one("aws:ec2/flowLog:FlowLog").inputs

    assert logs.inputs["retentionInDays"] == 30
    assert (flow["trafficType"], flow["logDestination"]) == ("REJECT", logs.outputs["arn"])
    assert recording.policy("aws:iam/rolePolicy:RolePolicy") == [
        {
            "Sid": "WriteFlowLogs",
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            "Resource": [logs.outputs["arn"] + ":*"],
        }
    ]


def test_outputs_are_those_it_declares(record):
    assert set(record(lambda: Network("net", {})).one("transload:index:Network").outputs) == set(Network.__annotations__)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"cidr_blok": "x"}, "unknown argument cidr_blok, did you mean cidr_block?"),
        ({"cidr_block": "10.0.0.1/16"}, "cidr_block must be an IPv4 network such as 10.0.0.0/16, got '10.0.0.1/16'"),
        ({"cidr_block": "10.0.0.0/24"}, "cidr_block must be a /16 to /22, got /24"),
        ({"cidr_block": "8.8.0.0/16"}, "cidr_block must be private addresses, got 8.8.0.0/16"),
        ({"zones": 4}, "zones must be 2 to 3, got 4"),
        ({"zones": 3, "availability_zone_names": ["a", "b"]}, "availability_zone_names must name 3 different zones, got a, b"),
        ({"availability_zone_names": ["a", "a"]}, "availability_zone_names must name 2 different zones, got a, a"),
        ({"availability_zone_names": []}, "availability_zone_names must name 2 different zones, got none"),
        ({"nat": "singel"}, "nat must be one of none, single, one_per_zone, got 'singel'; did you mean single?"),
        (
            {"interface_endpoints": ["com.amazonaws/x"]},
            "interface_endpoints must be services such as ecr.api, got 'com.amazonaws/x'",
        ),
        ({"interface_endpoints": ["s3"]}, "interface_endpoints: S3 has its gateway endpoint already"),
        (
            {"interface_endpoints": ["dynamodb"]},
            "interface_endpoints: DynamoDB has a gateway endpoint, which costs nothing: declare",
        ),
        ({"interface_endpoints": ["logs", "logs"]}, "interface_endpoints names a service twice"),
        (
            {"flow_log_retention_days": 100},
            "flow_log_retention_days must be a number that CloudWatch Logs takes, got 100; nearest is 90",
        ),
    ],
)
def test_refuses(record, args, message):
    with pytest.raises(ValueError, match="^" + re.escape(f"Network 'net': {message}")):
        record(lambda: Network("net", args))


def test_works_under_pulumis_own_mocks():
    pulumi.runtime.set_mocks(Mocks(), project="shop", stack="test", preview=False)

    @pulumi.runtime.test
    def declare():
        network = Network("net", {})

        def check(found):
            vpc_id, subnets = found
            assert vpc_id.startswith("vpc-")
            assert len(subnets) == 2

        return pulumi.Output.all(network.vpc_id, network.private_subnet_ids).apply(check)

    declare()
