"""Roles and policies."""

from collections.abc import Mapping
from typing import Any

from transload.local.drivers._aws import Aws
from transload.local.drivers._driver import Call, Driver, Read


class _Role(Driver):
    """A role can only be deleted once it is empty; Terraform empties it with `forceDetachPolicies`, we always do."""

    def _remove(self, aws: Aws, id: str, state: Mapping[str, Any]) -> None:  # noqa: A002
        iam = aws.client("iam")
        for attached in iam.list_attached_role_policies(RoleName=id)["AttachedPolicies"]:
            iam.detach_role_policy(RoleName=id, PolicyArn=attached["PolicyArn"])
        super()._remove(aws, id, state)


def _tags(kind: str, key: str) -> Call:
    return Call(operation=f"tag_{kind}", takes=("tags",), given={key: "{id}"})


DRIVERS = (
    _Role(
        type="aws:iam/role:Role",
        service="iam",
        auto_name="name",
        name_limit=64,
        create=Call(operation="create_role", names={"name": "RoleName", "assumeRolePolicy": "AssumeRolePolicyDocument"}),
        id="Role.RoleName",
        then=(_tags("role", "RoleName"),),
        update=(
            Call(operation="update_role", given={"RoleName": "{id}"}),
            Call(operation="update_assume_role_policy", names={"assumeRolePolicy": "PolicyDocument"}, given={"RoleName": "{id}"}),
            Call(operation="put_role_permissions_boundary", given={"RoleName": "{id}"}),
        ),
        skip={"forceDetachPolicies": "the local driver always detaches"},
        outputs={"arn": "Role.Arn", "uniqueId": "Role.RoleId"},
        read=Read(operation="get_role", given={"RoleName": "{id}"}, at="Role"),
        delete=Call(operation="delete_role", given={"RoleName": "{id}"}),
    ),
    Driver(
        type="aws:iam/rolePolicy:RolePolicy",
        service="iam",
        auto_name="name",
        name_limit=128,
        create=Call(operation="put_role_policy", names={"role": "RoleName", "name": "PolicyName", "policy": "PolicyDocument"}),
        update=(
            Call(
                operation="put_role_policy",
                names={"policy": "PolicyDocument"},
                given={"RoleName": "{role}", "PolicyName": "{name}"},
            ),
        ),
        id="{role}:{name}",
        read=Read(operation="get_role_policy", given={"RoleName": "{role}", "PolicyName": "{name}"}),
        delete=Call(operation="delete_role_policy", given={"RoleName": "{role}", "PolicyName": "{name}"}),
    ),
    Driver(
        type="aws:iam/policy:Policy",
        service="iam",
        auto_name="name",
        name_limit=128,
        create=Call(operation="create_policy", names={"name": "PolicyName", "policy": "PolicyDocument"}),
        id="Policy.Arn",
        then=(_tags("policy", "PolicyArn"),),
        outputs={"arn": "Policy.Arn", "policyId": "Policy.PolicyId"},
        read=Read(operation="get_policy", given={"PolicyArn": "{id}"}, at="Policy"),
        delete=Call(operation="delete_policy", given={"PolicyArn": "{id}"}),
    ),
    Driver(
        type="aws:iam/instanceProfile:InstanceProfile",
        service="iam",
        auto_name="name",
        name_limit=128,
        create=Call(operation="create_instance_profile", names={"name": "InstanceProfileName"}),
        id="InstanceProfile.InstanceProfileName",
        then=(
            Call(
                operation="add_role_to_instance_profile",
                takes=("role",),
                names={"role": "RoleName"},
                given={"InstanceProfileName": "{id}"},
            ),
        ),
        outputs={"arn": "InstanceProfile.Arn", "uniqueId": "InstanceProfile.InstanceProfileId"},
        read=Read(operation="get_instance_profile", given={"InstanceProfileName": "{id}"}, at="InstanceProfile"),
        before_delete=(
            Call(operation="remove_role_from_instance_profile", given={"InstanceProfileName": "{id}", "RoleName": "{role}"}),
        ),
        delete=Call(operation="delete_instance_profile", given={"InstanceProfileName": "{id}"}),
    ),
    Driver(
        type="aws:iam/serviceLinkedRole:ServiceLinkedRole",
        service="iam",
        create=Call(operation="create_service_linked_role"),
        id="Role.Arn",
        then=(Call(operation="tag_role", takes=("tags",), given={"RoleName": "{Role.RoleName}"}),),
        outputs={"arn": "Role.Arn", "name": "Role.RoleName", "path": "Role.Path", "uniqueId": "Role.RoleId"},
        read=Read(operation="get_role", given={"RoleName": "{name}"}, at="Role"),
        delete=Call(operation="delete_service_linked_role", given={"RoleName": "{name}"}),
    ),
    Driver(
        type="aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        service="iam",
        create=Call(operation="attach_role_policy", names={"role": "RoleName"}),
        id="{role}/{policyArn}",
        read=Read(
            operation="list_attached_role_policies",
            given={"RoleName": "{role}"},
            at="AttachedPolicies",
            where={"PolicyArn": "{policyArn}"},
        ),
        delete=Call(operation="detach_role_policy", given={"RoleName": "{role}", "PolicyArn": "{policyArn}"}),
    ),
)
