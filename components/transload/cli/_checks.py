"""Checks of what a job needs to start: each asks AWS and says OK, NG or that it cannot be known from here."""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from transload import _fargate
from transload.cli._aws import Cloud
from transload.cli._contact import code_of, in_words

OK, NG, UNKNOWN = "OK", "NG", "--"

_ECR = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[\w-]+)\.amazonaws\.com(?:\.cn)?/(?P<repository>[^:@]+)(?:@(?P<digest>.+)|:(?P<tag>.+))?"
)
# What these services answer when a thing is not there.
_MISSING = {
    "RepositoryNotFoundException",
    "ImageNotFoundException",
    "ResourceNotFoundException",
    "NoSuchEntity",
    "ParameterNotFound",
}


@dataclass(frozen=True)
class Check:
    """One line of the tree."""

    subject: str
    """The job, or the cluster."""
    name: str
    verdict: str
    words: str


Found = tuple[str, str]
"""Verdict and words."""


def asked(question: Callable[[], Found]) -> Found:
    """What a check found. Not there is NG; what we may not ask, or nobody answers, is not known."""
    try:
        return question()
    except ClientError as error:
        return (NG if code_of(error) in _MISSING else UNKNOWN), in_words(error)
    except (BotoCoreError, ResponseParserError) as error:
        return UNKNOWN, in_words(error)


