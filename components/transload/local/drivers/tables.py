"""DynamoDB tables and items."""

import json
from collections.abc import Mapping
from typing import Any

from transload.local.drivers._aws import Aws
from transload.local.drivers._driver import Call, Driver, Read


def _table(inputs: dict[str, Any]) -> dict[str, Any]:
    """Terraform spells a key schema as `hashKey` and `rangeKey`, the API as a list."""
    ready = {**inputs, "keySchema": _keys(inputs)}
    for index in ("globalSecondaryIndexes", "localSecondaryIndexes"):
        if inputs.get(index):
            ready[index] = [
                {
                    "indexName": entry["name"],
                    "keySchema": _keys(entry) if index.startswith("global") else _keys({**entry, "hashKey": inputs["hashKey"]}),
                    "projection": {"projectionType": entry["projectionType"], "nonKeyAttributes": entry.get("nonKeyAttributes")},
                    **_throughput(inputs, entry),
                }
                for entry in inputs[index]
            ]
    ready |= _throughput(inputs, inputs)
    if inputs.get("streamEnabled"):
        ready["streamSpecification"] = {"streamEnabled": True, "streamViewType": inputs["streamViewType"]}
    gone = ("hashKey", "rangeKey", "readCapacity", "writeCapacity", "streamEnabled", "streamViewType")
    return {key: value for key, value in ready.items() if key not in gone}


def _keys(entry: Mapping[str, Any]) -> list[dict[str, str]]:
    return [
        {"attributeName": entry[key], "keyType": kind}
        for key, kind in (("hashKey", "HASH"), ("rangeKey", "RANGE"))
        if entry.get(key)
    ]


def _throughput(table: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    if table.get("billingMode", "PROVISIONED") != "PROVISIONED":
        return {}
    return {
        "provisionedThroughput": {
            "readCapacityUnits": entry.get("readCapacity") or 1,
            "writeCapacityUnits": entry.get("writeCapacity") or 1,
        }
    }


class _Item(Driver):
    """An item of Pulumi belongs to a table's key, which the program repeats."""

    def _create(self, aws: Aws, inputs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        item = json.loads(inputs["item"])
        keys = [inputs[key] for key in ("hashKey", "rangeKey") if inputs.get(key)]
        aws.client("dynamodb", inputs.get("region")).put_item(
            TableName=inputs["tableName"],
            Item=item,
            ConditionExpression="attribute_not_exists(#key)",
            ExpressionAttributeNames={"#key": keys[0]},
        )
        return "|".join([inputs["tableName"], *keys, *(next(iter(item[key].values())) for key in keys)]), {}

    def change(self, aws: Aws, id: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:  # noqa: A002
        aws.client("dynamodb", new.get("region")).put_item(TableName=new["tableName"], Item=json.loads(new["item"]))
        return {}

    def replaces(self, aws: Aws, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
        changed = [key for key in ("tableName", "hashKey", "rangeKey") if old.get(key) != new.get(key)]
        return changed or (["item"] if self._key(old) != self._key(new) else [])

    def _read(self, aws: Aws, id: str, state: Mapping[str, Any]) -> Mapping[str, Any] | None:  # noqa: A002
        # One key a table: of many items the id alone would not tell which.
        client = aws.client("dynamodb", state.get("region"))
        return client.get_item(TableName=state["tableName"], Key=self._key(state), ConsistentRead=True).get("Item")

    def _remove(self, aws: Aws, id: str, state: Mapping[str, Any]) -> None:  # noqa: A002
        aws.client("dynamodb", state.get("region")).delete_item(TableName=state["tableName"], Key=self._key(state))

    @staticmethod
    def _key(inputs: Mapping[str, Any]) -> dict[str, Any]:
        item = json.loads(inputs["item"])
        return {inputs[key]: item[inputs[key]] for key in ("hashKey", "rangeKey") if inputs.get(key)}


_PUT = Call(operation="put_item")

DRIVERS = (
    Driver(
        type="aws:dynamodb/table:Table",
        service="dynamodb",
        auto_name="name",
        prepare=_table,
        create=Call(
            operation="create_table",
            names={
                "name": "TableName",
                "attributes": "AttributeDefinitions",
                "attributes.name": "AttributeName",
                "attributes.type": "AttributeType",
                "serverSideEncryption": "SSESpecification",
                "serverSideEncryption.kmsKeyArn": "KMSMasterKeyId",
            },
        ),
        id="TableDescription.TableName",
        then=(
            Call(
                operation="update_time_to_live",
                takes=("ttl",),
                names={"ttl": "TimeToLiveSpecification"},
                given={"TableName": "{id}"},
            ),
            Call(
                operation="update_continuous_backups",
                takes=("pointInTimeRecovery",),
                names={
                    "pointInTimeRecovery": "PointInTimeRecoverySpecification",
                    "pointInTimeRecovery.enabled": "PointInTimeRecoveryEnabled",
                },
                given={"TableName": "{id}"},
            ),
        ),
        update=(
            Call(operation="update_table", takes=("billingMode", "deletionProtectionEnabled"), given={"TableName": "{id}"}),
            Call(operation="tag_resource", takes=("tags",), given={"ResourceArn": "{arn}"}),
        ),
        outputs={"arn": "TableDescription.TableArn", "streamArn": "TableDescription.LatestStreamArn"},
        read=Read(operation="describe_table", given={"TableName": "{id}"}, at="Table"),
        delete=Call(operation="delete_table", given={"TableName": "{id}"}),
    ),
    _Item(
        type="aws:dynamodb/tableItem:TableItem",
        service="dynamodb",
        create=_PUT,
        id="",
        read=Read(operation="get_item"),
        delete=Call(operation="delete_item"),
    ),
)
