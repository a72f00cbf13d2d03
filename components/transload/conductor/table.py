"""A DynamoDB table as plain Python values."""

import random
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

Item = dict[str, Any]

# Not boto3's own types: its numbers are Decimals, and it takes several times as long, of a function with half a processor.


def serialize(values: Mapping[str, Any]) -> dict[str, Any]:
    """As DynamoDB's JSON. What is None is left out."""
    return {key: _typed(value) for key, value in values.items() if value is not None}


def _typed(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int | float):
        return {"N": str(value)}
    if isinstance(value, Mapping):
        return {"M": serialize(value)}
    return {"L": [_typed(inner) for inner in value]}


def deserialize(item: Mapping[str, Any]) -> Item:
    """From DynamoDB's JSON, with int and float for its numbers."""
    return {key: _plain(value) for key, value in item.items()}


def _plain(typed: Mapping[str, Any]) -> Any:
    ((kind, value),) = typed.items()
    if kind == "N":
        number = float(value)
        return int(number) if number.is_integer() else number
    if kind == "M":
        return deserialize(value)
    if kind == "L":
        return [_plain(inner) for inner in value]
    return value


def put(table: str, item: Mapping[str, Any], when: str | None = None, values: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A Put of a transaction. In conditions "#x" is the attribute x."""
    return {"Put": {"TableName": table, "Item": serialize(item), **_condition(when, "", values)}}


def delete(table: str, key: Mapping[str, Any], when: str | None = None, values: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A Delete of a transaction."""
    return {"Delete": {"TableName": table, "Key": serialize(key), **_condition(when, "", values)}}


def update(
    table: str,
    key: Mapping[str, Any],
    changes: Mapping[str, Any],
    *,
    remove: Sequence[str] = (),
    when: str | None = None,
    values: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """An Update of a transaction, or the arguments of UpdateItem: what is None in `changes` is left as it is."""
    kept = {name: value for name, value in changes.items() if value is not None}
    text = "SET " + ", ".join(f"#{name} = :set_{name}" for name in kept)
    if remove:
        text += " REMOVE " + ", ".join(f"#{name}" for name in remove)
    values = {**{f":set_{name}": value for name, value in kept.items()}, **(values or {})}
    condition = _condition(when, text, values)
    return {"Update": {"TableName": table, "Key": serialize(key), "UpdateExpression": text, **condition}}


def _condition(when: str | None, other: str, values: Mapping[str, Any] | None) -> dict[str, Any]:
    names = set(re.findall(r"#(\w+)", f"{when or ''} {other}"))
    found: dict[str, Any] = {}
    if when:
        found = {"ConditionExpression": when, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    if names:
        found["ExpressionAttributeNames"] = {f"#{name}": name for name in sorted(names)}
    if values:
        found["ExpressionAttributeValues"] = serialize(values)
    return found


def failed_items(response: Mapping[str, Any], writes: Sequence[Mapping[str, Any]]) -> Item | None:
    """Of a cancelled transaction: the first item whose condition did not hold. None if others only wrote at the same time."""
    for reason, write in zip(response.get("CancellationReasons", ()), writes, strict=True):
        if reason.get("Code") == "ConditionalCheckFailed":
            action = next(iter(write.values()))
            keys = action.get("Key") or {name: action["Item"][name] for name in ("job", "run")}
            return deserialize({**keys, **reason.get("Item", {})})
    return None


class Table:
    """One table. `client` is a boto3 client of DynamoDB."""

    def __init__(self, client: Any, name: str):
        self._client, self.name = client, name

    def get(self, key: Mapping[str, Any]) -> Item | None:
        """The item as the last write left it."""
        found = self._client.get_item(TableName=self.name, Key=serialize(key), ConsistentRead=True).get("Item")
        return deserialize(found) if found else None

    def put(self, item: Mapping[str, Any]) -> None:
        """Write an item in place of what is there."""
        self._client.put_item(TableName=self.name, Item=serialize(item))

    def delete(self, key: Mapping[str, Any]) -> None:
        """Remove an item, if it is there."""
        self._client.delete_item(TableName=self.name, Key=serialize(key))

    def change(self, key: Mapping[str, Any], changes: Mapping[str, Any], when: str, values: Mapping[str, Any]) -> Item | None:
        """Change an item if a condition holds. The item after it, or None if the condition did not hold."""
        arguments = update(self.name, key, changes, when=f"attribute_exists(#job) AND {when}", values=values)["Update"]
        try:
            answer = self._client.update_item(**arguments, ReturnValues="ALL_NEW")
        except self._client.exceptions.ConditionalCheckFailedException:
            return None
        return deserialize(answer["Attributes"])

    def scan(self) -> Iterator[Item]:
        """Every item."""
        for page in self._client.get_paginator("scan").paginate(TableName=self.name):
            yield from map(deserialize, page["Items"])

    def query(
        self,
        job: str,
        *,
        between: tuple[str, str] | None = None,
        begins_with: str | None = None,
        newest_first: bool = False,
        page: int | None = None,
    ) -> Iterator[Item]:
        """The items of one partition in the order of their range key, `page` of them at a time or as many as DynamoDB gives."""
        when, values = "#job = :job", {":job": job}
        if between:
            when, values = f"{when} AND #run BETWEEN :first AND :last", {**values, ":first": between[0], ":last": between[1]}
        if begins_with:
            when, values = f"{when} AND begins_with(#run, :begin)", {**values, ":begin": begins_with}
        pages = self._client.get_paginator("query").paginate(
            TableName=self.name,
            KeyConditionExpression=when,
            ExpressionAttributeNames={"#job": "job"} | ({"#run": "run"} if "#run" in when else {}),
            ExpressionAttributeValues=serialize(values),
            ScanIndexForward=not newest_first,
            ConsistentRead=True,
            PaginationConfig={"PageSize": page},
        )
        for one in pages:
            yield from map(deserialize, one["Items"])

    def some(self, keys: Iterable[tuple[str, str]], *, keys_only: bool = False) -> Iterator[Item]:
        """Those of the items (job, run) that exist, in no order: a hundred in one call."""
        rest = [serialize({"job": job, "run": run}) for job, run in dict.fromkeys(keys)]
        names = {"ProjectionExpression": "#job, #run", "ExpressionAttributeNames": {"#job": "job", "#run": "run"}}
        while rest:
            asked, rest = rest[:100], rest[100:]
            request = {"Keys": asked, "ConsistentRead": True, **(names if keys_only else {})}
            answer = self._client.batch_get_item(RequestItems={self.name: request})
            yield from map(deserialize, answer["Responses"].get(self.name, ()))
            # More than 16 MB, or too many at once (DynamoDB API reference, BatchGetItem).
            left = answer.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", [])
            if left:
                time.sleep(random.uniform(0, 0.2))  # noqa: S311
            rest += left
