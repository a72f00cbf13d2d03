"""A recording is what a program registered, in its order."""

import pulumi
import pulumi_aws as aws
import pytest


class Shop(pulumi.ComponentResource):
    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None):
        super().__init__("test:index:Shop", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        orders = aws.sqs.Queue(f"{name}-orders", opts=child)
        Shelf(name, orders, child)
        self.orders_arn = orders.arn
        self.register_outputs({"orders_arn": self.orders_arn})


class Shelf(pulumi.ComponentResource):
    def __init__(self, name: str, queue: aws.sqs.Queue, opts: pulumi.ResourceOptions | None = None):
        super().__init__("test:index:Shelf", name, {}, opts)
        statement = {"Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": [queue.arn]}
        aws.sqs.QueuePolicy(
            name,
            queue_url=queue.url,
            policy=pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": [statement]}),
            opts=pulumi.ResourceOptions(parent=self),
        )


QUEUE = "aws:sqs/queue:Queue"
POLICY = "aws:sqs/queuePolicy:QueuePolicy"


def test_urns_hold_every_parent_type_but_not_the_stack(record):
    recording = record(lambda: Shop("shop"), stack="prod", project="store")

    assert (
        recording.one(POLICY).urn
        == "urn:pulumi:prod::store::test:index:Shop$test:index:Shelf$aws:sqs/queuePolicy:QueuePolicy::shop"
    )


def test_resources_come_in_program_order_although_they_register_when_their_inputs_resolve(record):
    def program():
        first = aws.sqs.Queue("first")
        aws.sqs.Queue("second", tags={"after": first.arn})
        aws.sqs.Queue("third")

    recording = record(program)

    assert [one.name for one in recording.resources] == ["test-test", "first", "second", "third"]


def test_a_tree_is_everything_below_a_component(record):
    recording = record(lambda: Shop("shop"))

    assert recording.tree("Shop", "shop") == {(QUEUE, "shop-orders"), ("test:index:Shelf", "shop"), (POLICY, "shop")}
    assert recording.tree("test:index:Shelf", "shop") == {(POLICY, "shop")}


def test_a_policy_is_read_as_its_statements(record):
    recording = record(lambda: Shop("shop"))

    arn = recording.one(QUEUE).outputs["arn"]
    assert recording.policy(POLICY) == [{"Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": [arn]}]


def test_what_a_component_registers_are_its_outputs(record):
    recording = record(lambda: Shop("shop"))

    assert recording.one("test:index:Shop").outputs == {"orders_arn": recording.one(QUEUE).outputs["arn"]}


def test_one_says_what_there_is_when_it_finds_nothing_or_too_much(record):
    recording = record(lambda: [aws.sqs.Queue("a"), aws.sqs.Queue("b")])

    with pytest.raises(LookupError, match=r"^2 resources are aws:sqs/queue:Queue: a, b; give the name$"):
        recording.one(QUEUE)
    with pytest.raises(LookupError, match=r"^no resource is aws:sqs/queue:Queue 'c'; there are a, b$"):
        recording.one(QUEUE, "c")
    with pytest.raises(LookupError, match=r"^no resource is aws:sns/topic:Topic; there are aws:sqs/queue:Queue$"):
        recording.one("aws:sns/topic:Topic")
