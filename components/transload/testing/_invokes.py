"""Answers to provider functions that programs commonly call."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from transload.testing._placeholders import ACCOUNT, REGION


class Invokes:
    """Answers for one account and region. `given` maps a token to the answer, or to a function from arguments to answer."""

    def __init__(self, account: str = ACCOUNT, region: str = REGION, given: Mapping[str, Any] | None = None):
        self.account, self.region, self.given = account, region, dict(given or {})

    def __call__(self, token: str, args: dict[str, Any]) -> dict[str, Any]:
        """The answer by wire names. Raises LookupError for a function that is neither known nor given."""
        for key in (token, token.rpartition(":")[2]):
            if key in self.given:
                answer = self.given[key]
                return answer(args) if callable(answer) else dict(answer)
        known: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "aws:index/getCallerIdentity:getCallerIdentity": self._caller,
            "aws:index/getRegion:getRegion": self._region,
            "aws:index/getPartition:getPartition": self._partition,
            "aws:index/getAvailabilityZones:getAvailabilityZones": self._zones,
            "aws:ec2/getSubnet:getSubnet": self._subnet,
            "aws:iam/getPolicyDocument:getPolicyDocument": _policy_document,
        }
        if token not in known:
            raise LookupError(f"the program calls {token}: give its answer as invokes={{{token!r}: {{...}}}}")
        return known[token](args)

    def _caller(self, args: dict[str, Any]) -> dict[str, Any]:
        return {
            "accountId": self.account,
            "arn": f"arn:aws:iam::{self.account}:user/offline",
            "userId": "AIDAOFFLINE",
            "id": self.account,
        }

    def _region(self, args: dict[str, Any]) -> dict[str, Any]:
        region = args.get("region") or args.get("name") or self.region
        return {"region": region, "name": region, "id": region, "description": region, "endpoint": f"ec2.{region}.amazonaws.com"}

    def _partition(self, args: dict[str, Any]) -> dict[str, Any]:
        return {"partition": "aws", "id": "aws", "dnsSuffix": "amazonaws.com", "reverseDnsPrefix": "com.amazonaws"}

    def _zones(self, args: dict[str, Any]) -> dict[str, Any]:
        region = args.get("region") or self.region
        return {
            "id": region,
            "region": region,
            "names": [f"{region}{letter}" for letter in "abc"],
            "zoneIds": [f"{region}-az{number}" for number in (1, 2, 3)],
            "groupNames": [region],
        }

    def _subnet(self, args: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": args.get("id"),
            "vpcId": "vpc-0123456789abcdef0",
            "availabilityZone": f"{self.region}a",
            "region": self.region,
        }


def _policy_document(args: dict[str, Any]) -> dict[str, Any]:
    """The document as the provider renders it: one action, resource or identifier is text, several are a sorted list."""
    statements = [_statement(one) for one in args.get("statements") or []]
    document = {"Version": args.get("version") or "2012-10-17", **({"Id": args["policyId"]} if args.get("policyId") else {})}
    text = json.dumps({**document, "Statement": statements}, indent=2)
    return {"id": "offline", "json": text, "minifiedJson": json.dumps(json.loads(text), separators=(",", ":"))}


def _statement(given: dict[str, Any]) -> dict[str, Any]:
    statement: dict[str, Any] = {"Sid": given["sid"]} if given.get("sid") else {}
    statement["Effect"] = given.get("effect") or "Allow"
    for key, name in (
        ("actions", "Action"),
        ("notActions", "NotAction"),
        ("resources", "Resource"),
        ("notResources", "NotResource"),
    ):
        if given.get(key):
            statement[name] = _one_or_sorted(given[key])
    for key, name in (("principals", "Principal"), ("notPrincipals", "NotPrincipal")):
        if given.get(key):
            everyone = given[key] == [{"type": "*", "identifiers": ["*"]}]
            statement[name] = "*" if everyone else {one["type"]: _one_or_sorted(one["identifiers"]) for one in given[key]}
    for one in given.get("conditions") or []:
        statement.setdefault("Condition", {}).setdefault(one["test"], {})[one["variable"]] = _one_or_sorted(one["values"])
    return statement


def _one_or_sorted(values: list[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else sorted(values)
