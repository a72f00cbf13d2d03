"""WeightedCutover: the live name never disappears, and DNS itself leaves a side that fails."""

import re
from typing import Any

import pulumi
import pytest

from transload import WeightedCutover
from transload.testing import Mocks

LEGACY = {"dns_name": "legacy-1.ap-northeast-1.elb.amazonaws.com", "zone_id": "Z14GRHDCWA56QT"}
PLATFORM = {"dns_name": "platform-1.ap-northeast-1.elb.amazonaws.com", "zone_id": "Z14GRHDCWA56QT"}
LEAST: Any = {"zone_id": "Z1EXAMPLE", "record_name": "shop.example.com", "old": LEGACY, "new": PLATFORM, "percent": 10}
RECORD = "aws:route53/record:Record"
CHECK = "aws:route53/healthCheck:HealthCheck"


def test_builds_a_record_and_a_health_check_for_each_side(record):
    recording = record(lambda: WeightedCutover("shop", LEAST))

    assert recording.tree("WeightedCutover", "shop") == {
        (CHECK, "shop-old"),
        (CHECK, "shop-new"),
        (RECORD, "shop-old"),
        (RECORD, "shop-new"),
    }


@pytest.mark.parametrize(("percent", "weights"), [(0, (100, 0)), (10, (90, 10)), (100, (0, 100)), (50.0, (50, 50))])
def test_percent_is_the_weight_of_the_new_side(record, percent, weights):
    recording = record(lambda: WeightedCutover("shop", {**LEAST, "percent": percent}))
    old, new = recording.one(RECORD, "shop-old").inputs, recording.one(RECORD, "shop-new").inputs

    assert (old["weightedRoutingPolicies"], new["weightedRoutingPolicies"]) == ([{"weight": weights[0]}], [{"weight": weights[1]}])
    assert (old["setIdentifier"], new["setIdentifier"]) == ("old", "new")


def test_both_sides_are_checked_so_that_dns_leaves_the_one_that_fails(record):
    recording = record(lambda: WeightedCutover("shop", {**LEAST, "health_check_path": "/healthz"}))

    for side, target in (("old", LEGACY), ("new", PLATFORM)):
        check, found = recording.one(CHECK, f"shop-{side}"), recording.one(RECORD, f"shop-{side}").inputs
        assert found["healthCheckId"] == check.id
        assert check.inputs == {
            "type": "HTTPS",
            "fqdn": target["dns_name"],
            "port": 443,
            "resourcePath": "/healthz",
            "requestInterval": 30,
            "failureThreshold": 3,
            "tags": {"Name": f"shop-{side}"},
        }


def test_an_alias_evaluates_its_targets_and_has_no_ttl(record):
    found = record(lambda: WeightedCutover("shop", LEAST)).one(RECORD, "shop-new").inputs

    assert found["aliases"] == [{"name": PLATFORM["dns_name"], "zoneId": PLATFORM["zone_id"], "evaluateTargetHealth": True}]
    assert "ttl" not in found
    assert "records" not in found


def test_a_live_alias_that_does_not_evaluate_its_target_is_adopted_as_it_is(record):
    args: Any = {**LEAST, "percent": 0, "old": {**LEGACY, "evaluate_target_health": False}}
    recording = record(lambda: WeightedCutover("shop", {**args, "old_record_import_id": "Z1EXAMPLE_shop.example.com_A"}))

    assert recording.one(RECORD, "shop-old").inputs["aliases"][0]["evaluateTargetHealth"] is False


def test_a_plain_server_is_checked_at_its_address_under_the_live_name(record):
    servers = {"old": {"ip_address": "203.0.113.10"}, "new": {"ip_address": "203.0.113.20"}}
    args: Any = {**LEAST, **servers, "ttl_seconds": 30, "health_check_protocol": "HTTP"}
    recording = record(lambda: WeightedCutover("shop", args))

    old, check = recording.one(RECORD, "shop-old").inputs, recording.one(CHECK, "shop-old").inputs
    assert (old["records"], old["ttl"], old["type"]) == (["203.0.113.10"], 30, "A")
    assert (check["ipAddress"], check["fqdn"], check["port"]) == ("203.0.113.10", "shop.example.com", 80)


