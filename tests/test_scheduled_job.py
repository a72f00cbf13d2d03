"""ScheduledJob: three resources that hold everything by which a job is started, recorded and explained."""

import json
import re
from typing import cast

import botocore.session
import pulumi
import pytest
from boto3.dynamodb.types import TypeDeserializer
from botocore.validate import ParamValidator

from transload import ScheduledJob, ScheduledJobArgs
from transload.testing import Mocks

DEFINITION = "aws:batch/jobDefinition:JobDefinition"
SCHEDULE = "aws:scheduler/schedule:Schedule"
ITEM = "aws:dynamodb/tableItem:TableItem"
ROLE = "aws:iam/role:Role"
POLICY = "aws:iam/rolePolicy:RolePolicy"
ACCOUNT = "123456789012"
SECRET = f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:shop"
REF = {
    "name": "platform-test",
    "spot_queue_arn": f"arn:aws:batch:eu-west-1:{ACCOUNT}:job-queue/spot",
    "on_demand_queue_arn": f"arn:aws:batch:eu-west-1:{ACCOUNT}:job-queue/on-demand",
    "ec2_queue_arn": "",
    "execution_role_arn": f"arn:aws:iam::{ACCOUNT}:role/execution",
    "execution_role_name": "execution",
    "jobs_table": "transload-platform-test-jobs",
    "runs_table": "transload-platform-test-runs",
    "log_group": "/transload/platform-test",
    "schedule_group": "platform-test",
    "scheduler_role_arn": f"arn:aws:iam::{ACCOUNT}:role/scheduler",
    "submit_function_arn": f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:platform-test-submit",
    "dead_letter_arn": f"arn:aws:sqs:eu-west-1:{ACCOUNT}:dead-letter",
    "alert_topic_arn": f"arn:aws:sns:eu-west-1:{ACCOUNT}:alerts",
    "secrets_path": "/platform-test",
    "secret_arns": f"arn:aws:ssm:eu-west-1:{ACCOUNT}:parameter/platform-test/* {SECRET} {SECRET}-*",
    "assign_public_ip": "DISABLED",
}
LEAST: ScheduledJobArgs = {"cluster": REF, "image": "export:1"}
NIGHTLY = {**LEAST, "schedule": "30 2 * * *", "timezone": "Asia/Tokyo"}
WRITE = {"sid": "WriteExports", "actions": ["s3:PutObject"], "resources": ["arn:aws:s3:::exports/*"]}


@pytest.fixture
def declare(record):
    return lambda args, name="nightly", **options: record(lambda: ScheduledJob(name, args), **options)


def _container(recording):
    return json.loads(recording.one(DEFINITION).inputs["containerProperties"])


def _entry(recording):
    typed = json.loads(recording.one(ITEM).inputs["item"])
    return {key: TypeDeserializer().deserialize(value) for key, value in typed.items()}


def _fits(shape, value):
    """Whether AWS Batch's own model takes it."""
    model = botocore.session.get_session().get_service_model("batch")
    return ParamValidator().validate(value, model.shape_for(shape)).generate_report()


def test_is_three_resources(declare):
    assert declare(NIGHTLY).tree("ScheduledJob", "nightly") == {
        (DEFINITION, "nightly"),
        (SCHEDULE, "nightly"),
        (ITEM, "nightly"),
    }


def test_is_five_resources_with_permissions(declare):
    assert declare({**NIGHTLY, "permissions": [WRITE]}).tree("ScheduledJob", "nightly") == {
        (DEFINITION, "nightly"),
        (SCHEDULE, "nightly"),
        (ITEM, "nightly"),
        (ROLE, "nightly"),
        (POLICY, "nightly"),
    }


def test_is_two_resources_where_it_is_run_by_hand_only(declare):
    recording = declare(LEAST)

    assert recording.tree("ScheduledJob", "nightly") == {(DEFINITION, "nightly"), (ITEM, "nightly")}
    assert "schedule" not in _entry(recording)