class Checks:
    """Asks each thing once, however many jobs need it."""

    def __init__(self, cloud: Cloud):
        self._cloud, self._known = cloud, {}
        self._cluster = cloud.store.cluster()

    def cluster(self) -> Iterator[Check]:
        """What all jobs share: queues, subnets, the log group, the role that starts containers."""
        subject = f"cluster {self._cloud.name}"
        queues = [self._cluster.get(name) for name in ("spot_queue", "on_demand_queue", "ec2_queue")]
        for queue in filter(None, queues):
            yield Check(subject, f"queue {_last(queue)}", *self._once(queue, lambda queue=queue: self._queue(queue)))
        for subnet in self._cluster.get("subnets", []):
            yield Check(subject, f"subnet {subnet}", *self._once(subnet, lambda subnet=subnet: self._subnet(subnet)))
        group = self._cluster.get("log_group", "")
        yield Check(subject, f"log group {group}", *self._once(group, lambda: self._log_group(group)))
        if role := self._cluster.get("execution_role"):
            yield Check(subject, "execution role", *self._once(role, lambda: self._role(role)))
            streams = [f"{self._arn('logs', f'log-group:{group}')}:*"]
            yield Check(subject, "may write logs", *self._allowed(role, ["logs:CreateLogStream", "logs:PutLogEvents"], streams))

    def job(self, job: Mapping[str, Any]) -> Iterator[Check]:
        """What one job needs, in the order in which AWS needs it."""
        subject = job["job"]
        properties: dict[str, Any] = {}
        yield Check(subject, "definition", *asked(lambda: self._definition(job, properties)))
        yield Check(subject, f"queue {_last(job['queue'])}", *self._once(job["queue"], lambda: self._queue(job["queue"])))
        yield Check(subject, "size", *size(job))
        image = properties.get("image") or job.get("image") or ""
        yield Check(subject, "image", *self._once(image, lambda: self._image(image)))
        role = properties.get("executionRoleArn") or self._cluster.get("execution_role", "")
        if match := _ECR.fullmatch(image):
            repository = f"arn:aws:ecr:{match['region']}:{match['account']}:repository/{match['repository']}"
            actions = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
            yield Check(subject, "may pull it", *self._allowed(role, actions, [repository]))
        for name, source in sorted(job.get("secrets", {}).items()):
            yield Check(subject, f"secret {name}", *self._once(source, lambda source=source: self._secret(source, role)))
        if job.get("role"):
            yield Check(subject, "job role", *self._once(job["role"], lambda: self._role(job["role"])))
        for schedule in job.get("schedule_names", []):
            yield Check(subject, "schedule", *asked(lambda schedule=schedule: self._schedule(schedule, job)))

    def _once(self, key: str, question: Callable[[], Found]) -> Found:
        if key not in self._known:
            self._known[key] = asked(question)
        return self._known[key]

    def _arn(self, service: str, rest: str) -> str:
        account = self._cluster.get("execution_role", "").split(":")[4:5]
        return f"arn:aws:{service}:{self._cluster.get('region', '*')}:{''.join(account) or '*'}:{rest}"

    def _queue(self, arn: str) -> Found:
        batch = self._cloud.client("batch")
        queues = batch.describe_job_queues(jobQueues=[arn])["jobQueues"]
        if not queues:
            return NG, "it does not exist; deploy the cluster"
        problems = not_running("queue", queues[0])
        names = [each["computeEnvironment"] for each in queues[0].get("computeEnvironmentOrder", [])]
        found = batch.describe_compute_environments(computeEnvironments=names)["computeEnvironments"] if names else []
        environments = sorted(found, key=lambda each: names.index(each["computeEnvironmentArn"]))
        for environment in environments:
            problems += not_running(f"compute environment {environment['computeEnvironmentName']}", environment)
        kinds = [each.get("computeResources", {}).get("type", "") for each in environments]
        return (NG, "; ".join(problems)) if problems else (OK, f"enabled, on {' then '.join(filter(None, kinds))}")

    def _subnet(self, subnet: str) -> Found:
        [found] = self._cloud.client("ec2").describe_subnets(SubnetIds=[subnet])["Subnets"]
        free, zone = found["AvailableIpAddressCount"], found["AvailabilityZone"]
        return (
            (OK, f"{free} free addresses in {zone}") if free else (NG, f"no free address in {zone}: no container can start there")
        )

    def _log_group(self, group: str) -> Found:
        groups = self._cloud.client("logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"]
        found = next((each for each in groups if each["logGroupName"] == group), None)
        if found is None:
            return NG, "it does not exist; deploy the cluster"
        days = found.get("retentionInDays")
        return OK, f"kept {days} days" if days else "kept for ever"

    def _role(self, arn: str) -> Found:
        self._cloud.client("iam").get_role(RoleName=_last(arn))
        return OK, _last(arn)

    def _allowed(self, role: str, actions: list[str], resources: list[str]) -> Found:
        if not role:
            return UNKNOWN, "the definition names no execution role"
        if os.environ.get("TRANSLOAD_LOCAL"):
            return UNKNOWN, "the local cloud does not evaluate policies"
        key = "|".join((role, *actions, *resources))
        return self._once(key, lambda: simulated(self._cloud.simulate(role, actions, resources), _last(role)))

    def _definition(self, job: Mapping[str, Any], properties: dict[str, Any]) -> Found:
        name = job.get("definition_name") or _last(job["definition"])
        pages = self._cloud.client("batch").get_paginator("describe_job_definitions")
        active = [each for page in pages.paginate(jobDefinitionName=name, status="ACTIVE") for each in page["jobDefinitions"]]
        if not active:
            return NG, f"{name} has no active revision: SubmitJob would refuse it; deploy the job"
        newest = max(active, key=lambda each: each["revision"])
        properties |= container_of(newest)
        return OK, f"{name}:{newest['revision']}"

    def _image(self, image: str) -> Found:
        match = _ECR.fullmatch(image)
        if not match:
            return UNKNOWN, f"{image or 'none'}: not in ECR, so it cannot be asked for"
        ecr = self._cloud.client("ecr", region=match["region"])
        which = {"imageDigest": match["digest"]} if match["digest"] else {"imageTag": match["tag"] or "latest"}
        [found] = ecr.describe_images(registryId=match["account"], repositoryName=match["repository"], imageIds=[which])[
            "imageDetails"
        ]
        note = "" if match["digest"] else f", by the tag {match['tag'] or 'latest'}: it may change between two runs"
        return OK, f"{match['repository']}@{found['imageDigest'][:19]}{note}"

    def _secret(self, source: str, role: str) -> Found:
        """The parameter or secret is there, and the role may read and decrypt it. Its value is not asked for."""
        if ":secretsmanager:" in source:
            arn = ":".join(source.split(":")[:7])
            found = self._cloud.client("secretsmanager").describe_secret(SecretId=arn)
            action, key, own = "secretsmanager:GetSecretValue", found.get("KmsKeyId"), "alias/aws/secretsmanager"
        else:
            name = source.partition(":parameter")[2] or source
            filters = [{"Key": "Name", "Option": "Equals", "Values": [name]}]
            rows = self._cloud.client("ssm").describe_parameters(ParameterFilters=filters)["Parameters"]
            if not rows:
                return NG, f"no parameter {name}"
            arn = source if source.startswith("arn:") else self._arn("ssm", f"parameter{name}")
            action, key, own = (
                "ssm:GetParameters",
                rows[0].get("KeyId") if rows[0]["Type"] == "SecureString" else None,
                "alias/aws/ssm",
            )
        verdict, words = self._allowed(role, [action], [arn])
        # With AWS's own key the service decrypts for whoever may read.
        if verdict == OK and key and key != own:
            return self._allowed(role, ["kms:Decrypt"], [key if key.startswith("arn:") else self._arn("kms", key)])
        return (OK, "there, and the role may read it") if verdict == OK else (verdict, words)

    def _schedule(self, name: str, job: Mapping[str, Any]) -> Found:
        found = self._cloud.client("scheduler").get_schedule(Name=name, GroupName=self._cluster["schedule_group"])
        text = f"{found['ScheduleExpression']} {found.get('ScheduleExpressionTimezone', 'UTC')}"
        if found.get("State") == "DISABLED" and job.get("enabled", True):
            return NG, f"{text}: disabled in EventBridge Scheduler though the job is enabled; deploy the job"
        return OK, f"{text}{'' if job.get('enabled', True) else ', disabled in the program'}"


