"""A process's output to one stream of CloudWatch Logs: line by line, in order, each once, while the process runs."""

import contextlib
import logging
import os
import select
import threading
import time
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

log = logging.getLogger(__name__)

# PutLogEvents (CloudWatch Logs API reference): at most 10,000 events and 1,048,576 bytes, 26 of them overhead per event.
_EVENTS, _BYTES, _OVERHEAD = 10_000, 1_048_576, 26
# The longest line that the awslogs driver sends as one event (Docker, "Amazon CloudWatch Logs logging driver").
_LINE = 262_144 - _OVERHEAD
_FLUSH_SECONDS = 0.3
_TRIES = 8


def readable(pipe: int, seconds: float | None) -> bool:
    """Wait until there is something to read, or its end; None waits for ever. Unlike select() it takes any number of open files."""
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    return bool(poll.poll(None if seconds is None else seconds * 1000))


class LogStreamError(Exception):
    """The stream cannot be made: what Fargate reports as ResourceInitializationError."""


def open_stream(client: Any, group: str, stream: str, *, create_group: bool) -> None:
    """Make the stream. `LogStreamError` when its group is not there and is not to be made."""
    try:
        if create_group:
            with contextlib.suppress(client.exceptions.ResourceAlreadyExistsException):
                client.create_log_group(logGroupName=group)
        client.create_log_stream(logGroupName=group, logStreamName=stream)
    except client.exceptions.ResourceAlreadyExistsException:
        pass
    except (ClientError, BotoCoreError) as error:
        raise LogStreamError(str(error)) from error


class Pump:
    """Reads a pipe to its end and writes what comes to a log stream.

    While the stream does not take the lines the pipe fills and the process waits, as with the awslogs driver's blocking mode.
    """

    def __init__(self, client: Any, group: str, stream: str, pipe: int):
        self._client, self._group, self._stream, self._pipe = client, group, stream, pipe
        self._events: list[dict[str, Any]] = []
        self._bytes = 0
        self._last = 0
        self._since = 0.0
        self._thread = threading.Thread(target=self._run, name=f"log-{stream}", daemon=True)
        self._thread.start()

    def close(self, timeout: float) -> None:
        """Wait until all that was printed is in the stream, `timeout` seconds at most for the pipe to end."""
        self._thread.join(timeout)

    def _run(self) -> None:
        rest = b""
        try:
            while True:
                wait = None if not self._events else max(0.0, self._since + _FLUSH_SECONDS - time.monotonic())
                if not readable(self._pipe, wait):
                    self._flush()
                    continue
                chunk = os.read(self._pipe, 1 << 16)
                if not chunk:
                    break
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    self._add(line)
                while len(rest) > _LINE:
                    self._add(rest[:_LINE])
                    rest = rest[_LINE:]
            self._add(rest)
            self._flush()
        finally:
            os.close(self._pipe)

    def _add(self, line: bytes) -> None:
        # CloudWatch Logs takes no empty message; the awslogs driver drops empty lines too.
        for start in range(0, len(line), _LINE):
            message = line[start : start + _LINE].decode("utf-8", "replace")
            size = len(message.encode()) + _OVERHEAD
            if len(self._events) == _EVENTS or self._bytes + size > _BYTES:
                self._flush()
            if not self._events:
                self._since = time.monotonic()
            # A clock set back must not change the order of the lines.
            self._last = max(self._last, time.time_ns() // 1_000_000)
            self._events.append({"timestamp": self._last, "message": message})
            self._bytes += size
        if self._events and time.monotonic() - self._since > _FLUSH_SECONDS:
            self._flush()

    def _flush(self) -> None:
        if not self._events:
            return
        for attempt in range(_TRIES):
            try:
                self._client.put_log_events(logGroupName=self._group, logStreamName=self._stream, logEvents=self._events)
                break
            except (ClientError, BotoCoreError) as error:
                if attempt == _TRIES - 1 or isinstance(error, ClientError):
                    log.error("%d lines of %s %s are lost: %s", len(self._events), self._group, self._stream, error)
                    break
                time.sleep(min(0.1 * 2**attempt, 5))
        self._events, self._bytes = [], 0