def test_a_day_of_the_month_or_a_weekday_is_two_schedules(declare):
    recording = declare({**LEAST, "schedule": "0 4 1 * 5"})
    expressions = {each.inputs["name"]: each.inputs["scheduleExpression"] for each in recording.all(SCHEDULE)}

    assert expressions == {"nightly": "cron(0 4 1 * ? *)", "nightly-2": "cron(0 4 ? * FRI *)"}
    assert _entry(recording)["schedule_names"] == ["nightly", "nightly-2"]
    assert _entry(recording)["expressions"] == list(expressions.values())


def test_the_schedule_starts_the_conductor_in_its_time_zone(declare):
    assert declare(NIGHTLY).one(SCHEDULE).inputs == {
        "name": "nightly",
        "groupName": "platform-test",
        "scheduleExpression": "cron(30 2 * * ? *)",
        "scheduleExpressionTimezone": "Asia/Tokyo",
        "state": "ENABLED",
        "flexibleTimeWindow": {"mode": "OFF"},
        "target": {
            "arn": REF["submit_function_arn"],
            "roleArn": REF["scheduler_role_arn"],
            "input": '{"job": "nightly", "scheduled_for": "<aws.scheduler.scheduled-time>", "trigger": "schedule", '
            '"schedule": "<aws.scheduler.schedule-arn>"}',
            "retryPolicy": {"maximumRetryAttempts": 2, "maximumEventAgeInSeconds": 900},
            "deadLetterConfig": {"arn": REF["dead_letter_arn"]},
        },
    }


def test_a_job_that_is_not_enabled_keeps_its_schedule_and_does_not_start(declare):
    recording = declare({**NIGHTLY, "enabled": False})

    assert recording.one(SCHEDULE).inputs["state"] == "DISABLED"
    assert _entry(recording)["enabled"] is False


def test_how_long_a_start_may_be_late_is_a_choice(declare):
    target = declare({**NIGHTLY, "start_retry": {"attempts": 0, "within_minutes": 1}}).one(SCHEDULE).inputs["target"]

    assert target["retryPolicy"] == {"maximumRetryAttempts": 0, "maximumEventAgeInSeconds": 60}


def test_the_definition_is_what_the_conductor_submits(declare):
    recording = declare({**NIGHTLY, "command": ["export", "--all"]})
    definition = dict(recording.one(DEFINITION).inputs)

    assert json.loads(definition.pop("containerProperties")) == {
        "image": "export:1",
        "command": ["export", "--all"],
        "resourceRequirements": [{"type": "VCPU", "value": "0.25"}, {"type": "MEMORY", "value": "512"}],
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": "/transload/platform-test",
                "awslogs-region": "eu-west-1",
                "awslogs-stream-prefix": "nightly",
            },
        },
        "executionRoleArn": REF["execution_role_arn"],
        "runtimePlatform": {"operatingSystemFamily": "LINUX", "cpuArchitecture": "X86_64"},
    }
    assert definition == {
        "name": "platform-test-nightly",
        "type": "container",
        "platformCapabilities": ["FARGATE"],
        "timeout": {"attemptDurationSeconds": 3600},
        "tags": {"transload:job": "nightly"},
        "propagateTags": True,
        "retryStrategy": {
            "attempts": 3,
            "evaluateOnExits": [
                {"onStatusReason": "Your Spot Task was interrupted*", "action": "RETRY"},
                {"onStatusReason": "Task failed to start*", "action": "RETRY"},
                {"onReason": "CannotPullContainerError*", "action": "RETRY"},
                {"onReason": "*", "action": "EXIT"},
            ],
        },
    }


def test_every_option_of_the_container_reaches_it(declare):
    recording = declare(
        {
            **LEAST,
            "cluster": {**REF, "assign_public_ip": "ENABLED"},
            "vcpu": 4,
            "memory_mib": 8192,
            "architecture": "arm64",
            "ephemeral_storage_gib": 100,
            "environment": {"MODE": "full"},
            "user": "1000:1000",
            "readonly_root_filesystem": True,
            "role_arn": "arn:aws:iam::123456789012:role/own",
        }
    )
    container = _container(recording)

    assert container["resourceRequirements"] == [{"type": "VCPU", "value": "4"}, {"type": "MEMORY", "value": "8192"}]
    assert container["runtimePlatform"]["cpuArchitecture"] == "ARM64"
    assert container["ephemeralStorage"] == {"sizeInGiB": 100}
    assert container["environment"] == [{"name": "MODE", "value": "full"}]
    assert container["user"] == "1000:1000"
    assert container["readonlyRootFilesystem"] is True
    assert container["jobRoleArn"] == "arn:aws:iam::123456789012:role/own"
    assert container["networkConfiguration"] == {"assignPublicIp": "ENABLED"}
    assert _fits("ContainerProperties", container) == ""


