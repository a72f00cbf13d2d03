"""The run of a flow: its steps are runs of their own jobs, in the order that AWS Batch keeps by its dependencies."""

from collections.abc import Mapping
from typing import Any

from transload.conductor.context import Conductor
from transload.conductor.reasons import Detail
from transload.conductor.table import Item


def jobs(job: Mapping[str, Any]) -> list[str]:
    """The jobs of the steps."""
    return list(dict.fromkeys(step["job"] for step in job.get("steps") or ()))


def plan(conductor: Conductor, job: Item, run: Item, from_run: str | None) -> Item:
    raise NotImplementedError


def begin(conductor: Conductor, job: Mapping[str, Any], run: Item) -> Item:
    raise NotImplementedError


def resume(conductor: Conductor, run: Item) -> Item:
    raise NotImplementedError


def follow(conductor: Conductor, flow_run_id: str) -> None:
    raise NotImplementedError


def hold_back(conductor: Conductor, run: Item, detail: Detail) -> Item:
    raise NotImplementedError


def behind(conductor: Conductor, run: Item) -> list[str]:
    raise NotImplementedError


def stop(conductor: Conductor, run: Item) -> Item:
    raise NotImplementedError


def settle(conductor: Conductor, run: Item) -> Item:
    raise NotImplementedError
