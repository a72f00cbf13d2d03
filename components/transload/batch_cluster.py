"""A place for container jobs: queues that scale from zero, and the conductor that starts, records and watches the runs."""

import re
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from transload._args import check_args, fail, integer, problem_with_keys, retention_days
from transload._cluster_alerts import alert_topic, subscribe
from transload._cluster_compute import Compute, execution_role, queues
from transload._cluster_conductor import Work, conductor
from transload._cluster_site import Site
from transload._dynamo import item

_CAPACITY = ("fargate_spot", "fargate", "ec2")


class AlertsArgs(TypedDict):
    """Who is told when a job fails, is missed or is stuck."""

    emails: NotRequired[list[str]]
    """Mail addresses. Each confirms a mail from AWS before it gets any. Default: none."""
    slack_workspace_id: NotRequired[str]
    """Slack workspace (`T0...`), authorized once by hand in Amazon Q Developer in chat applications. Default: no Slack."""
    slack_channel_id: NotRequired[str]
    """Slack channel (`C0...`). Required with the workspace. Default: no Slack."""


class BatchClusterArgs(TypedDict):
    """Arguments of `BatchCluster`."""

    vpc_id: pulumi.Input[str]
    """VPC that jobs run in."""
    subnet_ids: pulumi.Input[list[str]]
    """Subnets that jobs run in, at most 16, with a way to the image registry (NAT, endpoints, or `assign_public_ip`)."""
    alerts: NotRequired[AlertsArgs]
    """Who is told. Exactly one of this and `no_alerts_because` is required: silence has to be a choice. Default: none."""
    no_alerts_because: NotRequired[str]
    """Why nobody is told, for the next reader. Required without `alerts`. Default: none."""
    cluster_name: NotRequired[str]
    """Name of the cluster's tables, functions, log group and schedule group. Lower-case letters, digits and hyphens, at most 32.
    Default: the component's name and the stack's, such as `platform-prod`."""
    capacity: NotRequired[list[str]]
    """What jobs may run on, out of `fargate_spot`, `fargate`, `ec2`. Queue `spot` takes Fargate Spot before Fargate, queue
    `on-demand` Fargate, queue `ec2` instances: AWS Batch mixes no instances with Fargate in a queue. Default: `fargate_spot` and
    `fargate`."""
    max_vcpus: NotRequired[int]
    """vCPUs that each compute environment may run at once. 1 to 10000. Default: 64."""
    instance_types: NotRequired[list[str]]
    """Instance types or families of queue `ec2`, of one processor architecture. Default: `optimal`, the choice of AWS Batch."""
    assign_public_ip: NotRequired[bool]
    """Give Fargate jobs a public address: needed in public subnets where there is no NAT. Default: no."""
    secrets_path: NotRequired[str]
    """Parameter Store path below which any job of the cluster may name secrets. Default: `/<cluster name>`."""
    secret_arns: NotRequired[list[pulumi.Input[str]]]
    """Further parameters and Secrets Manager secrets that jobs may name; may end in `*`. Default: none."""
    secret_key_arns: NotRequired[list[pulumi.Input[str]]]
    """KMS keys that those are encrypted with, where it is not AWS's own key. Default: none."""
    image_repository_arns: NotRequired[list[pulumi.Input[str]]]
    """ECR repositories that jobs pull from. Default: every repository of this account and region."""
    stuck_after_minutes: NotRequired[int]
    """Minutes that the first job of a queue may wait for capacity before AWS Batch cancels it. 10 to 1440. Default: 30."""
    log_retention_days: NotRequired[int]
    """Days that logs are kept, one of the numbers CloudWatch Logs takes. Default: 400."""
    protect_data: NotRequired[bool]
    """Refuse to delete the tables and the log group. Default: no."""
    permissions_boundary: NotRequired[pulumi.Input[str]]
    """Policy ARN that bounds every role made here. Default: none."""


class BatchClusterRef(TypedDict):
    """What a job plugs into: `BatchCluster.ref`, or the same read from another stack."""

    name: str
    spot_queue_arn: str
    on_demand_queue_arn: str
    ec2_queue_arn: str
    execution_role_arn: str
    execution_role_name: str
    jobs_table: str
    runs_table: str
    log_group: str
    schedule_group: str
    scheduler_role_arn: str
    submit_function_arn: str
    dead_letter_arn: str
    alert_topic_arn: str
    secrets_path: str
    secret_arns: str
    """What jobs may name as secrets, separated by spaces."""
    assign_public_ip: str
    """ENABLED or DISABLED."""


