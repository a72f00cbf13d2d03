"""The reporting team's stack: a bucket for reports, and the jobs that write them."""

import pulumi
import pulumi_aws as aws

from transload import ScheduledJob

config = pulumi.Config()
cluster = pulumi.StackReference(config.require("platform_stack")).require_output("cluster")

reports = aws.s3.Bucket("reports")
aws.s3.BucketPublicAccessBlock(
    "reports",
    bucket=reports.id,
    block_public_acls=True,
    block_public_policy=True,
    ignore_public_acls=True,
    restrict_public_buckets=True,
)

monthly = ScheduledJob(
    "monthly-report",
    {
        "cluster": cluster,
        "image": config.require("image"),
        "command": ["report", "--month", "last"],
        # The first of the month at 07:00, before the meeting.
        "schedule": "0 7 1 * *",
        "timezone": "Asia/Tokyo",
        "vcpu": 1,
        "memory_mib": 4096,
        "environment": {"REPORTS": pulumi.Output.concat("s3://", reports.bucket, "/monthly/")},
        "secrets": {"DATABASE_URL": "reporting/database-url"},
        "permissions": [
            {
                "sid": "WriteReports",
                "actions": ["s3:PutObject"],
                "resources": [pulumi.Output.concat(reports.arn, "/monthly/*")],
            }
        ],
        "owner": "reporting",
        "purpose": "The figures of the month before",
        "impact_if_stopped": "No figures at the monthly meeting",
        "safe_to_rerun": True,
        "rollback": "Delete the month's file",
    },
)

# No schedule: somebody asks for it, `transload run ad-hoc-report -- report --query last-week`.
ScheduledJob(
    "ad-hoc-report",
    {"cluster": cluster, "image": config.require("image"), "capacity": "fargate", "timeout_seconds": 7200, "owner": "reporting"},
)

pulumi.export("reports_bucket", reports.bucket)
pulumi.export("monthly_report", monthly.job_name)
