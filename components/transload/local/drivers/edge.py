"""DNS and load balancers."""

import time
from collections.abc import Mapping
from typing import Any

from transload.local.drivers import _shape
from transload.local.drivers._aws import Aws
from transload.local.drivers._driver import Call, Driver, Read, nested

_RECORD = {
    "records": "ResourceRecords",
    "aliases": "AliasTarget",
    "aliases.name": "DNSName",
    "aliases.zoneId": "HostedZoneId",
    "weightedRoutingPolicies": "Weight",
    "failoverRoutingPolicies": "Failover",
    "latencyRoutingPolicies": "Region",
    "multivalueAnswerRoutingPolicy": "MultiValueAnswer",
}
_ONE_OF_LIST = {"weightedRoutingPolicies": "weight", "failoverRoutingPolicies": "type", "latencyRoutingPolicies": "region"}


def _reference(inputs: dict[str, Any]) -> dict[str, Any]:
    return {**inputs, "callerReference": f"transload-{time.time_ns()}"}


def _zone(inputs: dict[str, Any]) -> dict[str, Any]:
    networks = inputs.get("vpcs") or []
    ready = {key: value for key, value in inputs.items() if key not in ("vpcs", "comment")}
    ready["hostedZoneConfig"] = {"comment": inputs.get("comment", "Managed by Pulumi"), "privateZone": bool(networks)}
    if networks:
        ready["vpc"] = {"VPCId": networks[0]["vpcId"], "VPCRegion": networks[0].get("vpcRegion") or "eu-west-1"}
    return _reference(ready)


