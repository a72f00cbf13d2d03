"""DynamoDB of the local cloud with several callers at once."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from transload.local import Cloud


@pytest.fixture
def table(cloud: Cloud) -> Any:
    dynamodb = cloud.client("dynamodb")
    dynamodb.create_table(
        TableName="callers",
        KeySchema=[{"AttributeName": "job", "KeyType": "HASH"}, {"AttributeName": "run", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("job", "run")],
        BillingMode="PAY_PER_REQUEST",
    )
    yield dynamodb
    dynamodb.delete_table(TableName="callers")


def _put(run: str, **more: Any) -> dict[str, Any]:
    return {"Put": {"TableName": "callers", "Item": {"job": {"S": "a"}, "run": {"S": run}}, **more}}


def test_a_refused_transaction_takes_nothing_from_the_others(table: Any) -> None:
    absent = {"ConditionExpression": "attribute_not_exists(job)"}
    table.transact_write_items(TransactItems=[_put("taken")])

    def write(number: int) -> None:
        if number % 2:
            with pytest.raises(table.exceptions.TransactionCanceledException):
                table.transact_write_items(TransactItems=[_put(f"refused-{number}"), _put("taken", **absent)])
        else:
            table.transact_write_items(TransactItems=[_put(f"kept-{number:03}", **absent)])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(100)))
    rows = table.scan(TableName="callers")["Items"]
    assert sorted(row["run"]["S"] for row in rows) == [*(f"kept-{number:03}" for number in range(0, 100, 2)), "taken"]


def test_a_refused_transaction_puts_back_what_it_changed_and_deleted(table: Any) -> None:
    for run in ("changed", "deleted", "taken"):
        table.transact_write_items(TransactItems=[_put(run)])
    key = {"TableName": "callers", "Key": {"job": {"S": "a"}}}
    change = {"UpdateExpression": "SET x = :x", "ExpressionAttributeValues": {":x": {"N": "1"}}}
    with pytest.raises(table.exceptions.TransactionCanceledException) as caught:
        table.transact_write_items(
            TransactItems=[
                {"Update": {**key, "Key": {"job": {"S": "a"}, "run": {"S": "changed"}}, **change}},
                {"Delete": {**key, "Key": {"job": {"S": "a"}, "run": {"S": "deleted"}}}},
                _put("taken", ConditionExpression="attribute_not_exists(job)"),
            ]
        )
    assert [reason["Code"] for reason in caught.value.response["CancellationReasons"]] == ["None", "None", "ConditionalCheckFailed"]
    rows = table.scan(TableName="callers")["Items"]
    assert sorted(rows, key=lambda row: row["run"]["S"]) == [
        {"job": {"S": "a"}, "run": {"S": run}} for run in ("changed", "deleted", "taken")
    ]
