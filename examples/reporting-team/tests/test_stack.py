"""The stack as transload.testing sees it: everything that it registers, offline."""

import json
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent


@pytest.fixture
def stack(record, cluster):
    """The prod stack; `record` fails the test when an input is not what AWS's provider takes."""
    return record(PROJECT, stack="prod", stack_references={"organization/transload/prod": {"cluster": cluster}})


def test_the_monthly_report_runs_on_the_first_at_seven_in_tokyo(stack, cluster):
    schedule = stack.one("aws:scheduler/schedule:Schedule").inputs

    assert schedule["name"] == "monthly-report"
    assert schedule["groupName"] == "platform-prod"
    assert (schedule["scheduleExpression"], schedule["scheduleExpressionTimezone"]) == ("cron(0 7 1 * ? *)", "Asia/Tokyo")
    assert schedule["target"]["arn"] == cluster["submit_function_arn"]


def test_it_may_write_reports_and_nothing_else(stack):
    bucket = stack.one("aws:s3/bucket:Bucket").outputs["arn"]

    assert stack.policy("aws:iam/rolePolicy:RolePolicy", "monthly-report") == [
        {"Sid": "WriteReports", "Effect": "Allow", "Action": ["s3:PutObject"], "Resource": [f"{bucket}/monthly/*"]}
    ]


def test_the_password_is_a_reference(stack):
    definition = json.loads(stack.one("aws:batch/jobDefinition:JobDefinition", "monthly-report").inputs["containerProperties"])

    assert definition["secrets"] == [
        {
            "name": "DATABASE_URL",
            "valueFrom": "arn:aws:ssm:ap-northeast-1:123456789012:parameter/platform-prod/reporting/database-url",
        }
    ]


def test_the_ad_hoc_report_is_run_by_hand_and_never_reclaimed(stack, cluster):
    entry = json.loads(stack.one("aws:dynamodb/tableItem:TableItem", "ad-hoc-report").inputs["item"])

    assert entry["queue"] == {"S": cluster["on_demand_queue_arn"]}
    assert ("aws:scheduler/schedule:Schedule", "ad-hoc-report") not in stack.tree("ScheduledJob", "ad-hoc-report")


def test_a_preview_knows_the_jobs_before_there_is_anything(record, cluster):
    references = {"organization/transload/prod": {"cluster": cluster}}
    stack = record(PROJECT, stack="prod", stack_references=references, preview=True)

    assert stack.exports["monthly_report"] == "monthly-report"
