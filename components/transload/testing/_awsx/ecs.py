"""`awsx.ecs.FargateService` and `FargateTaskDefinition`."""

import hashlib
import json
from typing import Any

from transload.testing._awsx.children import Child, Children
from transload.testing._schema import schema
from transload.testing._values import UNKNOWN, Dependent, Reference, has_unknown

_SERVICE = "aws:ecs/service:Service"
_TASK = "aws:ecs/taskDefinition:TaskDefinition"
_EXECUTION_POLICY = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Action": "sts:AssumeRole", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Effect": "Allow", "Sid": ""}],
}

# vCPU to the GB it comes with (Amazon ECS developer guide, "Task CPU and memory"), as far as awsx knows them.
_SIZES: dict[float, list[float]] = {
    0.25: [0.5, 1, 2],
    0.5: list(range(1, 5)),
    1: list(range(2, 9)),
    2: list(range(4, 17)),
    4: list(range(8, 31)),
    8: list(range(16, 61)),
    16: list(range(32, 121)),
    32: [60, 120, 244],
}


def expand_service(children: Children, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """The service, and below it the task definition when its arguments are given."""
    args, definition = inputs.get("taskDefinitionArgs"), inputs.get("taskDefinition")
    if (args is None) == (definition is None):
        raise ValueError(f"awsx.ecs.FargateService '{name}': give either task_definition or task_definition_args")
    if not inputs.get("networkConfiguration"):
        raise ValueError(
            f"awsx.ecs.FargateService '{name}': give network_configuration: without it the service goes into the default VPC"
        )
    outputs: dict[str, Any] = {}
    balancers = children.given("loadBalancers", inputs.get("loadBalancers"))
    arn = children.given("taskDefinition", definition)
    if args is not None:
        inner = children.component("awsx:ecs:FargateTaskDefinition", name, ({"type": "awsx:x:ecs:FargateTaskDefinition"},))
        made = _task_definition(inner, name, args, "taskDefinitionArgs")
        outputs["taskDefinition"] = made["taskDefinition"].reference
        arn, balancers = made["taskDefinition"].out("arn"), balancers or made["loadBalancers"]
    own_capacity = inputs.get("capacityProviderStrategies") or inputs.get("useClusterDefaultCapacityProviderStrategy")
    service = children.make(
        _SERVICE,
        name,
        {
            "desiredCount": 1,
            **_passed(children, _SERVICE, inputs),
            "launchType": None if own_capacity else "FARGATE",
            "loadBalancers": balancers,
            "waitForSteadyState": not inputs.get("continueBeforeSteadyState"),
            "taskDefinition": arn,
        },
    )
    return {**outputs, "service": service.reference}


def expand_task_definition(children: Children, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """Log group, task role, execution role and the task definition."""
    made = _task_definition(children, name, inputs, None)
    references = {
        wire: made[wire].reference for wire in ("taskDefinition", "logGroup", "taskRole", "executionRole") if made.get(wire)
    }
    return {**references, "loadBalancers": made["loadBalancers"]}


def _task_definition(children: Children, name: str, args: dict[str, Any], key: str | None) -> dict[str, Any]:
    """`key` is the component's own input that `args` stand in, None when they are its inputs themselves."""

    def given(wire: str, value: Any) -> Any:
        return children.given(key or wire, value)

    containers = _containers(name, args)
    wire = "containers" if args.get("containers") else "container"
    group, options = _log_group(children, name, args.get("logGroup") or {})
    task_role, task_arn = _role(children, f"{name}-task", args.get("taskRole") or {}, [])
    execution_role, execution_arn = _role(children, f"{name}-execution", args.get("executionRole") or {}, [_EXECUTION_POLICY])

    defined = [_definition(children, container_name, one, options) for container_name, one in sorted(containers.items())]
    text = UNKNOWN if has_unknown(defined) else json.dumps(defined, separators=(",", ":"), ensure_ascii=False)
    sources = frozenset([group.urn]) if group and options else frozenset()
    shown = given(wire, text)
    size = _size(defined)
    known = schema(_TASK)
    rest = {one: given(one, value) for one, value in args.items() if known and one in known.inputs}
    task = children.make(
        _TASK,
        name,
        {
            "cpu": Dependent(size[0], shown.urns | sources),
            "memory": Dependent(size[1], shown.urns | sources),
            **rest,
            "requiresCompatibilities": ["FARGATE"],
            "networkMode": "awsvpc",
            "taskRoleArn": task_arn,
            "executionRoleArn": execution_arn,
            "family": given("family", args.get("family")) or Dependent(_family(children, name, text), shown.urns | sources),
            "containerDefinitions": Dependent(text, shown.urns | sources, shown.secret),
        },
    )
    balancers = [given(wire, one) for one in _load_balancers(children, containers)]
    return {
        "taskDefinition": task,
        "logGroup": group,
        "taskRole": task_role,
        "executionRole": execution_role,
        "loadBalancers": balancers,
    }


def _family(children: Children, name: str, definitions: Any) -> Any:
    if definitions is UNKNOWN:
        return UNKNOWN
    digest = hashlib.sha1(f"{children.monitor.stack}{definitions}".encode()).hexdigest()  # noqa: S324 a name, as awsx makes it
    return f"{name}-{digest[:8]}"


def _passed(children: Children, token: str, inputs: dict[str, Any]) -> dict[str, Any]:
    found = schema(token)
    return {wire: children.given(wire, value) for wire, value in inputs.items() if found and wire in found.inputs}


def _containers(name: str, args: dict[str, Any]) -> dict[str, dict[str, Any]]:
    one, several = args.get("container"), args.get("containers")
    if (one is None) == (several is None):
        raise ValueError(f"awsx.ecs.FargateTaskDefinition '{name}': give either container or containers")
    return several or {one.get("name") or "container": one} if one else several or {}


def _log_group(children: Children, name: str, wanted: dict[str, Any]) -> tuple[Child | None, dict[str, Any] | None]:
    """The log group, and the options with which containers log to it."""
    if wanted.get("skip"):
        return None, None
    existing = wanted.get("existing")
    if existing:
        parts = str(existing.get("arn") or "").split(":")
        group, region = (parts[6], parts[3]) if len(parts) > 6 else (existing.get("name"), existing.get("region"))
        return None, {"awslogs-group": str(group), "awslogs-region": str(region or _region(children))}
    made = children.make("aws:cloudwatch/logGroup:LogGroup", name, dict(wanted.get("args") or {}))
    return made, {"awslogs-group": made.out("name").value, "awslogs-region": _region(children)}


def _region(children: Children) -> str:
    return children.monitor.ask("aws:index/getRegion:getRegion", {})["region"]


def _role(children: Children, name: str, wanted: dict[str, Any], policies: list[str]) -> tuple[Child | None, Any]:
    """The role that is made (None when one is given or none is wanted) and the ARN to use."""
    if wanted.get("skip"):
        return None, None
    if wanted.get("roleArn"):
        return None, wanted["roleArn"]
    args = {"assumeRolePolicy": json.dumps(_TRUST, separators=(",", ":")), **(wanted.get("args") or {})}
    attached = args.pop("policyArns", policies)
    role = children.make("aws:iam/role:Role", name, args)
    for arn in attached:
        digest = hashlib.sha1(arn.encode()).hexdigest()[:8]  # noqa: S324 a name, as awsx makes it
        children.make(
            "aws:iam/rolePolicyAttachment:RolePolicyAttachment", f"{name}-{digest}", {"role": role.out("name"), "policyArn": arn}
        )
    return role, role.out("arn")


def _definition(children: Children, name: str, given: dict[str, Any], options: dict[str, Any] | None) -> dict[str, Any]:
    """A container as ECS takes it."""
    defined = {**given}
    if given.get("portMappings") is not None:
        defined["portMappings"] = [_mapping(children, one) for one in given["portMappings"]]
    defined["name"] = name
    if options and not given.get("logConfiguration"):
        defined["logConfiguration"] = {"logDriver": "awslogs", "options": {**options, "awslogs-stream-prefix": name}}
    return defined


def _mapping(children: Children, given: dict[str, Any]) -> dict[str, Any]:
    port = _target(children, given).get("port")
    mapping = {
        "name": given.get("name"),
        "containerPortRange": given.get("containerPortRange"),
        "appProtocol": given.get("appProtocol"),
        "containerPort": given.get("containerPort") or given.get("hostPort") or port,
        "hostPort": given.get("hostPort") or port or given.get("containerPort"),
        "protocol": given.get("protocol"),
    }
    return {wire: value for wire, value in mapping.items() if value is not None}


def _target(children: Children, mapping: dict[str, Any]) -> dict[str, Any]:
    group = mapping.get("targetGroup")
    return children.monitor.state(group.urn) if isinstance(group, Reference) else {}


def _load_balancers(children: Children, containers: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    found = []
    for name, container in containers.items():
        for mapping in container.get("portMappings") or []:
            target = _target(children, mapping)
            if target.get("port"):
                found.append({"containerName": name, "containerPort": target["port"], "targetGroupArn": target.get("arn", UNKNOWN)})
    return found


def _size(containers: list[dict[str, Any]]) -> tuple[str, str]:
    """The smallest Fargate size in memory, then in vCPU, that holds all containers: CPU units and MiB."""
    memory = sum(one.get("memoryReservation") or one.get("memory") or 0 for one in containers) / 1024
    cpu = sum(one.get("cpu") or 0 for one in containers) / 1024
    fitting = [(size, vcpu) for vcpu, sizes in _SIZES.items() for size in sizes if size >= memory and vcpu >= cpu]
    if not fitting:
        raise ValueError(f"no Fargate size holds {cpu:g} vCPU and {memory:g} GB")
    size, vcpu = min(fitting)
    return f"{int(vcpu * 1024)}", f"{int(size * 1024)}"
