"""`awsx.lb.ApplicationLoadBalancer` and `NetworkLoadBalancer`."""

from typing import Any

from transload.testing._awsx.children import Child, Children
from transload.testing._values import UNKNOWN, Dependent, Reference, Unknown, has_unknown

_ANYWHERE = {"cidrBlocks": ["0.0.0.0/0"], "ipv6CidrBlocks": ["::/0"]}
_OPEN = {
    "description": "Managed by Pulumi",
    "ingress": [{"fromPort": 0, "toPort": 0, "protocol": "-1", **_ANYWHERE}],
    "egress": [{"fromPort": 0, "toPort": 65535, "protocol": "tcp", **_ANYWHERE}],
}
# What the component takes for itself; everything else is passed on to the load balancer.
_OWN = {
    "subnetIds",
    "subnets",
    "defaultTargetGroup",
    "defaultTargetGroupPort",
    "defaultSecurityGroup",
    "listener",
    "listeners",
}


def expand_application(children: Children, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """Load balancer, target group, listeners, and a security group that is open to all unless one is given."""
    subnets, vpc = _placed(children, name, inputs)
    group = _security_group(children, name, inputs, vpc)
    groups = children.given("securityGroups", inputs.get("securityGroups")) or (_group_ids(children, inputs, group))
    balancer = _balancer(children, name, inputs, subnets, {"loadBalancerType": "application", "securityGroups": groups})
    default = _default_protocol(inputs)
    target = _target_group(children, name, inputs, vpc, {"targetType": "ip", **default})
    listeners = _listeners(
        children, name, inputs, balancer, target, lambda given: default if given is None else _protocol(given, None)
    )
    return _outputs(balancer, target, listeners, vpc, group)


def expand_network(children: Children, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """Load balancer, target group and listeners; TCP on port 80 unless said otherwise."""
    subnets, vpc = _placed(children, name, inputs)
    # Neither HTTP/2 nor an idle timeout exists on a network load balancer: awsx turns them off.
    fixed = {"loadBalancerType": "network", "enableHttp2": False, "idleTimeout": 0}
    balancer = _balancer(children, name, inputs, subnets, fixed)
    port = children.given("defaultTargetGroupPort", inputs.get("defaultTargetGroupPort")) or 80
    target = _target_group(children, name, inputs, vpc, {"protocol": "TCP", "port": port})
    listeners = _listeners(children, name, inputs, balancer, target, lambda given: {"protocol": "TCP", "port": 80})
    return _outputs(balancer, target, listeners, vpc, None)


def _placed(children: Children, name: str, inputs: dict[str, Any]) -> tuple[Any, Any]:
    """The subnets of the load balancer and the VPC they are in."""
    given = [key for key in ("subnetIds", "subnets", "subnetMappings") if inputs.get(key)]
    if len(given) != 1:
        what = (
            f"only one of {', '.join(given)} can be given"
            if given
            else "without subnets it takes the account's default VPC: give subnet_ids"
        )
        raise ValueError(f"{children.request.type} '{name}': {what}")
    key = given[0]
    ids = inputs[key] if isinstance(inputs[key], Unknown) else [_subnet_id(one) for one in inputs[key]]
    vpc = UNKNOWN if has_unknown(ids) else children.monitor.vpc_of_subnet(ids[0])
    return (None if key == "subnetMappings" else children.given(key, ids)), children.given(key, vpc)


def _subnet_id(given: Any) -> Any:
    if isinstance(given, Reference):
        return given.id or UNKNOWN
    return given.get("subnetId") if isinstance(given, dict) else given


def _security_group(children: Children, name: str, inputs: dict[str, Any], vpc: Any) -> Child | None:
    wanted = inputs.get("defaultSecurityGroup") or {}
    if inputs.get("securityGroups") or wanted.get("skip") or wanted.get("securityGroupId"):
        return None
    args = children.given("defaultSecurityGroup", wanted["args"]).value if wanted.get("args") else {**_OPEN, "vpcId": vpc}
    return children.make("aws:ec2/securityGroup:SecurityGroup", name, args)


def _group_ids(children: Children, inputs: dict[str, Any], group: Child | None) -> list[Any] | None:
    given = (inputs.get("defaultSecurityGroup") or {}).get("securityGroupId")
    if given:
        return [children.given("defaultSecurityGroup", given)]
    return [group.out("id")] if group else None


def _balancer(children: Children, name: str, inputs: dict[str, Any], subnets: Any, fixed: dict[str, Any]) -> Child:
    rest = {wire: children.given(wire, value) for wire, value in inputs.items() if wire not in _OWN}
    return children.make(
        "aws:lb/loadBalancer:LoadBalancer",
        name,
        {**rest, "subnets": subnets, **fixed},
        aliases=_former("loadBalancer:LoadBalancer"),
    )


def _target_group(children: Children, name: str, inputs: dict[str, Any], vpc: Any, defaults: dict[str, Any]) -> Child:
    wanted = inputs.get("defaultTargetGroup")
    if wanted and inputs.get("defaultTargetGroupPort"):
        raise ValueError(f"{children.request.type} '{name}': give only one of default_target_group and default_target_group_port")
    given = {wire: children.given("defaultTargetGroup", value) for wire, value in (wanted or {}).items()}
    return children.make(
        "aws:lb/targetGroup:TargetGroup", name, {"vpcId": vpc, **defaults, **given}, aliases=_former("targetGroup:TargetGroup")
    )


def _listeners(children: Children, name: str, inputs: dict[str, Any], balancer: Child, target: Child, protocol: Any) -> list[Child]:
    if inputs.get("listener") and inputs.get("listeners"):
        raise ValueError(f"{children.request.type} '{name}': give only one of listener and listeners")
    key = "listener" if inputs.get("listener") else "listeners"
    wanted = [inputs["listener"]] if inputs.get("listener") else inputs.get("listeners") or [None]
    actions = [{"type": "forward", "targetGroupArn": target.out("arn")}]
    return [
        children.make(
            "aws:lb/listener:Listener",
            f"{name}-{index}",
            {
                "defaultActions": actions,
                **(protocol(None if key == "listener" else one)),
                **{wire: children.given(key, value) for wire, value in (one or {}).items()},
                "loadBalancerArn": balancer.out("arn"),
            },
            aliases=_former("listener:Listener"),
        )
        for index, one in enumerate(wanted)
    ]


def _default_protocol(inputs: dict[str, Any]) -> dict[str, Any]:
    """Port and protocol of the target group. awsx leaves them out for exactly one entry in `listeners`."""
    listeners = inputs.get("listeners")
    if listeners and len(listeners) == 1:
        return {}
    return _protocol(listeners[0] if listeners else inputs.get("listener"), inputs.get("defaultTargetGroupPort"))


def _protocol(listener: dict[str, Any] | None, port: Any) -> dict[str, Any]:
    given = listener or {}
    if given.get("port"):
        return {"port": given["port"], "protocol": given.get("protocol") or ("HTTPS" if given["port"] == 443 else "HTTP")}
    if given.get("protocol"):
        return {"port": 443 if given["protocol"] == "HTTPS" else 80, "protocol": given["protocol"]}
    return {"port": port or 80, "protocol": "HTTP"}


def _former(kind: str) -> tuple[dict[str, str], ...]:
    return ({"type": f"aws:elasticloadbalancingv2/{kind}"},)


def _outputs(balancer: Child, target: Child, listeners: list[Child], vpc: Dependent, group: Child | None) -> dict[str, Any]:
    outputs = {
        "loadBalancer": balancer.reference,
        "defaultTargetGroup": target.reference,
        "listeners": [one.reference for one in listeners],
        "vpcId": vpc,
    }
    return {**outputs, "defaultSecurityGroup": group.reference} if group else outputs
