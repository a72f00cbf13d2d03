"""What a container gets from its roles: the values of its secrets, the credentials of its job role."""

import json
from collections.abc import Mapping

from botocore.exceptions import BotoCoreError, ClientError

from transload.local.batch._host import Host


class NotGrantedError(Exception):
    """A secret or a role cannot be had: the task fails to start."""


def secret_values(host: Host, region: str, secrets: Mapping[str, str]) -> dict[str, str]:
    """Variable name -> value. `secrets`: variable name -> parameter name, parameter ARN or Secrets Manager ARN."""
    return {variable: _secret(host, region, source) for variable, source in secrets.items()}


def _secret(host: Host, region: str, source: str) -> str:
    try:
        if ":secretsmanager:" not in source:
            name = source.split(":parameter", 1)[-1] if source.startswith("arn:") else source
            # The path of a parameter in a hierarchy keeps its slash in the ARN, that of a plain name gains one.
            return _parameter(host, region, name)
        # arn:aws:secretsmanager:region:account:secret:name-xxxxx[:json-key:version-stage:version-id]
        parts = source.split(":")
        key, stage, version = [*parts[7:], "", "", ""][:3]
        versions = {name: value for name, value in (("VersionStage", stage), ("VersionId", version)) if value}
        client = host.client("secretsmanager", parts[3])
        text = client.get_secret_value(SecretId=":".join(parts[:7]), **versions)["SecretString"]
        return str(json.loads(text)[key]) if key else text
    except (ClientError, BotoCoreError, KeyError, ValueError) as error:
        where = f"execution resource retrieval failed: unable to retrieve secret from {source}"
        raise NotGrantedError(f"unable to pull secrets or registry auth: {where}: {error}") from error


def _parameter(host: Host, region: str, name: str) -> str:
    client = host.client("ssm", region)
    try:
        return client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    except client.exceptions.ParameterNotFound:
        if name.startswith("/") and name.count("/") == 1:
            return client.get_parameter(Name=name[1:], WithDecryption=True)["Parameter"]["Value"]
        raise


def credentials(host: Host, region: str, role: str | None, stream: str) -> dict[str, str]:
    """The variables of temporary credentials of the job role; without a role a container has none."""
    if not role:
        return {}
    try:
        # moto's STS hands out credentials of roles that do not exist.
        host.client("iam", region).get_role(RoleName=role.rsplit("/", 1)[-1])
        answer = host.client("sts", region).assume_role(RoleArn=role, RoleSessionName=stream.rsplit("/", 1)[-1])
    except (ClientError, BotoCoreError) as error:
        raise NotGrantedError(f"ECS was unable to assume the role '{role}' that was provided for this task: {error}") from error
    given = answer["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
        "AWS_SESSION_TOKEN": given["SessionToken"],
    }
