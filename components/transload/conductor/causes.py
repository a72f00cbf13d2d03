"""Why a run does not start: what AWS says of its queue, its compute environments, its subnets, the quota and its image."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from transload.conductor.context import Conductor
from transload.conductor.log import log
from transload.conductor.reasons import Detail, one_line

# Quotas of AWS Fargate in Service Quotas: "Fargate Spot vCPU resource count" and "Fargate On-Demand vCPU resource count".
_QUOTAS = {"fargate_spot": ("L-36FBB829", "Fargate Spot"), "fargate": ("L-3032A538", "Fargate On-Demand")}
# AWS Batch User Guide, "Jobs stuck in RUNNABLE status".
_BLOCKED = {
    "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY": "AWS has no capacity for it now",
    "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE": "max_vcpus of the cluster is too small for it",
    "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT": "no instance type of the cluster is large enough for it",
    "MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS": "the service role of AWS Batch lacks a permission",
}
_ECR = re.compile(
    r"(?P<account>[0-9]{12})\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com/(?P<name>[^:@]+)(?::(?P<tag>[^@]+))?(?:@(?P<digest>.+))?"
)


class Look:
    """Asks AWS each thing once, for however many runs wait for the same."""

    def __init__(self, conductor: Conductor):
        self.cluster = conductor.cluster
        self._conductor = conductor
        self._answers: dict[str, Any] = {}

    def __call__(self, service: str, operation: str, **arguments: Any) -> Any:
        question = f"{operation} {arguments}"
        if question not in self._answers:
            self._answers[question] = getattr(self._conductor.client(service), operation)(**arguments)
        return self._answers[question]


def likely(
    look: Look, job: Mapping[str, Any], run: Mapping[str, Any], detail: Detail | None, others: Iterable[Mapping[str, Any]]
) -> list[str]:
    """What keeps a run from starting, the likeliest first. `others` are the live runs, to count what they use."""
    in_queue = [one for one in others if one.get("queue") == run["queue"] and one["status"] in ("STARTING", "RUNNING")]
    used = sum(float(one.get("vcpu") or 0) for one in in_queue)
    wanted = float(run.get("vcpu") or job.get("vcpu") or 0)
    probes: list[Callable[[], list[str]]] = [
        lambda: _said(detail),
        lambda: _queue(look, run["queue"], used, wanted),
        lambda: _subnets(look),
        lambda: _quota(look, job, run["queue"], used, wanted),
        lambda: _image(look, run.get("image")),
    ]
    return [cause for probe in probes for cause in _tried(probe)]


def _tried(probe: Callable[[], list[str]]) -> list[str]:
    """A probe that may not look, or finds nothing there, says nothing: it must not keep the others from being asked."""
    try:
        return probe()
    except (BotoCoreError, ClientError, KeyError, IndexError) as error:
        log("could not look", error=type(error).__name__)
        return []


def _said(detail: Detail | None) -> list[str]:
    text = detail.status_reason if detail else ""
    known = next((words for code, words in _BLOCKED.items() if code in text), None)
    return [f"{known} ({one_line(text)})"] if known else [one_line(text)] if text else []


def _queue(look: Look, queue_arn: str, used: float, wanted: float) -> list[str]:
    queue = look("batch", "describe_job_queues", jobQueues=[queue_arn])["jobQueues"][0]
    found = _state("queue", queue, queue["jobQueueName"])
    arns = [one["computeEnvironment"] for one in queue["computeEnvironmentOrder"]]
    environments = look("batch", "describe_compute_environments", computeEnvironments=arns)["computeEnvironments"]
    for one in environments:
        found += _state("compute environment", one, one["computeEnvironmentName"])
    room = sum(one.get("computeResources", {}).get("maxvCpus", 0) for one in environments)
    if room and wanted > room:
        found.append(f"it asks for {wanted:g} vCPUs, its queue has {room}: raise max_vcpus of the cluster")
    elif room and used + wanted > room:
        found.append(f"other runs use {used:g} of the {room} vCPUs of its queue: raise max_vcpus of the cluster or wait")
    return found


def _state(what: str, described: Mapping[str, Any], name: str) -> list[str]:
    if described.get("state") == "DISABLED":
        return [f"the {what} {name} is disabled"]
    if described.get("status") == "INVALID":
        return [f"the {what} {name} is invalid: {one_line(described.get('statusReason') or 'no reason given')}"]
    return []


def _subnets(look: Look) -> list[str]:
    subnets = look.cluster.get("subnets") or []
    if not subnets:
        return []
    described = look("ec2", "describe_subnets", SubnetIds=list(subnets))["Subnets"]
    if described and not any(one["AvailableIpAddressCount"] for one in described):
        return [f"no free address in the subnets {', '.join(sorted(one['SubnetId'] for one in described))}"]
    return []


def _quota(look: Look, job: Mapping[str, Any], queue_arn: str, used: float, wanted: float) -> list[str]:
    # A run that Spot took goes on in the on-demand queue.
    capacity = "fargate" if queue_arn == look.cluster.get("on_demand_queue") else job.get("capacity", "")
    code, words = _QUOTAS.get(capacity, (None, None))
    if code is None:
        return []
    quota = look("service-quotas", "get_service_quota", ServiceCode="fargate", QuotaCode=code)["Quota"]["Value"]
    if used + wanted > quota:
        return [
            f"the account may use {quota:g} vCPUs of {words}, {used:g} are used and it wants {wanted:g}: ask for a higher quota"
        ]
    return []


def _image(look: Look, image: str | None) -> list[str]:
    match = _ECR.fullmatch(image or "")
    if not match:
        return []
    which = {"imageDigest": match["digest"]} if match["digest"] else {"imageTag": match["tag"] or "latest"}
    try:
        look("ecr", "describe_images", registryId=match["account"], repositoryName=match["name"], imageIds=[which])
    except ClientError as error:
        if error.response["Error"]["Code"] in ("ImageNotFoundException", "RepositoryNotFoundException"):
            return [f"there is no image {image}"]
        raise
    return []
