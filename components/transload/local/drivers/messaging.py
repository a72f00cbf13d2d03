"""Topics and queues."""

from typing import Any

from transload.local.drivers._driver import Call, Driver, Read
from transload.local.drivers._shape import text

# Where Pulumi's word is not the attribute's with another first letter.
_QUEUE = {
    "maxMessageSize": "MaximumMessageSize",
    "messageRetentionSeconds": "MessageRetentionPeriod",
    "receiveWaitTimeSeconds": "ReceiveMessageWaitTimeSeconds",
    "visibilityTimeoutSeconds": "VisibilityTimeout",
}
_TOPIC = {"tracingConfig": "TracingConfig"}


class _Fifo(Driver):
    """A name that Pulumi makes up for a FIFO queue or topic ends as AWS wants it."""

    def check(self, name: str, inputs: Any, old: Any = None, seed: str = "") -> dict[str, Any]:
        checked = super().check(name, inputs, old, seed)
        if (
            (checked.get("fifoQueue") or checked.get("fifoTopic"))
            and "name" not in inputs
            and not checked["name"].endswith(".fifo")
        ):
            checked["name"] += ".fifo"
        return checked


def _attributes(own: dict[str, str], *plain: str) -> Any:
    """Gather the inputs that AWS keeps in one map of texts; `plain` stay parameters of their own."""

    def gather(inputs: dict[str, Any]) -> dict[str, Any]:
        attributes = {
            own.get(key, key[0].upper() + key[1:]): text(value)
            for key, value in inputs.items()
            # AWS refuses the word on a standard queue or topic, even as false.
            if key not in plain and not (key in ("fifoQueue", "fifoTopic") and not value)
        }
        return {**{key: inputs[key] for key in plain if key in inputs}, **({"attributes": attributes} if attributes else {})}

    return gather


DRIVERS = (
    _Fifo(
        type="aws:sqs/queue:Queue",
        service="sqs",
        auto_name="name",
        name_limit=80,
        prepare=_attributes(_QUEUE, "name", "tags"),
        create=Call(operation="create_queue", names={"name": "QueueName"}),
        id="QueueUrl",
        update=(
            Call(operation="set_queue_attributes", takes=("attributes",), given={"QueueUrl": "{id}"}),
            Call(operation="tag_queue", takes=("tags",), given={"QueueUrl": "{id}"}),
        ),
        outputs={"url": "QueueUrl", "arn": "arn:aws:sqs:{region}:{account}:{name}"},
        read=Read(operation="get_queue_attributes", given={"QueueUrl": "{id}", "AttributeNames": ["All"]}, at="Attributes"),
        delete=Call(operation="delete_queue", given={"QueueUrl": "{id}"}),
    ),
    Driver(
        type="aws:sqs/queuePolicy:QueuePolicy",
        service="sqs",
        create=Call(operation="set_queue_attributes", names={"policy": "Attributes.Policy"}),
        update=(
            Call(
                operation="set_queue_attributes",
                takes=("policy",),
                names={"policy": "Attributes.Policy"},
                given={"QueueUrl": "{id}"},
            ),
        ),
        id="{queueUrl}",
        read=Read(
            operation="get_queue_attributes", given={"QueueUrl": "{id}", "AttributeNames": ["Policy"]}, at="Attributes.Policy"
        ),
        delete=Call(operation="set_queue_attributes", given={"QueueUrl": "{id}", "Attributes": {"Policy": ""}}),
    ),
    _Fifo(
        type="aws:sns/topic:Topic",
        service="sns",
        auto_name="name",
        prepare=_attributes(_TOPIC, "name", "tags"),
        create=Call(operation="create_topic"),
        id="TopicArn",
        outputs={"arn": "TopicArn", "owner": "{account}"},
        read=Read(operation="get_topic_attributes", given={"TopicArn": "{id}"}, at="Attributes"),
        delete=Call(operation="delete_topic", given={"TopicArn": "{id}"}),
    ),
    Driver(
        type="aws:sns/topicPolicy:TopicPolicy",
        service="sns",
        create=Call(
            operation="set_topic_attributes",
            names={"arn": "TopicArn", "policy": "AttributeValue"},
            given={"AttributeName": "Policy"},
        ),
        update=(
            Call(
                operation="set_topic_attributes",
                takes=("policy",),
                names={"policy": "AttributeValue"},
                given={"TopicArn": "{id}", "AttributeName": "Policy"},
            ),
        ),
        id="{arn}",
        outputs={"owner": "{account}"},
        read=Read(operation="get_topic_attributes", given={"TopicArn": "{id}"}, at="Attributes.Policy"),
        stays="a topic always has a policy: it goes with the topic",
    ),
    Driver(
        type="aws:sns/topicSubscription:TopicSubscription",
        service="sns",
        prepare=_attributes({}, "topic", "protocol", "endpoint"),
        create=Call(operation="subscribe", names={"topic": "TopicArn"}, given={"ReturnSubscriptionArn": True}),
        id="SubscriptionArn",
        outputs={"arn": "SubscriptionArn", "ownerId": "{account}"},
        skip={
            "endpointAutoConfirms": "moto confirms every subscription at once",
            "confirmationTimeoutInMinutes": "moto confirms every subscription at once",
        },
        read=Read(operation="get_subscription_attributes", given={"SubscriptionArn": "{id}"}, at="Attributes"),
        delete=Call(operation="unsubscribe", given={"SubscriptionArn": "{id}"}),
    ),
)
