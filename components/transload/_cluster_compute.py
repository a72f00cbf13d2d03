"""Compute environments and queues of a cluster, and the role that starts its containers."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from transload._cluster_site import Site
from transload._iam import allow, trust
from transload._roles import service_role

# What AWS Batch can find out about a job that waits, and act upon (AWS Batch user guide, Jobs stuck in RUNNABLE).
_STUCK_REASONS = (
    "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
    "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
    "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
)


@dataclass(frozen=True)
class Compute:
    """What every compute environment of a cluster has; `instance_types` are for EC2 alone."""

    subnet_ids: pulumi.Input[list[str]]
    security_group_id: pulumi.Input[str]
    max_vcpus: int
    instance_types: list[str]


def queues(site: Site, capacity: Sequence[str], compute: Compute, stuck_after_minutes: int) -> dict[str, aws.batch.JobQueue]:
    """The queues `spot`, `on-demand` and `ec2`, as far as `capacity` has something for them."""
    environments = {kind: _instances(site, compute) if kind == "ec2" else _fargate(site, kind, compute) for kind in capacity}
    order = {"spot": ["fargate_spot", "fargate"], "on-demand": ["fargate"], "ec2": ["ec2"]}
    return {
        part: _queue(site, part, [environments[kind] for kind in kinds if kind in environments], stuck_after_minutes)
        for part, kinds in order.items()
        if kinds[0] in environments
    }


def _queue(
    site: Site, part: str, environments: Sequence[aws.batch.ComputeEnvironment], stuck_after_minutes: int
) -> aws.batch.JobQueue:
    return aws.batch.JobQueue(
        f"{site.component}-{part}",
        priority=1,
        state="ENABLED",
        # The first with room is taken: Spot first saves, on-demand behind it keeps jobs running when there is no Spot.
        compute_environment_orders=[
            {"order": order, "compute_environment": environment.arn} for order, environment in enumerate(environments, 1)
        ],
        # Without these a job that can never start waits for ever, and all behind it.
        job_state_time_limit_actions=[
            {"action": "CANCEL", "state": "RUNNABLE", "max_time_seconds": stuck_after_minutes * 60, "reason": reason}
            for reason in _STUCK_REASONS
        ],
        opts=site.child,
    )


def _fargate(site: Site, kind: str, compute: Compute) -> aws.batch.ComputeEnvironment:
    """Named by Pulumi, as all of them, so that one that has to be replaced is made, put into the queues, and only then the old one
    deleted: AWS Batch deletes none that a queue refers to. Without a service role AWS Batch takes its service-linked one, with
    which it updates in place."""
    return aws.batch.ComputeEnvironment(
        f"{site.component}-{kind.replace('_', '-')}",
        type="MANAGED",
        compute_resources={
            "type": kind.upper(),
            "subnets": compute.subnet_ids,
            "security_group_ids": [compute.security_group_id],
            "max_vcpus": compute.max_vcpus,
        },
        opts=site.child,
    )


def _instances(site: Site, compute: Compute) -> aws.batch.ComputeEnvironment:
    name = f"{site.component}-ec2"
    role = aws.iam.Role(
        name,
        assume_role_policy=trust("ec2.amazonaws.com"),
        permissions_boundary=site.permissions_boundary,
        opts=site.child,
    )
    attached = aws.iam.RolePolicyAttachment(
        name,
        role=role.name,
        policy_arn="arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role",
        opts=site.child,
    )
    profile = aws.iam.InstanceProfile(name, role=role.name, opts=site.after(attached))
    template = aws.ec2.LaunchTemplate(
        name,
        metadata_options={"http_tokens": "required", "http_endpoint": "enabled", "http_put_response_hop_limit": 1},
        # The root disk of the machine images that AWS Batch takes by itself, those optimized for Amazon ECS.
        block_device_mappings=[{"device_name": "/dev/xvda", "ebs": {"encrypted": "true"}}],
        opts=site.child,
    )
    return aws.batch.ComputeEnvironment(
        name,
        type="MANAGED",
        compute_resources={
            "type": "EC2",
            # Of the strategies, this and the Spot ones let AWS Batch change the rest in place (AWS Batch user guide, Updating
            # compute environments).
            "allocation_strategy": "BEST_FIT_PROGRESSIVE",
            "instance_role": profile.arn,
            "instance_types": compute.instance_types,
            "launch_template": {"launch_template_id": template.id, "version": "$Latest"},
            "min_vcpus": 0,
            "max_vcpus": compute.max_vcpus,
            "subnets": compute.subnet_ids,
            "security_group_ids": [compute.security_group_id],
        },
        # AWS Batch sets it as jobs come and go.
        opts=pulumi.ResourceOptions.merge(site.child, pulumi.ResourceOptions(ignore_changes=["computeResources.desiredVcpus"])),
    )


def execution_role(
    site: Site,
    log_group_arn: pulumi.Input[str],
    *,
    images: Sequence[pulumi.Input[str]],
    secrets: Sequence[pulumi.Input[str]],
    keys: Sequence[pulumi.Input[str]],
) -> tuple[pulumi.Output[str], pulumi.Output[str]]:
    """Name and ARN of the role that pulls the image, reads the secrets and writes the log, before and beside the job's own role.

    One for the cluster: a role for each job would be two more resources a job, and an account holds 1,000 roles.
    """
    statements = [
        # GetAuthorizationToken has no resource type in IAM (Service authorization reference, Amazon ECR).
        allow("SignInToTheRegistry", ["ecr:GetAuthorizationToken"], "*"),
        allow("PullImages", ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], images),
        allow("WriteLogs", ["logs:CreateLogStream", "logs:PutLogEvents"], [pulumi.Output.concat(log_group_arn, ":*")]),
        # IAM lets each action see only resources of its own service, so one list serves both.
        allow("ReadSecrets", ["secretsmanager:GetSecretValue", "ssm:GetParameters"], secrets),
    ]
    if keys:
        statements.append(allow("DecryptSecrets", ["kms:Decrypt"], keys))
    return service_role(
        f"{site.component}-execution",
        "ecs-tasks.amazonaws.com",
        statements,
        site.child,
        condition={"StringEquals": {"aws:SourceAccount": site.account}},
        permissions_boundary=site.permissions_boundary,
    )
