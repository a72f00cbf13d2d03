"""Protobuf's well-known messages. Their modules are built when they are imported, so that no type checker sees what is in them."""

from typing import Any

from google.protobuf import empty_pb2, struct_pb2

_empty: Any = empty_pb2
_struct: Any = struct_pb2

Empty = _empty.Empty
Struct = _struct.Struct
