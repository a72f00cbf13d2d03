"""What the SDK does per resource that an offline run can do without: taken out for the time of a run.

Measured with 5 plain resources a job: half of the time is cyclic garbage collection, a seventh are full stack traces, and two parts
are worse than linear (waiting re-arms over every pending output; the search for dependency cycles is a recursive generator).
"""

import asyncio
import contextlib
import functools
import gc
import itertools
import threading
from collections.abc import Generator
from typing import Any

import pulumi
import pulumi.log
import pulumi.runtime.resource
import pulumi.runtime.stack
from pulumi.runtime import resource_cycle_breaker
from pulumi.runtime.settings import SETTINGS, _get_rpc_manager

from transload.testing import _source
from transload.testing._errors import noting

_lock = threading.RLock()
_runs = 0


@contextlib.contextmanager
def fast(keep_collector: bool = False) -> Generator[None]:
    """Patch the SDK for one run and restore it after. Runs that overlap in threads share the patches."""
    global _runs
    with _lock:
        _runs += 1
        first = _runs == 1
        if first:
            _exchange()
    collect = gc.isenabled() and not keep_collector
    if collect:
        gc.disable()
    try:
        yield
    finally:
        if collect:
            # What the run made counts as old: the collector would go through all of it at the next allocation, a sixth of the time.
            if not gc.get_freeze_count():
                gc.freeze()
                gc.unfreeze()
            gc.enable()
        with _lock:
            _runs -= 1
            if _runs == 0:
                _exchange()


_order = itertools.count(1)
_patches: list[list[Any]] = []


def _exchange() -> None:
    """Swap each patched function with what it replaces: called once it patches, called again it restores."""
    if not _patches:
        _patches.extend(
            [
                [pulumi.runtime.stack, "wait_for_rpcs", _wait_for_rpcs],
                [resource_cycle_breaker, "_reachable", _reachable],
                [resource_cycle_breaker, "_add_dep", _add_dep],
                [pulumi.runtime.resource, "_get_stack_trace", functools.partial(_source.trace, _order)],
                [pulumi.log, "debug", lambda *_, **__: None],
                [pulumi.runtime.resource, "create_urn", functools.partial(_create_urn, pulumi.runtime.resource.create_urn)],
                [pulumi.Output, "apply", functools.partialmethod(_apply, pulumi.Output.apply)],
            ]
        )
    for patch in _patches:
        module, name, other = patch
        patch[2] = vars(module)[name]
        setattr(module, name, other)


def _create_urn(original: Any, name: Any, type_: Any, parent: Any = None, project: Any = None, stack: Any = None) -> Any:
    """The SDK's own, without seven Outputs where all parts are text: a quarter of all there are, as it asks for every resource."""
    if isinstance(name, str) and isinstance(type_, str) and isinstance(parent, str) and parent:
        return pulumi.Output.from_input(f"{parent[: parent.rfind('::')]}${type_}::{name}")
    return original(name, type_, parent, project, stack)


def _apply(output: Any, original: Any, func: Any, run_with_unknowns: bool = False) -> Any:
    return original(output, noting(func), run_with_unknowns)


async def _wait_for_rpcs(await_all_outstanding_tasks: bool = True) -> None:
    """The SDK's own, but waiting for all outputs at once: its loop wakes up over every pending output for each one that is done."""
    manager = _get_rpc_manager()
    while True:
        while manager.rpcs:
            await asyncio.sleep(0)
            try:
                await manager.rpcs.pop()
            except Exception as error:
                if manager.unhandled_exception is not None:
                    raise error from manager.unhandled_exception.with_traceback(manager.exception_traceback)
                raise
        if manager.unhandled_exception is not None:
            raise manager.unhandled_exception.with_traceback(manager.exception_traceback)
        while await_all_outstanding_tasks:
            with SETTINGS.lock:
                pending = list(SETTINGS.outputs)
                SETTINGS.outputs.clear()
            if not pending:
                break
            done, rest = await asyncio.wait(pending, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                await task
            with SETTINGS.lock:
                SETTINGS.outputs.update(rest)
        if not manager.rpcs:
            return


# Marks a resource that another one depends on: only such a one can close a cycle.
_DEPENDED_ON = "_transload_depended_on"


def _reachable(from_resource: Any, to_resource: Any) -> bool:
    """The SDK's own without recursion, which ends at dependency chains of about a thousand, and without a search in vain."""
    if from_resource is not to_resource and _DEPENDED_ON not in to_resource.__dict__:
        return False
    seen: set[Any] = set()
    stack = [from_resource]
    while stack:
        resource = stack.pop()
        if resource is to_resource:
            return True
        if resource not in seen:
            seen.add(resource)
            stack.extend(getattr(resource, resource_cycle_breaker._DEPENDENCIES_PROPERTY, ()))
    return False


def _add_dep(from_resource: Any, to_resource: Any) -> None:
    """The SDK's own, without copying the set."""
    from_resource.__dict__.setdefault(resource_cycle_breaker._DEPENDENCIES_PROPERTY, set()).add(to_resource)
    to_resource.__dict__[_DEPENDED_ON] = True
