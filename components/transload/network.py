"""A network for containers: public and private subnets, ways out, and nothing open that need not be."""

import ipaddress
import re
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws
import pulumi_awsx as awsx

from transload._args import check_args, choice, fail, integer, retention_days
from transload._iam import allow
from transload._roles import service_role

_NAT = {
    "none": awsx.ec2.NatGatewayStrategy.NONE,
    "single": awsx.ec2.NatGatewayStrategy.SINGLE,
    "one_per_zone": awsx.ec2.NatGatewayStrategy.ONE_PER_AZ,
}


class NetworkArgs(TypedDict):
    """Arguments of `Network`."""

    cidr_block: NotRequired[str]
    """Addresses of the network, `/16` to `/22`. Must overlap none that it will be peered with. Default: 10.0.0.0/16."""
    zones: NotRequired[int]
    """Availability zones to spread over, 2 or 3. Default: 2."""
    availability_zone_names: NotRequired[list[str]]
    """Which zones, as many as `zones`. Default: the first ones of the region."""
    nat: NotRequired[str]
    """Way out of the private subnets: `none`, `single` (one gateway: cheapest, and its zone's outage is everybody's) or
    `one_per_zone`. With `none` containers need `interface_endpoints`, or public subnets and a public address. Default: single."""
    interface_endpoints: NotRequired[list[str]]
    """AWS services reached inside the network, such as `ecr.api`, `ecr.dkr`, `logs`, `ssm`, `secretsmanager`. Default: none."""
    flow_log_retention_days: NotRequired[int]
    """Days that the log of refused connections is kept, one of the numbers CloudWatch Logs takes. Default: 365."""


