"""Roles that AWS services take, with their permissions attached before anyone gets the ARN."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from transload._iam import Statement, policy, trust


def service_role(
    name: str,
    service: str,
    statements: Sequence[Statement],
    child: pulumi.ResourceOptions,
    *,
    condition: Mapping[str, Any] | None = None,
    permissions_boundary: pulumi.Input[str] | None = None,
    description: str | None = None,
) -> tuple[pulumi.Output[str], pulumi.Output[str]]:
    """A role for `service` with one policy. Returns its name, and its ARN: that resolves once the policy is attached, so that
    what uses the role cannot start without its permissions."""
    role = aws.iam.Role(
        name,
        assume_role_policy=trust(service, condition),
        description=description,
        permissions_boundary=permissions_boundary,
        opts=child,
    )
    attached = aws.iam.RolePolicy(name, role=role.id, policy=policy(*statements), opts=child)
    return role.name, pulumi.Output.all(role.arn, attached.id).apply(lambda both: both[0])
