"""What the platform's stack exports, for the tests."""

import pytest


@pytest.fixture
def cluster():
    """What `BatchCluster.ref` holds. A real one: `pulumi stack output cluster --json -s organization/transload/prod`."""
    return {
        "name": "platform-prod",
        "spot_queue_arn": "arn:aws:batch:ap-northeast-1:123456789012:job-queue/platform-spot",
        "on_demand_queue_arn": "arn:aws:batch:ap-northeast-1:123456789012:job-queue/platform-on-demand",
        "ec2_queue_arn": "",
        "execution_role_arn": "arn:aws:iam::123456789012:role/platform-execution",
        "execution_role_name": "platform-execution",
        "jobs_table": "transload-platform-prod-jobs",
        "runs_table": "transload-platform-prod-runs",
        "log_group": "/transload/platform-prod",
        "schedule_group": "platform-prod",
        "scheduler_role_arn": "arn:aws:iam::123456789012:role/platform-scheduler",
        "submit_function_arn": "arn:aws:lambda:ap-northeast-1:123456789012:function:platform-prod-submit",
        "dead_letter_arn": "arn:aws:sqs:ap-northeast-1:123456789012:platform-dead-letter",
        "alert_topic_arn": "arn:aws:sns:ap-northeast-1:123456789012:platform-alerts",
        "secrets_path": "/platform-prod",
        "secret_arns": "arn:aws:ssm:ap-northeast-1:123456789012:parameter/platform-prod/*",
        "assign_public_ip": "DISABLED",
    }
