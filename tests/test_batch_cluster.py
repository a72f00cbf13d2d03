"""BatchCluster: queues that never mix, a conductor that may do what it needs, and people who are told."""

import json
import re

import botocore.session
import pulumi
import pytest
from boto3.dynamodb.types import TypeDeserializer
from botocore.validate import ParamValidator

from transload import BatchCluster, BatchClusterArgs, BatchClusterRef
from transload.testing import Mocks, run_program

ENVIRONMENT = "aws:batch/computeEnvironment:ComputeEnvironment"
QUEUE = "aws:batch/jobQueue:JobQueue"
FUNCTION = "aws:lambda/function:Function"
GROUP = "aws:cloudwatch/logGroup:LogGroup"
POLICY = "aws:iam/rolePolicy:RolePolicy"
ROLE = "aws:iam/role:Role"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
TABLE = "aws:dynamodb/table:Table"
TOPIC = "aws:sns/topic:Topic"
ITEM = "aws:dynamodb/tableItem:TableItem"
HERE = "eu-west-1:123456789012"
LEAST: BatchClusterArgs = {
    "vpc_id": "vpc-1",
    "subnet_ids": ["subnet-1", "subnet-2"],
    "alerts": {"emails": ["platform@example.com"]},
}

DEFAULTS = {
    (ENVIRONMENT, "platform-fargate-spot"),
    (ENVIRONMENT, "platform-fargate"),
    (QUEUE, "platform-spot"),
    (QUEUE, "platform-on-demand"),
    ("aws:scheduler/scheduleGroup:ScheduleGroup", "platform"),
    (TABLE, "platform-jobs"),
    (TABLE, "platform-runs"),
    (ITEM, "platform"),
    (GROUP, "platform"),
    ("aws:ec2/securityGroup:SecurityGroup", "platform"),
    ("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule", "platform"),
    ("aws:kms/key:Key", "platform-alerts"),
    (TOPIC, "platform-alerts"),
    ("aws:sns/topicPolicy:TopicPolicy", "platform-alerts"),
    ("aws:sqs/queue:Queue", "platform-dead-letter"),
    ("aws:sqs/queuePolicy:QueuePolicy", "platform-dead-letter"),
    ("aws:cloudwatch/eventRule:EventRule", "platform-record"),
    ("aws:cloudwatch/eventTarget:EventTarget", "platform-record"),
    ("aws:lambda/permission:Permission", "platform-record"),
    ("aws:scheduler/schedule:Schedule", "platform-watch"),
    *((ROLE, f"platform-{part}") for part in ("execution", "scheduler", "submit", "record", "watch")),
    *((POLICY, f"platform-{part}") for part in ("execution", "scheduler", "submit", "record", "watch")),
    *((GROUP, f"platform-{part}") for part in ("submit", "record", "watch")),
    *((FUNCTION, f"platform-{part}") for part in ("submit", "record", "watch")),
    *(
        ("aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig", f"platform-{part}")
        for part in ("submit", "record", "watch")
    ),
    *((ALARM, f"platform-{part}-{metric}") for part in ("submit", "record", "watch") for metric in ("errors", "throttles")),
    *((ALARM, f"platform-{part}") for part in ("dead-letter", "start-errors", "start-dropped", "watch-silent")),
}
MAIL = {("aws:sns/topicSubscription:TopicSubscription", "platform-platform@example.com")}


@pytest.fixture
def declare(record):
    return lambda **args: record(lambda: BatchCluster("platform", {**LEAST, **args}))


@pytest.fixture(scope="module")
def least():
    """The recording of a cluster with the least that has to be said."""
    recording = run_program(lambda: BatchCluster("platform", LEAST))
    assert recording.findings == ()
    return recording


def _ref(recording):
    return recording.one("transload:index:BatchCluster").outputs["ref"]


def _statements(recording, part):
    return {each["Sid"]: (each["Action"], each["Resource"]) for each in recording.policy(POLICY, f"platform-{part}")}


def _trust(recording, part):
    (statement,) = json.loads(recording.one(ROLE, f"platform-{part}").inputs["assumeRolePolicy"])["Statement"]
    return statement


def test_builds_two_queues_and_the_conductor(least):
    assert least.tree("BatchCluster", "platform") == DEFAULTS | MAIL


