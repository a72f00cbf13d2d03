"""One cluster on moto's DynamoDB and SNS: its tables, its conductor, a clock the test moves, and what people were told."""

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from batch_fake import BatchFake
from calls import Client
from dynamo_fake import DynamoFake

from transload.conductor import record, submit
from transload.conductor.context import ONCE, USUAL, Conductor
from transload.conductor.table import serialize

SPOT, ON_DEMAND = (f"arn:aws:batch:eu-west-1:123456789012:job-queue/{name}" for name in ("spot", "on-demand"))
START = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
_NUMBERS = itertools.count()


def _client(service: str) -> Any:
    return boto3.client(service, "eu-west-1", aws_access_key_id="test", aws_secret_access_key="test")


class _Sns(Client):
    """A topic that only keeps what it gets."""

    def __init__(self, sent: list[dict[str, Any]]):
        super().__init__()
        self._sent = sent

    def _do_create_topic(self, **asked: Any) -> dict[str, Any]:
        return {"TopicArn": f"arn:aws:sns:eu-west-1:123456789012:{asked['Name']}"}

    def _do_publish(self, **asked: Any) -> dict[str, Any]:
        self._sent.append(asked)
        return {}


class Cluster:
    """`later` moves the clock. `mails()` and `slacks()` are what went out so far. `quick` without any botocore."""

    def __init__(self, dynamodb: Any = None, *, quick: bool = False) -> None:
        number = next(_NUMBERS)
        self.time = START
        self.batch = BatchFake(lambda: self.time)
        self.sent: list[dict[str, Any]] = []
        self.dynamodb = DynamoFake() if quick else dynamodb or _client("dynamodb")
        self.sns = _Sns(self.sent) if quick else self._recorded(_client("sns"))
        self.jobs_table, self.runs_table = f"transload-c{number}-jobs", f"transload-c{number}-runs"
        self._table(self.jobs_table, "job")
        self._table(self.runs_table, "job", "run")
        self.topic = self.sns.create_topic(Name=f"alerts-{number}")["TopicArn"]
        self.declare(
            "#cluster",
            name=f"c{number}",
            spot_queue=SPOT,
            on_demand_queue=ON_DEMAND,
            alert_topic=self.topic,
            stuck_after_minutes=30,
        )
        self.clients = {
            "dynamodb": self.dynamodb,
            "sns": self.sns,
            "batch": self.batch.quick() if quick else self.batch.client(USUAL),
            "submit": self.batch.quick() if quick else self.batch.client(ONCE),
        }
        self.conductor = self.process()

    def _recorded(self, sns: Any) -> Any:
        """With what is published to it in `sent`."""
        asked: list[dict[str, Any]] = []
        sns.meta.events.register("provide-client-params.sns.Publish", lambda params, **_: asked.append(params))
        sns.meta.events.register("after-call.sns.Publish", lambda **_: self.sent.append(asked[-1]))
        return sns

    def _table(self, name: str, *keys: str) -> None:
        kinds = ("HASH", "RANGE")
        self.dynamodb.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, kinds, strict=False)],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
            BillingMode="PAY_PER_REQUEST",
        )

    def process(self) -> Conductor:
        """A fresh process of the conductor."""
        return Conductor(self.jobs_table, self.runs_table, clock=lambda: self.time, clients=self.clients)

    @property
    def store(self) -> Any:
        return self.conductor.store

    def declare(self, name: str, /, **facts: Any) -> None:
        self.dynamodb.put_item(TableName=self.jobs_table, Item=serialize({"job": name, **facts}))

    def job(self, name: str = "nightly", /, **facts: Any) -> None:
        usual: dict[str, Any] = {
            "definition": f"arn:aws:batch:eu-west-1:123456789012:job-definition/c-{name}",
            "definition_name": f"c-{name}",
            "queue": SPOT,
        }
        usual |= {
            "concurrency": "forbid",
            "timezone": "UTC",
            "grace_minutes": 10,
            "enabled": True,
            "owner": "data",
            "safe_to_rerun": True,
        }
        self.declare(name, **{**usual, **facts})

    def drop(self) -> None:
        """Remove the tables: moto copies all there are for each transaction."""
        for name in (self.jobs_table, self.runs_table):
            self.dynamodb.delete_table(TableName=name)

    def later(self, **span: float) -> None:
        self.time += timedelta(**span)

    def schedule(self, name: str = "nightly", /, at: datetime = START, **event: Any) -> dict[str, Any]:
        """What EventBridge Scheduler delivers."""
        return submit.submit(
            self.conductor, {"job": name, "scheduled_for": at.strftime("%Y-%m-%dT%H:%M:%SZ"), "trigger": "schedule", **event}
        )

    def run(self, name: str = "nightly", /, **event: Any) -> dict[str, Any]:
        """What a person asks for."""
        return submit.submit(self.conductor, {"job": name, "trigger": "person", "triggered_by": "ana", **event})

    def deliver(self, events: list[dict[str, Any]] | None = None) -> None:
        """Deliver state changes: those given, or all that Batch has sent until none is left."""
        for event in events if events is not None else iter(lambda: self.batch.events.pop(0) if self.batch.events else None, None):
            record.record(self.conductor, json.loads(json.dumps(event)))

    def only(self, run_id: str) -> str:
        """The one Batch job of a run."""
        (job_id,) = self.batch.named(run_id)
        return job_id

    def mails(self) -> list[str]:
        return [json.loads(one["Message"])["email"] for one in self.sent]

    def slacks(self) -> list[dict[str, Any]]:
        return [json.loads(json.loads(one["Message"])["https"]) for one in self.sent]

    def subscribe(self) -> None:
        """A plain subscriber of the topic: see `received`."""
        self.sqs = _client("sqs")
        self.inbox = self.sqs.create_queue(QueueName=self.jobs_table)["QueueUrl"]
        inbox = self.sqs.get_queue_attributes(QueueUrl=self.inbox, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        self.sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=inbox)

    def received(self) -> list[str]:
        got = self.sqs.receive_message(QueueUrl=self.inbox, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(one["Body"])["Message"] for one in got]
