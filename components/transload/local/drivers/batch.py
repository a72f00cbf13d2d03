"""AWS Batch."""

import contextlib
from typing import Any

from botocore.exceptions import ClientError

from transload.local.drivers._aws import Aws
from transload.local.drivers._driver import Call, Driver, Read


class _ComputeEnvironment(Driver):
    """Without a service role AWS Batch takes its service-linked role. moto wants to be told: that very role is made and named."""

    def _create(self, aws: Aws, inputs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        if not inputs.get("serviceRole"):
            inputs = {**inputs, "serviceRole": _service_linked_role(aws)}
        return super()._create(aws, inputs)


def _service_linked_role(aws: Aws) -> str:
    iam = aws.client("iam")
    # Two environments may be made at once: whoever comes second finds the role.
    with contextlib.suppress(ClientError):
        return iam.create_service_linked_role(AWSServiceName="batch.amazonaws.com")["Role"]["Arn"]
    return iam.list_roles(PathPrefix="/aws-service-role/batch.amazonaws.com/")["Roles"][0]["Arn"]


DRIVERS = (
    _ComputeEnvironment(
        type="aws:batch/computeEnvironment:ComputeEnvironment",
        service="batch",
        auto_name="name",
        name_limit=128,
        create=Call(operation="create_compute_environment", names={"name": "computeEnvironmentName"}),
        update=(
            Call(
                operation="update_compute_environment",
                takes=("state", "computeResources", "serviceRole", "updatePolicy"),
                given={"computeEnvironment": "{id}"},
            ),
        ),
        id="computeEnvironmentName",
        outputs={
            "arn": "computeEnvironmentArn",
            "ecsClusterArn": "read.ecsClusterArn",
            "status": "read.status",
            "statusReason": "read.statusReason",
        },
        read=Read(operation="describe_compute_environments", given={"computeEnvironments": ["{id}"]}, at="computeEnvironments.0"),
        before_delete=(Call(operation="update_compute_environment", given={"computeEnvironment": "{id}", "state": "DISABLED"}),),
        delete=Call(operation="delete_compute_environment", given={"computeEnvironment": "{id}"}),
    ),
    Driver(
        type="aws:batch/jobQueue:JobQueue",
        service="batch",
        auto_name="name",
        name_limit=128,
        create=Call(operation="create_job_queue", names={"name": "jobQueueName"}),
        update=(
            Call(
                operation="update_job_queue",
                takes=("state", "priority", "computeEnvironmentOrders", "jobStateTimeLimitActions", "schedulingPolicyArn"),
                given={"jobQueue": "{id}"},
            ),
        ),
        id="jobQueueArn",
        outputs={"arn": "jobQueueArn"},
        read=Read(operation="describe_job_queues", given={"jobQueues": ["{id}"]}, at="jobQueues.0"),
        before_delete=(Call(operation="update_job_queue", given={"jobQueue": "{id}", "state": "DISABLED"}),),
        delete=Call(operation="delete_job_queue", given={"jobQueue": "{id}"}),
    ),
    Driver(
        type="aws:batch/jobDefinition:JobDefinition",
        service="batch",
        auto_name="name",
        name_limit=128,
        create=Call(operation="register_job_definition", names={"name": "jobDefinitionName"}),
        # A change registers the next revision under the same name: the old one goes after it.
        id="jobDefinitionArn",
        skip={"deregisterOnNewRevision": "the old revision goes when Pulumi replaces it"},
        outputs={
            "arn": "jobDefinitionArn",
            "arnPrefix": "arn:aws:batch:{region}:{account}:job-definition/{jobDefinitionName}",
            "revision": "revision",
        },
        read=Read(
            operation="describe_job_definitions", given={"jobDefinitions": ["{id}"], "status": "ACTIVE"}, at="jobDefinitions.0"
        ),
        delete=Call(operation="deregister_job_definition", given={"jobDefinition": "{id}"}),
    ),
)
