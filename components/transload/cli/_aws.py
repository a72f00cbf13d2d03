"""Where a verb looks: the options --cluster, --region and --profile, a session for them, and what AWS says there."""

import contextlib
import functools
import io
import os
from collections.abc import Callable, Mapping
from typing import Any

import boto3
import click
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, NoCredentialsError, NoRegionError
from botocore.parsers import ResponseParserError

from transload._errors import Problem
from transload.cli import _contact
from transload.cli._contact import CutShortError
from transload.cli._names import unknown_job
from transload.conductor import lifecycle, submit
from transload.conductor.context import Conductor
from transload.conductor.runs import BusyError, Store

# Short time-outs: a person, or a signal, waits for the answer.
_CONFIG = Config(connect_timeout=5, read_timeout=20, user_agent_extra="transload")


class Cloud:
    """Account, region and cluster as the options name them. Nothing is asked before it is needed."""

    def __init__(self, cluster: str | None = None, region: str | None = None, profile: str | None = None, *, attempts: int = 3):
        self._place = (cluster, region, profile)
        self._config = _CONFIG.merge(Config(retries={"mode": "standard", "total_max_attempts": attempts}))
        self._clients: dict[str, Any] = {}

    def renewed(self) -> "Cloud":
        """The same place by a new session, which reads credentials anew, for who asks again by himself: while a call
        tries again, neither a signal nor the patience is heeded."""
        return Cloud(*self._place, attempts=2)

    @functools.cached_property
    def session(self) -> boto3.Session:
        _, region, profile = self._place
        # AWS_REGION as the AWS CLI has it; boto3 by itself reads AWS_DEFAULT_REGION only.
        return boto3.Session(profile_name=profile, region_name=region or os.environ.get("AWS_REGION") or None)

    def client(self, service: str, *, region: str | None = None, config: Config | None = None) -> Any:
        """A client, made once for each service and region."""
        key = f"{service} {region or ''}"
        if key not in self._clients:
            try:
                self._clients[key] = self.session.client(service, region_name=region, config=config or self._config)
            except ValueError as error:
                # A region, or an AWS_ENDPOINT_URL, that is none.
                raise Problem(f"{error}; look at --region and AWS_ENDPOINT_URL", 2) from error
        return self._clients[key]

    @functools.cached_property
    def name(self) -> str:
        """The cluster: the one named, else the only one there is."""
        if self._place[0]:
            return self._place[0]
        found, where = self.clusters(), self.session.region_name
        if not found:
            raise Problem(
                f"no cluster in {where}: no table transload-<cluster>-jobs; look at --region and --profile, or deploy one", 2
            )
        if len(found) > 1:
            raise Problem(f"{len(found)} clusters in {where}: {', '.join(found)}; name one with --cluster or TRANSLOAD_CLUSTER", 2)
        return found[0]

    def clusters(self) -> list[str]:
        """The clusters of the account and region."""
        pages = self.client("dynamodb").get_paginator("list_tables").paginate()
        names = [table for page in pages for table in page["TableNames"]]
        return sorted(name.removeprefix("transload-").removesuffix("-jobs") for name in names if _is_jobs_table(name))

    def no_such_cluster(self) -> Problem:
        """What to say when the tables of the cluster that was named are not there."""
        known: list[str] = []
        with contextlib.suppress(BotoCoreError, ClientError):
            known = self.clusters()
        hint = f"known are {', '.join(known)}" if known else "look at --cluster, --region and --profile"
        return Problem(f"no cluster {self.name!r} in {self.session.region_name}: no table transload-{self.name}-jobs; {hint}", 2)

    @functools.cached_property
    def conductor(self) -> Conductor:
        """The conductor of the cluster, in this process."""
        tables = (f"transload-{self.name}-jobs", f"transload-{self.name}-runs")
        return Conductor(*tables, session=self.session, clients={"dynamodb": self.client("dynamodb")})

    @property
    def store(self) -> Store:
        """The tables of the cluster."""
        return self.conductor.store

    def job(self, name: str) -> dict[str, Any]:
        """A job as it was declared; a Problem with the nearest name for one that was not."""
        found = self.store.job(name) if name else None
        if found is None:
            raise unknown_job(name, [each["job"] for each in self.store.jobs()], self.name)
        return found

    def run(self, job: str, run: str) -> dict[str, Any]:
        """The run record; CutShortError when there is none, as it was written before following began."""
        record = self.store.run(job, run)
        if record is None:
            raise CutShortError(f"no run {run} of {job}")
        return record

    def submit(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Start a run, by the same code that runs for a schedule in AWS Lambda. Safe to repeat with the same `run`."""
        try:
            with _quiet():
                return submit.submit(self.conductor, event)
        except KeyError as error:
            raise CutShortError(f"an answer without {error}") from error

    def stop(self, job: str, run: str, why: str | None = None) -> None:
        """Ask for the end of a run."""
        by = self.caller()
        with _quiet():
            lifecycle.stop(self.conductor, f"{job}-{run}", by, reason=f"stopped by {by}: {why}" if why else None)

    def batch_jobs(self, ids: list[str]) -> list[dict[str, Any]]:
        """Batch's description of each job it still knows, in the order asked."""
        batch, found = self.client("batch"), {}
        # DescribeJobs takes up to 100 (AWS Batch API reference).
        for start in range(0, len(ids), 100):
            answer = batch.describe_jobs(jobs=ids[start : start + 100])
            if "jobs" not in answer:
                raise CutShortError("DescribeJobs answered without jobs")
            found |= {job["jobId"]: job for job in answer["jobs"]}
        return [found[job] for job in ids if job in found]

    def page(self, group: str, stream: str, token: str | None, since: int | None) -> tuple[list[dict[str, Any]], str | None]:
        """The next events of a stream and the token after them; ([], None) while the stream does not exist."""
        more: dict[str, Any] = {"nextToken": token} if token else {}
        if since:
            more["startTime"] = since
        try:
            answer = self.client("logs").get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True, **more)
        except ClientError as error:
            if _contact.code_of(error) == "ResourceNotFoundException":
                return [], None
            raise
        if "events" not in answer or not answer.get("nextForwardToken"):
            raise CutShortError("GetLogEvents answered without a token")
        return answer["events"], answer["nextForwardToken"]

    def simulate(self, role: str, actions: list[str], resources: list[str]) -> list[dict[str, Any]]:
        """Whether a role may do this, as IAM itself evaluates its policies. Asked once: an emulator without it answers 500."""
        iam = self.client("iam", region=self.session.region_name, config=Config(retries={"total_max_attempts": 1}))
        return iam.simulate_principal_policy(PolicySourceArn=role, ActionNames=actions, ResourceArns=resources)["EvaluationResults"]

    def caller(self) -> str:
        """Who calls: the ARN of the identity."""
        return self.client("sts").get_caller_identity()["Arn"]