class Network(pulumi.ComponentResource):
    """A VPC over two or three zones with public and private subnets, an S3 gateway endpoint (image layers come from S3, and cost
    nothing this way), a log of refused connections, and a default security group that lets nothing through.

        network = Network("platform", {"nat": "one_per_zone", "zones": 3})
        pulumi.export("private_subnet_ids", network.private_subnet_ids)
    """

    vpc_id: pulumi.Output[str]
    """Id of the VPC."""
    cidr_block: pulumi.Output[str]
    """Addresses of the VPC."""
    public_subnet_ids: pulumi.Output[list[str]]
    """Subnets with a route to the internet, one a zone: for load balancers."""
    private_subnet_ids: pulumi.Output[list[str]]
    """Subnets for containers, one a zone."""
    route_table_ids: pulumi.Output[list[str]]
    """Route tables of all subnets: what a peering adds its routes to."""

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("transload:index:Network", name, {}, opts)
        args = check_args(self, args, NetworkArgs)
        cidr_block = self._cidr_block(args)
        zones = integer(self, args, "zones", 2, 2, 3)
        zone_names = self._zone_names(args, zones)
        nat = choice(self, args, "nat", "single", list(_NAT))
        endpoints = self._endpoint_names(args)
        retention = retention_days(self, args, "flow_log_retention_days", 365)

        child = pulumi.ResourceOptions(parent=self)
        # A subnet that has no NAT to route to is what awsx calls isolated.
        inside = awsx.ec2.SubnetType.ISOLATED if nat == "none" else awsx.ec2.SubnetType.PRIVATE
        vpc = awsx.ec2.Vpc(
            name,
            cidr_block=cidr_block,
            number_of_availability_zones=None if zone_names else zones,
            availability_zone_names=zone_names,
            enable_dns_hostnames=True,
            enable_dns_support=True,
            nat_gateways={"strategy": _NAT[nat]},
            subnet_strategy=awsx.ec2.SubnetAllocationStrategy.AUTO,
            subnet_specs=[{"type": awsx.ec2.SubnetType.PUBLIC}, {"type": inside}],
            opts=child,
        )
        self.vpc_id = vpc.vpc_id
        self.cidr_block = pulumi.Output.from_input(cidr_block)
        self.public_subnet_ids = vpc.public_subnet_ids.apply(list)
        self.private_subnet_ids = (vpc.isolated_subnet_ids if nat == "none" else vpc.private_subnet_ids).apply(list)
        self.route_table_ids = vpc.route_tables.apply(lambda tables: pulumi.Output.all(*(table.id for table in tables)))

        aws.ec2.DefaultSecurityGroup(name, vpc_id=self.vpc_id, ingress=[], egress=[], opts=child)
        region = self._flow_log(name, retention, child)
        self._endpoints(name, region, cidr_block, endpoints, child)
        self.register_outputs({key: getattr(self, key) for key in Network.__annotations__})

    def _cidr_block(self, args: NetworkArgs) -> str:
        text = args.get("cidr_block", "10.0.0.0/16")
        try:
            network = ipaddress.IPv4Network(text)
        except ValueError as error:
            fail(self, f"cidr_block must be an IPv4 network such as 10.0.0.0/16, got {text!r}: {error}")
        # Three zones share it, half of each for containers: a /22 leaves 64 addresses and more a subnet.
        if not 16 <= network.prefixlen <= 22:
            fail(self, f"cidr_block must be a /16 to /22, got /{network.prefixlen}")
        if not network.is_private:
            fail(self, f"cidr_block must be private addresses, got {text}")
        return text

    def _zone_names(self, args: NetworkArgs, zones: int) -> list[str] | None:
        names = args.get("availability_zone_names")
        if names is not None and len(set(names)) != zones:
            fail(self, f"availability_zone_names must name {zones} different zones, got {', '.join(names) or 'none'}")
        return names

    def _endpoint_names(self, args: NetworkArgs) -> list[str]:
        names = args.get("interface_endpoints", [])
        wrong = next((each for each in names if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)*", each)), None)
        if wrong is not None:
            fail(self, f"interface_endpoints must be services such as ecr.api, got {wrong!r}")
        if "s3" in names:
            fail(self, "interface_endpoints: S3 has its gateway endpoint already, which costs nothing; leave s3 out")
        if "dynamodb" in names:
            fail(self, "interface_endpoints: DynamoDB has a gateway endpoint, which costs nothing: declare one on route_table_ids")
        if len(set(names)) != len(names):
            fail(self, "interface_endpoints names a service twice")
        return names

    def _flow_log(self, name: str, retention: int, child: pulumi.ResourceOptions) -> pulumi.Output[str]:
        """Log refused connections. Returns the region: from what is made, so that no call to AWS is needed for it."""
        logs = aws.cloudwatch.LogGroup(f"{name}-flow", retention_in_days=retention, opts=child)
        _, role_arn = service_role(
            f"{name}-flow",
            "vpc-flow-logs.amazonaws.com",
            [
                allow(
                    "WriteFlowLogs",
                    ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
                    [pulumi.Output.concat(logs.arn, ":*")],
                )
            ],
            child,
            condition={"StringEquals": {"aws:SourceAccount": logs.arn.apply(lambda arn: arn.split(":")[4])}},
        )
        aws.ec2.FlowLog(
            name,
            vpc_id=self.vpc_id,
            traffic_type="REJECT",
            log_destination_type="cloud-watch-logs",
            log_destination=logs.arn,
            iam_role_arn=role_arn,
            opts=child,
        )
        return logs.arn.apply(lambda arn: arn.split(":")[3])

    def _endpoints(
        self, name: str, region: pulumi.Output[str], cidr_block: str, services: list[str], child: pulumi.ResourceOptions
    ) -> None:
        aws.ec2.VpcEndpoint(
            f"{name}-s3",
            vpc_id=self.vpc_id,
            service_name=pulumi.Output.concat("com.amazonaws.", region, ".s3"),
            vpc_endpoint_type="Gateway",
            route_table_ids=self.route_table_ids,
            opts=child,
        )
        if not services:
            return
        group = aws.ec2.SecurityGroup(f"{name}-endpoints", vpc_id=self.vpc_id, description="AWS services, from inside", opts=child)
        aws.vpc.SecurityGroupIngressRule(
            f"{name}-endpoints",
            security_group_id=group.id,
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            cidr_ipv4=cidr_block,
            description="HTTPS from this network",
            opts=child,
        )
        for service in services:
            aws.ec2.VpcEndpoint(
                f"{name}-{service.replace('.', '-')}",
                vpc_id=self.vpc_id,
                service_name=pulumi.Output.concat("com.amazonaws.", region, f".{service}"),
                vpc_endpoint_type="Interface",
                private_dns_enabled=True,
                subnet_ids=self.private_subnet_ids,
                security_group_ids=[group.id],
                opts=child,
            )
