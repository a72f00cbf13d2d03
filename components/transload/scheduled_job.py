"""A container job that starts on a schedule, or by hand."""

import re
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from transload._args import check_args, choice, fail, integer, problem_with_keys
from transload._dynamo import item
from transload._fargate import problem_with_size, smallest_memory
from transload._iam import allow
from transload._job_definition import Container, Retry, evaluate_on_exits, properties, secret_arn
from transload._plugged import QUEUES, Plugged, account_of, queue_arn
from transload._roles import service_role
from transload._start import create_schedules, read_start


class PermissionArgs(TypedDict):
    """One thing that the job itself may do."""

    sid: str
    """What for, in letters and digits: `WriteExports`."""
    actions: list[str]
    """Such as `s3:PutObject`. Neither `*` nor `s3:*`."""
    resources: list[pulumi.Input[str]]
    """ARNs that it may do it to. Not `*`."""


class RetryArgs(TypedDict):
    """When a run is tried again. A Spot reclaim, a task that did not start and an image that could not be pulled always are."""

    attempts: NotRequired[int]
    """Tries in all, 1 to 10. Default: 3."""
    on_exit_codes: NotRequired[list[int]]
    """The exit code by which the application itself asks for another try, 1 to 255: one, AWS Batch has no room for more.
    Default: none, what the application ends with is final."""


class StartRetryArgs(TypedDict):
    """What happens when EventBridge Scheduler cannot hand a start to the conductor. Small, so that a start is never hours late."""

    attempts: NotRequired[int]
    """Further tries, 0 to 185. Default: 2."""
    within_minutes: NotRequired[int]
    """Minutes after which a start is given up and becomes a dead letter, 1 to 1440. Default: 15."""


class ScheduledJobArgs(TypedDict):
    """Arguments of `ScheduledJob`."""

    cluster: pulumi.Input[dict[str, str]]
    """Where it runs: `BatchCluster.ref`."""
    image: pulumi.Input[str]
    """Image, best with its digest: what ran is then what was tested."""
    command: NotRequired[list[str]]
    """Command and arguments. Default: the image's own."""
    schedule: NotRequired[str]
    """Unix cron (`30 2 * * *`), `@daily` and its kind, `cron()`, `rate()` or `at()`. Default: it is run by hand only."""
    timezone: NotRequired[str]
    """IANA time zone of the schedule, such as `Asia/Tokyo`. Default: UTC."""
    vcpu: NotRequired[float]
    """vCPUs: 0.25, 0.5, 1, 2, 4, 8, 16 or 32; whole ones on EC2. Default: 0.25, on EC2 1."""
    memory_mib: NotRequired[int]
    """Memory in MiB, one that Fargate has for this many vCPUs. Default: the least, on EC2 2048."""
    environment: NotRequired[dict[str, pulumi.Input[str]]]
    """Environment variables. They can be read by all who can describe the job: nothing secret. Default: none."""
    secrets: NotRequired[dict[str, pulumi.Input[str]]]
    """Environment variables read from Parameter Store or Secrets Manager when a run starts: a name below the cluster's
    `secrets_path` (`database-url`), a parameter's full name (`/platform-prod/database-url`) or an ARN. Default: none."""
    permissions: NotRequired[list[PermissionArgs]]
    """What the job may do in AWS: it gets a role of its own with just this. Default: nothing."""
    role_arn: NotRequired[pulumi.Input[str]]
    """A role that exists already, instead of `permissions`. Default: a role is made if there are permissions."""
    capacity: NotRequired[str]
    """`fargate_spot` (AWS may take it back at two minutes' notice; the run is tried again), `fargate` or `ec2`.
    Default: fargate_spot."""
    architecture: NotRequired[str]
    """`x86_64` or `arm64`, as the image was built; on EC2 the cluster's `instance_types` say it. Default: x86_64."""
    ephemeral_storage_gib: NotRequired[int]
    """Disk on Fargate in GiB, 21 to 200. Default: the 20 that come with it."""
    timeout_seconds: NotRequired[int]
    """Seconds after which a running try is stopped, 60 to 1209600 (14 days). Default: 3600."""
    stop_timeout_seconds: NotRequired[int]
    """Seconds between SIGTERM and SIGKILL, 2 to 120. Default: AWS's 30."""
    retry: NotRequired[RetryArgs]
    """When a run is tried again. Default: three tries, for infrastructure reasons only."""
    start_retry: NotRequired[StartRetryArgs]
    """What happens when a start cannot be delivered. Default: two more tries within 15 minutes."""
    concurrency: NotRequired[str]
    """What happens when a run is due while another is not over: `forbid` (the new one is skipped, and the history says so),
    `queue` (it waits), `replace` (the old one is stopped) or `allow`. Default: forbid."""
    grace_minutes: NotRequired[int]
    """Minutes after its time at which a run that did not start is told as missed, 1 to 1440. Default: 15."""
    array_size: NotRequired[int]
    """Containers that a run consists of, 2 to 10000, told apart by AWS_BATCH_JOB_ARRAY_INDEX. Default: one, no array."""
    enabled: NotRequired[bool]
    """Whether the schedule starts runs. By hand it can always be run. Default: yes."""
    user: NotRequired[str]
    """User in the container, such as `1000:1000`. Default: the image's."""
    readonly_root_filesystem: NotRequired[bool]
    """Keep the container from writing to its own disk. On Fargate AWS Batch mounts nothing writable beside it but EFS (AWS Batch
    API reference, Volume), so this is for programs that write no temporary files. Default: no."""
    permissions_boundary: NotRequired[pulumi.Input[str]]
    """Policy ARN that bounds the role made for `permissions`. Default: none."""
    owner: NotRequired[str]
    """Team that is asked when it fails. Default: not said."""
    purpose: NotRequired[str]
    """What it is for. Default: not said."""
    impact_if_stopped: NotRequired[str]
    """What breaks, and when, if it does not run. Default: not said."""
    safe_to_rerun: NotRequired[bool]
    """Whether a failed run can be started again as it is. Default: not said."""
    rollback: NotRequired[str]
    """How what it did is undone. Default: not said."""


