"""JobFlow: steps that AWS Batch itself holds back, told to the conductor as one entry."""

import json
import re

import pulumi
import pytest
from boto3.dynamodb.types import TypeDeserializer

from transload import JobFlow
from transload.testing import Mocks

SCHEDULE = "aws:scheduler/schedule:Schedule"
ITEM = "aws:dynamodb/tableItem:TableItem"
REF = {
    "name": "platform-test",
    "jobs_table": "transload-platform-test-jobs",
    "log_group": "/transload/platform-test",
    "schedule_group": "platform-test",
    "scheduler_role_arn": "arn:aws:iam::123456789012:role/scheduler",
    "submit_function_arn": "arn:aws:lambda:eu-west-1:123456789012:function:platform-test-submit",
    "dead_letter_arn": "arn:aws:sqs:eu-west-1:123456789012:dead-letter",
}
EXPORT = {"name": "export", "job": "nightly-export"}
REPORT = {"name": "report", "job": "daily-report", "after": ["export"]}
LEAST = {"cluster": REF, "steps": [REPORT, EXPORT], "schedule": "@daily", "timezone": "Asia/Tokyo"}


@pytest.fixture
def declare(record):
    return lambda args: record(lambda: JobFlow("month-end", args))


def _entry(recording):
    typed = json.loads(recording.one(ITEM).inputs["item"])
    return {key: TypeDeserializer().deserialize(value) for key, value in typed.items()}


def test_is_its_schedule_and_its_entry(declare):
    assert declare(LEAST).tree("JobFlow", "month-end") == {(SCHEDULE, "month-end"), (ITEM, "month-end")}


def test_is_its_entry_alone_where_it_is_run_by_hand(declare):
    assert declare({"cluster": REF, "steps": [EXPORT]}).tree("JobFlow", "month-end") == {(ITEM, "month-end")}


def test_the_schedule_starts_the_conductor(declare):
    inputs = declare({**LEAST, "enabled": False}).one(SCHEDULE).inputs

    assert (inputs["scheduleExpression"], inputs["scheduleExpressionTimezone"]) == ("cron(0 0 * * ? *)", "Asia/Tokyo")
    assert inputs["state"] == "DISABLED"
    assert json.loads(inputs["target"]["input"])["job"] == "month-end"


def test_the_entry_lists_the_steps_in_an_order_in_which_they_can_run(declare):
    recording = declare({**LEAST, "owner": "shop", "purpose": "Books", "concurrency": "queue", "grace_minutes": 30})

    assert recording.one(ITEM).inputs["tableName"] == "transload-platform-test-jobs"
    assert _entry(recording) == {
        "job": "month-end",
        "kind": "flow",
        "schedule": "@daily",
        "expressions": ["cron(0 0 * * ? *)"],
        "timezone": "Asia/Tokyo",
        "schedule_names": ["month-end"],
        "grace_minutes": 30,
        "concurrency": "queue",
        "enabled": True,
        "owner": "shop",
        "purpose": "Books",
        "log_group": "/transload/platform-test",
        "steps": [
            {"name": "export", "job": "nightly-export", "after": []},
            {"name": "report", "job": "daily-report", "after": ["export"]},
        ],
    }


def test_a_step_takes_the_output_of_a_job(record):
    def program():
        JobFlow(
            "month-end", {"cluster": pulumi.Output.from_input(REF), "steps": [{"name": "a", "job": pulumi.Output.from_input("b")}]}
        )

    assert _entry(record(program))["steps"] == [{"name": "a", "job": "b", "after": []}]


def test_outputs_are_those_it_declares(declare):
    outputs = declare(LEAST).one("transload:index:JobFlow").outputs

    assert dict(outputs) == {"flow_name": "month-end"}
    assert set(outputs) == set(JobFlow.__annotations__)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"step": []}, "unknown argument step, did you mean steps?"),
        ({"steps": []}, "steps must name at least one step"),
        ({"steps": [{**EXPORT, "name": f"s{number}"} for number in range(91)]}, "steps must be at most 90, got 91"),
        ({"steps": [{"name": "a"}]}, "steps: missing argument job"),
        (
            {"steps": [{**EXPORT, "name": "A b"}]},
            "steps: name must be lower-case letters, digits and hyphens, at most 40, got 'A b'",
        ),
        ({"steps": [EXPORT, EXPORT]}, "steps: export stands twice"),
        (
            {"steps": [EXPORT, {**REPORT, "after": ["exprot"]}]},
            "steps: report comes after exprot, which is no step; did you mean export?",
        ),
        ({"steps": [{**EXPORT, "after": ["zzz"]}]}, "steps: export comes after zzz, which is no step"),
        ({"steps": [{**EXPORT, "after": ["export"]}]}, "steps: export -> export is a circle: none of them can start"),
        (
            {"steps": [{**EXPORT, "after": ["report"]}, REPORT, {"name": "mail", "job": "m", "after": ["report"]}]},
            "steps: export -> report -> export is a circle: none of them can start",
        ),
        ({"steps": [EXPORT, {**REPORT, "after": ["export"] * 21}]}, "steps: report comes after 21 steps, AWS Batch takes 20"),
        ({"schedule": "banana"}, "schedule: "),
        ({"timezone": "Tokyo"}, "timezone: time zone 'Tokyo' is unknown"),
        ({"concurrency": "no"}, "concurrency must be one of forbid, queue, replace, allow, got 'no'"),
        ({"start_retry": {"x": 1}}, "start_retry: unknown argument x; known are attempts, within_minutes"),
    ],
)
def test_refuses(declare, args, message):
    with pytest.raises(ValueError, match="^" + re.escape(f"JobFlow 'month-end': {message}")):
        declare({**LEAST, **args})


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Month End", "its name must be lower-case letters, digits and hyphens"),
        ("transload-watch", "names that begin with transload- are the conductor's own"),
    ],
)
def test_refuses_a_name_that_no_schedule_can_have(record, name, message):
    with pytest.raises(ValueError, match=f"^JobFlow '{name}': {message}"):
        record(lambda: JobFlow(name, {"cluster": REF, "steps": [{"name": "a", "job": "b"}]}))


def test_works_under_pulumis_own_mocks():
    pulumi.runtime.set_mocks(Mocks(), project="shop", stack="test", preview=False)

    @pulumi.runtime.test
    def declare():
        flow = JobFlow("month-end", {"cluster": REF, "steps": [{"name": "a", "job": "b"}], "schedule": "@daily"})

        def check(name):
            assert name == "month-end"

        return flow.flow_name.apply(check)

    declare()
