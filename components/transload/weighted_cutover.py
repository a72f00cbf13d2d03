"""A live name that moves from an old target to a new one in steps, by weighted DNS records."""

import ipaddress
import re
from typing import Literal, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from transload._args import check_args, choice, fail, integer, problem_with_keys

_PORTS = {"HTTPS": 443, "HTTP": 80, "TCP": 443}
_INSIDE = tuple(
    ipaddress.ip_network(block)
    for block in (
        *("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"),
        *("::1/128", "fc00::/7", "fe80::/10"),
    )
)
_HOST_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+\.?", re.IGNORECASE)


class CutoverSideArgs(TypedDict):
    """Where one side of a `WeightedCutover` sends its clients: `dns_name`, `dns_name` and `zone_id`, or `ip_address`."""

    dns_name: NotRequired[pulumi.Input[str]]
    """Host name of the load balancer or server. Default: none, where `ip_address` is given."""
    zone_id: NotRequired[pulumi.Input[str]]
    """Hosted zone of the load balancer itself (its `zone_id` output): the record becomes an alias. Default: not an alias."""
    ip_address: NotRequired[pulumi.Input[str]]
    """One public address, for a server without a load balancer. Default: none, where `dns_name` is given."""
    evaluate_target_health: NotRequired[bool]
    """Whether an alias answers only while its load balancer has a healthy target. While the live record is adopted, as it has it.
    Default: yes."""


class WeightedCutoverArgs(TypedDict):
    """Arguments of `WeightedCutover`."""

    zone_id: pulumi.Input[str]
    """Hosted zone that holds the live record."""
    record_name: str
    """Full name of the live record, such as `shop.example.com`."""
    old: CutoverSideArgs
    """Where the name points today."""
    new: CutoverSideArgs
    """Where it shall point."""
    percent: int
    """Share of DNS answers that name the new side, 0 to 100. Read it from the stack's configuration: one commit a step."""
    record_type: NotRequired[str]
    """`A`, `AAAA` or `CNAME`. Default: A."""
    ttl_seconds: NotRequired[int]
    """Seconds that resolvers keep an answer, 1 to 60; while `old_record_import_id` is given, those of the live one, up to 172800.
    An alias has the 60 s of its load balancer, so beside one it must be 60. Default: 60."""
    old_record_import_id: NotRequired[str]
    """Id of the live record, `ZONEID_name_TYPE`. While it is given the record is only adopted, as it is. Default: none."""
    old_record_urn: NotRequired[str]
    """URN of the live record where this stack already declares it outside of this component. Default: none."""
    health_check_protocol: NotRequired[str]
    """`HTTPS`, `HTTP` or `TCP`. Default: HTTPS."""
    health_check_port: NotRequired[int]
    """Port that Route 53 connects to, 1 to 65535. Default: 443, for HTTP 80."""
    health_check_path: NotRequired[str]
    """Path that answers 2xx or 3xx when a side is well. Default: /."""
    health_check_interval_seconds: NotRequired[int]
    """10 or 30. A change replaces the check. Default: 30."""
    health_check_failures: NotRequired[int]
    """Failed checks in a row after which a side is left, 1 to 10. Default: 3."""