class _Record(Driver):
    """A record set: the API changes it in batches, and knows it only by all that it holds."""

    def _create(self, aws: Aws, inputs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        name = self._full_name(aws, inputs)
        self._send(aws, "UPSERT" if inputs.get("allowOverwrite") else "CREATE", inputs, name)
        parts = [inputs["zoneId"], inputs["name"], inputs["type"], inputs.get("setIdentifier")]
        return "_".join(part for part in parts if part), {"fqdn": name}

    def change(self, aws: Aws, id: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:  # noqa: A002
        self._send(aws, "UPSERT", new, self._full_name(aws, new))
        return {}

    def replaces(self, aws: Aws, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
        return [key for key in ("zoneId", "name", "type", "setIdentifier") if old.get(key) != new.get(key)]

    def _read(self, aws: Aws, id: str, state: Mapping[str, Any]) -> Mapping[str, Any] | None:  # noqa: A002
        route53 = aws.client("route53")
        name = self._full_name(aws, state) + "."
        answer = route53.list_resource_record_sets(
            HostedZoneId=state["zoneId"], StartRecordName=name, StartRecordType=state["type"], MaxItems="100"
        )
        wanted = (name, state["type"], state.get("setIdentifier") or None)
        found = answer["ResourceRecordSets"]
        return next((entry for entry in found if (entry["Name"], entry["Type"], entry.get("SetIdentifier")) == wanted), None)

    def _remove(self, aws: Aws, id: str, state: Mapping[str, Any]) -> None:  # noqa: A002
        entry = self._read(aws, id, state)
        if entry is not None:
            self._change(aws, state["zoneId"], "DELETE", entry)

    def _send(self, aws: Aws, action: str, inputs: Mapping[str, Any], name: str) -> None:
        shape = aws.input_shape("route53", "change_resource_record_sets")
        shape = shape.members["ChangeBatch"].members["Changes"].member.members["ResourceRecordSet"]
        entry: dict[str, Any] = {"Name": name}
        ready = {key: value for key, value in inputs.items() if key not in ("zoneId", "name", "allowOverwrite", "fqdn", "region")}
        for key, part in _ONE_OF_LIST.items():
            if ready.get(key):
                policy = ready[key][0] if isinstance(ready[key], list) else ready[key]
                ready[key] = policy[part]
        if ready.get("records"):
            ready["records"] = [{"value": value} for value in ready["records"]]
        for key, value in ready.items():
            if value is not None:
                self._put(shape, entry, key, value, _RECORD)
        self._change(aws, inputs["zoneId"], action, entry)

    @staticmethod
    def _change(aws: Aws, zone: str, action: str, entry: Mapping[str, Any]) -> None:
        batch = {"Changes": [{"Action": action, "ResourceRecordSet": entry}]}
        aws.client("route53").change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)

    @staticmethod
    def _full_name(aws: Aws, inputs: Mapping[str, Any]) -> str:
        zone = aws.client("route53").get_hosted_zone(Id=inputs["zoneId"])["HostedZone"]["Name"].rstrip(".")
        name = inputs["name"].rstrip(".")
        return name if name == zone or name.endswith(f".{zone}") else f"{name}.{zone}" if name else zone


class _Zone(Driver):
    """Route 53 answers with `/hostedzone/Z...`; Pulumi's id is the last part."""

    def _create(self, aws: Aws, inputs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        _, outputs = super()._create(aws, inputs)
        zone = outputs["zoneId"].rsplit("/", 1)[-1]
        if inputs.get("tags"):
            tags = [{"Key": key, "Value": value} for key, value in inputs["tags"].items()]
            aws.client("route53").change_tags_for_resource(ResourceType="hostedzone", ResourceId=zone, AddTags=tags)
        return zone, {**outputs, "zoneId": zone, "arn": f"arn:aws:route53:::hostedzone/{zone}"}

    def _remove(self, aws: Aws, id: str, state: Mapping[str, Any]) -> None:  # noqa: A002
        client = aws.client("route53")
        if state.get("forceDestroy"):
            for entry in client.list_resource_record_sets(HostedZoneId=id)["ResourceRecordSets"]:
                if entry["Type"] not in ("NS", "SOA"):
                    _Record._change(aws, id, "DELETE", entry)
        super()._remove(aws, id, state)


def _balancer(inputs: dict[str, Any]) -> dict[str, Any]:
    ready = dict(inputs)
    if "internal" in ready:
        ready["scheme"] = "internal" if ready.pop("internal") else "internet-facing"
    logs = ready.pop("accessLogs", None) or {}
    attributes = {
        **{api: ready.pop(key) for key, api in _BALANCER_ATTRIBUTES.items() if key in ready},
        **{f"access_logs.s3.{key}": value for key, value in logs.items() if value is not None},
    }
    return {**ready, "attributes": _pairs(attributes)}


def _target_group(inputs: dict[str, Any]) -> dict[str, Any]:
    ready = dict(inputs)
    check = ready.pop("healthCheck", None) or {}
    for key, value in check.items():
        if value is not None:
            ready[_CHECK.get(key, f"healthCheck{key[0].upper()}{key[1:]}")] = {"httpCode": value} if key == "matcher" else value
    attributes = {api: ready.pop(key) for key, api in _TARGET_ATTRIBUTES.items() if key in ready}
    for key, value in (ready.pop("stickiness", None) or {}).items():
        if value is not None:
            attributes[f"stickiness.{_STICKINESS.get(key, key)}"] = value
    return {**ready, "attributes": _pairs(attributes)}


def _pairs(attributes: Mapping[str, Any]) -> list[dict[str, str]] | None:
    return [{"key": key, "value": _shape.text(value)} for key, value in attributes.items()] or None


def _listener(inputs: dict[str, Any]) -> dict[str, Any]:
    certificate = inputs.get("certificateArn")
    ready = {key: value for key, value in inputs.items() if key != "certificateArn"}
    return {**ready, "certificates": [{"certificateArn": certificate}] if certificate else None}


# Amazon's names of the attributes: Elastic Load Balancing API reference, LoadBalancerAttribute and TargetGroupAttribute.
_BALANCER_ATTRIBUTES = {
    "enableDeletionProtection": "deletion_protection.enabled",
    "idleTimeout": "idle_timeout.timeout_seconds",
    "dropInvalidHeaderFields": "routing.http.drop_invalid_header_fields.enabled",
    "enableHttp2": "routing.http2.enabled",
    "enableCrossZoneLoadBalancing": "load_balancing.cross_zone.enabled",
    "desyncMitigationMode": "routing.http.desync_mitigation_mode",
    "preserveHostHeader": "routing.http.preserve_host_header.enabled",
}
_TARGET_ATTRIBUTES = {
    "deregistrationDelay": "deregistration_delay.timeout_seconds",
    "slowStart": "slow_start.duration_seconds",
    "loadBalancingAlgorithmType": "load_balancing.algorithm.type",
}
_STICKINESS = {"cookieDuration": "lb_cookie.duration_seconds", "cookieName": "app_cookie.cookie_name"}
_CHECK = {
    "interval": "healthCheckIntervalSeconds",
    "timeout": "healthCheckTimeoutSeconds",
    "healthyThreshold": "healthyThresholdCount",
    "unhealthyThreshold": "unhealthyThresholdCount",
    "matcher": "matcher",
}
_ACTIONS = {
    "defaultActions.forward": "ForwardConfig",
    "defaultActions.forward.targetGroups.arn": "TargetGroupArn",
    "defaultActions.forward.stickiness": "TargetGroupStickinessConfig",
    "defaultActions.forward.stickiness.duration": "DurationSeconds",
    "defaultActions.redirect": "RedirectConfig",
    "defaultActions.fixedResponse": "FixedResponseConfig",
}

DRIVERS = (
    _Zone(
        type="aws:route53/zone:Zone",
        service="route53",
        auto_name="name",
        prepare=_zone,
        create=Call(operation="create_hosted_zone"),
        id="HostedZone.Id",
        skip={"forceDestroy": "used when the zone is deleted", "tags": "set by a call of its own, see the driver"},
        outputs={
            "zoneId": "HostedZone.Id",
            "nameServers": "DelegationSet.NameServers",
            "primaryNameServer": "DelegationSet.NameServers.0",
        },
        read=Read(operation="get_hosted_zone", given={"Id": "{id}"}, at="HostedZone"),
        delete=Call(operation="delete_hosted_zone", given={"Id": "{id}"}),
    ),
    _Record(
        type="aws:route53/record:Record",
        service="route53",
        create=Call(operation="change_resource_record_sets"),
        id="",
        read=Read(operation="list_resource_record_sets"),
        delete=Call(operation="change_resource_record_sets"),
    ),
    Driver(
        type="aws:route53/healthCheck:HealthCheck",
        service="route53",
        prepare=lambda inputs: _reference(nested("healthCheckConfig", "tags")(inputs)),
        create=Call(
            operation="create_health_check",
            names={
                "healthCheckConfig.fqdn": "FullyQualifiedDomainName",
                "healthCheckConfig.invertHealthcheck": "Inverted",
                "healthCheckConfig.childHealthThreshold": "HealthThreshold",
                "healthCheckConfig.cloudwatchAlarmName": "AlarmIdentifier.Name",
                "healthCheckConfig.cloudwatchAlarmRegion": "AlarmIdentifier.Region",
            },
        ),
        id="HealthCheck.Id",
        then=(
            Call(
                operation="change_tags_for_resource",
                takes=("tags",),
                names={"tags": "AddTags"},
                given={"ResourceType": "healthcheck", "ResourceId": "{id}"},
            ),
        ),
        skip={"referenceName": "only names the request"},
        outputs={"arn": "arn:aws:route53:::healthcheck/{HealthCheck.Id}"},
        read=Read(operation="get_health_check", given={"HealthCheckId": "{id}"}, at="HealthCheck"),
        delete=Call(operation="delete_health_check", given={"HealthCheckId": "{id}"}),
    ),
    Driver(
        type="aws:lb/loadBalancer:LoadBalancer",
        service="elbv2",
        auto_name="name",
        name_limit=32,
        prepare=_balancer,
        create=Call(operation="create_load_balancer", names={"loadBalancerType": "Type"}),
        id="LoadBalancers.0.LoadBalancerArn",
        then=(Call(operation="modify_load_balancer_attributes", takes=("attributes",), given={"LoadBalancerArn": "{id}"}),),
        outputs={
            "arn": "LoadBalancers.0.LoadBalancerArn",
            "dnsName": "LoadBalancers.0.DNSName",
            "zoneId": "LoadBalancers.0.CanonicalHostedZoneId",
            "vpcId": "LoadBalancers.0.VpcId",
        },
        read=Read(operation="describe_load_balancers", given={"LoadBalancerArns": ["{id}"]}, at="LoadBalancers.0"),
        delete=Call(operation="delete_load_balancer", given={"LoadBalancerArn": "{id}"}),
    ),
    Driver(
        type="aws:lb/targetGroup:TargetGroup",
        service="elbv2",
        auto_name="name",
        name_limit=32,
        prepare=_target_group,
        create=Call(operation="create_target_group"),
        id="TargetGroups.0.TargetGroupArn",
        then=(Call(operation="modify_target_group_attributes", takes=("attributes",), given={"TargetGroupArn": "{id}"}),),
        outputs={"arn": "TargetGroups.0.TargetGroupArn"},
        read=Read(operation="describe_target_groups", given={"TargetGroupArns": ["{id}"]}, at="TargetGroups.0"),
        delete=Call(operation="delete_target_group", given={"TargetGroupArn": "{id}"}),
    ),
    Driver(
        type="aws:lb/listener:Listener",
        service="elbv2",
        prepare=_listener,
        create=Call(operation="create_listener", names=_ACTIONS),
        update=(Call(operation="modify_listener", names=_ACTIONS, given={"ListenerArn": "{id}"}),),
        id="Listeners.0.ListenerArn",
        outputs={"arn": "Listeners.0.ListenerArn"},
        read=Read(operation="describe_listeners", given={"ListenerArns": ["{id}"]}, at="Listeners.0"),
        delete=Call(operation="delete_listener", given={"ListenerArn": "{id}"}),
    ),
)