def test_host_names_become_cnames(record):
    args: Any = {**LEAST, "record_type": "CNAME", "old": {"dns_name": "web.example.net"}, "new": {"dns_name": "edge.example.net"}}
    recording = record(lambda: WeightedCutover("shop", {**args, "health_check_protocol": "TCP", "health_check_port": 8443}))

    assert recording.one(RECORD, "shop-new").inputs["records"] == ["edge.example.net"]
    assert recording.one(RECORD, "shop-new").inputs["ttl"] == 60
    check = recording.one(CHECK, "shop-new").inputs
    assert (check["type"], check["port"], check.get("resourcePath")) == ("TCP", 8443, None)


def test_the_new_record_waits_for_the_old_one_to_be_weighted(record):
    recording = record(lambda: WeightedCutover("shop", LEAST))

    assert recording.one(RECORD, "shop-old").urn in recording.one(RECORD, "shop-new").dependencies


def test_adoption_imports_the_live_record_just_as_it_is(record):
    args: Any = {**LEAST, "percent": 0, "old": {"ip_address": "203.0.113.10"}, "ttl_seconds": 3600}
    recording = record(lambda: WeightedCutover("shop", {**args, "old_record_import_id": "Z1EXAMPLE_shop.example.com_A"}))
    adopted = recording.one(RECORD)

    assert adopted.name == "shop-old"
    assert adopted.options.import_id == "Z1EXAMPLE_shop.example.com_A"
    assert adopted.inputs == {
        "zoneId": "Z1EXAMPLE",
        "name": "shop.example.com",
        "type": "A",
        "records": ["203.0.113.10"],
        "ttl": 3600,
    }
    outputs = recording.one("transload:index:WeightedCutover").outputs
    assert (outputs["percent"], outputs["old_set_identifier"], outputs["new_set_identifier"]) == (0, "", "")


def test_the_adopted_record_is_the_very_one_that_becomes_weighted(record):
    adopting = record(
        lambda: WeightedCutover("shop", {**LEAST, "percent": 0, "old_record_import_id": "Z1EXAMPLE_shop.example.com_A"})
    )
    weighing = record(lambda: WeightedCutover("shop", LEAST))

    assert adopting.one(RECORD, "shop-old").urn == weighing.one(RECORD, "shop-old").urn


def test_a_record_that_the_stack_has_already_moves_in_under_an_alias(record):
    urn = "urn:pulumi:prod::shop::aws:route53/record:Record::live"
    recording = record(lambda: WeightedCutover("shop", {**LEAST, "old_record_urn": urn}))

    assert [alias for alias in recording.one(RECORD, "shop-old").options.aliases if urn in str(alias)]
    assert not recording.one(RECORD, "shop-new").options.aliases