class ScheduledJob(pulumi.ComponentResource):
    """A container job: its definition, its schedule and its entry in the cluster's jobs table, and a role if it names permissions.
    Use it for what a crontab did.

        ScheduledJob("nightly-export", {
            "cluster": cluster.ref,
            "image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/export:1",
            "command": ["export", "--to", "csv"],
            "schedule": "30 2 * * *",
            "timezone": "Asia/Tokyo",
        })
    """

    job_name: pulumi.Output[str]
    """What `transload run` and a flow's step call it."""
    job_definition_arn: pulumi.Output[str]
    """Its definition, without a revision: whoever submits it gets the newest."""
    role_arn: pulumi.Output[str]
    """The job's own role, or an empty text."""

    def __init__(self, name: str, args: ScheduledJobArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("transload:index:ScheduledJob", name, {}, opts)
        args = check_args(self, args, ScheduledJobArgs)
        start = read_start(self, name, args, StartRetryArgs)
        container = self._container(name, args)
        retry = self._retry(args)
        timeout = integer(self, args, "timeout_seconds", 3600, 60, 14 * 24 * 3600)
        permissions = self._permissions(args)
        described = {"job": name, **start.item(), **self._facts(args), **_of_container(container)}
        described |= {"timeout_seconds": timeout, "attempts": retry.attempts}

        child = pulumi.ResourceOptions(parent=self)
        plugged = Plugged(
            self,
            args["cluster"],
            image=args["image"],
            environment=args.get("environment", {}),
            secrets=args.get("secrets", {}),
            role_arn=args.get("role_arn", ""),
        )
        if permissions:
            plugged = plugged.also(role_arn=self._role(name, permissions, plugged, args.get("permissions_boundary"), child))
        definition = self._definition(name, container, retry, timeout, plugged, child)
        create_schedules(start, plugged, child)
        self._entry(name, described, definition, plugged, child)

        self.job_name = pulumi.Output.from_input(name)
        self.job_definition_arn = definition.arn_prefix
        self.role_arn = pulumi.Output.from_input(plugged.values["role_arn"])
        self.register_outputs({key: getattr(self, key) for key in ScheduledJob.__annotations__})

    def _container(self, name: str, args: ScheduledJobArgs) -> Container:
        capacity = self._capacity(args)
        on_fargate = capacity != "ec2"
        vcpu = self._number(args, "vcpu", 0.25 if on_fargate else 1)
        memory = integer(self, args, "memory_mib", (smallest_memory(vcpu) or 512) if on_fargate else 2048, 4, 1 << 20)
        problem = problem_with_size(vcpu, memory) if on_fargate else None
        if problem:
            fail(self, problem)
        if not on_fargate:
            self._check_ec2(args, vcpu)
        self._check_environment(args)
        command = list(args.get("command", []))
        if "" in command:
            fail(self, "command must be a list of texts, none of them empty: AWS Batch refuses an empty one")
        return Container(
            job=name,
            command=command,
            capacity=capacity,
            vcpu=vcpu,
            memory_mib=memory,
            architecture=choice(self, args, "architecture", "x86_64", ("x86_64", "arm64")),
            ephemeral_storage_gib=integer(self, args, "ephemeral_storage_gib", 0, 21, 200) or None,
            stop_timeout_seconds=integer(self, args, "stop_timeout_seconds", 0, 2, 120) or None,
            user=args.get("user"),
            readonly_root_filesystem=bool(args.get("readonly_root_filesystem", False)),
        )

    def _capacity(self, args: ScheduledJobArgs) -> str:
        capacity = args.get("capacity", "fargate_spot")
        if "ec2" in capacity and "fargate" in capacity:
            fail(self, f"capacity must be one word: a queue of AWS Batch holds Fargate or EC2, never both, got {capacity!r}")
        return choice(self, args, "capacity", "fargate_spot", list(QUEUES))

    def _number(self, args: ScheduledJobArgs, key: str, default: float) -> float:
        value = args.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            fail(self, f"{key} must be a number, got {value!r}")
        return float(value)

    def _check_ec2(self, args: ScheduledJobArgs, vcpu: float) -> None:
        if vcpu < 1 or not float(vcpu).is_integer():
            fail(self, f"vcpu must be a whole number on ec2, got {vcpu:g}")
        for key in ("architecture", "ephemeral_storage_gib"):
            if key in args:
                fail(self, f"{key} is for Fargate; on ec2 the cluster's instance_types decide")

    def _check_environment(self, args: ScheduledJobArgs) -> None:
        environment, secrets = args.get("environment", {}), args.get("secrets", {})
        for where, key in [*(("environment", key) for key in environment), *(("secrets", key) for key in secrets)]:
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key):
                fail(self, f"{where}: {key!r} is not a name of a variable")
            if key.startswith("AWS_BATCH"):
                fail(self, f"{where}: {key} is refused, AWS Batch keeps names that begin with AWS_BATCH to itself")
            if key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
                fail(self, f"{where}: {key} is refused, say what the job may do in permissions")
        both = sorted(environment.keys() & secrets.keys())
        if both:
            fail(self, f"{both[0]} stands in environment and in secrets")

    def _retry(self, args: ScheduledJobArgs) -> Retry:
        retry = args.get("retry", {})
        problem = problem_with_keys(retry, RetryArgs)
        if problem:
            fail(self, f"retry: {problem}")
        codes = retry.get("on_exit_codes") or []
        if len(codes) > 1:
            fail(
                self, "retry: on_exit_codes takes one code, AWS Batch has five rules and four tell infrastructure from application"
            )
        asked = [integer(self, {"on_exit_codes": code}, "on_exit_codes", 0, 1, 255, "retry: ") for code in codes]
        return Retry(integer(self, retry, "attempts", 3, 1, 10, "retry: "), asked)

    def _permissions(self, args: ScheduledJobArgs) -> list[PermissionArgs]:
        permissions = args.get("permissions", [])
        if permissions and "role_arn" in args:
            fail(self, "give either permissions (a role is made) or role_arn (it exists already)")
        for permission in permissions:
            problem = problem_with_keys(permission, PermissionArgs)
            if problem:
                fail(self, f"permissions: {problem}")
            sid = permission["sid"]
            if not re.fullmatch(r"[A-Za-z0-9]+", sid):
                fail(self, f"permissions: sid must be letters and digits, got {sid!r}")
            wide = next((each for each in permission["actions"] if not re.fullmatch(r"[a-z0-9-]+:[A-Za-z]+\*?", each)), None)
            if wide is not None or not permission["actions"]:
                fail(self, f"permissions: {sid}: actions must name what is done, such as s3:PutObject, got {wide!r}")
            if "*" in permission["resources"] or not permission["resources"]:
                fail(self, f"permissions: {sid}: resources must be ARNs, not everything")
        sids = [permission["sid"] for permission in permissions]
        if len(set(sids)) != len(sids):
            fail(self, "permissions: each sid may stand once")
        return permissions

    def _facts(self, args: ScheduledJobArgs) -> dict[str, Any]:
        array_size = integer(self, args, "array_size", 0, 2, 10000) or None
        runbook = ("owner", "purpose", "impact_if_stopped", "safe_to_rerun", "rollback")
        return {"array_size": array_size, **{key: args.get(key) for key in runbook}}

    def _role(
        self,
        name: str,
        permissions: list[PermissionArgs],
        plugged: Plugged,
        boundary: pulumi.Input[str] | None,
        child: pulumi.ResourceOptions,
    ) -> pulumi.Output[str]:
        _, arn = service_role(
            name,
            "ecs-tasks.amazonaws.com",
            [allow(each["sid"], each["actions"], each["resources"]) for each in permissions],
            child,
            condition={"StringEquals": {"aws:SourceAccount": plugged.of_cluster(account_of)}},
            permissions_boundary=boundary,
            description=f"What the job {name} may do",
        )
        return arn

    def _definition(
        self,
        name: str,
        container: Container,
        retry: Retry,
        timeout_seconds: int,
        plugged: Plugged,
        child: pulumi.ResourceOptions,
    ) -> aws.batch.JobDefinition:
        text = plugged.apply(lambda ref, values: properties(container, ref, values))
        rules: Any = evaluate_on_exits(container.capacity, retry.exit_codes)
        return aws.batch.JobDefinition(
            name,
            name=plugged.of_cluster(lambda ref: f"{ref['name']}-{name}"),
            type="container",
            platform_capabilities=["EC2" if container.capacity == "ec2" else "FARGATE"],
            retry_strategy={"attempts": retry.attempts, "evaluate_on_exits": rules},
            timeout={"attempt_duration_seconds": timeout_seconds},
            tags={"transload:job": name},
            propagate_tags=True,
            container_properties=None if container.stop_timeout_seconds else text,
            ecs_properties=text if container.stop_timeout_seconds else None,
            opts=child,
        )

    def _entry(
        self,
        name: str,
        described: dict[str, Any],
        definition: aws.batch.JobDefinition,
        plugged: Plugged,
        child: pulumi.ResourceOptions,
    ) -> None:
        """The job as the conductor and the command line read it."""

        def entry(ref: Any, values: dict[str, Any]) -> str:
            arn = values["definition"]
            return item(
                {
                    **described,
                    "definition": arn,
                    "definition_name": arn.rpartition("/")[2],
                    "queue": queue_arn(ref, described["capacity"]),
                    "image": values["image"],
                    "log_group": ref["log_group"],
                    "role": values["role_arn"] or None,
                    "secrets": {key: secret_arn(ref, key, value) for key, value in values["secrets"].items()},
                }
            )

        aws.dynamodb.TableItem(
            name,
            table_name=plugged.of_cluster(lambda ref: ref["jobs_table"]),
            hash_key="job",
            item=plugged.also(definition=definition.arn_prefix).apply(entry),
            opts=child,
        )


def _of_container(container: Container) -> dict[str, Any]:
    return {
        "capacity": container.capacity,
        "vcpu": container.vcpu,
        "memory_mib": container.memory_mib,
        "command": container.command,
        "stream_prefix": container.job,
        "stop_timeout_seconds": container.stop_timeout_seconds,
    }
