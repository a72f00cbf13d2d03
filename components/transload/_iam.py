"""IAM policies as data: every statement says its purpose."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

Statement = dict[str, Any]


def allow(
    sid: str,
    actions: Sequence[str],
    resources: Sequence[pulumi.Input[str]] | str,
    *,
    principal: Mapping[str, Any] | None = None,
    condition: Mapping[str, Any] | None = None,
) -> Statement:
    """One `Allow` statement. `sid` says the purpose, in letters and digits only, as IAM asks."""
    return _statement("Allow", sid, actions, resources, principal, condition)


def deny(
    sid: str,
    actions: Sequence[str],
    resources: Sequence[pulumi.Input[str]] | str,
    *,
    principal: Mapping[str, Any] | None = None,
    condition: Mapping[str, Any] | None = None,
) -> Statement:
    """One `Deny` statement."""
    return _statement("Deny", sid, actions, resources, principal, condition)


def policy(*statements: Statement) -> pulumi.Output[str]:
    """The policy document of these statements, as JSON text. Outputs may stand anywhere in them."""
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": list(statements)})


def trust(service: str, condition: Mapping[str, Any] | None = None) -> pulumi.Output[str]:
    """The trust policy by which an AWS service such as `lambda.amazonaws.com` may take a role."""
    statement: Statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    if condition:
        statement["Condition"] = condition
    return policy(statement)


def _statement(
    effect: str,
    sid: str,
    actions: Sequence[str],
    resources: Sequence[pulumi.Input[str]] | str,
    principal: Mapping[str, Any] | None,
    condition: Mapping[str, Any] | None,
) -> Statement:
    statement: Statement = {"Sid": sid, "Effect": effect}
    if principal is not None:
        statement["Principal"] = principal
    statement["Action"] = list(actions)
    statement["Resource"] = resources if isinstance(resources, str) else list(resources)
    if condition is not None:
        statement["Condition"] = condition
    return statement
