"""Logs, alarms, events, chat."""

from typing import Any

from transload.local.drivers._driver import Call, Driver, Read

_FILTER = Call(
    operation="put_metric_filter",
    names={
        "name": "filterName",
        "pattern": "filterPattern",
        "metricTransformation": "metricTransformations",
        "metricTransformation.name": "metricName",
        "metricTransformation.namespace": "metricNamespace",
        "metricTransformation.value": "metricValue",
    },
)
_ALARM = Call(
    operation="put_metric_alarm",
    names={
        "name": "AlarmName",
        "metricQueries": "Metrics",
        "metricQueries.metric": "MetricStat",
        "metricQueries.metric.metricName": "Metric.MetricName",
        "metricQueries.metric.namespace": "Metric.Namespace",
        "metricQueries.metric.dimensions": "Metric.Dimensions",
    },
)
_RULE = Call(operation="put_rule")
_TARGET = Call(
    operation="put_targets",
    names={
        "targets.targetId": "Id",
        "targets.inputTransformer.inputPaths": "InputPathsMap",
        "targets.batchTarget": "BatchParameters",
        "targets.batchTarget.jobAttempts": "RetryStrategy.Attempts",
        "targets.batchTarget.arraySize": "ArrayProperties.Size",
        "targets.sqsTarget": "SqsParameters",
        "targets.kinesisTarget": "KinesisParameters",
        "targets.ecsTarget": "EcsParameters",
        "targets.httpTarget": "HttpParameters",
    },
)


def _log_group(inputs: dict[str, Any]) -> dict[str, Any]:
    # 0 is Pulumi's word for "for ever", for which the API has none.
    return {key: value for key, value in inputs.items() if not (key == "retentionInDays" and not value)}


def _target(inputs: dict[str, Any]) -> dict[str, Any]:
    outside = ("rule", "eventBusName")
    return {
        **{key: inputs[key] for key in outside if key in inputs},
        "targets": [{key: value for key, value in inputs.items() if key not in outside}],
    }


DRIVERS = (
    Driver(
        type="aws:cloudwatch/logGroup:LogGroup",
        service="logs",
        auto_name="name",
        name_limit=512,
        prepare=_log_group,
        create=Call(operation="create_log_group", names={"name": "logGroupName"}),
        id="{name}",
        then=(Call(operation="put_retention_policy", takes=("retentionInDays",), given={"logGroupName": "{id}"}),),
        update=(Call(operation="tag_resource", takes=("tags",), given={"resourceArn": "{arn}"}),),
        skip={"skipDestroy": "Pulumi's own: keep the group at destroy", "deletionProtectionEnabled": "neither emulator keeps it"},
        outputs={"arn": "arn:aws:logs:{region}:{account}:log-group:{name}"},
        read=Read(
            operation="describe_log_groups", given={"logGroupNamePrefix": "{id}"}, at="logGroups", where={"logGroupName": "{id}"}
        ),
        delete=Call(operation="delete_log_group", given={"logGroupName": "{id}"}),
    ),
    Driver(
        type="aws:cloudwatch/logStream:LogStream",
        service="logs",
        auto_name="name",
        name_limit=512,
        create=Call(operation="create_log_stream", names={"name": "logStreamName"}),
        id="{name}",
        outputs={"arn": "arn:aws:logs:{region}:{account}:log-group:{logGroupName}:log-stream:{name}"},
        read=Read(
            operation="describe_log_streams",
            given={"logGroupName": "{logGroupName}", "logStreamNamePrefix": "{id}"},
            at="logStreams",
            where={"logStreamName": "{id}"},
        ),
        delete=Call(operation="delete_log_stream", given={"logGroupName": "{logGroupName}", "logStreamName": "{id}"}),
    ),
    Driver(
        type="aws:cloudwatch/logMetricFilter:LogMetricFilter",
        service="logs",
        auto_name="name",
        name_limit=512,
        create=_FILTER,
        update=(_FILTER,),
        id="{name}",
        read=Read(
            operation="describe_metric_filters",
            given={"logGroupName": "{logGroupName}"},
            at="metricFilters",
            where={"filterName": "{id}"},
        ),
        delete=Call(operation="delete_metric_filter", given={"logGroupName": "{logGroupName}", "filterName": "{id}"}),
    ),
    Driver(
        type="aws:cloudwatch/metricAlarm:MetricAlarm",
        service="cloudwatch",
        auto_name="name",
        create=_ALARM,
        update=(_ALARM,),
        id="{name}",
        outputs={"arn": "arn:aws:cloudwatch:{region}:{account}:alarm:{name}"},
        read=Read(operation="describe_alarms", given={"AlarmNames": ["{id}"]}, at="MetricAlarms.0"),
        delete=Call(operation="delete_alarms", given={"AlarmNames": ["{id}"]}),
    ),
    Driver(
        type="aws:cloudwatch/eventRule:EventRule",
        service="events",
        auto_name="name",
        name_limit=64,
        create=_RULE,
        update=(_RULE,),
        id="{name}",
        skip={"forceDestroy": "used when a rule that AWS manages is deleted"},
        outputs={"arn": "RuleArn"},
        read=Read(operation="describe_rule", given={"Name": "{name}", "EventBusName": "{eventBusName}"}),
        delete=Call(operation="delete_rule", given={"Name": "{name}", "EventBusName": "{eventBusName}"}),
    ),
    Driver(
        type="aws:cloudwatch/eventTarget:EventTarget",
        service="events",
        auto_name="targetId",
        name_limit=64,
        prepare=_target,
        create=_TARGET,
        update=(_TARGET,),
        id="{rule}-{targetId}",
        skip={"forceDestroy": "used when a rule that AWS manages is deleted"},
        read=Read(
            operation="list_targets_by_rule",
            given={"Rule": "{rule}", "EventBusName": "{eventBusName}"},
            at="Targets",
            where={"Id": "{targetId}"},
        ),
        delete=Call(operation="remove_targets", given={"Rule": "{rule}", "EventBusName": "{eventBusName}", "Ids": ["{targetId}"]}),
    ),
    Driver(
        type="aws:chatbot/slackChannelConfiguration:SlackChannelConfiguration",
        service="chatbot",
        create=Call(operation="create_slack_channel_configuration"),
        update=(Call(operation="update_slack_channel_configuration", given={"ChatConfigurationArn": "{id}"}),),
        id="ChannelConfiguration.ChatConfigurationArn",
        outputs={
            "chatConfigurationArn": "ChannelConfiguration.ChatConfigurationArn",
            "slackTeamName": "ChannelConfiguration.SlackTeamName",
            "slackChannelName": "ChannelConfiguration.SlackChannelName",
        },
        read=Read(
            operation="describe_slack_channel_configurations",
            given={"ChatConfigurationArn": "{id}"},
            at="SlackChannelConfigurations.0",
        ),
        delete=Call(operation="delete_slack_channel_configuration", given={"ChatConfigurationArn": "{id}"}),
    ),
)