class BatchCluster(pulumi.ComponentResource):
    """Queues for container jobs on Fargate Spot, Fargate or EC2, and the conductor: three functions that submit each run once,
    record how it ended, and tell people what failed, is stuck or did not start. One for an environment: an account holds 50 queues.

        cluster = BatchCluster("platform", {
            "vpc_id": network.vpc_id,
            "subnet_ids": network.private_subnet_ids,
            "alerts": {"emails": ["platform@example.com"]},
        })
        pulumi.export("cluster", cluster.ref)
    """

    ref: pulumi.Output[dict[str, str]]
    """What `ScheduledJob` and `JobFlow` take as `cluster`: the keys of `BatchClusterRef`. As a map it can be an Output
    in other languages too, where Pulumi cannot look into the Output of a shaped type."""
    security_group_id: pulumi.Output[str]
    """Security group of the jobs: what a database lets in."""
    alert_topic_arn: pulumi.Output[str]
    """Topic that people are told through. EventBridge rules and CloudWatch alarms of this account may publish to it."""
    log_group_name: pulumi.Output[str]
    """Log group of all jobs."""

    def __init__(self, name: str, args: BatchClusterArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("transload:index:BatchCluster", name, {}, opts)
        args = check_args(self, args, BatchClusterArgs)
        cluster = self._cluster_name(name, args)
        capacity = self._capacity(args)
        alerts = self._alerts(args)
        retention = retention_days(self, args, "log_retention_days", 400)
        secrets_path = self._secrets_path(args, cluster)
        self._check_subnets(args["subnet_ids"])
        stuck = integer(self, args, "stuck_after_minutes", 30, 10, 1440)
        max_vcpus = integer(self, args, "max_vcpus", 64, 1, 10000)
        instance_types = self._instance_types(args, capacity)
        protect = bool(args.get("protect_data", False))

        child = pulumi.ResourceOptions(parent=self)
        group = aws.scheduler.ScheduleGroup(name, name=cluster, opts=child)
        site = Site(name, cluster, _part(group.arn, 3), _part(group.arn, 4), retention, args.get("permissions_boundary"), child)
        jobs, runs = self._tables(site, protect)
        logs = self._log_group(site, protect)
        security_group = self._security_group(site, args["vpc_id"])
        compute = Compute(args["subnet_ids"], security_group.id, max_vcpus, instance_types)
        queue_of = queues(site, capacity, compute, stuck)
        secrets = [site.arn("ssm", f"parameter{secrets_path}/*"), *args.get("secret_arns", [])]
        execution_name, execution_arn = execution_role(
            site,
            logs.arn,
            images=args.get("image_repository_arns") or [site.arn("ecr", "repository/*")],
            secrets=secrets,
            keys=args.get("secret_key_arns", []),
        )
        topic, key = alert_topic(site)
        subscribe(site, topic, alerts)
        conducted = conductor(site, Work([made.arn for made in queue_of.values()], jobs, runs, topic, key, group))

        self.ref = pulumi.Output.all(
            name=cluster,
            spot_queue_arn=queue_of["spot"].arn if "spot" in queue_of else "",
            on_demand_queue_arn=queue_of["on-demand"].arn if "on-demand" in queue_of else "",
            ec2_queue_arn=queue_of["ec2"].arn if "ec2" in queue_of else "",
            execution_role_arn=execution_arn,
            execution_role_name=execution_name,
            jobs_table=jobs.name,
            runs_table=runs.name,
            log_group=logs.name,
            schedule_group=group.name,
            scheduler_role_arn=conducted.scheduler_role_arn,
            submit_function_arn=conducted.submit_arn,
            dead_letter_arn=conducted.dead_letter_arn,
            alert_topic_arn=topic.arn,
            secrets_path=secrets_path,
            secret_arns=pulumi.Output.all(*secrets).apply(" ".join),
            assign_public_ip="ENABLED" if args.get("assign_public_ip") else "DISABLED",
        )
        self._describe(site, jobs, args, security_group, stuck)
        self.security_group_id = security_group.id
        self.alert_topic_arn = topic.arn
        self.log_group_name = logs.name
        self.register_outputs({key: getattr(self, key) for key in BatchCluster.__annotations__})

    def _cluster_name(self, name: str, args: BatchClusterArgs) -> str:
        # 46: the roles are called so, with `-execution` and eight characters from Pulumi, and IAM takes 64.
        if len(name) > 46:
            fail(self, f"its name must have at most 46 characters, got {len(name)}")
        cluster = args.get("cluster_name") or f"{name}-{pulumi.get_stack()}"
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,31}", cluster):
            fail(self, f"cluster_name must be lower-case letters, digits and hyphens, at most 32, got {cluster!r}")
        return cluster

    def _check_subnets(self, subnet_ids: pulumi.Input[list[str]]) -> None:
        # AWS Batch API reference, ComputeResource: a Fargate compute environment has up to 16.
        if isinstance(subnet_ids, list) and not 1 <= len(subnet_ids) <= 16:
            fail(self, f"subnet_ids must be 1 to 16 subnets, got {len(subnet_ids)}")

    def _capacity(self, args: BatchClusterArgs) -> list[str]:
        capacity = args.get("capacity", ["fargate_spot", "fargate"])
        wrong = next((kind for kind in capacity if kind not in _CAPACITY), None)
        if wrong is not None:
            fail(self, f"capacity must be out of {', '.join(_CAPACITY)}, got {wrong!r}{_mixed(wrong)}")
        if not capacity:
            fail(self, f"capacity must name at least one of {', '.join(_CAPACITY)}")
        return [kind for kind in _CAPACITY if kind in capacity]

    def _instance_types(self, args: BatchClusterArgs, capacity: list[str]) -> list[str]:
        types = args.get("instance_types", ["optimal"])
        if "instance_types" in args and "ec2" not in capacity:
            fail(self, "instance_types are for ec2, which capacity does not name")
        if not types:
            fail(self, "instance_types must name at least one, such as m7i")
        # AWS Batch API reference, ComputeResource: one environment, one architecture. Graviton has a g behind the generation: m7gd.
        arm = [bool(re.match(r"[a-z]+\d+g|a1\b|default_arm64", each)) for each in types]
        if len(set(arm)) > 1:
            one, other = types[arm.index(True)], types[arm.index(False)]
            fail(self, f"instance_types must be of one processor architecture: {one} is arm64, {other} is x86_64")
        return types

    def _alerts(self, args: BatchClusterArgs) -> AlertsArgs:
        if ("alerts" in args) == ("no_alerts_because" in args):
            fail(self, "give either alerts (who is told when a job fails) or no_alerts_because (why nobody is)")
        if "no_alerts_because" in args:
            if not args["no_alerts_because"].strip():
                fail(self, "no_alerts_because must say why nobody is told")
            return {}
        alerts = args["alerts"]
        problem = problem_with_keys(alerts, AlertsArgs)
        if problem:
            fail(self, f"alerts: {problem}")
        if ("slack_workspace_id" in alerts) != ("slack_channel_id" in alerts):
            fail(self, "alerts: slack_workspace_id and slack_channel_id go together")
        for key, like in (("slack_workspace_id", "T0123456789"), ("slack_channel_id", "C0123456789")):
            if not re.fullmatch(r"[A-Z0-9]{2,255}", alerts.get(key, like)):
                fail(self, f"alerts: {key} must be an id such as {like}, got {alerts[key]!r}")
        if not alerts.get("emails") and "slack_channel_id" not in alerts:
            fail(self, "alerts: name emails or a Slack channel; where nobody is to be told, say no_alerts_because")
        wrong = next(
            (address for address in alerts.get("emails", []) if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", address)), None
        )
        if wrong is not None:
            fail(self, f"alerts: emails must be mail addresses, got {wrong!r}")
        if len(set(alerts.get("emails", []))) != len(alerts.get("emails", [])):
            fail(self, "alerts: emails names an address twice")
        return alerts

    def _secrets_path(self, args: BatchClusterArgs, cluster: str) -> str:
        path = args.get("secrets_path", f"/{cluster}")
        if not re.fullmatch(r"(/[A-Za-z0-9_.-]+)+", path):
            fail(self, f"secrets_path must be a Parameter Store path such as /{cluster}, got {path!r}")
        return path

    def _tables(self, site: Site, protect: bool) -> tuple[aws.dynamodb.Table, aws.dynamodb.Table]:
        """The jobs, written by Pulumi alone, and their runs, written by the conductor alone and kept for 400 days."""
        jobs = self._table(site, "jobs", ["job"], protect)
        runs = self._table(site, "runs", ["job", "run"], protect, expires="expires_at")
        return jobs, runs

    def _table(self, site: Site, part: str, keys: list[str], protect: bool, expires: str | None = None) -> aws.dynamodb.Table:
        return aws.dynamodb.Table(
            f"{site.component}-{part}",
            name=f"transload-{site.cluster}-{part}",
            billing_mode="PAY_PER_REQUEST",
            hash_key=keys[0],
            range_key=keys[1] if len(keys) > 1 else None,
            attributes=[{"name": key, "type": "S"} for key in keys],
            ttl={"attribute_name": expires, "enabled": True} if expires else None,
            point_in_time_recovery={"enabled": True},
            deletion_protection_enabled=protect,
            opts=site.kept(protect),
        )

    def _log_group(self, site: Site, protect: bool) -> aws.cloudwatch.LogGroup:
        return aws.cloudwatch.LogGroup(
            site.component,
            name=f"/transload/{site.cluster}",
            retention_in_days=site.log_retention_days,
            opts=site.kept(protect),
        )

    def _security_group(self, site: Site, vpc_id: pulumi.Input[str]) -> aws.ec2.SecurityGroup:
        """Jobs call out; nobody calls them."""
        group = aws.ec2.SecurityGroup(
            site.component, vpc_id=vpc_id, description=f"Container jobs of {site.cluster}", opts=site.child
        )
        aws.vpc.SecurityGroupEgressRule(
            site.component,
            security_group_id=group.id,
            ip_protocol="-1",
            cidr_ipv4="0.0.0.0/0",
            description="Registry, logs, databases, the internet",
            opts=site.child,
        )
        return group

    def _describe(
        self,
        site: Site,
        jobs: aws.dynamodb.Table,
        args: BatchClusterArgs,
        security_group: aws.ec2.SecurityGroup,
        stuck_after_minutes: int,
    ) -> None:
        """The cluster as the conductor and the command line read it: neither sees Pulumi's state."""

        def described(known: dict[str, Any]) -> str:
            ref = known["ref"]
            return item(
                {
                    "job": "#cluster",
                    "name": ref["name"],
                    "runs_table": ref["runs_table"],
                    "spot_queue": ref["spot_queue_arn"],
                    "on_demand_queue": ref["on_demand_queue_arn"],
                    "ec2_queue": ref["ec2_queue_arn"],
                    "log_group": ref["log_group"],
                    "schedule_group": ref["schedule_group"],
                    "alert_topic": ref["alert_topic_arn"],
                    "execution_role": ref["execution_role_arn"],
                    "submit_function": ref["submit_function_arn"],
                    "dead_letter": ref["dead_letter_arn"],
                    "subnets": known["subnets"],
                    "security_groups": [known["security_group"]],
                    "stuck_after_minutes": stuck_after_minutes,
                    "region": known["region"],
                    "no_alerts_because": args.get("no_alerts_because"),
                }
            )

        known = pulumi.Output.all(ref=self.ref, subnets=args["subnet_ids"], security_group=security_group.id, region=site.region)
        aws.dynamodb.TableItem(
            site.component, table_name=jobs.name, hash_key=jobs.hash_key, item=known.apply(described), opts=site.child
        )


def _part(arn: pulumi.Output[str], index: int) -> pulumi.Output[str]:
    """A field of an ARN: region (3) and account (4) come from what is made, so that no call to AWS is needed for them."""
    return arn.apply(lambda text: text.split(":")[index])


def _mixed(kind: str) -> str:
    """A hint for who tries to put Fargate and EC2 into one queue."""
    named = [known for known in ("fargate", "ec2") if known in str(kind)]
    return "; AWS Batch mixes no EC2 with Fargate in a queue: list each by itself, each gets its queue" if len(named) == 2 else ""
