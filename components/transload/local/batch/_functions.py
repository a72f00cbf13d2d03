"""Lambda functions that really run: the code of the function, in a Python process of its own that serves call after call."""

import io
import json
import logging
import os
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transload.local.batch._host import Host

log = logging.getLogger(__name__)

_RUNTIME = Path(__file__).with_name("_runtime.py")
_LAUNCH = Path(__file__).with_name("_launch.py")
# Lambda tries an asynchronous call twice more, after one minute and two (AWS Lambda Developer Guide, "Error handling for
# asynchronous invocation"). Here a minute lasts a second.
_RETRY_SECONDS = (1.0, 2.0)
_AT_ONCE = 4


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
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="lambda")
        self._open: set[Future[None]] = set()
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
        """Call without waiting: an error is tried twice more, then logged with its reason."""
        task = self._pool.submit(self._insist, arn, payload)
        with self._none_open:
            self._open.add(task)
        task.add_done_callback(self._done)

    def quiet(self, timeout: float) -> bool:
        """Wait until no call of `later` is open; False when `timeout` seconds did not suffice."""
        with self._none_open:
            return self._none_open.wait_for(lambda: not self._open, timeout)

    def _done(self, task: Future[None]) -> None:
        with self._none_open:
            self._open.discard(task)
            self._none_open.notify_all()

    def _insist(self, arn: str, payload: str) -> None:
        for pause in (*_RETRY_SECONDS, None):
            try:
                answer = self.call(arn, payload)
                words = answer.words if answer.error else ""
            except Exception as error:
                words = f"{type(error).__name__}: {error}"
            if not words:
                return
            if pause is None:
                log.error("function %s failed three times, the event is given up: %s; event %s", arn, words, _named(payload))
            else:
                log.warning("function %s failed, tried again in %g s: %s", arn, pause, words)
                time.sleep(pause)


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
        # Its own copy of stderr goes to the server's log: what a function prints is wanted there.
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-I",
                "-S",
                str(_LAUNCH),
                str(os.getpid()),
                str(code),
                sys.executable,
                "-P",
                str(_RUNTIME),
                function.function_arn,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )

    def call(self, payload: str, timeout: float) -> Answer:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(json.loads(payload)).encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise _WorkerEndedError(f"the process of the function ended: {error}") from error
        # A line comes whole: the process writes it with one flush, and only one call is open at a time.
        if not select.select([self._process.stdout], [], [], timeout)[0]:
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
        shutil.rmtree(self._folder, ignore_errors=True)


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
