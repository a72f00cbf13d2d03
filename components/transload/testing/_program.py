"""Run a program against a monitor, in this process.

Seam for other rooms: `run(program, monitor, threads=n)`. `threads=0` runs the monitor's work inline, in a deterministic order;
`threads=n` gives it a pool of n threads, so that slow `create` calls overlap. Sequential runs in one process do not see each other:
each has its own event loop and its own copies of Pulumi's settings, config and root resource.
"""

import asyncio
import contextlib
import contextvars
from collections.abc import Awaitable, Callable, Collection, Generator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pulumi
import pulumi.runtime
from pulumi.runtime import settings
from pulumi.runtime.stack import run_in_stack

from transload.testing import _errors
from transload.testing._speed import fast
from transload.testing._watchdog import Watchdog
from transload.testing._wire import Empty

Program = Callable[[], Awaitable[Any] | Any]


def run(
    program: Program,
    monitor: Any,
    *,
    config: Mapping[str, str] | None = None,
    secrets: Collection[str] = (),
    preview: bool = False,
    root: str | None = None,
    threads: int = 0,
    timeout: float = 60,
    on_log: Callable[[str, str, str], None] | None = None,
) -> None:
    """Run `program()` to its end; what was registered is in the monitor.

    `config` holds full keys (`project:key`) with their text, `secrets` the keys that are secret. `timeout` is in seconds.
    `on_log` gets severity, message and URN of what the program logs. Errors of the program surface unchanged, with a note of the
    user's line.
    """
    if _in_event_loop():
        # A loop cannot run inside another one: an asynchronous test gets a thread of its own for the run.
        with ThreadPoolExecutor(1) as aside:
            aside.submit(lambda: _run(program, monitor, config, secrets, preview, root, threads, timeout, on_log)).result()
    else:
        _run(program, monitor, config, secrets, preview, root, threads, timeout, on_log)


def _run(
    program: Program,
    monitor: Any,
    config: Mapping[str, str] | None,
    secrets: Collection[str],
    preview: bool,
    root: str | None,
    threads: int,
    timeout: float,
    on_log: Callable[[str, str, str], None] | None,
) -> None:
    def body() -> None:
        settings.ROOT.set(None)
        pulumi.runtime.configure(
            pulumi.runtime.Settings(
                project=monitor.project,
                stack=monitor.stack,
                monitor=monitor,
                engine=_Engine(on_log),
                dry_run=preview,
                organization="organization",
                root_directory=root,
            )
        )
        pulumi.runtime.set_all_config(dict(config or {}), list(secrets))
        with _loop(_executor(threads, monitor)) as loop, Watchdog(loop, timeout, monitor) as watchdog:
            watchdog.run(run_in_stack(program))

    try:
        with fast():
            contextvars.copy_context().run(body)
    except Exception as error:
        cause = _errors.unwrapped(error)
        if cause is error:
            raise
        raise cause from None
    finally:
        monitor.close()


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


@contextlib.contextmanager
def _loop(executor: ThreadPoolExecutor) -> Generator[asyncio.AbstractEventLoop]:
    """An event loop of this run alone: closed with everything on it, so that nothing is left to warn about."""
    loop = asyncio.new_event_loop()
    loop.set_default_executor(executor)
    # Told of every exception that nobody fetches, long after the run: the first one has already ended it.
    loop.set_exception_handler(lambda loop, context: None)
    patient = True
    try:
        yield loop
    except TimeoutError:
        # Whatever hangs in a thread hangs on: waiting for it would hang too.
        patient = False
        raise
    finally:
        with contextlib.suppress(RuntimeError):
            _cancel_rest(loop)
            loop.run_until_complete(loop.shutdown_asyncgens())
        executor.shutdown(wait=patient, cancel_futures=True)
        loop.close()


def _cancel_rest(loop: asyncio.AbstractEventLoop) -> None:
    """After an error, outputs that nobody will ever resolve are still being waited for."""
    rest = asyncio.all_tasks(loop)
    for task in rest:
        task.cancel()
    if rest:
        loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))


def _executor(threads: int, monitor: Any) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="pulumi") if threads else _Inline(monitor)


class _Inline(ThreadPoolExecutor):
    """Runs submitted work at once: no threads, and the same order every time.

    Once the program has registered transforms the work goes to threads: a transform is called back on the program's own loop, which
    must be free to answer.
    """

    def __init__(self, monitor: Any) -> None:
        super().__init__(8, thread_name_prefix="pulumi")
        self._monitor = monitor

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        # The setting is seen in the context that registered the transform alone, the monitor knows them from all contexts.
        if settings.SETTINGS.callbacks is not None or self._monitor.transforms:
            return super().submit(fn, *args, **kwargs)
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class _Engine:
    """Stands where the SDK expects the engine: takes what the program logs."""

    def __init__(self, on_log: Callable[[str, str, str], None] | None):
        self._on_log = on_log

    def Log(self, request: Any) -> Any:  # noqa: N802 a name of the protocol
        if self._on_log:
            self._on_log(("debug", "info", "warning", "error")[request.severity], request.message, request.urn)
        return Empty()

    def RequirePulumiVersion(self, request: Any) -> Any:  # noqa: N802
        return Empty()

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"an offline run has no engine to ask for {name}")
