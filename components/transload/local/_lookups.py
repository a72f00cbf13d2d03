"""Answers to provider functions (`aws.get_region` and the like), from the local cloud itself."""

from typing import Any

from transload._errors import Problem
from transload.local.drivers._aws import Aws


def look_up(aws: Aws, token: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The answer by the provider's names. `Problem` for a function that nobody here answers."""
    answer = _ANSWERS.get(token)
    if answer is None:
        raise Problem(f"the local cloud does not answer {token}; it answers {', '.join(sorted(_ANSWERS))}")
    return answer(aws, arguments)


def _caller(aws: Aws, arguments: dict[str, Any]) -> dict[str, Any]:
    found = aws.client("sts").get_caller_identity()
    return {"accountId": found["Account"], "arn": found["Arn"], "userId": found["UserId"], "id": found["Account"]}


def _region(aws: Aws, arguments: dict[str, Any]) -> dict[str, Any]:
    region = arguments.get("region") or arguments.get("name") or aws.region
    return {"region": region, "name": region, "id": region, "description": region, "endpoint": f"ec2.{region}.amazonaws.com"}


def _partition(aws: Aws, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"partition": "aws", "id": "aws", "dnsSuffix": "amazonaws.com", "reverseDnsPrefix": "com.amazonaws"}


def _zones(aws: Aws, arguments: dict[str, Any]) -> dict[str, Any]:
    region = arguments.get("region") or aws.region
    found = aws.client("ec2", region).describe_availability_zones()["AvailabilityZones"]
    return {
        "id": region,
        "region": region,
        "names": [zone["ZoneName"] for zone in found],
        "zoneIds": [zone["ZoneId"] for zone in found],
        "groupNames": [region],
    }


_ANSWERS = {
    "aws:index/getCallerIdentity:getCallerIdentity": _caller,
    "aws:index/getRegion:getRegion": _region,
    "aws:index/getPartition:getPartition": _partition,
    "aws:index/getAvailabilityZones:getAvailabilityZones": _zones,
}
