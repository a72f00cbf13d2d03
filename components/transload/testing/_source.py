"""Where in the user's program a resource was made: cheap enough to be asked for every one of them."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from urllib.parse import unquote, urlparse

from pulumi.runtime.proto import source_pb2

Place = tuple[str, int]

_CONSTRUCTORS = ("__init__", "_internal_init")


def trace(order: Iterator[int]) -> source_pb2.StackTrace:
    """Stands in for the SDK's own stack trace, which formats every frame up to the interpreter's entry.

    One frame: the user's call, with its turn in the program in the column, which the SDK leaves empty.
    """
    frame = sys._getframe(1)
    resource = frame.f_locals.get("res")
    place = caller(frame.f_back, resource)
    file, line = place or ("", 0)
    turn = next(order)
    declared = getattr(frame.f_locals.get("monitor"), "declared", None)
    if declared is not None:
        declared(turn, frame.f_locals["ty"], frame.f_locals["name"], place)
    position = source_pb2.SourcePosition(uri=file, line=line, column=turn)
    return source_pb2.StackTrace(frames=[source_pb2.StackFrame(pc=position)])


def caller(frame: FrameType | None, resource: object = None) -> Place | None:
    """The first frame that is neither a constructor of `resource` nor code of Pulumi, a generated SDK or this library."""
    while frame is not None and frame.f_globals.get("__name__") != "pulumi.runtime.stack":
        if not _is_sdk(frame) and not _constructs(frame, resource):
            return frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back
    return None


def _constructs(frame: FrameType, resource: object) -> bool:
    code = frame.f_code
    return code.co_name in _CONSTRUCTORS and code.co_argcount > 0 and frame.f_locals.get(code.co_varnames[0]) is resource


def _is_sdk(frame: FrameType) -> bool:
    package = frame.f_globals.get("__name__", "").partition(".")[0]
    return package in ("pulumi", "asyncio", "transload") or package.startswith("pulumi_")


def place_of(position: source_pb2.SourcePosition) -> Place | None:
    """File and line of a request, also one that came over gRPC from a program with the SDK's own stack traces."""
    if not position.uri:
        return None
    path = unquote(urlparse(position.uri).path) if position.uri.startswith("file:") else position.uri
    return str(Path(path)), position.line
