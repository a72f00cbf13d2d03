"""Answers to provider functions that programs commonly call."""

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