def test_outputs_are_what_a_cutover_is_steered_with(record):
    recording = record(lambda: WeightedCutover("shop", {**LEAST, "record_name": "shop.example.com."}))
    outputs = recording.one("transload:index:WeightedCutover").outputs

    assert set(outputs) == set(WeightedCutover.__annotations__)
    assert outputs == {
        "zone_id": "Z1EXAMPLE",
        "record_name": "shop.example.com",
        "record_type": "A",
        "percent": 10,
        "old_set_identifier": "old",
        "new_set_identifier": "new",
        "old_health_check_id": recording.one(CHECK, "shop-old").id,
        "new_health_check_id": recording.one(CHECK, "shop-new").id,
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"percent": 300}, "percent must be 0 to 100, got 300"),
        ({"percent": -1}, "percent must be 0 to 100, got -1"),
        ({"percent": 12.5}, "percent must be 0 to 100, got 12.5"),
        ({"percent": None}, "missing argument percent"),
        ({"precent": 1}, "unknown argument precent, did you mean percent?"),
        ({"record_type": "TXT"}, "record_type must be one of A, AAAA, CNAME, got 'TXT'"),
        ({"record_name": "shop"}, "record_name must be a full name such as shop.example.com, got 'shop'"),
        ({"record_name": "*.example.com"}, "record_name must be a full name"),
        ({"ttl_seconds": 300}, "ttl_seconds must be 1 to 60, got 300"),
        ({"old": {"dns_nam": "x"}}, "old: unknown argument dns_nam, did you mean dns_name?"),
        ({"new": {}}, "new: a record of type A needs dns_name with zone_id or ip_address, got none"),
        ({"new": {"dns_name": "a.example.com"}}, "new: a record of type A needs dns_name with zone_id or ip_address, got dns_name"),
        ({"record_type": "CNAME"}, "old: a record of type CNAME needs dns_name, got dns_name, zone_id"),
        ({"old": {**LEGACY, "dns_name": "https://a.example.com"}}, "old: dns_name must be a host name"),
        ({"old": {"ip_address": "8.8.8"}}, "old: ip_address must be an IPv4 address, got '8.8.8'"),
        ({"old": {"ip_address": "2001:4860::1"}}, "old: ip_address must be an IPv4 address for a record of type A"),
        ({"old": {"ip_address": "10.0.0.1"}}, "old: ip_address 10.0.0.1 is not public"),
        ({"record_type": "AAAA", "old": {"ip_address": "fd00::1"}}, "old: ip_address fd00::1 is not public"),
        ({"health_check_protocol": "HTTP2"}, "health_check_protocol must be one of HTTPS, HTTP, TCP"),
        ({"health_check_port": 0}, "health_check_port must be 1 to 65535, got 0"),
        ({"health_check_path": "healthz"}, "health_check_path must start with /"),
        ({"health_check_interval_seconds": 20}, "health_check_interval_seconds must be 10 or 30, got 20"),
        ({"health_check_failures": 11}, "health_check_failures must be 1 to 10, got 11"),
        (
            {"old": {"ip_address": "203.0.113.10"}, "ttl_seconds": 30},
            "ttl_seconds must be 60 where one side is an alias, which has 60, or percent means something else; got 30",
        ),
        (
            {"old_record_import_id": "shop.example.com", "percent": 0},
            "old_record_import_id must be that of the live record, Z1EXAMPLE_shop.example.com_A, got 'shop.example.com'",
        ),
        (
            {"old_record_import_id": "Z2_shop.example.com_A", "percent": 0},
            "old_record_import_id must be that of the live record, Z1",
        ),
        (
            {"zone_id": pulumi.Output.from_input("Z2"), "old_record_import_id": "Z2_web.example.com_A", "percent": 0},
            "old_record_import_id must be that of the live record, Z2_shop.example.com_A, got 'Z2_web.example.com_A'",
        ),
        (
            {"old_record_import_id": "Z1EXAMPLE_shop.example.com_A"},
            "percent must be 0 while old_record_import_id adopts the live record, got 10; deploy, then remove the id",
        ),
        (
            {"old_record_import_id": "Z1EXAMPLE_shop.example.com_A", "percent": 0, "old_record_urn": "urn:x"},
            "old_record_import_id and old_record_urn exclude each other",
        ),
    ],
)
def test_refuses(record, change, message):
    with pytest.raises(ValueError, match=f"^WeightedCutover 'shop': {re.escape(message)}"):
        record(lambda: WeightedCutover("shop", {**LEAST, **change}))


def test_works_under_the_mocks_of_pulumi():
    pulumi.runtime.set_mocks(Mocks(), project="shop", stack="test")
    seen = []

    @pulumi.runtime.test
    def program():
        cutover = WeightedCutover("shop", LEAST)
        return pulumi.Output.all(cutover.record_name, cutover.percent).apply(seen.append)

    program()

    assert seen == [["shop.example.com", 10]]
