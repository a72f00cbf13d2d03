"""Keys, parameters, secrets and image repositories."""

from collections.abc import Mapping
from typing import Any

from transload.local.drivers._aws import Aws
from transload.local.drivers._driver import Call, Driver, Read

_PUT_KEY_POLICY = Call(operation="put_key_policy", given={"PolicyName": "default"})
_PUT_LIFECYCLE = Call(operation="put_lifecycle_policy", names={"repository": "repositoryName", "policy": "lifecyclePolicyText"})


class _Key(Driver):
    """A key never goes at once: AWS keeps it in `PendingDeletion`, which Terraform calls deleted."""

    def found(self, answer: Any, values: Mapping[str, Any]) -> Mapping[str, Any] | None:
        return answer if answer and answer["KeyState"] != "PendingDeletion" else None


class _Alias(Driver):
    def auto(self, name: str) -> str:
        return f"alias/{name}"


class _Repository(Driver):
    """A repository with images in it is deleted only when the program said `forceDelete`."""

    def _remove(self, aws: Aws, id: str, state: Mapping[str, Any]) -> None:  # noqa: A002
        aws.client("ecr", state.get("region")).delete_repository(repositoryName=id, force=bool(state.get("forceDelete")))


def _rotation(inputs: dict[str, Any]) -> dict[str, Any]:
    return (
        inputs if inputs.get("enableKeyRotation") else {key: value for key, value in inputs.items() if key != "enableKeyRotation"}
    )


DRIVERS = (
    _Key(
        type="aws:kms/key:Key",
        service="kms",
        prepare=_rotation,
        create=Call(operation="create_key", names={"customerMasterKeySpec": "KeySpec"}),
        id="KeyMetadata.KeyId",
        then=(
            Call(
                operation="enable_key_rotation",
                takes=("enableKeyRotation", "rotationPeriodInDays"),
                names={"enableKeyRotation": ""},
                given={"KeyId": "{id}"},
            ),
        ),
        update=(
            Call(operation="put_key_policy", takes=("policy",), given={"KeyId": "{id}", "PolicyName": "default"}),
            Call(operation="update_key_description", takes=("description",), given={"KeyId": "{id}"}),
            Call(operation="tag_resource", takes=("tags",), given={"KeyId": "{id}"}),
        ),
        skip={"deletionWindowInDays": "used when the key is deleted", "isEnabled": "moto's keys start enabled"},
        outputs={"arn": "KeyMetadata.Arn", "keyId": "KeyMetadata.KeyId"},
        read=Read(operation="describe_key", given={"KeyId": "{id}"}, at="KeyMetadata"),
        delete=Call(operation="schedule_key_deletion", given={"KeyId": "{id}", "PendingWindowInDays": 7}),
    ),
    _Alias(
        type="aws:kms/alias:Alias",
        service="kms",
        auto_name="name",
        create=Call(operation="create_alias", names={"name": "AliasName"}),
        update=(Call(operation="update_alias", takes=("targetKeyId",), given={"AliasName": "{id}"}),),
        id="{name}",
        outputs={"arn": "arn:aws:kms:{region}:{account}:{name}"},
        read=Read(operation="list_aliases", at="Aliases", where={"AliasName": "{id}"}),
        delete=Call(operation="delete_alias", given={"AliasName": "{id}"}),
    ),
    Driver(
        type="aws:kms/keyPolicy:KeyPolicy",
        service="kms",
        create=_PUT_KEY_POLICY,
        update=(_PUT_KEY_POLICY,),
        id="{keyId}",
        read=Read(operation="get_key_policy", given={"KeyId": "{id}", "PolicyName": "default"}, at="Policy"),
        stays="a key always has a policy: it goes with the key",
    ),
    Driver(
        type="aws:ssm/parameter:Parameter",
        service="ssm",
        auto_name="name",
        create=Call(operation="put_parameter", names={"insecureValue": "Value"}),
        update=(
            Call(
                operation="put_parameter",
                takes=("name", "type", "value", "insecureValue", "description", "tier", "keyId", "dataType", "allowedPattern"),
                names={"insecureValue": "Value"},
                given={"Overwrite": True},
            ),
        ),
        id="{name}",
        outputs={"arn": "arn:aws:ssm:{region}:{account}:parameter/{name}", "version": "Version"},
        skip={"valueWoVersion": "counts versions in Pulumi's state only"},
        read=Read(operation="get_parameter", given={"Name": "{id}"}, at="Parameter"),
        delete=Call(operation="delete_parameter", given={"Name": "{id}"}),
    ),
    Driver(
        type="aws:secretsmanager/secret:Secret",
        service="secretsmanager",
        auto_name="name",
        create=Call(operation="create_secret"),
        then=(
            Call(
                operation="put_resource_policy",
                takes=("policy",),
                names={"policy": "ResourcePolicy"},
                given={"SecretId": "{ARN}"},
            ),
        ),
        update=(Call(operation="update_secret", takes=("description", "kmsKeyId"), given={"SecretId": "{id}"}),),
        id="ARN",
        outputs={"arn": "ARN"},
        skip={"recoveryWindowInDays": "the local driver deletes at once"},
        read=Read(operation="describe_secret", given={"SecretId": "{id}"}, at="Name"),
        delete=Call(operation="delete_secret", given={"SecretId": "{id}", "ForceDeleteWithoutRecovery": True}),
    ),
    Driver(
        type="aws:secretsmanager/secretVersion:SecretVersion",
        service="secretsmanager",
        create=Call(operation="put_secret_value"),
        id="{ARN}|{VersionId}",
        outputs={"arn": "ARN", "secretArn": "ARN", "versionId": "VersionId"},
        read=Read(operation="get_secret_value", given={"SecretId": "{secretId}", "VersionId": "{versionId}"}, at="VersionId"),
        stays="a version goes with its secret",
    ),
    _Repository(
        type="aws:ecr/repository:Repository",
        service="ecr",
        auto_name="name",
        create=Call(
            operation="create_repository",
            names={"name": "repositoryName", "encryptionConfigurations": "encryptionConfiguration"},
        ),
        update=(
            Call(operation="put_image_tag_mutability", takes=("imageTagMutability",), given={"repositoryName": "{id}"}),
            Call(
                operation="put_image_scanning_configuration",
                takes=("imageScanningConfiguration",),
                given={"repositoryName": "{id}"},
            ),
        ),
        id="repository.repositoryName",
        outputs={
            "arn": "repository.repositoryArn",
            "repositoryUrl": "repository.repositoryUri",
            "registryId": "repository.registryId",
        },
        skip={"forceDelete": "used when the repository is deleted"},
        read=Read(operation="describe_repositories", given={"repositoryNames": ["{id}"]}, at="repositories.0"),
    ),
    Driver(
        type="aws:ecr/lifecyclePolicy:LifecyclePolicy",
        service="ecr",
        create=_PUT_LIFECYCLE,
        update=(_PUT_LIFECYCLE,),
        id="{repository}",
        outputs={"registryId": "{account}"},
        read=Read(operation="get_lifecycle_policy", given={"repositoryName": "{id}"}, at="lifecyclePolicyText"),
        delete=Call(operation="delete_lifecycle_policy", given={"repositoryName": "{id}"}),
    ),
)
