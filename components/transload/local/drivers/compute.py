"""Lambda functions, their permissions, and EventBridge Scheduler."""

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pulumi

from transload._errors import Problem
from transload.local.drivers._driver import Call, Driver, Read


def packed(archive: Any) -> bytes:
    """The ZIP file of a Pulumi archive. The same files give the same bytes, so that an unchanged function stays unchanged."""
    if isinstance(archive, pulumi.FileArchive) and Path(archive.path).is_file():
        return Path(archive.path).read_bytes()
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packing:
        for name, content in sorted(_files(archive, "")):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            packing.writestr(entry, content)
    return target.getvalue()


def _files(asset: Any, name: str) -> Iterator[tuple[str, bytes]]:
    match asset:
        case pulumi.AssetArchive():
            for part, inner in asset.assets.items():
                yield from _files(inner, f"{name}/{part}" if name else part)
        case pulumi.FileArchive():
            root = Path(asset.path)
            for path in root.rglob("*"):
                if path.is_file():
                    inside = path.relative_to(root).as_posix()
                    yield (f"{name}/{inside}" if name else inside), path.read_bytes()
        case pulumi.FileAsset():
            yield name, Path(asset.path).read_bytes()
        case pulumi.StringAsset():
            yield name, asset.text.encode()
        case _:
            raise Problem(f"the local driver cannot pack a {type(asset).__name__}: only files, folders and texts")


def _function(inputs: dict[str, Any]) -> dict[str, Any]:
    code = {key: inputs[key] for key in ("s3Bucket", "s3Key", "s3ObjectVersion", "imageUri") if key in inputs}
    if inputs.get("code") is not None:
        code["zipFile"] = packed(inputs["code"])
    return {**{key: value for key, value in inputs.items() if key not in code}, "code": code}


class _Permission(Driver):
    def found(self, answer: Any, values: Mapping[str, Any]) -> Mapping[str, Any] | None:
        statements = json.loads(answer)["Statement"] if answer else []
        return next((statement for statement in statements if statement["Sid"] == values["id"]), None)


_INVOKE_CONFIG = Call(operation="put_function_event_invoke_config")
_PATH = "arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions"

DRIVERS = (
    Driver(
        type="aws:lambda/function:Function",
        service="lambda",
        auto_name="name",
        name_limit=64,
        prepare=_function,
        create=Call(operation="create_function", names={"name": "FunctionName"}),
        then=(
            Call(
                operation="put_function_concurrency",
                takes=("reservedConcurrentExecutions",),
                given={"FunctionName": "{id}"},
            ),
        ),
        update=(
            Call(
                operation="update_function_code",
                takes=("code", "architectures"),
                names={"code.zipFile": "ZipFile"},
                given={"FunctionName": "{id}"},
            ),
            Call(operation="update_function_configuration", given={"FunctionName": "{id}"}),
            Call(operation="tag_resource", takes=("tags",), given={"Resource": "{arn}"}),
        ),
        id="FunctionName",
        skip={
            "sourceCodeHash": "only tells Pulumi that the code changed",
            "codeSha256": "only tells Pulumi that the code changed",
            "skipDestroy": "Pulumi's own: keep the function at destroy",
            "useResourceTimeoutForPropagation": "how long the real provider waits",
        },
        outputs={
            "arn": "FunctionArn",
            "qualifiedArn": "{FunctionArn}:{Version}",
            "invokeArn": f"{_PATH}/{{FunctionArn}}/invocations",
            "version": "Version",
            "lastModified": "LastModified",
            "codeSha256": "CodeSha256",
            "sourceCodeSize": "CodeSize",
        },
        read=Read(operation="get_function", given={"FunctionName": "{id}"}, at="Configuration"),
        delete=Call(operation="delete_function", given={"FunctionName": "{id}"}),
    ),
    _Permission(
        type="aws:lambda/permission:Permission",
        service="lambda",
        auto_name="statementId",
        name_limit=100,
        create=Call(operation="add_permission", names={"function": "FunctionName"}),
        id="{statementId}",
        read=Read(operation="get_policy", given={"FunctionName": "{function}"}, at="Policy"),
        delete=Call(operation="remove_permission", given={"FunctionName": "{function}", "StatementId": "{id}"}),
    ),
    Driver(
        type="aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
        service="lambda",
        create=_INVOKE_CONFIG,
        update=(_INVOKE_CONFIG,),
        id="{functionName}",
        read=Read(operation="get_function_event_invoke_config", given={"FunctionName": "{id}"}),
        delete=Call(operation="delete_function_event_invoke_config", given={"FunctionName": "{id}"}),
    ),
    Driver(
        type="aws:scheduler/scheduleGroup:ScheduleGroup",
        service="scheduler",
        auto_name="name",
        name_limit=64,
        create=Call(operation="create_schedule_group"),
        id="{name}",
        outputs={"arn": "ScheduleGroupArn", "state": "ACTIVE"},
        read=Read(operation="get_schedule_group", given={"Name": "{id}"}),
        delete=Call(operation="delete_schedule_group", given={"Name": "{id}"}),
    ),
    Driver(
        type="aws:scheduler/schedule:Schedule",
        service="scheduler",
        auto_name="name",
        name_limit=64,
        defaults={"groupName": "default"},
        create=Call(operation="create_schedule"),
        update=(Call(operation="update_schedule", whole=True),),
        id="{groupName}/{name}",
        outputs={"arn": "ScheduleArn"},
        read=Read(operation="get_schedule", given={"Name": "{name}", "GroupName": "{groupName}"}),
        delete=Call(operation="delete_schedule", given={"Name": "{name}", "GroupName": "{groupName}"}),
    ),
)
