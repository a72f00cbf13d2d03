"""`awsx.ec2.Vpc`."""

from typing import Any

from transload.testing._awsx import cidr
from transload.testing._awsx.children import Child, Children
from transload.testing._schema import schema
from transload.testing._values import Dependent

_VPC = "aws:ec2/vpc:Vpc"
_ORDER = {"Public": 0, "Private": 1, "Isolated": 2}


class _Made:
    """The children by the component's output names."""

    def __init__(self) -> None:
        self.lists: dict[str, list[Child]] = {
            name: []
            for name in (
                "subnets",
                "publicSubnets",
                "privateSubnets",
                "isolatedSubnets",
                "routeTables",
                "routeTableAssociations",
                "routes",
                "natGateways",
                "eips",
                "vpcEndpoints",
            )
        }

    def outputs(self) -> dict[str, Any]:
        references = {name: [child.reference for child in children] for name, children in self.lists.items()}
        ids = {
            f"{kind}SubnetIds": [child.out("id") for child in self.lists[f"{kind}Subnets"]]
            for kind in ("public", "private", "isolated")
        }
        return {**references, **ids}


def expand(children: Children, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """VPC, internet gateway, and per subnet a route table, its association and its route; NAT gateways with their addresses."""
    zones = _zones(children, inputs)
    network = cidr.Network(inputs.get("cidrBlock") or "10.0.0.0/16")
    subnets = cidr.subnets(name, inputs, network, zones)
    strategy = ((inputs.get("natGateways") or {}).get("strategy") or "OnePerAz").lower()
    _check_nat(strategy, subnets)

    tags = {"Name": name, **(inputs.get("tags") or {})}
    vpc = children.make(_VPC, name, {**_passed(children, inputs), "cidrBlock": str(network), "tags": tags})
    own = {"region": inputs.get("region"), "vpcId": vpc.out("id")}
    gateway = children.make(
        "aws:ec2/internetGateway:InternetGateway", name, {**own, "tags": tags}, parent=vpc.urn, depends_on=(vpc,)
    )
    made = _Made()
    for index, zone in enumerate(zones):
        for subnet in sorted((one for one in subnets if one.zone == zone), key=lambda one: _ORDER[one.kind]):
            table = _subnet(children, made, subnet, own, tags, vpc)
            if subnet.kind == "Public" and _wants_nat(strategy, len(made.lists["natGateways"]), index):
                _nat(children, made, name, index, inputs)
            _route(children, made, subnet, table, gateway, strategy, index, inputs)
    for spec in inputs.get("vpcEndpointSpecs") or []:
        endpoint = {**spec, **own, "tags": {**tags, **(spec.get("tags") or {})}}
        made.lists["vpcEndpoints"].append(
            children.make("aws:ec2/vpcEndpoint:VpcEndpoint", spec["serviceName"], endpoint, parent=vpc.urn, depends_on=(vpc,))
        )
    return {
        **made.outputs(),
        "vpc": vpc.reference,
        "vpcId": vpc.out("id"),
        "internetGateway": gateway.reference,
        "subnetLayout": cidr.layout(subnets, len(zones)),
    }


def _zones(children: Children, inputs: dict[str, Any]) -> list[str]:
    named, count = inputs.get("availabilityZoneNames"), inputs.get("numberOfAvailabilityZones")
    if named and count:
        raise ValueError("awsx.ec2.Vpc: give only one of availability_zone_names and number_of_availability_zones")
    if named:
        return list(named)
    args = {"region": inputs["region"]} if inputs.get("region") else {}
    zones = children.monitor.ask("aws:index/getAvailabilityZones:getAvailabilityZones", args)["names"]
    wanted = int(count or 3)
    if len(zones) < wanted:
        raise ValueError(f"awsx.ec2.Vpc: the region has {len(zones)} availability zones, {wanted} are asked for")
    return list(zones[:wanted])


def _check_nat(strategy: str, subnets: list[cidr.Subnet]) -> None:
    kinds = {one.kind for one in subnets}
    if strategy not in ("none", "single", "oneperaz"):
        raise ValueError(f"awsx.ec2.Vpc: unknown NAT gateway strategy {strategy!r}")
    if strategy != "none" and not ("Public" in kinds and kinds - {"Public"}):
        raise ValueError(
            "awsx.ec2.Vpc: NAT gateways need public subnets to stand in, and private or isolated ones to route through them"
        )


def _wants_nat(strategy: str, there: int, zone: int) -> bool:
    return strategy != "none" and there < (1 if strategy == "single" else zone + 1)


def _passed(children: Children, inputs: dict[str, Any]) -> dict[str, Any]:
    """awsx hands the inner VPC all of its own arguments that a VPC has too."""
    found = schema(_VPC)
    return {wire: children.given(wire, value) for wire, value in inputs.items() if found and wire in found.inputs}


def _subnet(children: Children, made: _Made, subnet: cidr.Subnet, own: dict[str, Any], tags: dict[str, str], vpc: Child) -> Child:
    marks = {"Name": subnet.name, "SubnetType": subnet.kind}
    child = children.make(
        "aws:ec2/subnet:Subnet",
        subnet.name,
        {
            **own,
            "availabilityZone": subnet.zone,
            "mapPublicIpOnLaunch": subnet.kind == "Public",
            "cidrBlock": str(subnet.block),
            "assignIpv6AddressOnCreation": False,
            "tags": {**tags, **subnet.tags, **marks},
        },
        parent=vpc.urn,
        depends_on=(vpc,),
    )
    made.lists["subnets"].append(child)
    made.lists[f"{subnet.kind.lower()}Subnets"].append(child)
    table = children.make(
        "aws:ec2/routeTable:RouteTable", subnet.name, {**own, "tags": {**tags, **marks}}, parent=child.urn, depends_on=(child,)
    )
    made.lists["routeTables"].append(table)
    association = children.make(
        "aws:ec2/routeTableAssociation:RouteTableAssociation",
        subnet.name,
        {"region": own["region"], "routeTableId": table.out("id"), "subnetId": child.out("id")},
        parent=table.urn,
        depends_on=(table,),
    )
    made.lists["routeTableAssociations"].append(association)
    return table


def _nat(children: Children, made: _Made, name: str, index: int, inputs: dict[str, Any]) -> None:
    subnet = made.lists["subnets"][-1]
    numbered = f"{name}-{index + 1}"
    common = {"region": inputs.get("region"), "tags": {**(inputs.get("tags") or {}), "Name": numbered}}
    allocations = (inputs.get("natGateways") or {}).get("elasticIpAllocationIds") or []
    if allocations:
        allocation = children.given("natGateways", allocations[index])
    else:
        address = children.make("aws:ec2/eip:Eip", numbered, common, parent=subnet.urn, depends_on=(subnet,))
        made.lists["eips"].append(address)
        allocation = address.out("allocationId")
    gateway = children.make(
        "aws:ec2/natGateway:NatGateway",
        numbered,
        {**common, "subnetId": subnet.out("id"), "allocationId": allocation},
        parent=subnet.urn,
        depends_on=(subnet,),
    )
    made.lists["natGateways"].append(gateway)


def _route(
    children: Children,
    made: _Made,
    subnet: cidr.Subnet,
    table: Child,
    gateway: Child,
    strategy: str,
    index: int,
    inputs: dict[str, Any],
) -> None:
    if subnet.kind == "Isolated" or (subnet.kind == "Private" and strategy == "none"):
        return
    target: dict[str, Dependent] = {"gatewayId": gateway.out("id")}
    if subnet.kind == "Private":
        target = {"natGatewayId": made.lists["natGateways"][0 if strategy == "single" else index].out("id")}
    route = children.make(
        "aws:ec2/route:Route",
        subnet.name,
        {"region": inputs.get("region"), "routeTableId": table.out("id"), "destinationCidrBlock": "0.0.0.0/0", **target},
        parent=table.urn,
        depends_on=(table,),
    )
    made.lists["routes"].append(route)
