# ruff: noqa: N803, N818 - the names are those of boto3
"""DynamoDB in a dictionary, as far as the conductor uses it: a hundred times as fast as moto, for tests with many thousand calls.

test_dynamo_fake.py holds it against moto.
"""

import re
from functools import cache
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError
from calls import Client

from transload.conductor.table import deserialize

Item = dict[str, Any]


class ConditionalCheckFailedException(ClientError):
    pass


class TransactionCanceledException(ClientError):
    pass


class _Absent:
    """An attribute that is not there: every comparison with it is false."""

    def _never(self, other: object) -> bool:
        return False

    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = _never  # type: ignore[assignment]
    __hash__ = None  # type: ignore[assignment]

    def __len__(self) -> int:
        return -1


_ABSENT = _Absent()
_WORDS = {"AND": "and", "OR": "or", "NOT": "not", "IN": "in", "=": "==", "<": "<", "<=": "<=", ">": ">", ">=": ">=", "size": "len"}
_TOKEN = re.compile(r"\s*(attribute_exists|attribute_not_exists|size|AND|OR|NOT|IN|<=|>=|[=<>(),]|[#:]\w+)")


def holds(condition: str, action: Item, item: Item) -> bool:
    """Whether the condition of a write holds for the item that is there ({} if there is none)."""
    values = deserialize(action.get("ExpressionAttributeValues", {}))
    names = tuple(action.get("ExpressionAttributeNames", {}).items())
    return bool(eval(_read(condition, names), {"item": deserialize(item), "values": values, "absent": _ABSENT, "len": len}))


@cache
def _read(condition: str, attributes: tuple[tuple[str, str], ...]) -> Any:
    """The condition as Python. There are a dozen, and they are asked for thousands of times."""
    names, text, place, wanted = dict(attributes), [], 0, None
    while place < len(condition.rstrip()):
        match = _TOKEN.match(condition, place)
        assert match, f"cannot read {condition[place:]!r}"
        token, place = match[1], match.end()
        if token.startswith("attribute"):
            wanted = token == "attribute_exists"
        elif token.startswith("#") and wanted is not None:
            text.append(f"({names[token]!r} in item) is {wanted}")
            wanted = None
        elif token.startswith("#"):
            text.append(f"item.get({names[token]!r}, absent)")
        elif token.startswith(":"):
            text.append(f"values[{token!r}]")
        else:
            text.append(_WORDS.get(token, token))
    return compile(" ".join(text), condition, "eval")


class DynamoFake(Client):
    """What boto3's client has, as far as the conductor uses it. Items go in and out as they are: nobody changes one in place."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, dict[tuple[str, ...], Item]] = {}
        self.exceptions = SimpleNamespace(
            ConditionalCheckFailedException=ConditionalCheckFailedException,
            TransactionCanceledException=TransactionCanceledException,
        )

    def _do_create_table(self, TableName: str, **_: Any) -> None:
        self.tables[TableName] = {}

    def _do_delete_table(self, TableName: str) -> None:
        del self.tables[TableName]

    def _do_get_item(self, TableName: str, Key: Item, **_: Any) -> Item:
        item = self.tables[TableName].get(_key(Key))
        return {"Item": item} if item else {}

    def _do_put_item(self, **action: Any) -> Item:
        self._write({"Put": action})
        return {}

    def _do_delete_item(self, **action: Any) -> Item:
        self._write({"Delete": action})
        return {}

    def _do_update_item(self, **action: Any) -> Item:
        if not self._may({"Update": action}):
            raise ConditionalCheckFailedException(
                {"Error": {"Code": "ConditionalCheckFailedException", "Message": ""}}, "UpdateItem"
            )
        self._write({"Update": action})
        return {"Attributes": self.tables[action["TableName"]][_key(action["Key"])]}

    def _do_transact_write_items(self, TransactItems: list[Item]) -> Item:
        keys = [
            (action["TableName"], _key(action.get("Key") or action["Item"])) for write in TransactItems for action in write.values()
        ]
        assert len(set(keys)) == len(keys), "an item stands twice in the transaction"
        if not all(self._may(write) for write in TransactItems):
            reasons = [{"Code": "None"} if self._may(write) else self._reason(write) for write in TransactItems]
            response: Any = {"Error": {"Code": "TransactionCanceledException", "Message": ""}, "CancellationReasons": reasons}
            raise TransactionCanceledException(response, "TransactWriteItems")
        for write in TransactItems:
            self._write(write)
        return {}

    def _do_batch_get_item(self, RequestItems: Item) -> Item:
        answer = {}
        for table, asked in RequestItems.items():
            assert len(asked["Keys"]) <= 100
            answer[table] = [self.tables[table][_key(key)] for key in asked["Keys"] if _key(key) in self.tables[table]]
        return {"Responses": answer, "UnprocessedKeys": {}}

    def _do_scan(self, TableName: str) -> Item:
        return {"Items": list(self.tables[TableName].values())}

    def _do_query(self, TableName: str, ExpressionAttributeValues: Item, ScanIndexForward: bool = True, **_: Any) -> Item:
        values = {key: value["S"] for key, value in ExpressionAttributeValues.items()}
        keys = sorted(key for key in self.tables[TableName] if key[0] == values[":job"])
        if ":first" in values:
            keys = [key for key in keys if values[":first"] <= key[1] <= values[":last"]]
        if ":begin" in values:
            keys = [key for key in keys if key[1].startswith(values[":begin"])]
        return {"Items": [self.tables[TableName][key] for key in (keys if ScanIndexForward else reversed(keys))]}

    def _may(self, write: Item) -> bool:
        (action,) = write.values()
        condition = action.get("ConditionExpression")
        return condition is None or holds(condition, action, self._there(action))

    def _there(self, action: Item) -> Item:
        return self.tables[action["TableName"]].get(_key(action.get("Key") or action["Item"]), {})

    def _reason(self, write: Item) -> Item:
        (action,) = write.values()
        there = self._there(action)
        return {"Code": "ConditionalCheckFailed", **({"Item": there} if there else {})}

    def _write(self, write: Item) -> None:
        ((kind, action),) = write.items()
        table, key = self.tables[action["TableName"]], _key(action.get("Key") or action["Item"])
        if kind == "Put":
            table[key] = action["Item"]
        elif kind == "Delete":
            table.pop(key, None)
        else:
            table[key] = _updated({**table.get(key, action["Key"])}, action)


def _updated(item: Item, action: Item) -> Item:
    sets, _, removes = action["UpdateExpression"].removeprefix("SET ").partition(" REMOVE ")
    names = action["ExpressionAttributeNames"]
    for part in sets.split(", "):
        name, _, value = part.partition(" = ")
        item[names[name]] = action["ExpressionAttributeValues"][value]
    for name in filter(None, removes.split(", ")):
        item.pop(names[name], None)
    return item


def _key(item: Item) -> tuple[str, ...]:
    return tuple(item[name]["S"] for name in ("job", "run") if name in item and isinstance(item[name].get("S"), str))
