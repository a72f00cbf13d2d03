"""moto's DynamoDB for several callers at once: the conductor's functions, the command line and jobs write the same tables.

moto serves each request in a thread of its own and locks nothing. Its TransactWriteItems keeps a copy of the whole table and puts
that back when a condition fails: what others wrote meanwhile is lost, and each transaction takes as long as the table is large.
"""

import copy
import threading
from typing import Any

_COPY = "__deepcopy__"


def replace() -> None:
    """One call at a time; a transaction that fails puts back the items it names and nothing else."""
    from moto.dynamodb.models import DynamoDBBackend
    from moto.dynamodb.models.table import Table
    from moto.dynamodb.responses import DynamoHandler

    lock = threading.RLock()
    call, transact = DynamoHandler.call_action, DynamoDBBackend.transact_write_items

    def call_action(self: Any) -> Any:
        with lock:
            return call(self)

    def transact_write_items(self: Any, transact_items: list[dict[str, Any]]) -> None:
        with lock:
            kept = [_kept(self, operation, op) for item in transact_items for operation, op in item.items()]
            # What moto takes for its copy of the table is the table.
            setattr(Table, _COPY, lambda table, memo: table)
            try:
                transact(self, transact_items)
            except Exception:
                for table, key, item in kept:
                    _put_back(table, key, item)
                raise
            finally:
                delattr(Table, _COPY)

    DynamoHandler.call_action = call_action
    DynamoDBBackend.transact_write_items = transact_write_items


def _kept(backend: Any, operation: str, op: dict[str, Any]) -> tuple[Any, tuple[Any, Any], Any]:
    """The table, key and present item that an operation of a transaction is about."""
    table = backend.get_table(op["TableName"])
    attributes = op["Item"] if operation == "Put" else op["Key"]
    names = [name for name in (table.hash_key_attr, table.range_key_attr) if name]
    key = backend.get_keys_value(table, {name: attributes[name] for name in names})
    return table, key, copy.deepcopy(table.get_item(*key))


def _put_back(table: Any, key: tuple[Any, Any], item: Any) -> None:
    hash_key, range_key = key
    if item is None:
        table.delete_item(hash_key, range_key)
    elif range_key is None:
        table.items[hash_key] = item
    else:
        table.items[hash_key][range_key] = item