def _last(arn: str) -> str:
    return arn.rpartition("/")[2]


def not_running(what: str, found: Mapping[str, Any]) -> list[str]:
    """Why a queue or compute environment takes no jobs."""
    if found.get("state", "ENABLED") != "ENABLED":
        return [f"{what} is {found['state']}"]
    if found.get("status", "VALID") not in ("VALID", "UPDATING"):
        return [f"{what} is {found['status']}: {found.get('statusReason', '')}"]
    return []


def simulated(results: Iterable[Mapping[str, Any]], role: str) -> Found:
    """What SimulatePrincipalPolicy says: NG names what is denied."""
    denied = [f"{each['EvalActionName']} on {each['EvalResourceName']}" for each in results if each["EvalDecision"] != "allowed"]
    return (NG, f"{role} may not {', '.join(denied)}") if denied else (OK, f"{role} may")


def container_of(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Image and execution role of a job definition of either kind."""
    if single := definition.get("containerProperties"):
        return {"image": single.get("image"), "executionRoleArn": single.get("executionRoleArn")}
    tasks = definition.get("ecsProperties", {}).get("taskProperties", [])
    if not tasks or not tasks[0].get("containers"):
        return {}
    essential = next((each for each in tasks[0]["containers"] if each.get("essential", True)), tasks[0]["containers"][0])
    return {"image": essential.get("image"), "executionRoleArn": tasks[0].get("executionRoleArn")}


def size(job: Mapping[str, Any]) -> Found:
    """Whether Fargate runs this size; on EC2 the instance decides."""
    vcpu, memory = float(job.get("vcpu", 0)), int(job.get("memory_mib", 0))
    problem = None if job.get("capacity") == "ec2" else _fargate.problem_with_size(vcpu, memory)
    return (NG, problem) if problem else (OK, f"{vcpu:g} vCPU, {memory} MiB, {job.get('capacity', '')}")
