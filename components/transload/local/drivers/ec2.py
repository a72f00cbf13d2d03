"""Networks: VPC, subnets, gateways, routes, security groups."""

from collections.abc import Mapping
from typing import Any

from transload.local.drivers._aws import Aws
from transload.local.drivers._driver import Call, Driver, Read, nested

_ARN = "arn:aws:ec2:{region}:{account}"
# CreateTags after the creation rather than TagSpecifications in it: then a change of tags is the same call once more.
_TAGS = Call(operation="create_tags", takes=("tags",), given={"Resources": ["{id}"]})
_NO_IPV6 = "moto does not keep it"


def _attribute(name: str, operation: str = "modify_vpc_attribute", key: str = "VpcId") -> Call:
    member = name[0].upper() + name[1:]
    return Call(operation=operation, takes=(name,), names={name: f"{member}.Value"}, given={key: "{id}"})


class _Gateway(Driver):
    """An internet gateway is attached after it is made, and must be detached before it goes."""

    def _remove(self, aws: Aws, id: str, state: Mapping[str, Any]) -> None:  # noqa: A002
        for attached in (self.describe(aws, id, state) or {}).get("Attachments", []):
            aws.client("ec2").detach_internet_gateway(InternetGatewayId=id, VpcId=attached["VpcId"])
        super()._remove(aws, id, state)


