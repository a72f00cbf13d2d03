"""Lambda functions that really run: the code of the function, in a Python process of its own that serves call after call."""

import io
import json
import logging
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import uuid
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from transload.local.batch._host import Host
from transload.local.batch._logs import LogStreamError, Pump, open_stream, readable

log = logging.getLogger(__name__)

_RUNTIME = Path(__file__).with_name("_runtime.py")
# Lambda tries an asynchronous call twice more, after one minute and two (AWS Lambda Developer Guide, "Error handling for
# asynchronous invocation"). Here a minute lasts a second.
_RETRY_SECONDS = (1.0, 2.0)


@dataclass(frozen=True)
class Answer:
    """What a call gave: `payload` is JSON text. `error` is empty, "Unhandled" or "Handled" as in X-Amz-Function-Error."""

    payload: str
    error: str = ""

    @property
    def words(self) -> str:
        try:
            told = json.loads(self.payload)
            return f"{told['errorType']}: {told['errorMessage']}"
        except (ValueError, KeyError, TypeError):
            return self.payload


class Functions:
    """Calls the functions that are in moto's Lambda. Each has at most a few processes, which end with the server."""

    def __init__(self, host: Host):
        self._host = host
        self._idle: dict[tuple[str, str], list[_Worker]] = {}
        self._lock = threading.Lock()
        self._lines: dict[str, queue.SimpleQueue[tuple[str, tuple[float, ...]]]] = {}
        self._open = 0
        self._none_open = threading.Condition()

    def call(self, arn: str, payload: str) -> Answer:
        """Call and wait for the answer. Raises `LookupError` when there is no such function."""
        function = _function(arn)
        if not str(function.run_time).startswith("python") or not isinstance(getattr(function, "code_bytes", None), bytes):
            return _failure(
                "Runtime.Unsupported", f"the local cloud runs functions from a Python zip, {arn} is {function.run_time}"
            )
        key = (function.function_arn, f"{function.code_digest} {sorted(function.environment_vars.items())} {function.handler}")
        with self._lock:
            idle = self._idle.setdefault(key, [])
            worker = idle.pop() if idle else None
        try:
            worker = worker or _Worker(self._host, function)
            answer = worker.call(payload, float(function.timeout))
        except _WorkerEndedError as error:
            assert worker is not None
            worker.close()
            return _failure("Runtime.ExitError", str(error))
        with self._lock:
            self._idle[key].append(worker)
        return answer

    def later(self, arn: str, payload: str) -> None:
        """Call without waiting: an error is tried twice more, then logged with its reason and kept in the function's queue.

        The calls of one function follow each other, so that a run on this machine is told in the order in which it happened.
        AWS Lambda promises no order.
        """
        with self._none_open:
            self._open += 1
        self._line(arn).put((payload, _RETRY_SECONDS))

    def quiet(self, timeout: float) -> bool:
        """Wait until no call of `later` is open; False when `timeout` seconds did not suffice."""
        with self._none_open:
            return self._none_open.wait_for(lambda: self._open == 0, timeout)

    def _line(self, arn: str) -> "queue.SimpleQueue[tuple[str, tuple[float, ...]]]":
        with self._lock:
            if arn not in self._lines:
                self._lines[arn] = queue.SimpleQueue()
                threading.Thread(target=self._serve, args=(arn, self._lines[arn]), name=f"lambda-{arn}", daemon=True).start()
            return self._lines[arn]

    def _serve(self, arn: str, line: "queue.SimpleQueue[tuple[str, tuple[float, ...]]]") -> None:
        while True:
            payload, pauses = line.get()
            self._try(arn, payload, pauses)

    def _try(self, arn: str, payload: str, pauses: tuple[float, ...]) -> None:
        try:
            answer = self.call(arn, payload)
            words = answer.words if answer.error else ""
        except Exception as error:
            words = f"{type(error).__name__}: {error}"
        if words and pauses:
            log.warning("function %s failed, tried again in %g s: %s", arn, pauses[0], words)
            again = threading.Timer(pauses[0], self._line(arn).put, args=[(payload, pauses[1:])])
            again.daemon = True
            again.start()
            return
        if words:
            log.error("function %s failed three times, the event is given up: %s; event %s", arn, words, _named(payload))
            try:
                self._keep(arn, payload, words)
            except Exception:
                log.exception("the event is lost: the on-failure queue of %s did not take it", arn)
        with self._none_open:
            self._open -= 1
            self._none_open.notify_all()

    def _keep(self, arn: str, payload: str, words: str) -> None:
        """Send what was given up to the function's on-failure queue (AWS Lambda Developer Guide, "Retaining records")."""
        configured = [one.config.get("DestinationConfig") or {} for one in _function(arn).event_invoke_config]
        target = configured[-1].get("OnFailure", {}).get("Destination", "") if configured else ""
        if ":sqs:" not in target:
            return
        record = {
            "version": "1.0",
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "requestContext": {
                "functionArn": arn,
                "condition": "RetriesExhausted",
                "approximateInvokeCount": 1 + len(_RETRY_SECONDS),
            },
            "requestPayload": json.loads(payload),
            "responsePayload": {"errorMessage": words},
        }
        client = self._host.client("sqs", target.split(":")[3])
        address = client.get_queue_url(QueueName=target.rsplit(":", 1)[-1])["QueueUrl"]
        client.send_message(QueueUrl=address, MessageBody=json.dumps(record))


