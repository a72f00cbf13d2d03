"""What moto drops or lacks although AWS has it, mended in our own server process."""

import base64
import functools
import json
from typing import Any


def apply() -> None:
    """Mend moto. Call once, before the first request."""
    _keep_time_limits()
    _start_and_answer_faster()
    _pass_dynamodb_values_through()


def _keep_time_limits() -> None:
    """moto forgets `jobStateTimeLimitActions` of a job queue."""
    from moto.batch.models import JobQueue
    from moto.batch.responses import BatchResponse

    describe = JobQueue.describe

    def remembering(answer: Any, name: str) -> Any:
        @functools.wraps(answer)
        def answered(self: Any) -> str:
            text = answer(self)
            limits = self._get_param("jobStateTimeLimitActions")
            if limits is not None:
                queue = self.batch_backend.get_job_queue(self._get_param(name))
                queue.job_state_time_limit_actions = limits
            return text

        return answered

    BatchResponse.createjobqueue = remembering(BatchResponse.createjobqueue, "jobQueueName")
    BatchResponse.updatejobqueue = remembering(BatchResponse.updatejobqueue, "jobQueue")
    JobQueue.describe = lambda self: {
        **describe(self),
        "jobStateTimeLimitActions": getattr(self, "job_state_time_limit_actions", []),
    }


def _start_and_answer_faster() -> None:
    """Two things that moto does again and again: they cost a second of every start, and a tenth of every request."""
    import moto.core.responses
    from moto.iam.models import IAMBackend

    # All functions of a service's class, sorted, for each request.
    remembered = functools.cache(moto.core.responses.method_names_from_class)
    setattr(moto.core.responses, "method_names_from_class", remembered)  # noqa: B010 - another type to the type checker

    # The 1,400 managed policies for each of six partitions, of which China and the others are never asked.
    load = IAMBackend._init_aws_policies
    IAMBackend._init_aws_policies = lambda self: load(self) if self.region_name == "aws" else []


def _pass_dynamodb_values_through() -> None:
    """DynamoDB's values have the form of the answer already: moto looks for each of their ten possible types under several names,
    a millisecond an item."""
    from moto.core.serialize import BaseJSONSerializer
    from moto.dynamodb.models.dynamo_type import DynamoType

    serialize = BaseJSONSerializer._serialize_type_structure

    def wire(value: Any) -> Any:
        if isinstance(value, DynamoType):
            return {name: wire(inner) for name, inner in value.to_json().items()}
        if isinstance(value, dict):
            return {name: wire(inner) for name, inner in value.items()}
        if isinstance(value, (list, tuple, set)):
            return [wire(inner) for inner in value]
        return base64.b64encode(value).decode() if isinstance(value, bytes) else value

    def structure(self: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
        if shape.name == "AttributeValue" and key and value is not None:
            serialized[key] = wire(value)
        else:
            serialize(self, serialized, value, shape, key)

    BaseJSONSerializer._serialize_type_structure = structure


class Chatbot:
    """AWS Chatbot as far as its Slack channel configurations: neither emulator has the service.

    It keeps what it is given and shows it again, checks that the SNS topics exist, and sends nothing to Slack. A WSGI application
    around moto's: requests that are not signed for Chatbot go through.
    """

    def __init__(self, moto: Any):
        self._moto = moto
        self._kept: dict[str, dict[str, Any]] = {}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        if "/chatbot/aws4_request" not in environ.get("HTTP_AUTHORIZATION", ""):
            return self._moto(environ, start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        region = environ["HTTP_AUTHORIZATION"].split("Credential=")[1].split("/")[2]
        status, answer = self.answer(environ["PATH_INFO"].strip("/"), json.loads(body or b"{}"), region)
        headers = [("Content-Type", "application/json")]
        if status >= 400:
            headers.append(("x-amzn-ErrorType", answer.pop("error")))
        text = b"" if status == 204 else json.dumps(answer).encode()
        start_response(f"{status} Answer", [*headers, ("Content-Length", str(len(text)))])
        return [text]

    def answer(self, operation: str, given: dict[str, Any], region: str) -> tuple[int, dict[str, Any]]:
        """HTTP status and body for one operation."""
        arn = given.get("ChatConfigurationArn", "")
        missing = next((topic for topic in given.get("SnsTopicArns", []) if not _topic_exists(topic)), None)
        if missing:
            return 400, {"error": "InvalidRequestException", "message": f"SNS topic {missing} does not exist"}
        match operation.removesuffix("-slack-channel-configuration").removesuffix("-slack-channel-configurations"):
            case "create":
                # A Chatbot configuration has no region (Service Authorization Reference, AWS Chatbot).
                arn = f"arn:aws:chatbot::123456789012:chat-configuration/slack-channel/{given['ConfigurationName']}"
                if arn in self._kept:
                    return 409, {"error": "ConflictException", "message": f"{arn} exists already"}
                given.setdefault("SlackChannelName", given["SlackChannelId"])
                self._kept[arn] = {"ChatConfigurationArn": arn, "SlackTeamName": given["SlackTeamId"], "State": "ENABLED", **given}
                return 201, {"ChannelConfiguration": self._kept[arn]}
            case "update" if arn in self._kept:
                self._kept[arn] |= given
                return 200, {"ChannelConfiguration": self._kept[arn]}
            case "delete" if arn in self._kept:
                del self._kept[arn]
                return 204, {}
            case "describe":
                found = [one for key, one in self._kept.items() if arn in ("", key)]
                return 200, {"SlackChannelConfigurations": found}
            case "update" | "delete":
                return 404, {"error": "ResourceNotFoundException", "message": f"{arn} does not exist"}
        return 501, {"error": "InvalidRequestException", "message": f"the local cloud does not have Chatbot's {operation}"}


def _topic_exists(arn: str) -> bool:
    from moto.sns.models import sns_backends

    _, _, _, region, account, _ = arn.split(":", 5)
    return arn in sns_backends[account][region].topics
