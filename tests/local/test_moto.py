"""What moto drops or lacks, and our server process gives it."""

import pytest
from botocore.exceptions import ClientError

from transload.local import Cloud


def test_time_limits_of_a_job_queue_are_kept_and_can_be_changed(cloud: Cloud) -> None:
    ec2, batch = cloud.client("ec2"), cloud.client("batch")
    role = cloud.client("iam").create_role(RoleName="moto-batch", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    environment = batch.create_compute_environment(
        computeEnvironmentName="moto-limits",
        type="MANAGED",
        computeResources={"type": "FARGATE", "maxvCpus": 4, "subnets": [subnet], "securityGroupIds": [group]},
        serviceRole=role,
    )["computeEnvironmentArn"]
    limit = {"state": "RUNNABLE", "maxTimeSeconds": 1800, "action": "CANCEL", "reason": "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY"}
    order = [{"order": 1, "computeEnvironment": environment}]
    queue = batch.create_job_queue(
        jobQueueName="moto-limits", state="ENABLED", priority=1, computeEnvironmentOrder=order, jobStateTimeLimitActions=[limit]
    )["jobQueueArn"]
    batch.update_job_queue(jobQueue=queue, priority=2)
    assert batch.describe_job_queues(jobQueues=[queue])["jobQueues"][0]["jobStateTimeLimitActions"] == [limit]
    batch.update_job_queue(jobQueue=queue, jobStateTimeLimitActions=[])
    assert batch.describe_job_queues(jobQueues=[queue])["jobQueues"][0]["jobStateTimeLimitActions"] == []


def test_a_slack_channel_needs_a_topic_that_exists_and_a_name_of_its_own(cloud: Cloud) -> None:
    chatbot = cloud.client("chatbot")
    topic = cloud.client("sns").create_topic(Name="moto-chat")["TopicArn"]
    channel = {"SlackTeamId": "T1", "SlackChannelId": "C1", "IamRoleArn": "arn:aws:iam::123456789012:role/chat"}
    with pytest.raises(ClientError, match="does not exist"):
        chatbot.create_slack_channel_configuration(ConfigurationName="chat", SnsTopicArns=[f"{topic}-2"], **channel)
    chatbot.create_slack_channel_configuration(ConfigurationName="chat", SnsTopicArns=[topic], **channel)
    with pytest.raises(ClientError, match="exists already"):
        chatbot.create_slack_channel_configuration(ConfigurationName="chat", **channel)
    shown = chatbot.describe_slack_channel_configurations()["SlackChannelConfigurations"]
    assert [one["SnsTopicArns"] for one in shown if one["ConfigurationName"] == "chat"] == [[topic]]


def test_an_aws_managed_policy_can_be_attached_and_a_misspelt_one_cannot(cloud: Cloud) -> None:
    iam = cloud.client("iam")
    iam.create_role(RoleName="moto-managed", AssumeRolePolicyDocument="{}")
    iam.attach_role_policy(RoleName="moto-managed", PolicyArn="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
    with pytest.raises(ClientError, match="does not exist"):
        iam.attach_role_policy(RoleName="moto-managed", PolicyArn="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAcess")