def test_ec2_has_a_queue_of_its_own(declare):
    recording = declare(capacity=["ec2", "fargate", "fargate_spot"], instance_types=["m7i", "m6i"])
    of_queue = {
        queue.name: [order["computeEnvironment"] for order in queue.inputs["computeEnvironmentOrders"]]
        for queue in recording.all(QUEUE)
    }
    arn = {environment.name: environment.outputs["arn"] for environment in recording.all(ENVIRONMENT)}

    assert recording.tree("BatchCluster", "platform") == DEFAULTS | MAIL | {
        (ENVIRONMENT, "platform-ec2"),
        (QUEUE, "platform-ec2"),
        (ROLE, "platform-ec2"),
        ("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "platform-ec2"),
        ("aws:iam/instanceProfile:InstanceProfile", "platform-ec2"),
        ("aws:ec2/launchTemplate:LaunchTemplate", "platform-ec2"),
    }
    assert of_queue == {
        "platform-spot": [arn["platform-fargate-spot"], arn["platform-fargate"]],
        "platform-on-demand": [arn["platform-fargate"]],
        "platform-ec2": [arn["platform-ec2"]],
    }


@pytest.mark.parametrize(
    ("capacity", "queues"),
    [
        (["fargate_spot"], {"spot_queue_arn"}),
        (["fargate"], {"on_demand_queue_arn"}),
        (["ec2"], {"ec2_queue_arn"}),
    ],
)
def test_a_queue_that_the_cluster_has_not_is_an_empty_text(declare, capacity, queues):
    ref = _ref(declare(capacity=capacity))

    assert {key for key, value in ref.items() if key.endswith("_queue_arn") and value} == queues


def test_compute_environments_are_named_by_pulumi_so_that_they_can_be_replaced(declare):
    recording = declare(capacity=["fargate_spot", "fargate", "ec2"])

    assert [environment.name for environment in recording.all(ENVIRONMENT) if "name" in environment.inputs] == []
    assert [environment.name for environment in recording.all(ENVIRONMENT) if "serviceRole" in environment.inputs] == []
    assert [queue.name for queue in recording.all(QUEUE) if "name" in queue.inputs] == []


def test_a_compute_environment_scales_from_zero_in_the_given_subnets(declare):
    recording = declare(max_vcpus=16)
    group = recording.one("aws:ec2/securityGroup:SecurityGroup")

    assert recording.one(ENVIRONMENT, "platform-fargate-spot").inputs == {
        "type": "MANAGED",
        "computeResources": {
            "type": "FARGATE_SPOT",
            "maxVcpus": 16,
            "subnets": ["subnet-1", "subnet-2"],
            "securityGroupIds": [group.id],
        },
    }


def test_instances_can_be_changed_in_place_and_keep_their_metadata_to_themselves(declare):
    recording = declare(capacity=["ec2"], instance_types=["m7i"])
    environment = recording.one(ENVIRONMENT)
    resources = environment.inputs["computeResources"]

    assert (resources["type"], resources["instanceTypes"], resources["minVcpus"]) == ("EC2", ["m7i"], 0)
    assert resources["allocationStrategy"] == "BEST_FIT_PROGRESSIVE"
    assert "desiredVcpus" not in resources
    assert environment.options.ignore_changes == ("computeResources.desiredVcpus",)
    template = recording.one("aws:ec2/launchTemplate:LaunchTemplate").inputs
    assert template["metadataOptions"]["httpTokens"] == "required"
    assert template["blockDeviceMappings"] == [{"deviceName": "/dev/xvda", "ebs": {"encrypted": "true"}}]


def test_a_job_that_cannot_start_is_cancelled(declare):
    recording = declare(stuck_after_minutes=45)
    actions = recording.one(QUEUE, "platform-spot").inputs["jobStateTimeLimitActions"]
    model = botocore.session.get_session().get_service_model("batch").shape_for("JobStateTimeLimitActions")

    assert [action["reason"] for action in actions] == [
        "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
        "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
        "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
    ]
    assert {(action["action"], action["state"], action["maxTimeSeconds"]) for action in actions} == {("CANCEL", "RUNNABLE", 2700)}
    assert ParamValidator().validate(actions, model).generate_report() == ""


def test_jobs_call_out_and_nobody_calls_them(least):
    assert least.all("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule") == ()
    assert "ingress" not in least.one("aws:ec2/securityGroup:SecurityGroup").inputs
    assert least.one("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule").inputs["cidrIpv4"] == "0.0.0.0/0"


def test_the_tables_are_those_the_conductor_expects(least):
    shared = {"billingMode": "PAY_PER_REQUEST", "pointInTimeRecovery": {"enabled": True}, "deletionProtectionEnabled": False}

    assert least.one(TABLE, "platform-jobs").inputs == {
        **shared,
        "name": "transload-platform-test-jobs",
        "hashKey": "job",
        "attributes": [{"name": "job", "type": "S"}],
    }
    assert least.one(TABLE, "platform-runs").inputs == {
        **shared,
        "name": "transload-platform-test-runs",
        "hashKey": "job",
        "rangeKey": "run",
        "attributes": [{"name": "job", "type": "S"}, {"name": "run", "type": "S"}],
        "ttl": {"attributeName": "expires_at", "enabled": True},
    }


def test_data_can_be_protected(declare):
    recording = declare(protect_data=True)
    protected = {(resource.type, resource.name) for resource in recording.resources if resource.options.protect}

    assert protected == {(TABLE, "platform-jobs"), (TABLE, "platform-runs"), (GROUP, "platform")}
    assert all(table.inputs["deletionProtectionEnabled"] for table in recording.all(TABLE))


def test_every_log_group_has_an_end_to_what_it_keeps(declare):
    recording = declare(log_retention_days=30)

    assert {group.inputs["name"]: group.inputs["retentionInDays"] for group in recording.all(GROUP)} == {
        "/transload/platform-test": 30,
        "/aws/lambda/platform-test-submit": 30,
        "/aws/lambda/platform-test-record": 30,
        "/aws/lambda/platform-test-watch": 30,
    }


def test_the_cluster_describes_itself_in_the_jobs_table(least):
    typed = json.loads(least.one(ITEM).inputs["item"])
    ref = _ref(least)

    assert {key: TypeDeserializer().deserialize(value) for key, value in typed.items()} == {
        "job": "#cluster",
        "name": "platform-test",
        "runs_table": "transload-platform-test-runs",
        "spot_queue": ref["spot_queue_arn"],
        "on_demand_queue": ref["on_demand_queue_arn"],
        "ec2_queue": "",
        "log_group": "/transload/platform-test",
        "schedule_group": "platform-test",
        "alert_topic": ref["alert_topic_arn"],
        "execution_role": ref["execution_role_arn"],
        "submit_function": ref["submit_function_arn"],
        "dead_letter": ref["dead_letter_arn"],
        "subnets": ["subnet-1", "subnet-2"],
        "security_groups": [least.one("aws:ec2/securityGroup:SecurityGroup").id],
        "stuck_after_minutes": 30,
        "region": "eu-west-1",
    }


def test_the_execution_role_pulls_logs_and_reads_the_secrets_of_the_cluster(declare):
    recording = declare(secret_arns=["arn:aws:secretsmanager:eu-west-1:1:secret:shop-*"], secret_key_arns=["arn:aws:kms:::key/1"])

    assert _statements(recording, "execution") == {
        "SignInToTheRegistry": (["ecr:GetAuthorizationToken"], "*"),
        "PullImages": (
            ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            [f"arn:aws:ecr:{HERE}:repository/*"],
        ),
        "WriteLogs": (["logs:CreateLogStream", "logs:PutLogEvents"], [recording.one(GROUP, "platform").outputs["arn"] + ":*"]),
        "ReadSecrets": (
            ["secretsmanager:GetSecretValue", "ssm:GetParameters"],
            [f"arn:aws:ssm:{HERE}:parameter/platform-test/*", "arn:aws:secretsmanager:eu-west-1:1:secret:shop-*"],
        ),
        "DecryptSecrets": (["kms:Decrypt"], ["arn:aws:kms:::key/1"]),
    }
    assert _trust(recording, "execution")["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}


def test_images_can_come_from_named_repositories_alone(declare):
    theirs = "arn:aws:ecr:eu-west-1:999999999999:repository/tools"
    recording = declare(image_repository_arns=[theirs])

    assert _statements(recording, "execution")["PullImages"][1] == [theirs]


def _running(recording, part):
    """What each function of the conductor may do."""
    tables = {table.name: table.outputs["arn"] for table in recording.all(TABLE)}
    queues = [queue.outputs["arn"] for queue in recording.all(QUEUE)]
    definition = f"arn:aws:batch:{HERE}:job-definition/platform-test-*"
    return {
        "ReadJobs": (["dynamodb:GetItem"], [tables["platform-jobs"]]),
        "ReadAndWriteRuns": (
            [f"dynamodb:{verb}" for verb in ("BatchGetItem", "DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem")],
            [tables["platform-runs"]],
        ),
        "SubmitJobsOfThisCluster": (["batch:SubmitJob"], [*queues, definition, f"{definition}:*"]),
        "EndJobs": (["batch:TerminateJob"], [f"arn:aws:batch:{HERE}:job/*"]),
        "SeeJobs": (["batch:DescribeJobs", "batch:ListJobs"], "*"),
        "TellPeople": (["sns:Publish"], [recording.one(TOPIC).outputs["arn"]]),
        "EncryptWhatIsTold": (["kms:Decrypt", "kms:GenerateDataKey"], [recording.one("aws:kms/key:Key").outputs["arn"]]),
        "WriteItsLog": (
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            [recording.one(GROUP, f"platform-{part}").outputs["arn"] + ":*"],
        ),
        "KeepWhatFailed": (["sqs:SendMessage"], [recording.one("aws:sqs/queue:Queue").outputs["arn"]]),
    }


@pytest.mark.parametrize("part", ["submit", "record"])
def test_a_function_may_do_what_it_calls(least, part):
    assert _statements(least, part) == _running(least, part)


def test_the_watch_may_also_see_why_a_run_does_not_start(least):
    assert _statements(least, "watch") == _running(least, "watch") | {
        "ReadAllJobs": (["dynamodb:Scan"], [least.one(TABLE, "platform-jobs").outputs["arn"]]),
        "SeeImages": (["ecr:DescribeImages"], [f"arn:aws:ecr:{HERE}:repository/*"]),
        "SeeCapacity": (
            [
                "batch:DescribeComputeEnvironments",
                "batch:DescribeJobQueues",
                "ec2:DescribeSubnets",
                "servicequotas:GetServiceQuota",
            ],
            "*",
        ),
    }


def test_a_function_is_the_conductors_code_with_the_names_of_its_tables(least):
    function = least.one(FUNCTION, "platform-record").inputs
    files = function["code"].assets

    assert function["name"] == "platform-test-record"
    assert function["handler"] == "transload.conductor.record.handler"
    assert (function["runtime"], function["architectures"]) == ("python3.13", ["arm64"])
    assert function["environment"]["variables"] == {
        "TRANSLOAD_JOBS_TABLE": "transload-platform-test-jobs",
        "TRANSLOAD_RUNS_TABLE": "transload-platform-test-runs",
    }
    assert {"transload/__init__.py", "transload/_schedule.py", "transload/conductor/record.py"} <= files.keys()
    assert [name for name in files if not name.endswith(".py")] == []


def test_what_a_function_could_not_do_is_kept(least):
    ages = {
        config.name: (config.inputs["maximumRetryAttempts"], config.inputs["maximumEventAgeInSeconds"])
        for config in least.all("aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig")
    }
    dead_letters = least.one("aws:sqs/queue:Queue")

    assert ages == {"platform-submit": (2, 900), "platform-record": (2, 21600), "platform-watch": (2, 300)}
    assert least.one("aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig", "platform-submit").inputs[
        "destinationConfig"
    ] == {"onFailure": {"destination": dead_letters.outputs["arn"]}}
    assert dead_letters.inputs == {"messageRetentionSeconds": 1209600, "sqsManagedSseEnabled": True}


def test_state_changes_of_its_own_queues_reach_the_conductor(least):
    rule = least.one("aws:cloudwatch/eventRule:EventRule")
    permission = least.one("aws:lambda/permission:Permission").inputs

    assert json.loads(rule.inputs["eventPattern"]) == {
        "source": ["aws.batch"],
        "detail-type": ["Batch Job State Change", "Batch Job Queue Blocked"],
        "detail": {"jobQueue": [queue.outputs["arn"] for queue in least.all(QUEUE)]},
    }
    assert (permission["principal"], permission["sourceArn"]) == ("events.amazonaws.com", rule.outputs["arn"])
    assert least.policy("aws:sqs/queuePolicy:QueuePolicy") == [
        {
            "Sid": "KeepUndeliveredStateChanges",
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": ["sqs:SendMessage"],
            "Resource": [least.one("aws:sqs/queue:Queue").outputs["arn"]],
            "Condition": {"ArnEquals": {"aws:SourceArn": rule.outputs["arn"]}},
        }
    ]


def test_the_scheduler_starts_the_conductor_for_this_group_alone(least):
    functions = [least.one(FUNCTION, f"platform-{part}").outputs["arn"] for part in ("submit", "watch")]

    assert _statements(least, "scheduler") == {
        "StartTheConductor": (["lambda:InvokeFunction"], functions),
        "KeepUndeliveredStarts": (["sqs:SendMessage"], [least.one("aws:sqs/queue:Queue").outputs["arn"]]),
    }
    assert _trust(least, "scheduler")["Condition"] == {
        "StringEquals": {
            "aws:SourceAccount": "123456789012",
            "aws:SourceArn": f"arn:aws:scheduler:{HERE}:schedule-group/platform-test",
        }
    }


def test_the_watch_looks_every_five_minutes(least):
    schedule = least.one("aws:scheduler/schedule:Schedule").inputs

    assert (schedule["name"], schedule["groupName"]) == ("transload-watch", "platform-test")
    assert schedule["scheduleExpression"] == "rate(5 minutes)"
    assert json.loads(schedule["target"]["input"]) == {"now": "<aws.scheduler.scheduled-time>"}


def test_the_conductors_own_failure_is_told_and_its_recovery_too(least):
    topic = least.one(TOPIC).outputs["arn"]
    alarms = [alarm for alarm in least.all(ALARM) if alarm.name != "platform-watch-silent"]
    metrics = {(alarm.inputs["namespace"], alarm.inputs["metricName"]) for alarm in alarms}

    assert metrics == {
        ("AWS/Lambda", "Errors"),
        ("AWS/Lambda", "Throttles"),
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
        ("AWS/Scheduler", "TargetErrorCount"),
        ("AWS/Scheduler", "InvocationDroppedCount"),
    }
    assert {(*alarm.inputs["alarmActions"], *alarm.inputs["okActions"]) for alarm in least.all(ALARM)} == {(topic, topic)}
    assert least.one(ALARM, "platform-start-errors").inputs["dimensions"] == {"ScheduleGroup": "platform-test"}
    assert least.one(ALARM, "platform-watch-errors").inputs["dimensions"] == {"FunctionName": "platform-test-watch"}
    judged = {(alarm.inputs["comparisonOperator"], alarm.inputs["threshold"], alarm.inputs["treatMissingData"]) for alarm in alarms}
    assert judged == {("GreaterThanThreshold", 0, "notBreaching")}


def test_a_watch_that_does_not_run_is_told_by_an_alarm_since_it_cannot_tell_it_itself(least):
    alarm = least.one(ALARM, "platform-watch-silent").inputs

    assert (alarm["namespace"], alarm["metricName"]) == ("AWS/Lambda", "Invocations")
    assert alarm["dimensions"] == {"FunctionName": "platform-test-watch"}
    assert (alarm["comparisonOperator"], alarm["threshold"], alarm["treatMissingData"]) == ("LessThanThreshold", 1, "breaching")
    assert (alarm["statistic"], alarm["period"], alarm["evaluationPeriods"]) == ("Sum", 300, 3)


def test_the_topic_is_encrypted_by_a_key_that_alarms_may_use(least):
    key = least.one("aws:kms/key:Key")
    by_service = [each for each in least.policy("aws:kms/key:Key") if "Service" in each["Principal"]]

    assert least.one(TOPIC).inputs["kmsMasterKeyId"] == key.outputs["arn"]
    assert key.inputs["enableKeyRotation"] is True
    assert by_service == [
        {
            "Sid": "PublishAlarms",
            "Effect": "Allow",
            "Principal": {"Service": "cloudwatch.amazonaws.com"},
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": "*",
        }
    ]


def test_the_topic_takes_from_this_account_and_its_alarms_alone(least):
    topic = least.one(TOPIC).outputs["arn"]
    statements = {each["Sid"]: each for each in least.policy("aws:sns/topicPolicy:TopicPolicy")}

    assert statements.keys() == {"ManageByThisAccount", "PublishAlarmsOfThisAccount"}
    assert all(statement["Resource"] == [topic] for statement in statements.values())
    assert statements["ManageByThisAccount"]["Principal"] == {"AWS": "arn:aws:iam::123456789012:root"}
    assert statements["PublishAlarmsOfThisAccount"]["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}


def test_slack_may_look_and_not_touch(declare):
    recording = declare(alerts={"slack_workspace_id": "T0WORK", "slack_channel_id": "C0CHAN"})

    assert recording.tree("BatchCluster", "platform") == DEFAULTS | {
        (ROLE, "platform-slack"),
        ("aws:chatbot/slackChannelConfiguration:SlackChannelConfiguration", "platform-slack"),
    }
    # The channel's role has no permission, and this is all that it could ever have.
    assert recording.one("aws:chatbot/slackChannelConfiguration:SlackChannelConfiguration").inputs == {
        "configurationName": "platform-test",
        "iamRoleArn": recording.one(ROLE, "platform-slack").outputs["arn"],
        "slackTeamId": "T0WORK",
        "slackChannelId": "C0CHAN",
        "snsTopicArns": [recording.one(TOPIC).outputs["arn"]],
        "guardrailPolicyArns": ["arn:aws:iam::aws:policy/CloudWatchReadOnlyAccess"],
    }


def test_whoever_wants_silence_says_why(record):
    args: BatchClusterArgs = {
        "vpc_id": "vpc-1",
        "subnet_ids": ["subnet-1"],
        "no_alerts_because": "a sandbox that nobody relies on",
    }
    recording = record(lambda: BatchCluster("platform", args))

    assert recording.tree("BatchCluster", "platform") == DEFAULTS
    assert json.loads(recording.one(ITEM).inputs["item"])["no_alerts_because"] == {"S": "a sandbox that nobody relies on"}


def test_every_role_can_be_bounded(declare):
    recording = declare(
        capacity=["fargate", "ec2"],
        alerts={"slack_workspace_id": "T0WORK", "slack_channel_id": "C0CHAN"},
        permissions_boundary="arn:aws:iam::123456789012:policy/bound",
    )
    roles = {role.name: role.inputs.get("permissionsBoundary") for role in recording.all(ROLE)}

    assert len(roles) == 7
    assert set(roles.values()) == {"arn:aws:iam::123456789012:policy/bound"}


def test_the_reference_is_what_other_stacks_read(declare):
    ref = _ref(declare(assign_public_ip=True))

    assert ref.keys() == BatchClusterRef.__required_keys__
    assert all(isinstance(value, str) for value in ref.values())
    assert ref["name"] == "platform-test"
    assert ref["assign_public_ip"] == "ENABLED"
    assert ref["secrets_path"] == "/platform-test"
    assert ref["secret_arns"] == f"arn:aws:ssm:{HERE}:parameter/platform-test/*"


def test_the_cluster_can_be_named(declare):
    ref = _ref(declare(cluster_name="batch"))

    assert (ref["name"], ref["jobs_table"], ref["log_group"]) == ("batch", "transload-batch-jobs", "/transload/batch")


def test_outputs_are_those_it_declares(least):
    assert set(least.one("transload:index:BatchCluster").outputs) == set(BatchCluster.__annotations__)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"vpc": "x"}, "unknown argument vpc, did you mean vpc_id?"),
        ({"vpc_id": None}, "missing argument vpc_id"),
        ({"subnet_ids": []}, "subnet_ids must be 1 to 16 subnets, got 0"),
        ({"subnet_ids": ["subnet-1"] * 17}, "subnet_ids must be 1 to 16 subnets, got 17"),
        ({"cluster_name": "Batch"}, "cluster_name must be lower-case letters, digits and hyphens, at most 32, got 'Batch'"),
        ({"cluster_name": "b" * 33}, "cluster_name must be lower-case letters, digits and hyphens, at most 32"),
        ({"capacity": ["spot"]}, "capacity must be out of fargate_spot, fargate, ec2, got 'spot'"),
        (
            {"capacity": ["fargate+ec2"]},
            "capacity must be out of fargate_spot, fargate, ec2, got 'fargate+ec2'; AWS Batch mixes no EC2 with Fargate in a queue",
        ),
        ({"capacity": []}, "capacity must name at least one of fargate_spot, fargate, ec2"),
        ({"instance_types": ["m7i"]}, "instance_types are for ec2, which capacity does not name"),
        ({"capacity": ["ec2"], "instance_types": []}, "instance_types must name at least one, such as m7i"),
        (
            {"capacity": ["ec2"], "instance_types": ["g4dn.xlarge", "m7gd"]},
            "instance_types must be of one processor architecture: m7gd is arm64, g4dn.xlarge is x86_64",
        ),
        ({"capacity": "fargate"}, "capacity must be a list, got 'fargate'"),
        ({"max_vcpus": 0}, "max_vcpus must be 1 to 10000, got 0"),
        ({"stuck_after_minutes": 5}, "stuck_after_minutes must be 10 to 1440, got 5"),
        ({"log_retention_days": 100}, "log_retention_days must be a number that CloudWatch Logs takes, got 100; nearest is 90"),
        ({"secrets_path": "shop"}, "secrets_path must be a Parameter Store path such as /platform-test, got 'shop'"),
        ({"secrets_path": "/"}, "secrets_path must be a Parameter Store path such as /platform-test, got '/'"),
        ({"no_alerts_because": "x"}, "give either alerts (who is told when a job fails) or no_alerts_because (why nobody is)"),
        ({"alerts": {}}, "alerts: name emails or a Slack channel; where nobody is to be told, say no_alerts_because"),
        ({"alerts": {"email": "x"}}, "alerts: unknown argument email, did you mean emails?"),
        ({"alerts": {"emails": ["nobody"]}}, "alerts: emails must be mail addresses, got 'nobody'"),
        ({"alerts": {"emails": ["a@example.com"] * 2}}, "alerts: emails names an address twice"),
        ({"alerts": {"slack_channel_id": "C0"}}, "alerts: slack_workspace_id and slack_channel_id go together"),
        (
            {"alerts": {"slack_workspace_id": "T0WORK", "slack_channel_id": "#alerts"}},
            "alerts: slack_channel_id must be an id such as C0123456789, got '#alerts'",
        ),
        (
            {"alerts": {"slack_workspace_id": "our team", "slack_channel_id": "C0CHAN"}},
            "alerts: slack_workspace_id must be an id such as T0123456789, got 'our team'",
        ),
    ],
)
def test_refuses(declare, args, message):
    with pytest.raises(ValueError, match="^" + re.escape(f"BatchCluster 'platform': {message}")):
        declare(**args)


