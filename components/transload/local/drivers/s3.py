"""Buckets, what is set on them, and objects."""

import base64
import mimetypes
import urllib.parse
from collections.abc import Mapping
from typing import Any

from transload.local.drivers._aws import Aws
from transload.local.drivers._driver import Call, Driver, Read
from transload.local.drivers.compute import packed


class _Bucket(Driver):
    def _create(self, aws: Aws, inputs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        region = inputs.get("region") or aws.region
        # us-east-1 is the one place that S3 refuses as a location.
        return super()._create(aws, inputs if region == "us-east-1" else {**inputs, "location": region})

    def _remove(self, aws: Aws, id: str, state: Mapping[str, Any]) -> None:  # noqa: A002
        if state.get("forceDestroy"):
            client = aws.client("s3", state.get("region"))
            for page in client.get_paginator("list_object_versions").paginate(Bucket=id):
                for entry in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                    client.delete_object(Bucket=id, Key=entry["Key"], VersionId=entry["VersionId"])
        super()._remove(aws, id, state)


def _object(inputs: dict[str, Any]) -> dict[str, Any]:
    source, text, encoded = inputs.get("source"), inputs.get("content"), inputs.get("contentBase64")
    body = base64.b64decode(encoded) if encoded else text.encode() if text is not None else _bytes(source)
    guessed = mimetypes.guess_type(inputs["key"])[0] or "application/octet-stream"
    ready = {key: value for key, value in inputs.items() if key not in ("source", "content", "contentBase64", "tags")}
    ready |= {"body": body, "contentType": inputs.get("contentType") or guessed}
    if inputs.get("tags"):
        ready["tagging"] = urllib.parse.urlencode(inputs["tags"])
    return ready


def _bytes(source: Any) -> bytes:
    if hasattr(source, "text"):
        return source.text.encode()
    if hasattr(source, "path") and not hasattr(source, "assets"):
        with open(source.path, "rb") as file:
            return file.read()
    return packed(source)


def _side(kind: str, put: str, get: str, member: str | Mapping[str, str], at: str, delete: Call | None, stays: str = "") -> Driver:
    """A resource that sets one thing on a bucket and has the bucket's name as id."""
    names = member if isinstance(member, Mapping) else {"rules": f"{member}.Rules"}
    call = Call(operation=put, names=names)
    return Driver(
        type=f"aws:s3/{kind[0].lower()}{kind[1:]}:{kind}",
        service="s3",
        create=call,
        update=(call,),
        id="{bucket}",
        skip={"skipDestroy": "Pulumi's own: keep the setting at destroy"},
        read=Read(operation=get, given={"Bucket": "{id}"}, at=at),
        delete=delete,
        stays=stays,
    )


def _gone(operation: str, **given: Any) -> Call:
    return Call(operation=operation, given={"Bucket": "{id}", **given})


_BLOCK = "PublicAccessBlockConfiguration"
_OBJECT = Call(operation="put_object", names={"kmsKeyId": "SSEKMSKeyId", "objectLockLegalHoldStatus": "ObjectLockLegalHoldStatus"})

DRIVERS = (
    _Bucket(
        type="aws:s3/bucket:Bucket",
        service="s3",
        auto_name="bucket",
        name_limit=63,
        create=Call(
            operation="create_bucket",
            names={"location": "CreateBucketConfiguration.LocationConstraint", "objectLockEnabled": "ObjectLockEnabledForBucket"},
        ),
        id="{bucket}",
        then=(Call(operation="put_bucket_tagging", takes=("tags",), names={"tags": "Tagging.TagSet"}, given={"Bucket": "{id}"}),),
        skip={"forceDestroy": "used when the bucket is deleted"},
        outputs={
            "arn": "arn:aws:s3:::{bucket}",
            "bucketDomainName": "{bucket}.s3.amazonaws.com",
            "bucketRegionalDomainName": "{bucket}.s3.{region}.amazonaws.com",
            "bucketRegion": "{region}",
        },
        read=Read(operation="head_bucket", given={"Bucket": "{id}"}),
        delete=Call(operation="delete_bucket", given={"Bucket": "{id}"}),
    ),
    _side(
        "BucketVersioning",
        "put_bucket_versioning",
        "get_bucket_versioning",
        {"versioningConfiguration.mfaDelete": "MFADelete"},
        "Status",
        _gone("put_bucket_versioning", VersioningConfiguration={"Status": "Suspended"}),
        stays="versioning that was on can only be suspended",
    ),
    _side(
        "BucketLifecycleConfiguration",
        "put_bucket_lifecycle_configuration",
        "get_bucket_lifecycle_configuration",
        "LifecycleConfiguration",
        "Rules",
        _gone("delete_bucket_lifecycle"),
    ),
    _side(
        "BucketServerSideEncryptionConfiguration",
        "put_bucket_encryption",
        "get_bucket_encryption",
        "ServerSideEncryptionConfiguration",
        "ServerSideEncryptionConfiguration",
        _gone("delete_bucket_encryption"),
        stays="S3 always encrypts, if with nothing else then with its own key",
    ),
    _side(
        "BucketPublicAccessBlock",
        "put_public_access_block",
        "get_public_access_block",
        {
            key: f"{_BLOCK}.{key[0].upper()}{key[1:]}"
            for key in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
        },
        _BLOCK,
        _gone("delete_public_access_block"),
    ),
    _side("BucketPolicy", "put_bucket_policy", "get_bucket_policy", {}, "Policy", _gone("delete_bucket_policy")),
    _side(
        "BucketOwnershipControls",
        "put_bucket_ownership_controls",
        "get_bucket_ownership_controls",
        {"rule": "OwnershipControls.Rules"},
        "OwnershipControls",
        _gone("delete_bucket_ownership_controls"),
    ),
    _side(
        "BucketLogging",
        "put_bucket_logging",
        "get_bucket_logging",
        {
            "targetBucket": "BucketLoggingStatus.LoggingEnabled.TargetBucket",
            "targetPrefix": "BucketLoggingStatus.LoggingEnabled.TargetPrefix",
        },
        "LoggingEnabled",
        _gone("put_bucket_logging", BucketLoggingStatus={}),
    ),
    Driver(
        type="aws:s3/bucketObjectv2:BucketObjectv2",
        service="s3",
        auto_name="key",
        name_limit=1024,
        prepare=_object,
        create=_OBJECT,
        update=(_OBJECT,),
        id="{bucket}/{key}",
        skip={
            "etag": "only tells Pulumi that the content changed",
            "sourceHash": "only tells Pulumi that the content changed",
            "forceDestroy": "used when the object is deleted",
            "overrideProvider": "Pulumi's own",
        },
        outputs={"arn": "arn:aws:s3:::{bucket}/{key}", "etag": "ETag", "versionId": "VersionId"},
        read=Read(operation="head_object", given={"Bucket": "{bucket}", "Key": "{key}"}),
        delete=Call(operation="delete_object", given={"Bucket": "{bucket}", "Key": "{key}"}),
    ),
)
