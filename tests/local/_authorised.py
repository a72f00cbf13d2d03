"""A MiniStack that checks every request against IAM, with the roles, policies and resources of a recorded platform in it."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

from transload.testing import Recording

ACCOUNT = "123456789012"
ROOT = "root"
"""Access key of the account itself, which may do everything."""
SOMEBODY_ELSES = "neighbours-data"
"""A bucket, a Firehose stream, a table, a topic and a queue of this name are in the account, and are none of the platform's."""
_BY_THIS_ACCOUNT = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}


@contextlib.contextmanager
def ministack(home: Path, region: str) -> Generator[str]:
    """The address of a MiniStack with AUTH=true, on loopback, for the time of a `with` block."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {"AUTH": "true", "AWS_DEFAULT_REGION": region, "AWS_ACCESS_KEY_ID": ROOT, "TMPDIR": str(home)}
    with socket.socket() as listening, (home / "log").open("wb") as log:
        listening.bind(("127.0.0.1", 0))
        listening.listen(128)
        port = listening.getsockname()[1]
        arguments = ["--fd", str(listening.fileno()), "--home", str(home), "--moto-port", "0", "--ministack-port", str(port)]
        command = [sys.executable, "-m", "transload.local.ministack_server", *arguments]
        server = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=environment, pass_fds=[listening.fileno()]
        )
        try:
            assert server.stdin is not None
            server.stdin.write(b"go\n")
            server.stdin.close()
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_ministack/health", timeout=60) as answer:
                assert json.load(answer)["auth"] == "enabled"
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


@dataclass(frozen=True)
class Caller:
    """Somebody with credentials."""

    endpoint: str
    region: str
    key: str
    secret: str = "secret"
    token: str | None = None

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=self.region,
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
            aws_session_token=self.token,
        )

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which a process is this caller."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_SESSION_TOKEN": self.token or "",
        }


def is_allowed(client: Any, operation: str, **arguments: Any) -> bool:
    """Whether IAM lets the call through. What the service makes of it then is another matter."""
    try:
        getattr(client, operation)(**arguments)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if "NotFound" in code or "NoSuch" in code:
            return True
        if code not in ("AccessDenied", "AccessDeniedException", "AuthorizationError"):
            raise
        return False
    return True


class Platform:
    """What a recording registered of IAM, and the buckets, tables, topics, queues and streams that its policies name."""

    def __init__(self, endpoint: str, region: str, recording: Recording):
        self.recording = recording
        self.root = Caller(endpoint, region, ROOT)
        self.iam = self.root.client("iam")
        self._make_roles()
        self._make_what_they_name()

    def arn(self, type: str, name: str) -> str:  # noqa: A002 Pulumi's own word
        return self.recording.one(type, name).outputs["arn"]

    def physical(self, type: str, name: str) -> str:  # noqa: A002
        outputs = self.recording.one(type, name).outputs
        return outputs.get("bucket") or outputs["name"]

    def role_arn(self, name: str) -> str:
        return self.arn("aws:iam/role:Role", name)

    def assume(self, name: str) -> Caller:
        """A session of the role. Its own trust lets in one service alone, so it is exchanged for one that lets the account in."""
        own = self.recording.one("aws:iam/role:Role", name).inputs["assumeRolePolicy"]
        role = self.physical("aws:iam/role:Role", name)
        self.iam.update_assume_role_policy(RoleName=role, PolicyDocument=_document(_BY_THIS_ACCOUNT))
        try:
            return self.take(self.role_arn(name))
        finally:
            self.iam.update_assume_role_policy(RoleName=role, PolicyDocument=own)

    def made(self, name: str, *statements: Any) -> Caller:
        """A session of a new role with these permissions."""
        role = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=_document(_BY_THIS_ACCOUNT))["Role"]
        if statements:
            self.iam.put_role_policy(RoleName=name, PolicyName=name, PolicyDocument=_document(*statements))
        return self.take(role["Arn"])

    def take(self, role_arn: str) -> Caller:
        """A session of the role as its trust stands."""
        given = self.root.client("sts").assume_role(RoleArn=role_arn, RoleSessionName="proof")["Credentials"]
        own = (given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
        return Caller(self.root.endpoint, self.root.region, *own)

    def may(self, role: str, action: str, resource: str) -> bool:
        """What IAM's own simulator says."""
        asked = {"PolicySourceArn": self.role_arn(role), "ActionNames": [action], "ResourceArns": [resource]}
        (found,) = self.iam.simulate_principal_policy(**asked)["EvaluationResults"]
        return found["EvalDecision"] == "allowed"

    def _make_roles(self) -> None:
        for role in self.recording.all("aws:iam/role:Role"):
            given = {"RoleName": role.outputs["name"], "AssumeRolePolicyDocument": role.inputs["assumeRolePolicy"]}
            assert self.iam.create_role(**given)["Role"]["Arn"] == role.outputs["arn"]
        for policy in self.recording.all("aws:iam/rolePolicy:RolePolicy"):
            name, document = policy.name, policy.inputs["policy"]
            self.iam.put_role_policy(RoleName=policy.inputs["role"], PolicyName=name, PolicyDocument=document)

    def _make_what_they_name(self) -> None:
        region = {"CreateBucketConfiguration": {"LocationConstraint": self.root.region}}
        s3, sns, sqs, tables = (self.root.client(service) for service in ("s3", "sns", "sqs", "dynamodb"))
        for bucket in (*self._outputs("aws:s3/bucket:Bucket", "bucket"), SOMEBODY_ELSES):
            s3.create_bucket(Bucket=bucket, **region)
        for topic in (*self._outputs("aws:sns/topic:Topic", "name"), SOMEBODY_ELSES):
            sns.create_topic(Name=topic)
        for queue in (*self._outputs("aws:sqs/queue:Queue", "name"), SOMEBODY_ELSES):
            sqs.create_queue(QueueName=queue)
        for table in self.recording.all("aws:dynamodb/table:Table"):
            self._make_table(tables, table.outputs["name"], [table.inputs["hashKey"], table.inputs.get("rangeKey")])
        self._make_table(tables, SOMEBODY_ELSES, ["job", None])
        for item in self.recording.all("aws:dynamodb/tableItem:TableItem"):
            tables.put_item(TableName=item.inputs["tableName"], Item=json.loads(item.inputs["item"]))
        stream = self.recording.one("aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream").outputs["name"]
        destination = {"RoleARN": self.role_arn("app-logs"), "BucketARN": f"arn:aws:s3:::{SOMEBODY_ELSES}"}
        for name in (stream, SOMEBODY_ELSES):
            self.root.client("firehose").create_delivery_stream(
                DeliveryStreamName=name, ExtendedS3DestinationConfiguration=destination
            )

    def _outputs(self, type: str, key: str) -> list[str]:  # noqa: A002
        return [found.outputs[key] for found in self.recording.all(type)]

    def _make_table(self, client: Any, name: str, keys: list[str | None]) -> None:
        named = [(key, kind) for key, kind in zip(keys, ("HASH", "RANGE"), strict=True) if key]
        client.create_table(
            TableName=name,
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key, _ in named],
            KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in named],
            BillingMode="PAY_PER_REQUEST",
        )


def _document(*statements: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