class _WorkerEndedError(Exception):
    pass


class _Worker:
    """One process of a function: a line of JSON in, a line of JSON out."""

    def __init__(self, host: Host, function: Any):
        tmp = host.home / "tmp"
        tmp.mkdir(parents=True, exist_ok=True)
        self._folder = Path(tempfile.mkdtemp(prefix=f"lambda-{function.function_name}-", dir=tmp))
        code = self._folder / "code"
        with zipfile.ZipFile(io.BytesIO(function.code_bytes)) as archive:
            archive.extractall(code)
        environment = host.clean_environment(function.region, self._folder)
        environment |= {
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
            "_HANDLER": function.handler,
            **{name: str(value) for name, value in function.environment_vars.items()},
            "PYTHONPATH": str(code),
        }
        printed, to_print = os.pipe()
        try:
            # It ends by itself when its stdin does, that is when the server ends.
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(_RUNTIME), function.function_arn],
                cwd=code,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=to_print,
                env=environment,
                start_new_session=True,
            )
        finally:
            os.close(to_print)
        self._pump = _log_of(host, function, printed)

    def call(self, payload: str, timeout: float) -> Answer:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(json.loads(payload)).encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise _WorkerEndedError(f"the process of the function ended: {error}") from error
        # A line comes whole: the process writes it with one flush, and only one call is open at a time.
        if not readable(self._process.stdout.fileno(), timeout):
            raise _WorkerEndedError(f"Task timed out after {timeout:.2f} seconds")
        line = self._process.stdout.readline()
        if not line:
            raise _WorkerEndedError(f"the process of the function ended with exit status {self._process.wait()}")
        told = json.loads(line)
        return Answer(json.dumps(told["answer"]), told["error"])

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._pump.close(5)
        shutil.rmtree(self._folder, ignore_errors=True)


def _log_of(host: Host, function: Any, printed: int) -> Pump:
    """What a function prints goes to its log group; one that does not exist is made, as Lambda does."""
    client, group = host.client("logs", function.region), f"/aws/lambda/{function.function_name}"
    stream = f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]{uuid.uuid4().hex}"
    try:
        open_stream(client, group, stream, create_group=True)
    except LogStreamError as error:
        log.warning("function %s has no log: %s", function.function_name, error)
    return Pump(client, group, stream, printed)


def _function(arn: str) -> Any:
    from moto.awslambda.utils import get_backend

    _, _, _, region, account, *_ = arn.split(":")
    return get_backend(account, region).get_function(arn)


def _failure(kind: str, message: str) -> Answer:
    return Answer(json.dumps({"errorType": kind, "errorMessage": message}), "Unhandled")


def _named(payload: str) -> str:
    """Enough of an event to know it by; the whole carries environment values of jobs."""
    try:
        event = json.loads(payload)
        detail = event.get("detail") or event
        return json.dumps({key: detail[key] for key in ("jobName", "jobId", "status", "job", "scheduled_for") if key in detail})
    except (ValueError, AttributeError):
        return ""