def test_a_stop_timeout_takes_the_form_that_has_one_and_writes_the_same_log_streams(declare):
    recording = declare({**LEAST, "stop_timeout_seconds": 45, "secrets": {"TOKEN": "token"}, "ephemeral_storage_gib": 30})
    definition = recording.one(DEFINITION).inputs
    properties = json.loads(definition["ecsProperties"])
    (task,) = properties["taskProperties"]
    (container,) = task["containers"]

    assert "containerProperties" not in definition
    assert (container["name"], container["essential"], container["stopTimeout"]) == ("default", True, 45)
    assert task["executionRoleArn"] == REF["execution_role_arn"]
    assert task["ephemeralStorage"] == {"sizeInGiB": 30}
    assert _fits("EcsProperties", properties) == ""
    assert _entry(recording)["stop_timeout_seconds"] == 45


def test_on_ec2_nothing_is_said_that_only_fargate_takes(declare):
    cluster = {**REF, "ec2_queue_arn": f"arn:aws:batch:eu-west-1:{ACCOUNT}:job-queue/ec2"}
    recording = declare({**LEAST, "cluster": cluster, "capacity": "ec2", "vcpu": 3, "memory_mib": 5000})
    definition, container = recording.one(DEFINITION).inputs, _container(recording)

    assert definition["platformCapabilities"] == ["EC2"]
    assert definition["retryStrategy"]["evaluateOnExits"][0] == {"onStatusReason": "Host EC2*", "action": "RETRY"}
    assert container.keys() == {"image", "resourceRequirements", "logConfiguration", "executionRoleArn"}
    assert _entry(recording)["queue"] == cluster["ec2_queue_arn"]


def test_an_exit_code_of_the_application_is_tried_again_when_asked(declare):
    strategy = declare({**LEAST, "retry": {"attempts": 5, "on_exit_codes": [75]}}).one(DEFINITION).inputs["retryStrategy"]

    assert strategy["attempts"] == 5
    assert strategy["evaluateOnExits"][3:] == [{"onExitCode": "75", "action": "RETRY"}, {"onReason": "*", "action": "EXIT"}]


def test_batch_takes_the_retry_rules_and_the_timeout(declare):
    inputs = declare({**LEAST, "retry": {"on_exit_codes": [75]}}).one(DEFINITION).inputs
    strategy = inputs["retryStrategy"]

    assert _fits("RetryStrategy", {"attempts": strategy["attempts"], "evaluateOnExit": strategy["evaluateOnExits"]}) == ""
    assert len(strategy["evaluateOnExits"]) == 5
    # Only a trailing asterisk, and letters, digits, periods, colons and blanks.
    patterns = [value for rule in strategy["evaluateOnExits"] for key, value in rule.items() if key != "action"]
    assert [pattern for pattern in patterns if not re.fullmatch(r"[A-Za-z0-9.:\s]*\*?", pattern)] == []
    assert _fits("JobTimeout", inputs["timeout"]) == ""