def test_refuses_a_name_that_makes_no_role(record):
    with pytest.raises(ValueError, match=r"^BatchCluster 'p+': its name must have at most 46 characters, got 47$"):
        record(lambda: BatchCluster("p" * 47, {**LEAST, "cluster_name": "platform"}))


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({}, "give either alerts (who is told when a job fails) or no_alerts_because (why nobody is)"),
        ({"no_alerts_because": " "}, "no_alerts_because must say why nobody is told"),
    ],
)
def test_silence_has_to_be_a_choice(record, args, message):
    with pytest.raises(ValueError, match="^" + re.escape(f"BatchCluster 'platform': {message}")):
        record(lambda: BatchCluster("platform", {"vpc_id": "vpc-1", "subnet_ids": ["subnet-1"], **args}))


def test_works_under_pulumis_own_mocks():
    pulumi.runtime.set_mocks(Mocks(), project="shop", stack="test", preview=False)

    @pulumi.runtime.test
    def declare():
        cluster = BatchCluster(
            "platform", {"vpc_id": "vpc-1", "subnet_ids": ["subnet-1"], "no_alerts_because": "a test, which nobody waits for"}
        )

        def check(ref):
            assert ref["jobs_table"] == "transload-platform-test-jobs"
            assert ref["submit_function_arn"] == f"arn:aws:lambda:{HERE}:function:platform-test-submit"

        return cluster.ref.apply(check)

    declare()