class WeightedCutover(pulumi.ComponentResource):
    """Two weighted records of one name and a health check for each side.

    Use it to move a live name without a moment in which it is unknown. A name that already has a record is taken over in two
    deployments: first with `old_record_import_id`, which changes nothing in DNS; then without it. In that second one the very
    record becomes the weighted `old` one in a single change batch, and `new` joins it.

        cutover = WeightedCutover("shop", {
            "zone_id": zone_id, "record_name": "shop.example.com", "percent": config.require_int("percent"),
            "old": {"dns_name": "legacy-123.ap-northeast-1.elb.amazonaws.com", "zone_id": "Z14GRHDCWA56QT"},
            "new": {"dns_name": balancer.dns_name, "zone_id": balancer.zone_id},
        })
    """

    zone_id: pulumi.Output[str]
    """Hosted zone of the records."""
    record_name: pulumi.Output[str]
    """Name that moves."""
    record_type: pulumi.Output[str]
    """Type of both records."""
    percent: pulumi.Output[int]
    """Share of DNS answers that name the new side; 0 while the live record is only adopted."""
    old_set_identifier: pulumi.Output[str]
    """Identifier of the old side's record among the weighted ones; empty while it is only adopted."""
    new_set_identifier: pulumi.Output[str]
    """Identifier of the new side's record; empty while the live one is only adopted."""
    old_health_check_id: pulumi.Output[str]
    """Health check of the old side."""
    new_health_check_id: pulumi.Output[str]
    """Health check of the new side."""

    def __init__(self, name: str, args: WeightedCutoverArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("transload:index:WeightedCutover", name, {}, opts)
        args = check_args(self, args, WeightedCutoverArgs)
        percent = integer(self, args, "percent", 0, 0, 100)
        record_type = choice(self, args, "record_type", "A", ("A", "AAAA", "CNAME"))
        record_name = self._record_name(args["record_name"])
        self._check_side("old", args["old"], record_type)
        self._check_side("new", args["new"], record_type)
        import_id = self._import_id(args, record_name, record_type, percent)
        ttl = self._ttl(args, adopting=import_id is not None)

        child = pulumi.ResourceOptions(parent=self)
        # Both checks watch from the first deployment on: the new side is known to be well before anybody is sent there.
        checks = {
            "old": self._health_check(f"{name}-old", args["old"], record_name, args, child),
            "new": self._health_check(f"{name}-new", args["new"], record_name, args, child),
        }
        adopted = pulumi.ResourceOptions.merge(child, self._adoption(args))
        if import_id is not None:
            # An import must find the record just as it is: no weight, no identifier, no health check yet.
            self._record(f"{name}-old", args, "old", ttl, None, None, adopted)
        else:
            old = self._record(f"{name}-old", args, "old", ttl, 100 - percent, checks["old"], adopted)
            # Route 53 refuses a weighted record beside a simple one of the same name: the old one has to be weighted first.
            after_old = pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[old]))
            self._record(f"{name}-new", args, "new", ttl, percent, checks["new"], after_old)

        self.zone_id = pulumi.Output.from_input(args["zone_id"])
        self.record_name = pulumi.Output.from_input(record_name)
        self.record_type = pulumi.Output.from_input(record_type)
        self.percent = pulumi.Output.from_input(percent)
        self.old_set_identifier = pulumi.Output.from_input("" if import_id else "old")
        self.new_set_identifier = pulumi.Output.from_input("" if import_id else "new")
        self.old_health_check_id = checks["old"].id
        self.new_health_check_id = checks["new"].id
        self.register_outputs({key: getattr(self, key) for key in WeightedCutover.__annotations__})

    def _ttl(self, args: WeightedCutoverArgs, *, adopting: bool) -> int:
        if adopting:
            return integer(self, args, "ttl_seconds", 60, 1, 172_800)
        # With a health check Route 53 asks for 60 s or less: the answer of a side that failed must be forgotten soon.
        ttl = integer(self, args, "ttl_seconds", 60, 1, 60)
        # Another TTL than that of the load balancer shifts the shares (Amazon Route 53 API reference, ResourceRecordSet).
        if ttl != 60 and (args["old"].get("zone_id") is None) != (args["new"].get("zone_id") is None):
            fail(
                self, f"ttl_seconds must be 60 where one side is an alias, which has 60, or percent means something else; got {ttl}"
            )
        return ttl

    def _import_id(self, args: WeightedCutoverArgs, record_name: str, record_type: str, percent: int) -> str | None:
        import_id = args.get("old_record_import_id")
        if import_id is None:
            return None
        zone_id = args["zone_id"] if isinstance(args["zone_id"], str) else import_id.partition("_")[0] or "ZONEID"
        wanted = f"{zone_id}_{record_name}_{record_type}"
        if import_id.lower() != wanted.lower():
            fail(self, f"old_record_import_id must be that of the live record, {wanted}, got {import_id!r}")
        if percent:
            fail(
                self,
                f"percent must be 0 while old_record_import_id adopts the live record, got {percent}; deploy, then remove the id",
            )
        return import_id

    def _record_name(self, record_name: str) -> str:
        if not _HOST_NAME.fullmatch(record_name) or len(record_name) > 255:
            fail(self, f"record_name must be a full name such as shop.example.com, got {record_name!r}")
        return record_name.rstrip(".")

    def _check_side(self, side: str, args: CutoverSideArgs, record_type: str) -> None:
        problem = problem_with_keys(args, CutoverSideArgs)
        if problem:
            fail(self, f"{side}: {problem}")
        keys = tuple(key for key in ("dns_name", "zone_id", "ip_address") if args.get(key) is not None)
        fitting = {"CNAME": [("dns_name",)]}.get(record_type, [("dns_name", "zone_id"), ("ip_address",)])
        if keys not in fitting:
            words = " or ".join(" with ".join(option) for option in fitting)
            fail(self, f"{side}: a record of type {record_type} needs {words}, got {', '.join(keys) or 'none'}")
        host, address = args.get("dns_name"), args.get("ip_address")
        if isinstance(host, str) and not _HOST_NAME.fullmatch(host):
            fail(self, f"{side}: dns_name must be a host name such as web-1.ap-northeast-1.elb.amazonaws.com, got {host!r}")
        if isinstance(address, str):
            self._check_address(side, address, record_type)

    def _check_address(self, side: str, address: str, record_type: str) -> None:
        version = {"A": 4, "AAAA": 6}[record_type]
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            fail(self, f"{side}: ip_address must be an IPv{version} address, got {address!r}")
        if found.version != version:
            fail(self, f"{side}: ip_address must be an IPv{version} address for a record of type {record_type}, got {address}")
        if any(found in network for network in _INSIDE if network.version == version):
            fail(self, f"{side}: ip_address {address} is not public, and Route 53's health checkers come from the internet")

    def _adoption(self, args: WeightedCutoverArgs) -> pulumi.ResourceOptions:
        import_id, urn = args.get("old_record_import_id"), args.get("old_record_urn")
        if import_id is not None and urn is not None:
            fail(
                self,
                "old_record_import_id and old_record_urn exclude each other: a record that this stack declares needs no import",
            )
        return pulumi.ResourceOptions(import_=import_id, aliases=None if urn is None else [urn])

    def _record(
        self,
        name: str,
        args: WeightedCutoverArgs,
        side: Literal["old", "new"],
        ttl: int,
        weight: int | None,
        check: aws.route53.HealthCheck | None,
        opts: pulumi.ResourceOptions,
    ) -> aws.route53.Record:
        dns_name, zone_id = args[side].get("dns_name", ""), args[side].get("zone_id")
        # Evaluated unless asked otherwise, so that a load balancer without a healthy target answers nobody, whatever its weight.
        evaluated = bool(args[side].get("evaluate_target_health", True))
        alias: aws.route53.RecordAliasArgsDict | None = (
            None if zone_id is None else {"name": dns_name, "zone_id": zone_id, "evaluate_target_health": evaluated}
        )
        return aws.route53.Record(
            name,
            zone_id=args["zone_id"],
            name=args["record_name"].rstrip("."),
            type=args.get("record_type") or "A",
            aliases=None if alias is None else [alias],
            records=[args[side].get("ip_address") or dns_name] if alias is None else None,
            ttl=ttl if alias is None else None,
            set_identifier=None if weight is None else side,
            weighted_routing_policies=None if weight is None else [{"weight": weight}],
            health_check_id=None if check is None else check.id,
            opts=opts,
        )

    def _health_check(
        self, name: str, side: CutoverSideArgs, record_name: str, args: WeightedCutoverArgs, child: pulumi.ResourceOptions
    ) -> aws.route53.HealthCheck:
        protocol = choice(self, args, "health_check_protocol", "HTTPS", tuple(_PORTS))
        path = args.get("health_check_path") or "/"
        interval = integer(self, args, "health_check_interval_seconds", 30, 10, 30)
        if not path.startswith("/") or len(path) > 255:
            fail(self, f"health_check_path must start with / and have at most 255 characters, got {path!r}")
        if interval not in (10, 30):
            fail(self, f"health_check_interval_seconds must be 10 or 30, got {interval}")
        address = side.get("ip_address")
        return aws.route53.HealthCheck(
            name,
            type=protocol,
            # Given both, Route 53 connects to the address and sends the name as Host: the server sees what its clients send.
            fqdn=record_name if address is not None else side.get("dns_name"),
            ip_address=address,
            port=integer(self, args, "health_check_port", _PORTS[protocol], 1, 65_535),
            resource_path=None if protocol == "TCP" else path,
            request_interval=interval,
            failure_threshold=integer(self, args, "health_check_failures", 3, 1, 10),
            tags={"Name": name},
            opts=child,
        )
