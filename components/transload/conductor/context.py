"""What every part of the conductor works with: the tables, the AWS clients and the clock."""

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import Any

import boto3
from botocore.config import Config

from transload.conductor.runs import Store

# SubmitJob has no client token: a repeated call makes a second job. So it is called once, and an answer that is lost counts as a
# crash: whoever takes the claim over looks the job up by its name.
ONCE = Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 1})
USUAL = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 5})


def utc_now() -> datetime:
    """The clock of the machine."""
    return datetime.now(UTC)


class Conductor:
    """The conductor of one cluster. `clients` replaces AWS clients by name, with "submit" for the one that submits jobs."""

    def __init__(
        self,
        jobs_table: str,
        runs_table: str,
        *,
        session: boto3.Session | None = None,
        clock: Callable[[], datetime] = utc_now,
        clients: Mapping[str, Any] | None = None,
    ):
        self.jobs_table, self.runs_table, self.now = jobs_table, runs_table, clock
        self._session, self._clients = session, dict(clients or {})

    def client(self, service: str) -> Any:
        """The client of an AWS service, made when it is first asked for."""
        if service not in self._clients:
            self._session = self._session or boto3.Session()
            name, config = ("batch", ONCE) if service == "submit" else (service, USUAL)
            self._clients[service] = self._session.client(name, config=config)
        return self._clients[service]

    @cached_property
    def store(self) -> Store:
        """The tables."""
        return Store(self.client("dynamodb"), self.jobs_table, self.runs_table)

    @cached_property
    def cluster(self) -> dict[str, Any]:
        """What the cluster says of itself: the item "#cluster" of the jobs table."""
        return self.store.cluster()


def from_environment() -> Conductor:
    """The conductor of the Lambda function that runs this. One per process: connections are kept between events. What the cluster
    says of itself is not: a process outlives deployments that give it another topic or queue."""
    conductor = _conductor(os.environ["TRANSLOAD_JOBS_TABLE"], os.environ["TRANSLOAD_RUNS_TABLE"])
    vars(conductor).pop("cluster", None)
    return conductor


@lru_cache
def _conductor(jobs_table: str, runs_table: str) -> Conductor:
    return Conductor(jobs_table, runs_table)