def _quiet() -> contextlib.AbstractContextManager[Any]:
    """The conductor's log is for AWS Lambda, not for a person."""
    return contextlib.redirect_stderr(io.StringIO())


def _is_jobs_table(name: str) -> bool:
    return name.startswith("transload-") and name.endswith("-jobs")


def placed(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a verb the options that say where, as `cloud`, and turns what AWS refuses into one line."""

    @click.option("--cluster", envvar="TRANSLOAD_CLUSTER", metavar="NAME", help="Cluster; default: the only one there is.")
    @click.option("--region", metavar="REGION", help="AWS region, as the AWS CLI has it.")
    @click.option("--profile", metavar="PROFILE", help="Profile of the AWS configuration.")
    @functools.wraps(function)
    def verb(*args: Any, cluster: str | None, region: str | None, profile: str | None, **kwargs: Any) -> Any:
        cloud = Cloud(cluster, region, profile)
        try:
            return function(*args, cloud=cloud, **kwargs)
        except (BotoCoreError, ClientError, ResponseParserError) as error:
            raise (cloud.no_such_cluster() if of_no_cluster(error) else Problem(refusal(error))) from error
        except BusyError as error:
            raise Problem(f"{error}; try again") from error

    return verb


def of_no_cluster(error: Exception) -> bool:
    """Whether it came of a table that is not there. DynamoDB is asked first by every verb."""
    missing = _contact.code_of(error) == "ResourceNotFoundException"
    return missing and getattr(error, "operation_name", "") in ("GetItem", "Query", "Scan")


def refusal(error: Exception) -> str:
    """What AWS refused, and what to do next, in one line."""
    if isinstance(error, NoRegionError):
        return "no region: give --region, or set AWS_REGION"
    if isinstance(error, NoCredentialsError):
        return "no credentials: log in (aws sso login), give --profile, or for the local cloud: . .transload/local.env"
    words = _contact.in_words(error)
    if _contact.expired(error):
        return f"{words}; log in again"
    if isinstance(error, EndpointConnectionError):
        local = os.environ.get("TRANSLOAD_LOCAL")
        return f"{words}; {'is the local cloud up? transload local status' if local else 'look at the network and at --region'}"
    if "AccessDenied" in _contact.code_of(error):
        return f"{words}; ask for this permission, or take another --profile"
    return words


as_json = click.option("--json", "as_json", is_flag=True, help="One JSON document instead of a table.")