def test_the_entry_tells_the_conductor_and_the_command_line_everything(declare):
    args = {
        **NIGHTLY,
        "command": ["export"],
        "secrets": {"URL": "database-url", "KEY": f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:shop-ab12cd"},
        "permissions": [WRITE],
        "array_size": 10,
        "concurrency": "queue",
        "grace_minutes": 5,
        "owner": "shop",
        "purpose": "Orders of the day as CSV",
        "impact_if_stopped": "Accounting waits",
        "safe_to_rerun": True,
        "rollback": "Delete the day's folder",
    }
    recording = declare(args)
    definition = recording.one(DEFINITION)

    assert recording.one(ITEM).inputs["tableName"] == "transload-platform-test-jobs"
    assert recording.one(ITEM).inputs["hashKey"] == "job"
    assert _entry(recording) == {
        "job": "nightly",
        "definition": definition.outputs["arnPrefix"],
        "definition_name": "platform-test-nightly",
        "queue": REF["spot_queue_arn"],
        "capacity": "fargate_spot",
        "schedule": "30 2 * * *",
        "expressions": ["cron(30 2 * * ? *)"],
        "timezone": "Asia/Tokyo",
        "schedule_names": ["nightly"],
        "grace_minutes": 5,
        "concurrency": "queue",
        "enabled": True,
        "timeout_seconds": 3600,
        "attempts": 3,
        "array_size": 10,
        "vcpu": pytest.approx(0.25),
        "memory_mib": 512,
        "image": "export:1",
        "command": ["export"],
        "owner": "shop",
        "purpose": "Orders of the day as CSV",
        "impact_if_stopped": "Accounting waits",
        "safe_to_rerun": True,
        "rollback": "Delete the day's folder",
        "log_group": "/transload/platform-test",
        "stream_prefix": "nightly",
        "role": recording.one(ROLE).outputs["arn"],
        "secrets": {
            "URL": f"arn:aws:ssm:eu-west-1:{ACCOUNT}:parameter/platform-test/database-url",
            "KEY": f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:shop-ab12cd",
        },
    }


def test_a_job_may_do_what_it_names_and_nothing_else(declare):
    recording = declare({**LEAST, "permissions": [WRITE], "permissions_boundary": "arn:aws:iam::123456789012:policy/bound"})
    role = recording.one(ROLE)

    assert recording.policy(POLICY) == [
        {"Sid": "WriteExports", "Effect": "Allow", "Action": ["s3:PutObject"], "Resource": ["arn:aws:s3:::exports/*"]}
    ]
    assert json.loads(role.inputs["assumeRolePolicy"])["Statement"] == [
        {
            "Effect": "Allow",
            "Principal": {"Service": "ecs-tasks.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
        }
    ]
    assert role.inputs["permissionsBoundary"] == "arn:aws:iam::123456789012:policy/bound"
    assert _container(recording)["jobRoleArn"] == role.outputs["arn"]


@pytest.mark.parametrize(
    ("value", "arn"),
    [
        ("database-url", f"arn:aws:ssm:eu-west-1:{ACCOUNT}:parameter/platform-test/database-url"),
        ("/platform-test/shop/url", f"arn:aws:ssm:eu-west-1:{ACCOUNT}:parameter/platform-test/shop/url"),
        (f"{SECRET}-1", f"{SECRET}-1"),
        (f"{SECRET}:password::", f"{SECRET}:password::"),
    ],
)
def test_a_secret_is_named_and_never_read(declare, value, arn):
    assert _container(declare({**LEAST, "secrets": {"URL": value}}))["secrets"] == [{"name": "URL", "valueFrom": arn}]


@pytest.mark.parametrize("stop_timeout_seconds", [None, 30])
def test_the_order_of_variables_and_secrets_is_no_change_of_the_definition(declare, stop_timeout_seconds):
    def written(environment, secrets):
        args = {**LEAST, "environment": environment, "secrets": secrets, "stop_timeout_seconds": stop_timeout_seconds}
        return declare(args).one(DEFINITION).inputs

    assert written({"A": "1", "B": "2"}, {"C": "c", "D": "d"}) == written({"B": "2", "A": "1"}, {"D": "d", "C": "c"})


def test_values_that_are_known_later_are_waited_for(record):
    def program():
        later = pulumi.Output.from_input
        args = {
            "cluster": later(REF),
            "image": later("export:2"),
            "environment": {"BUCKET": later("exports")},
            "secrets": {"URL": later("url")},
            "permissions": [{**WRITE, "resources": [later("arn:aws:s3:::later/*")]}],
        }
        ScheduledJob("nightly", cast(ScheduledJobArgs, args))

    recording = record(program)

    assert _container(recording)["image"] == "export:2"
    assert _container(recording)["environment"] == [{"name": "BUCKET", "value": "exports"}]
    assert recording.policy(POLICY)[0]["Resource"] == ["arn:aws:s3:::later/*"]
    assert _entry(recording)["secrets"] == {"URL": f"arn:aws:ssm:eu-west-1:{ACCOUNT}:parameter/platform-test/url"}


def test_a_secret_of_pulumi_stays_one_in_the_definition(record):
    recording = record(lambda: ScheduledJob("nightly", {**LEAST, "environment": {"TOKEN": pulumi.Output.secret("s3cret")}}))

    assert [str(path) for path in recording.one(DEFINITION).secret_paths] == ["containerProperties"]
    assert "s3cret" not in recording.one(ITEM).inputs["item"]


def test_outputs_are_those_it_declares(declare):
    recording = declare({**LEAST, "permissions": [WRITE]})
    outputs = recording.one("transload:index:ScheduledJob").outputs

    assert set(outputs) == set(ScheduledJob.__annotations__)
    assert outputs["job_name"] == "nightly"
    assert outputs["job_definition_arn"] == recording.one(DEFINITION).outputs["arnPrefix"]
    assert outputs["role_arn"] == recording.one(ROLE).outputs["arn"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"imgae": "x"}, "unknown argument imgae, did you mean image?"),
        ({"image": None}, "missing argument image"),
        ({"memory_mib": 700}, "memory_mib must be one of 512, 1024, 2048 for 0.25 vCPU, got 700; nearest is 1024"),
        ({"vcpu": 3}, "vcpu must be one of 0.25, 0.5, 1, 2, 4, 8, 16, 32, got 3; nearest is 2"),
        ({"vcpu": "1"}, "vcpu must be a number, got '1'"),
        ({"memory_mib": "512"}, "memory_mib must be 4 to 1048576, got '512'"),
        ({"schedule": "banana"}, "schedule: "),
        ({"schedule": "0 0 31 2 *"}, "schedule: "),
        ({"timezone": "Asia/Tokio"}, "timezone: time zone 'Asia/Tokio' is unknown"),
        ({"concurrency": "forbit"}, "concurrency must be one of forbid, queue, replace, allow, got 'forbit'; did you mean forbid?"),
        ({"capacity": "spot"}, "capacity must be one of fargate_spot, fargate, ec2, got 'spot'"),
        ({"capacity": ["fargate", "ec2"]}, "capacity must be a text, got ['fargate', 'ec2']"),
        ({"capacity": "fargate+ec2"}, "capacity must be one word: a queue of AWS Batch holds Fargate or EC2, never both"),
        ({"capacity": "ec2"}, "capacity ec2 is not in the cluster platform-test: add it to the cluster's capacity"),
        ({"capacity": "ec2", "vcpu": 0.5}, "vcpu must be a whole number on ec2, got 0.5"),
        ({"capacity": "ec2", "architecture": "arm64"}, "architecture is for Fargate; on ec2 the cluster's instance_types decide"),
        ({"capacity": "ec2", "ephemeral_storage_gib": 30}, "ephemeral_storage_gib is for Fargate"),
        ({"architecture": "arm"}, "architecture must be one of x86_64, arm64, got 'arm'; did you mean arm64?"),
        ({"array_size": 1}, "array_size must be 2 to 10000, got 1"),
        ({"timeout_seconds": 30}, "timeout_seconds must be 60 to 1209600, got 30"),
        ({"stop_timeout_seconds": 121}, "stop_timeout_seconds must be 2 to 120, got 121"),
        ({"ephemeral_storage_gib": 20}, "ephemeral_storage_gib must be 21 to 200, got 20"),
        ({"grace_minutes": 0}, "grace_minutes must be 1 to 1440, got 0"),
        ({"retry": {"attempts": 11}}, "retry: attempts must be 1 to 10, got 11"),
        ({"retry": {"attemps": 1}}, "retry: unknown argument attemps, did you mean attempts?"),
        ({"retry": {"on_exit_codes": [1, 2]}}, "retry: on_exit_codes takes one code, AWS Batch has five rules"),
        ({"retry": {"on_exit_codes": [0]}}, "retry: on_exit_codes must be 1 to 255, got 0"),
        ({"start_retry": {"attempts": 186}}, "start_retry: attempts must be 0 to 185, got 186"),
        ({"start_retry": {"within_minuts": 1}}, "start_retry: unknown argument within_minuts, did you mean within_minutes?"),
        ({"environment": {"AWS_BATCH_X": "1"}}, "environment: AWS_BATCH_X is refused, AWS Batch keeps names"),
        ({"environment": {"AWS_SECRET_ACCESS_KEY": "x"}}, "environment: AWS_SECRET_ACCESS_KEY is refused, say what the job may do"),
        ({"environment": {"A-B": "1"}}, "environment: 'A-B' is not a name of a variable"),
        ({"secrets": {"A B": "a"}}, "secrets: 'A B' is not a name of a variable"),
        ({"environment": {"A": 1}}, "environment['A'] must be a text, got 1"),
        ({"environment": {"A": "1"}, "secrets": {"A": "a"}}, "A stands in environment and in secrets"),
        ({"environment": {"A": "x" * 25000}}, "its definition has "),
        ({"command": ["run", ""]}, "command must be a list of texts, none of them empty"),
        ({"command": [1]}, "command[0] must be a text, got 1"),
        ({"command": "run"}, "command must be a list, got 'run'"),
        ({"retry": {"on_exit_codes": 75}}, "retry: on_exit_codes must be a list, got 75"),
        ({"retry": {"on_exit_codes": ["75"]}}, "retry: on_exit_codes must be 1 to 255, got '75'"),
        ({"permissions": [{**WRITE, "actions": "s3:PutObject"}]}, "permissions: actions must be a list, got 's3:PutObject'"),
        ({"cluster": {"name": "platform"}}, "cluster must be a BatchCluster's ref, this one has no '"),
        ({"cluster": pulumi.Output.from_input("platform")}, "cluster must be a BatchCluster's ref, got str"),
        (
            {"secrets": {"URL": "/other/url"}},
            "secrets: URL names /other/url, which the jobs of platform-test may not read: "
            "put it below /platform-test or add it to the cluster's secret_arns",
        ),
        ({"permissions": [WRITE], "role_arn": "arn"}, "give either permissions (a role is made) or role_arn (it exists already)"),
        ({"permissions": [{"sid": "A", "actions": ["s3:GetObject"]}]}, "permissions: missing argument resources"),
        ({"permissions": [{**WRITE, "sid": "Write exports"}]}, "permissions: sid must be letters and digits, got 'Write exports'"),
        ({"permissions": [{**WRITE, "actions": ["s3:*"]}]}, "permissions: WriteExports: actions must name what is done, such as"),
        ({"permissions": [{**WRITE, "actions": []}]}, "permissions: WriteExports: actions must name what is done, such as"),
        ({"permissions": [{**WRITE, "resources": ["*"]}]}, "permissions: WriteExports: resources must be ARNs, not everything"),
        ({"permissions": [WRITE, WRITE]}, "permissions: each sid may stand once"),
    ],
)
def test_refuses(declare, args, message):
    with pytest.raises(ValueError, match="^" + re.escape(f"ScheduledJob 'nightly': {message}")):
        declare({**LEAST, **args})


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Nightly", "its name must be lower-case letters, digits and hyphens"),
        ("n" * 57, "its name must be lower-case letters, digits and hyphens"),
        ("transload-watch", "names that begin with transload- are the conductor's own"),
    ],
)
def test_refuses_the_name(declare, name, message):
    with pytest.raises(ValueError, match=f"^ScheduledJob '{name}': {message}"):
        declare(LEAST, name=name)


def test_two_jobs_of_one_name_are_refused(record):
    def program():
        ScheduledJob("nightly", LEAST)
        ScheduledJob("nightly", LEAST)

    with pytest.raises(Exception, match="nightly"):
        record(program)


def test_works_under_pulumis_own_mocks():
    pulumi.runtime.set_mocks(Mocks(), project="shop", stack="test", preview=False)

    @pulumi.runtime.test
    def declare():
        job = ScheduledJob("nightly", {"cluster": REF, "image": "export:1", "schedule": "@daily"})

        def check(arn):
            assert arn.endswith(":job-definition/platform-test-nightly")

        return job.job_definition_arn.apply(check)

    declare()
