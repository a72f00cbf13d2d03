"""Where a cluster tells people: one encrypted topic, mail, Slack, and the alarms on the conductor itself."""

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_aws as aws

from transload._cluster_site import Site
from transload._iam import allow, policy, trust

# Key administrators' actions (AWS KMS developer guide, Default key policy), and the two by which IAM policies of this account let
# the conductor publish.
_KEY_ACTIONS = [
    *(f"kms:{verb}*" for verb in ("Create", "Describe", "Enable", "List", "Put", "Update", "Revoke", "Disable", "Get", "Delete")),
    *("kms:TagResource", "kms:UntagResource", "kms:ScheduleKeyDeletion", "kms:CancelKeyDeletion", "kms:RotateKeyOnDemand"),
    *("kms:Decrypt", "kms:GenerateDataKey"),
]


def alert_topic(site: Site) -> tuple[aws.sns.Topic, aws.kms.Key]:
    """The topic with its own key. With AWS's key `alias/aws/sns` CloudWatch could not publish, and nobody would hear of it:
    it needs a key whose policy names it (Amazon SNS developer guide, Key management)."""
    root = pulumi.Output.concat("arn:aws:iam::", site.account, ":root")
    key = aws.kms.Key(
        f"{site.component}-alerts",
        description=f"Alerts of the batch cluster {site.cluster}",
        enable_key_rotation=True,
        # In a key's own policy the resource `*` means this key.
        policy=policy(
            allow("UseAndAdministerByThisAccount", _KEY_ACTIONS, "*", principal={"AWS": root}),
            allow(
                "PublishAlarms",
                ["kms:Decrypt", "kms:GenerateDataKey"],
                "*",
                principal={"Service": "cloudwatch.amazonaws.com"},
            ),
        ),
        opts=site.child,
    )
    topic = aws.sns.Topic(f"{site.component}-alerts", kms_master_key_id=key.arn, opts=site.child)
    # A topic's policy replaces the one that comes with it, so the owner is named too.
    aws.sns.TopicPolicy(
        f"{site.component}-alerts",
        arn=topic.arn,
        policy=policy(
            allow(
                "ManageByThisAccount",
                [
                    "sns:GetTopicAttributes",
                    "sns:ListSubscriptionsByTopic",
                    "sns:Publish",
                    "sns:SetTopicAttributes",
                    "sns:Subscribe",
                ],
                [topic.arn],
                principal={"AWS": root},
            ),
            allow(
                "PublishAlarmsOfThisAccount",
                ["sns:Publish"],
                [topic.arn],
                principal={"Service": "cloudwatch.amazonaws.com"},
                condition={"StringEquals": {"aws:SourceAccount": site.account}},
            ),
        ),
        opts=site.child,
    )
    return topic, key


def subscribe(site: Site, topic: aws.sns.Topic, alerts: Mapping[str, Any]) -> None:
    """Mail addresses and the Slack channel of `alerts`. Each address has to confirm the mail that AWS sends it."""
    for address in alerts.get("emails", []):
        aws.sns.TopicSubscription(
            f"{site.component}-{address}", topic=topic.arn, protocol="email", endpoint=address, opts=site.child
        )
    if "slack_channel_id" not in alerts:
        return
    role = aws.iam.Role(
        f"{site.component}-slack",
        assume_role_policy=trust("chatbot.amazonaws.com"),
        description=f"Whom the Slack channel of {site.cluster} acts as: it may do nothing, messages need no permission",
        permissions_boundary=site.permissions_boundary,
        opts=site.child,
    )
    aws.chatbot.SlackChannelConfiguration(
        f"{site.component}-slack",
        configuration_name=site.cluster,
        iam_role_arn=role.arn,
        slack_team_id=alerts["slack_workspace_id"],
        slack_channel_id=alerts["slack_channel_id"],
        sns_topic_arns=[topic.arn],
        # Left out, this would be AdministratorAccess for everyone in the channel.
        guardrail_policy_arns=["arn:aws:iam::aws:policy/CloudWatchReadOnlyAccess"],
        opts=site.child,
    )


def alarm(
    site: Site,
    part: str,
    topic: aws.sns.Topic,
    metric: tuple[str, str],
    dimensions: Mapping[str, pulumi.Input[str]],
    tells: str,
    statistic: str = "Sum",
) -> None:
    """Tell the topic when `metric` (namespace, name) leaves zero within five minutes, and again when it is back."""
    _alarm(
        site,
        part,
        topic,
        namespace=metric[0],
        metric_name=metric[1],
        dimensions=dimensions,
        statistic=statistic,
        evaluation_periods=1,
        threshold=0,
        comparison_operator="GreaterThanThreshold",
        treat_missing_data="notBreaching",
        alarm_description=tells,
    )


def silence_alarm(
    site: Site, part: str, topic: aws.sns.Topic, metric: tuple[str, str], dimensions: Mapping[str, pulumi.Input[str]], tells: str
) -> None:
    """Tell the topic when `metric` (namespace, name) has been nothing for a quarter of an hour, and again when it is back."""
    _alarm(
        site,
        part,
        topic,
        namespace=metric[0],
        metric_name=metric[1],
        dimensions=dimensions,
        statistic="Sum",
        evaluation_periods=3,
        threshold=1,
        comparison_operator="LessThanThreshold",
        # What does not run writes no zeros either.
        treat_missing_data="breaching",
        alarm_description=tells,
    )


def _alarm(site: Site, part: str, topic: aws.sns.Topic, **judged: Any) -> None:
    aws.cloudwatch.MetricAlarm(
        f"{site.component}-{part}",
        **judged,
        period=300,
        alarm_actions=[topic.arn],
        ok_actions=[topic.arn],
        opts=site.child,
    )
