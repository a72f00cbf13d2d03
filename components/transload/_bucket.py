"""A private bucket as every part of the platform makes it."""

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from transload._iam import deny, policy


def private_bucket(name: str, expire_days: Mapping[str, int], *, protect: bool, child: pulumi.ResourceOptions) -> aws.s3.Bucket:
    """A bucket that is encrypted, closed to the public and to plain HTTP. `expire_days`: folder -> days its objects are kept."""
    bucket = aws.s3.Bucket(name, opts=pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(protect=protect or None)))
    aws.s3.BucketPublicAccessBlock(
        name,
        bucket=bucket.id,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=child,
    )
    aws.s3.BucketServerSideEncryptionConfiguration(
        name, bucket=bucket.id, rules=[{"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}], opts=child
    )
    aws.s3.BucketLifecycleConfiguration(
        name,
        bucket=bucket.id,
        rules=[
            {"id": f"expire-{folder.strip('/')}", "status": "Enabled", "filter": {"prefix": folder}, "expiration": {"days": days}}
            for folder, days in expire_days.items()
        ]
        + [
            {
                "id": "drop-unfinished-uploads",
                "status": "Enabled",
                "filter": {"prefix": ""},
                "abort_incomplete_multipart_upload": {"days_after_initiation": 7},
            }
        ],
        opts=child,
    )
    only_tls = deny(
        "RefuseUnencryptedTransport",
        ["s3:*"],
        [bucket.arn, pulumi.Output.concat(bucket.arn, "/*")],
        principal={"AWS": "*"},
        condition={"Bool": {"aws:SecureTransport": "false"}},
    )
    aws.s3.BucketPolicy(name, bucket=bucket.id, policy=policy(only_tls), opts=child)
    return bucket
