"""The conductor of a cluster: three functions, what starts them, and what tells people when one of them fails."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from transload._cluster_alerts import alarm, silence_alarm
from transload._cluster_site import Site
from transload._conductor_code import RUNTIME, conductor_code
from transload._iam import Statement, allow, policy
from transload._roles import service_role

_ASYNC_SECONDS = {"submit": 900, "record": 21600, "watch": 300}
"""How long AWS Lambda keeps an event that it could not deliver. A run that could not be submitted for fifteen minutes is a missed
run and is told as one; a state change is worth recording for as long as Lambda keeps it; the next watch is five minutes away."""

_SECONDS = {"submit": 60, "record": 60, "watch": 240}
"""How long a function may take. A pass of watch over a thousand runs takes longer than an event; it ends before the next."""


@dataclass(frozen=True)
class Work:
    """What the conductor works on."""

    queue_arns: list[pulumi.Output[str]]
    jobs_table: aws.dynamodb.Table
    runs_table: aws.dynamodb.Table
    topic: aws.sns.Topic
    topic_key: aws.kms.Key
    schedule_group: aws.scheduler.ScheduleGroup


@dataclass(frozen=True)
class Conductor:
    """What a job plugs into."""

    submit_arn: pulumi.Output[str]
    scheduler_role_arn: pulumi.Output[str]
    dead_letter_arn: pulumi.Output[str]


def conductor(site: Site, work: Work) -> Conductor:
    """The conductor of this cluster."""
    dead_letters = aws.sqs.Queue(
        f"{site.component}-dead-letter",
        # What is in it was not delivered to the conductor. Two weeks is the most that SQS keeps.
        message_retention_seconds=14 * 24 * 3600,
        sqs_managed_sse_enabled=True,
        opts=site.child,
    )
    code = conductor_code()
    run = [*_tables(work), *_batch(site, work), *_tell(work)]
    permissions = {"submit": run, "record": run, "watch": [*run, *_look(site, work)]}
    functions = {part: _function(site, work, part, code, permissions[part], dead_letters) for part in permissions}
    _state_changes(site, work, functions["record"], dead_letters)
    scheduler_role_arn = _scheduler_role(site, work, [functions["submit"].arn, functions["watch"].arn], dead_letters)
    _watch_schedule(site, work, functions["watch"], scheduler_role_arn, dead_letters)
    _alarms(site, work, functions, dead_letters)
    return Conductor(functions["submit"].arn, scheduler_role_arn, dead_letters.arn)


def _tables(work: Work) -> list[Statement]:
    return [
        allow("ReadJobs", ["dynamodb:GetItem"], [work.jobs_table.arn]),
        allow(
            "ReadAndWriteRuns",
            [
                "dynamodb:BatchGetItem",
                "dynamodb:DeleteItem",
                "dynamodb:GetItem",
                "dynamodb:PutItem",
                "dynamodb:Query",
                "dynamodb:UpdateItem",
            ],
            [work.runs_table.arn],
        ),
    ]


def _batch(site: Site, work: Work) -> list[Statement]:
    definition = site.arn("batch", f"job-definition/{site.cluster}-*")
    return [
        # A definition may be named with and without its revision, and IAM sees what was named.
        allow(
            "SubmitJobsOfThisCluster", ["batch:SubmitJob"], [*work.queue_arns, definition, pulumi.Output.concat(definition, ":*")]
        ),
        allow("EndJobs", ["batch:TerminateJob"], [site.arn("batch", "job/*")]),
        # These have no resource type in IAM (Service authorization reference, AWS Batch).
        allow("SeeJobs", ["batch:DescribeJobs", "batch:ListJobs"], "*"),
    ]


def _tell(work: Work) -> list[Statement]:
    return [
        allow("TellPeople", ["sns:Publish"], [work.topic.arn]),
        allow("EncryptWhatIsTold", ["kms:Decrypt", "kms:GenerateDataKey"], [work.topic_key.arn]),
    ]


def _look(site: Site, work: Work) -> list[Statement]:
    """What the watch sees beyond that: every job, and why a run does not start."""
    return [
        allow("ReadAllJobs", ["dynamodb:Scan"], [work.jobs_table.arn]),
        allow("SeeImages", ["ecr:DescribeImages"], [site.arn("ecr", "repository/*")]),
        # These have no resource type in IAM (Service authorization reference of AWS Batch, Amazon EC2 and Service Quotas).
        allow(
            "SeeCapacity",
            [
                "batch:DescribeComputeEnvironments",
                "batch:DescribeJobQueues",
                "ec2:DescribeSubnets",
                "servicequotas:GetServiceQuota",
            ],
            "*",
        ),
    ]


def _function(
    site: Site, work: Work, part: str, code: pulumi.AssetArchive, permissions: list[Statement], dead_letters: aws.sqs.Queue
) -> aws.lambda_.Function:
    name = f"{site.component}-{part}"
    physical = f"{site.cluster}-{part}"
    logs = aws.cloudwatch.LogGroup(name, name=f"/aws/lambda/{physical}", retention_in_days=site.log_retention_days, opts=site.child)
    _, role_arn = service_role(
        name,
        "lambda.amazonaws.com",
        [
            *permissions,
            allow("WriteItsLog", ["logs:CreateLogStream", "logs:PutLogEvents"], [pulumi.Output.concat(logs.arn, ":*")]),
            allow("KeepWhatFailed", ["sqs:SendMessage"], [dead_letters.arn]),
        ],
        site.child,
        permissions_boundary=site.permissions_boundary,
    )
    function = aws.lambda_.Function(
        name,
        name=physical,
        runtime=RUNTIME,
        architectures=["arm64"],
        handler=f"transload.conductor.{part}.handler",
        code=code,
        role=role_arn,
        timeout=_SECONDS[part],
        # A function gets processor time by its memory, and boto3 alone takes seconds to load with less.
        memory_size=512,
        environment={"variables": {"TRANSLOAD_JOBS_TABLE": work.jobs_table.name, "TRANSLOAD_RUNS_TABLE": work.runs_table.name}},
        # Else Lambda makes the group itself, without an end to what it keeps.
        opts=site.after(logs),
    )
    aws.lambda_.FunctionEventInvokeConfig(
        name,
        function_name=function.name,
        maximum_retry_attempts=2,
        maximum_event_age_in_seconds=_ASYNC_SECONDS[part],
        destination_config={"on_failure": {"destination": dead_letters.arn}},
        opts=site.child,
    )
    return function


def _state_changes(site: Site, work: Work, record: aws.lambda_.Function, dead_letters: aws.sqs.Queue) -> None:
    """One rule for the cluster: an event bus holds 300. "Queue Blocked" is the only word AWS Batch gives of a job that can never
    start (AWS Batch user guide, Job queue blocked events)."""
    name = f"{site.component}-record"
    pattern = {
        "source": ["aws.batch"],
        "detail-type": ["Batch Job State Change", "Batch Job Queue Blocked"],
        "detail": {"jobQueue": work.queue_arns},
    }
    rule = aws.cloudwatch.EventRule(
        name,
        description=f"State changes of the jobs of {site.cluster}, for the conductor",
        event_pattern=pulumi.Output.json_dumps(pattern),
        opts=site.child,
    )
    allowed = aws.lambda_.Permission(
        name,
        action="lambda:InvokeFunction",
        function=record.name,
        principal="events.amazonaws.com",
        source_arn=rule.arn,
        opts=site.child,
    )
    keep = aws.sqs.QueuePolicy(
        f"{site.component}-dead-letter",
        queue_url=dead_letters.url,
        policy=policy(
            allow(
                "KeepUndeliveredStateChanges",
                ["sqs:SendMessage"],
                [dead_letters.arn],
                principal={"Service": "events.amazonaws.com"},
                condition={"ArnEquals": {"aws:SourceArn": rule.arn}},
            )
        ),
        opts=site.child,
    )
    aws.cloudwatch.EventTarget(
        name,
        rule=rule.name,
        arn=record.arn,
        dead_letter_config={"arn": dead_letters.arn},
        opts=site.after(allowed, keep),
    )


def _scheduler_role(site: Site, work: Work, functions: list[pulumi.Output[str]], dead_letters: aws.sqs.Queue) -> pulumi.Output[str]:
    """One role for every schedule of the cluster: an account holds 1,000 roles."""
    _, arn = service_role(
        f"{site.component}-scheduler",
        "scheduler.amazonaws.com",
        [
            allow("StartTheConductor", ["lambda:InvokeFunction"], functions),
            # EventBridge Scheduler sends dead letters as this role, not by a policy of the queue.
            allow("KeepUndeliveredStarts", ["sqs:SendMessage"], [dead_letters.arn]),
        ],
        site.child,
        condition={"StringEquals": {"aws:SourceAccount": site.account, "aws:SourceArn": work.schedule_group.arn}},
        permissions_boundary=site.permissions_boundary,
    )
    return arn


def _watch_schedule(
    site: Site, work: Work, watch: aws.lambda_.Function, role_arn: pulumi.Output[str], dead_letters: aws.sqs.Queue
) -> None:
    aws.scheduler.Schedule(
        f"{site.component}-watch",
        name="transload-watch",
        group_name=work.schedule_group.name,
        description="Looks for runs that are missed, stuck or late",
        schedule_expression="rate(5 minutes)",
        flexible_time_window={"mode": "OFF"},
        target={
            "arn": watch.arn,
            "role_arn": role_arn,
            "input": '{"now": "<aws.scheduler.scheduled-time>"}',
            "retry_policy": {"maximum_retry_attempts": 0, "maximum_event_age_in_seconds": 60},
            "dead_letter_config": {"arn": dead_letters.arn},
        },
        opts=site.child,
    )


def _alarms(site: Site, work: Work, functions: dict[str, aws.lambda_.Function], dead_letters: aws.sqs.Queue) -> None:
    """The conductor tells about jobs. These tell about the conductor, so that its silence means that all is well."""
    for part, function in functions.items():
        of_function = {"FunctionName": function.name}
        tells = f"The conductor's {part} of {site.cluster} fails: see the log group /aws/lambda/{site.cluster}-{part}"
        alarm(site, f"{part}-errors", work.topic, ("AWS/Lambda", "Errors"), of_function, tells)
        tells = f"The conductor's {part} of {site.cluster} is throttled: the account runs too many Lambda functions at once"
        alarm(site, f"{part}-throttles", work.topic, ("AWS/Lambda", "Throttles"), of_function, tells)
    # Whoever turns the watch's schedule off is not told by it any more.
    tells = f"The conductor's watch of {site.cluster} does not run: nobody looks for missed and stuck runs"
    of_watch = {"FunctionName": functions["watch"].name}
    silence_alarm(site, "watch-silent", work.topic, ("AWS/Lambda", "Invocations"), of_watch, tells)
    waiting = ("AWS/SQS", "ApproximateNumberOfMessagesVisible")
    tells = f"Starts or state changes of {site.cluster} were not delivered: read the dead-letter queue"
    alarm(site, "dead-letter", work.topic, waiting, {"QueueName": dead_letters.name}, tells, statistic="Maximum")
    of_group = {"ScheduleGroup": work.schedule_group.name}
    tells = f"Schedules of {site.cluster} reach the conductor only with errors"
    alarm(site, "start-errors", work.topic, ("AWS/Scheduler", "TargetErrorCount"), of_group, tells)
    tells = f"Schedules of {site.cluster} gave up starting the conductor: runs are missing"
    alarm(site, "start-dropped", work.topic, ("AWS/Scheduler", "InvocationDroppedCount"), of_group, tells)
