"""A cluster's tables in an emulator of AWS inside this process, and the command run against them."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import botocore.loaders
import botocore.session
import pytest
from moto.server import ThreadedMotoServer

from transload.cli import main
from transload.conductor.runs import Store
from transload.conductor.table import serialize

REGION = "eu-west-1"
_numbers = itertools.count()


@dataclass
class Cluster:
    """Tables as BatchCluster and ScheduledJob write them, and a history."""

    name: str
    endpoint: str
    region: str = REGION
    clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        if service not in self.clients:
            keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
            self.clients[service] = boto3.client(service, endpoint_url=self.endpoint, region_name=self.region, **keys)
        return self.clients[service]

    @property
    def jobs_table(self) -> str:
        return f"transload-{self.name}-jobs"

    @property
    def runs_table(self) -> str:
        return f"transload-{self.name}-runs"

    @property
    def store(self) -> Store:
        return Store(self.client("dynamodb"), self.jobs_table, self.runs_table)

    def create(self) -> None:
        keys = {self.jobs_table: ["job"], self.runs_table: ["job", "run"]}
        for table, names in keys.items():
            self.client("dynamodb").create_table(
                TableName=table,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
                KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in zip(names, ("HASH", "RANGE"), strict=False)],
            )
        self.put(self.jobs_table, {"job": "#cluster", "name": self.name, "region": REGION, "log_group": f"/transload/{self.name}"})

    @staticmethod
    def ago(**length: float) -> datetime:
        return datetime.now(UTC).replace(microsecond=0) - timedelta(**length)

    def put(self, table: str, item: dict[str, Any]) -> None:
        self.client("dynamodb").put_item(TableName=table, Item=serialize(item))

    def declare(self, job: str, **more: Any) -> dict[str, Any]:
        item = {
            "job": job,
            "definition": f"arn:aws:batch:{REGION}:123456789012:job-definition/{self.name}-{job}",
            "definition_name": f"{self.name}-{job}",
            "queue": f"arn:aws:batch:{REGION}:123456789012:job-queue/spot",
            "capacity": "fargate_spot",
            "schedule": "0 3 * * *",
            "expressions": ["cron(0 3 * * ? *)"],
            "timezone": "Asia/Tokyo",
            "concurrency": "forbid",
            "timeout_seconds": 3600,
            "attempts": 2,
            "vcpu": 1,
            "memory_mib": 2048,
            "enabled": True,
            "image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/exporter@sha256:" + "ab" * 32,
            "command": ["python", "export.py"],
            "owner": "data",
            "purpose": "writes the daily export",
            "log_group": f"/transload/{self.name}",
            "stream_prefix": job,
            "secrets": {},
        }
        item = {**item, **more}
        self.put(self.jobs_table, item)
        return item

    def ran(self, job: str, due: datetime, status: str = "SUCCEEDED", **more: Any) -> dict[str, Any]:
        """Write a run as it ended, ten minutes after it was due."""
        run = due.strftime("%Y%m%dT%H%M%SZ") + more.pop("suffix", "")
        times = {"scheduled_for": due, "started_at": due + timedelta(seconds=40), "ended_at": due + timedelta(minutes=10)}
        record = {
            "job": job,
            "run": run,
            "run_id": f"{job}-{run}",
            **{name: at.strftime("%Y-%m-%dT%H:%M:%SZ") for name, at in times.items()},
            "status": status,
            "trigger": "schedule",
            "attempts": 1,
            "rank": 5000,
            "batch_job_ids": [],
            "log_group": f"/transload/{self.name}",
            **({"exit_code": 0} if status == "SUCCEEDED" else {}),
            **more,
        }
        self.put(self.runs_table, record)
        summary = (
            "run_id",
            "status",
            "exit_code",
            "reason",
            "cause",
            "scheduled_for",
            "started_at",
            "ended_at",
            "trigger",
            "array",
        )
        if status in ("SUCCEEDED", "FAILED", "STOPPED", "SKIPPED"):
            self.put(
                self.runs_table, {"job": "#last", "run": job, "of": run, **{key: record[key] for key in summary if key in record}}
            )
        else:
            self.put(
                self.runs_table,
                {"job": "#live", "run": f"{job}-{run}", "of": run, "job_name": job, "since": record["scheduled_for"]},
            )
        return record


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def cluster(moto: str, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    made = Cluster(f"test-{next(_numbers)}", moto)
    settings = {
        "AWS_ENDPOINT_URL": moto,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "TRANSLOAD_CLUSTER": made.name,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    made.create()
    return made


@pytest.fixture(scope="session", autouse=True)
def _models_read_once() -> Iterator[None]:
    """Each command in this process makes its own session: the models of the services, EC2's above all, are read once for all."""
    loader = botocore.loaders.create_loader()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", lambda path=None: loader)
        yield


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str


@pytest.fixture
def transload(capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """The command in this process, without a terminal."""

    def call(*arguments: str) -> Answer:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        shown = capsys.readouterr()
        return Answer(int(ended.value.code or 0), shown.out, shown.err)

    return call
