"""Pulumi's own mocks with our answers."""

import pulumi
import pulumi_aws as aws
import pulumi_awsx as awsx
import pytest

from transload.testing import Mocks


@pytest.fixture
def mocks():
    answers = Mocks()
    pulumi.runtime.set_mocks(answers, project="shop", stack="test", preview=False)
    return answers


@pulumi.runtime.test
def test_ids_and_arns_have_the_shape_of_aws(mocks):
    queue = aws.sqs.Queue("orders")

    def check(found):
        arn, url = found
        assert arn.startswith("arn:aws:sqs:eu-west-1:123456789012:orders-")
        assert url.startswith("https://sqs.eu-west-1.amazonaws.com/123456789012/orders-")

    return pulumi.Output.all(queue.arn, queue.id).apply(check)


@pulumi.runtime.test
def test_awsx_components_have_outputs_and_children(mocks):
    vpc = awsx.ec2.Vpc("net", cidr_block="10.7.0.0/16", number_of_availability_zones=2)

    def check(found):
        cidr, private = found
        assert cidr == "10.7.0.0/16"
        assert len(private) == 2
        assert all(one.startswith("subnet-") for one in private)

    return pulumi.Output.all(vpc.vpc.cidr_block, vpc.private_subnet_ids).apply(check)


@pulumi.runtime.test
def test_provider_functions_are_answered(mocks):
    return aws.get_caller_identity_output().account_id.apply(lambda account: _equal(account, "123456789012"))


def _equal(found, wanted):
    assert found == wanted


@pulumi.runtime.test
def test_secret_inputs_reach_the_answer_in_the_clear(mocks):
    topic = aws.sns.Topic("alerts", name=pulumi.Output.secret("alerts"))

    def check(arn):
        assert arn == "arn:aws:sns:eu-west-1:123456789012:alerts"
        assert [one.name for one in mocks.registered] == ["alerts"]

    return topic.arn.apply(check)