class _SecurityGroup(Driver):
    """A group made through the API lets everything out. Terraform, and so Pulumi, removes that rule."""

    def _create(self, aws: Aws, inputs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        rules = {"ingress": inputs.pop("ingress", None) or [], "egress": inputs.pop("egress", None) or []}
        group, outputs = super()._create(aws, inputs)
        _close(aws, group)
        _open(aws, group, rules)
        return group, outputs

    def change(self, aws: Aws, id: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:  # noqa: A002
        _close(aws, id)
        _open(aws, id, {"ingress": new.get("ingress") or [], "egress": new.get("egress") or []})
        return super().change(aws, id, _without_rules(old), _without_rules(new))

    def replaces(self, aws: Aws, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
        return super().replaces(aws, _without_rules(old), _without_rules(new))


def _without_rules(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in inputs.items() if key not in ("ingress", "egress")}


class _DefaultSecurityGroup(_SecurityGroup):
    """The group that every VPC comes with is adopted: emptied, then given the rules declared."""

    def _create(self, aws: Aws, inputs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        wanted = [{"Name": "group-name", "Values": ["default"]}, {"Name": "vpc-id", "Values": [inputs.pop("vpcId")]}]
        group = aws.client("ec2", inputs.pop("region", None)).describe_security_groups(Filters=wanted)["SecurityGroups"][0]
        _close(aws, group["GroupId"])
        _open(aws, group["GroupId"], {"ingress": inputs.pop("ingress", None) or [], "egress": inputs.pop("egress", None) or []})
        values = self._values(aws, {**group, **inputs}, group["GroupId"])
        for key, value in inputs.items():
            call = next((call for call in self.then if key in call.takes), self.create)
            self._run(aws, call, {key: value}, values)
        return group["GroupId"], self._outputs(aws, group["GroupId"], values)


def _close(aws: Aws, group: str) -> None:
    client = aws.client("ec2")
    found = client.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
    if found["IpPermissions"]:
        client.revoke_security_group_ingress(GroupId=group, IpPermissions=found["IpPermissions"])
    if found["IpPermissionsEgress"]:
        client.revoke_security_group_egress(GroupId=group, IpPermissions=found["IpPermissionsEgress"])


def _open(aws: Aws, group: str, rules: Mapping[str, list[dict[str, Any]]]) -> None:
    client = aws.client("ec2")
    for direction, authorize in (
        ("ingress", client.authorize_security_group_ingress),
        ("egress", client.authorize_security_group_egress),
    ):
        if rules[direction]:
            authorize(GroupId=group, IpPermissions=[_permission(group, rule) for rule in rules[direction]])


def _permission(group: str, rule: Mapping[str, Any]) -> dict[str, Any]:
    about = {"Description": rule["description"]} if rule.get("description") else {}
    groups = [*(rule.get("securityGroups") or []), *([group] if rule.get("self") else [])]
    permission = {
        "IpProtocol": str(rule["protocol"]),
        "FromPort": int(rule["fromPort"]),
        "ToPort": int(rule["toPort"]),
        "IpRanges": [{"CidrIp": cidr, **about} for cidr in rule.get("cidrBlocks") or []],
        "Ipv6Ranges": [{"CidrIpv6": cidr, **about} for cidr in rule.get("ipv6CidrBlocks") or []],
        "PrefixListIds": [{"PrefixListId": prefix, **about} for prefix in rule.get("prefixListIds") or []],
        "UserIdGroupPairs": [{"GroupId": other, **about} for other in groups],
    }
    return {key: value for key, value in permission.items() if value != []}


def _rule(direction: str) -> Driver:
    def permission(inputs: dict[str, Any]) -> dict[str, Any]:
        about = {"Description": inputs["description"]} if inputs.get("description") else {}
        ports = {"FromPort": inputs.get("fromPort"), "ToPort": inputs.get("toPort")}
        sources = {
            "IpRanges": ("cidrIpv4", "CidrIp"),
            "Ipv6Ranges": ("cidrIpv6", "CidrIpv6"),
            "PrefixListIds": ("prefixListId", "PrefixListId"),
            "UserIdGroupPairs": ("referencedSecurityGroupId", "GroupId"),
        }
        one = {
            "IpProtocol": inputs["ipProtocol"],
            **{port: number for port, number in ports.items() if number is not None},
            **{kind: [{member: inputs[key], **about}] for kind, (key, member) in sources.items() if inputs.get(key)},
        }
        gone = {"description", "fromPort", "toPort", "ipProtocol", *(key for key, _ in sources.values())}
        return {**{key: value for key, value in inputs.items() if key not in gone}, "ipPermissions": [one]}

    return Driver(
        type=f"aws:vpc/securityGroup{direction}Rule:SecurityGroup{direction}Rule",
        service="ec2",
        prepare=permission,
        create=Call(operation=f"authorize_security_group_{direction.lower()}", names={"securityGroupId": "GroupId"}),
        id="SecurityGroupRules.0.SecurityGroupRuleId",
        then=(_TAGS,),
        outputs={
            "arn": f"{_ARN}:security-group-rule/{{SecurityGroupRules.0.SecurityGroupRuleId}}",
            "securityGroupRuleId": "SecurityGroupRules.0.SecurityGroupRuleId",
        },
        read=Read(operation="describe_security_group_rules", given={"SecurityGroupRuleIds": ["{id}"]}, at="SecurityGroupRules.0"),
        delete=Call(
            operation=f"revoke_security_group_{direction.lower()}",
            given={"GroupId": "{securityGroupId}", "SecurityGroupRuleIds": ["{id}"]},
        ),
    )


def _flow_log(inputs: dict[str, Any]) -> dict[str, Any]:
    watched = {"vpcId": "VPC", "subnetId": "Subnet", "eniId": "NetworkInterface", "transitGatewayId": "TransitGateway"}
    key = next(key for key in watched if inputs.get(key))
    return {
        **{name: value for name, value in inputs.items() if name != key},
        "resourceIds": [inputs[key]],
        "resourceType": watched[key],
    }


def _read(operation: str, key: str, at: str) -> Read:
    return Read(operation=operation, given={key: ["{id}"]}, at=f"{at}.0")


DRIVERS = (
    Driver(
        type="aws:ec2/vpc:Vpc",
        service="ec2",
        create=Call(operation="create_vpc"),
        id="Vpc.VpcId",
        then=(_attribute("enableDnsSupport"), _attribute("enableDnsHostnames"), _TAGS),
        outputs={"arn": f"{_ARN}:vpc/{{Vpc.VpcId}}", "ownerId": "{account}", "dhcpOptionsId": "Vpc.DhcpOptionsId"},
        skip={"enableNetworkAddressUsageMetrics": _NO_IPV6},
        read=_read("describe_vpcs", "VpcIds", "Vpcs"),
        delete=Call(operation="delete_vpc", given={"VpcId": "{id}"}),
    ),
    Driver(
        type="aws:ec2/subnet:Subnet",
        service="ec2",
        create=Call(operation="create_subnet"),
        id="Subnet.SubnetId",
        then=(_attribute("mapPublicIpOnLaunch", "modify_subnet_attribute", "SubnetId"), _TAGS),
        outputs={
            "arn": "Subnet.SubnetArn",
            "availabilityZone": "Subnet.AvailabilityZone",
            "availabilityZoneId": "Subnet.AvailabilityZoneId",
            "ownerId": "{account}",
        },
        # awsx always sets it to false, which is what AWS does by itself.
        skip={"assignIpv6AddressOnCreation": _NO_IPV6, "privateDnsHostnameTypeOnLaunch": "moto does not keep it"},
        read=_read("describe_subnets", "SubnetIds", "Subnets"),
        delete=Call(operation="delete_subnet", given={"SubnetId": "{id}"}),
    ),
    _Gateway(
        type="aws:ec2/internetGateway:InternetGateway",
        service="ec2",
        create=Call(operation="create_internet_gateway"),
        id="InternetGateway.InternetGatewayId",
        then=(Call(operation="attach_internet_gateway", takes=("vpcId",), given={"InternetGatewayId": "{id}"}), _TAGS),
        outputs={"arn": f"{_ARN}:internet-gateway/{{InternetGateway.InternetGatewayId}}", "ownerId": "{account}"},
        read=_read("describe_internet_gateways", "InternetGatewayIds", "InternetGateways"),
        delete=Call(operation="delete_internet_gateway", given={"InternetGatewayId": "{id}"}),
    ),
    Driver(
        type="aws:ec2/eip:Eip",
        service="ec2",
        create=Call(operation="allocate_address"),
        defaults={"domain": "vpc"},
        id="AllocationId",
        then=(_TAGS,),
        outputs={
            "allocationId": "AllocationId",
            "publicIp": "PublicIp",
            "arn": f"{_ARN}:elastic-ip/{{AllocationId}}",
            "publicDns": "ec2-{PublicIp}.{region}.compute.amazonaws.com",
        },
        skip={"vpc": "the older word for domain"},
        read=_read("describe_addresses", "AllocationIds", "Addresses"),
        delete=Call(operation="release_address", given={"AllocationId": "{id}"}),
    ),
    Driver(
        type="aws:ec2/natGateway:NatGateway",
        service="ec2",
        create=Call(operation="create_nat_gateway"),
        id="NatGateway.NatGatewayId",
        then=(_TAGS,),
        outputs={
            "networkInterfaceId": "NatGateway.NatGatewayAddresses.0.NetworkInterfaceId",
            "privateIp": "NatGateway.NatGatewayAddresses.0.PrivateIp",
            "publicIp": "NatGateway.NatGatewayAddresses.0.PublicIp",
        },
        read=_read("describe_nat_gateways", "NatGatewayIds", "NatGateways"),
        delete=Call(operation="delete_nat_gateway", given={"NatGatewayId": "{id}"}),
    ),
    Driver(
        type="aws:ec2/routeTable:RouteTable",
        service="ec2",
        create=Call(operation="create_route_table"),
        id="RouteTable.RouteTableId",
        then=(_TAGS,),
        outputs={"arn": f"{_ARN}:route-table/{{RouteTable.RouteTableId}}", "ownerId": "{account}"},
        read=_read("describe_route_tables", "RouteTableIds", "RouteTables"),
        delete=Call(operation="delete_route_table", given={"RouteTableId": "{id}"}),
    ),
    Driver(
        type="aws:ec2/routeTableAssociation:RouteTableAssociation",
        service="ec2",
        create=Call(operation="associate_route_table"),
        id="AssociationId",
        read=Read(
            operation="describe_route_tables",
            given={"Filters": [{"Name": "association.route-table-association-id", "Values": ["{id}"]}]},
            at="RouteTables.0",
        ),
        delete=Call(operation="disassociate_route_table", given={"AssociationId": "{id}"}),
    ),
    Driver(
        type="aws:ec2/route:Route",
        service="ec2",
        create=Call(operation="create_route", names={"vpcEndpointId": "VpcEndpointId"}),
        id="r-{routeTableId}-{destinationCidrBlock}",
        outputs={"state": "active", "origin": "CreateRoute"},
        read=Read(
            operation="describe_route_tables",
            given={
                "RouteTableIds": ["{routeTableId}"],
                "Filters": [{"Name": "route.destination-cidr-block", "Values": ["{destinationCidrBlock}"]}],
            },
            at="RouteTables.0",
        ),
        delete=Call(
            operation="delete_route", given={"RouteTableId": "{routeTableId}", "DestinationCidrBlock": "{destinationCidrBlock}"}
        ),
    ),
    _SecurityGroup(
        type="aws:ec2/securityGroup:SecurityGroup",
        service="ec2",
        auto_name="name",
        defaults={"description": "Managed by Pulumi"},
        create=Call(operation="create_security_group", names={"name": "GroupName"}),
        id="GroupId",
        then=(_TAGS,),
        skip={"revokeRulesOnDelete": "moto deletes a group with its rules"},
        outputs={"arn": f"{_ARN}:security-group/{{GroupId}}", "ownerId": "{account}"},
        read=_read("describe_security_groups", "GroupIds", "SecurityGroups"),
        delete=Call(operation="delete_security_group", given={"GroupId": "{id}"}),
    ),
    _DefaultSecurityGroup(
        type="aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
        service="ec2",
        create=Call(operation="create_security_group"),
        id="GroupId",
        then=(_TAGS,),
        outputs={
            "arn": f"{_ARN}:security-group/{{GroupId}}",
            "name": "GroupName",
            "description": "Description",
            "vpcId": "VpcId",
            "ownerId": "{account}",
        },
        read=_read("describe_security_groups", "GroupIds", "SecurityGroups"),
        stays="it is part of its VPC and goes with it",
    ),
    _rule("Ingress"),
    _rule("Egress"),
    Driver(
        type="aws:ec2/vpcEndpoint:VpcEndpoint",
        service="ec2",
        create=Call(operation="create_vpc_endpoint", names={"policy": "PolicyDocument"}),
        id="VpcEndpoint.VpcEndpointId",
        then=(_TAGS,),
        update=(
            Call(
                operation="modify_vpc_endpoint",
                takes=("routeTableIds", "policy"),
                given={"VpcEndpointId": "{id}"},
                names={"routeTableIds": "AddRouteTableIds", "policy": "PolicyDocument"},
            ),
        ),
        outputs={
            "arn": f"{_ARN}:vpc-endpoint/{{VpcEndpoint.VpcEndpointId}}",
            "state": "VpcEndpoint.State",
            "ownerId": "{account}",
            "networkInterfaceIds": "VpcEndpoint.NetworkInterfaceIds",
            "dnsEntries": "VpcEndpoint.DnsEntries",
        },
        skip={"autoAccept": "no endpoint waits for acceptance in moto"},
        read=_read("describe_vpc_endpoints", "VpcEndpointIds", "VpcEndpoints"),
        delete=Call(operation="delete_vpc_endpoints", given={"VpcEndpointIds": ["{id}"]}),
    ),
    Driver(
        type="aws:ec2/flowLog:FlowLog",
        service="ec2",
        prepare=_flow_log,
        create=Call(operation="create_flow_logs", names={"iamRoleArn": "DeliverLogsPermissionArn"}),
        id="FlowLogIds.0",
        then=(_TAGS,),
        outputs={"arn": f"{_ARN}:vpc-flow-log/{{FlowLogIds.0}}"},
        read=_read("describe_flow_logs", "FlowLogIds", "FlowLogs"),
        delete=Call(operation="delete_flow_logs", given={"FlowLogIds": ["{id}"]}),
    ),
    Driver(
        type="aws:ec2/launchTemplate:LaunchTemplate",
        service="ec2",
        auto_name="name",
        name_limit=125,
        prepare=nested("launchTemplateData", "name", "description", "tags"),
        create=Call(
            operation="create_launch_template",
            names={
                "name": "LaunchTemplateName",
                "description": "VersionDescription",
                "launchTemplateData.vpcSecurityGroupIds": "SecurityGroupIds",
                "launchTemplateData.securityGroupNames": "SecurityGroups",
            },
        ),
        id="LaunchTemplate.LaunchTemplateId",
        then=(_TAGS,),
        skip={
            "updateDefaultVersion": "a change replaces the template here: its first version is the default",
            "defaultVersion": "a change replaces the template here: its first version is the default",
        },
        outputs={
            "arn": f"{_ARN}:launch-template/{{LaunchTemplate.LaunchTemplateId}}",
            "latestVersion": "LaunchTemplate.LatestVersionNumber",
        },
        read=_read("describe_launch_templates", "LaunchTemplateIds", "LaunchTemplates"),
        delete=Call(operation="delete_launch_template", given={"LaunchTemplateId": "{id}"}),
    ),
)
