"""LogPipeline: one time zone, a table that Athena can read, and nothing that others may."""

import re
from typing import Any

import botocore.session
import pulumi
import pytest

from transload import LogPipeline
from transload._firehose_zones import ZONES
from transload.testing import Mocks

COLUMNS = [{"name": "time", "type": "string"}, {"name": "duration_ms", "type": "double", "description": "how long it took"}]
LEAST: Any = {"columns": COLUMNS}


def test_builds_a_stream_a_closed_bucket_a_table_and_a_workgroup(record):
    recording = record(lambda: LogPipeline("shop-logs", LEAST))

    assert recording.tree("LogPipeline", "shop-logs") == {
        ("aws:s3/bucket:Bucket", "shop-logs"),
        ("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "shop-logs"),
        ("aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration", "shop-logs"),
        ("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", "shop-logs"),
        ("aws:s3/bucketPolicy:BucketPolicy", "shop-logs"),
        ("aws:cloudwatch/logGroup:LogGroup", "shop-logs"),
        ("aws:cloudwatch/logStream:LogStream", "shop-logs"),
        ("aws:iam/role:Role", "shop-logs"),
        ("aws:iam/rolePolicy:RolePolicy", "shop-logs"),
        ("aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream", "shop-logs"),
        ("aws:glue/catalogDatabase:CatalogDatabase", "shop-logs"),
        ("aws:glue/catalogTable:CatalogTable", "shop-logs"),
        ("aws:athena/workgroup:Workgroup", "shop-logs"),
        ("aws:athena/namedQuery:NamedQuery", "shop-logs"),
    }
    assert {
        resource.parent for resource in recording.resources if resource.name == "shop-logs" and resource.type.startswith("aws:")
    } == {recording.one("transload:index:LogPipeline").urn}


def test_one_time_zone_goes_through_the_folders_the_partitions_and_the_query(record):
    recording = record(lambda: LogPipeline("shop-logs", {**LEAST, "timezone": "Asia/Tokyo", "retention_days": 30}), stack="prod")
    bucket = recording.one("aws:s3/bucket:Bucket").outputs["bucket"]
    stored = recording.one("aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream").inputs["extendedS3Configuration"]
    table = recording.one("aws:glue/catalogTable:CatalogTable").inputs

    assert stored["customTimeZone"] == "Asia/Tokyo"
    assert stored["prefix"] == "records/dt=!{timestamp:yyyy-MM-dd}/"
    assert stored["errorOutputPrefix"] == "errors/!{firehose:error-output-type}/dt=!{timestamp:yyyy-MM-dd}/"
    assert table["storageDescriptor"]["location"] == f"s3://{bucket}/records/"
    assert table["partitionKeys"] == [{"name": "dt", "type": "string", "comment": "Day of arrival, yyyy-MM-dd"}]
    # NOW is UTC: nine hours before midnight there, it is already tomorrow in Tokyo.
    assert {key: value for key, value in table["parameters"].items() if key.startswith("projection")} == {
        "projection.enabled": "true",
        "projection.dt.type": "date",
        "projection.dt.format": "yyyy-MM-dd",
        "projection.dt.range": "NOW-31DAYS,NOW+1DAYS",
        "projection.dt.interval": "1",
        "projection.dt.interval.unit": "DAYS",
    }
    assert recording.one("aws:athena/namedQuery:NamedQuery").inputs["query"] == (
        'SELECT * FROM "shop_logs_prod"."shop_logs" WHERE dt >= '
        "CAST(CAST(CAST(current_timestamp AT TIME ZONE 'Asia/Tokyo' AS date) - INTERVAL '1' DAY AS date) AS varchar) "
        "ORDER BY dt DESC LIMIT 100"
    )


def test_records_become_lines_of_one_object_a_minute(record):
    recording = record(lambda: LogPipeline("shop-logs", LEAST), stack="prod")
    stream = recording.one("aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream").inputs

    assert stream["name"] == "shop-logs-prod"
    assert stream["serverSideEncryption"] == {"enabled": True, "keyType": "AWS_OWNED_CMK"}
    stored = stream["extendedS3Configuration"]
    assert (stored["bufferingInterval"], stored["bufferingSize"]) == (60, 64)
    assert stored["processingConfiguration"] == {"enabled": True, "processors": [{"type": "AppendDelimiterToRecord"}]}


@pytest.mark.parametrize(
    ("compression", "format_", "extension", "compressed"),
    [("gzip", "GZIP", ".json.gz", True), ("none", "UNCOMPRESSED", ".json", False)],
)
def test_the_extension_tells_athena_the_compression(record, compression, format_, extension, compressed):
    recording = record(lambda: LogPipeline("shop-logs", {**LEAST, "compression": compression}))
    stored = recording.one("aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream").inputs["extendedS3Configuration"]

    assert (stored["compressionFormat"], stored["fileExtension"]) == (format_, extension)
    assert recording.one("aws:glue/catalogTable:CatalogTable").inputs["storageDescriptor"]["compressed"] is compressed


def test_the_table_reads_json_lines_and_survives_a_broken_one(record):
    storage = record(lambda: LogPipeline("shop-logs", LEAST)).one("aws:glue/catalogTable:CatalogTable").inputs["storageDescriptor"]

    assert storage["columns"] == [
        {"name": "time", "type": "string", "comment": ""},
        {"name": "duration_ms", "type": "double", "comment": "how long it took"},
    ]
    assert storage["serDeInfo"] == {
        "serializationLibrary": "org.openx.data.jsonserde.JsonSerDe",
        "parameters": {"ignore.malformed.json": "true"},
    }


def test_firehose_alone_may_write_and_only_for_this_account(record):
    recording = record(lambda: LogPipeline("shop-logs", LEAST), stack="prod")
    bucket = recording.one("aws:s3/bucket:Bucket").outputs["arn"]
    group = recording.one("aws:cloudwatch/logGroup:LogGroup")

    assert recording.policy("aws:iam/rolePolicy:RolePolicy") == [
        {
            "Sid": "FindTheBucket",
            "Effect": "Allow",
            "Action": ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"],
            "Resource": [bucket],
        },
        {
            "Sid": "WriteRecords",
            "Effect": "Allow",
            "Action": ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"],
            "Resource": [bucket + "/*"],
        },
        {
            "Sid": "ReportErrors",
            "Effect": "Allow",
            "Action": ["logs:PutLogEvents"],
            "Resource": [group.outputs["arn"] + ":log-stream:delivery"],
        },
    ]
    assert (
        '"Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}}'
        in recording.one("aws:iam/role:Role").inputs["assumeRolePolicy"]
    )


def test_the_bucket_is_closed_to_the_public_and_to_plain_http_and_forgets(record):
    recording = record(lambda: LogPipeline("shop-logs", {**LEAST, "prefix": "app/records/", "retention_days": 30}))
    bucket = recording.one("aws:s3/bucket:Bucket").outputs["arn"]

    assert recording.policy("aws:s3/bucketPolicy:BucketPolicy") == [
        {
            "Sid": "RefuseUnencryptedTransport",
            "Effect": "Deny",
            "Principal": {"AWS": "*"},
            "Action": ["s3:*"],
            "Resource": [bucket, bucket + "/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    ]
    closed = recording.one("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock").inputs
    assert {key: closed[key] for key in closed if key != "bucket"} == dict.fromkeys(
        ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"), True
    )
    rules = recording.one("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration").inputs["rules"]
    assert [(rule["filter"]["prefix"], rule.get("expiration", {}).get("days")) for rule in rules] == [
        ("app/records/", 30),
        ("errors/", 30),
        ("results/", 7),
        ("", None),
    ]


def test_the_workgroup_enforces_the_scan_limit_and_the_place_of_results(record):
    recording = record(lambda: LogPipeline("shop-logs", {**LEAST, "scan_limit_mb": 10}), stack="prod")
    bucket = recording.one("aws:s3/bucket:Bucket").outputs["bucket"]
    workgroup = recording.one("aws:athena/workgroup:Workgroup").inputs

    assert workgroup["name"] == "shop-logs-prod"
    assert workgroup["configuration"] == {
        "enforceWorkgroupConfiguration": True,
        "publishCloudwatchMetricsEnabled": True,
        "bytesScannedCutoffPerQuery": 10_000_000,
        "resultConfiguration": {
            "outputLocation": f"s3://{bucket}/results/",
            "encryptionConfiguration": {"encryptionOption": "SSE_S3"},
        },
    }


@pytest.mark.parametrize("protect", [True, False])
def test_protects_the_bucket_only_when_asked(record, protect):
    recording = record(lambda: LogPipeline("shop-logs", {**LEAST, "protect_data": protect}))

    assert {resource.type for resource in recording.resources if resource.options.protect} == (
        {"aws:s3/bucket:Bucket"} if protect else set()
    )


def test_a_parent_that_protects_everything_protects_the_bucket_too(record):
    opts = pulumi.ResourceOptions(protect=True)
    recording = record(lambda: LogPipeline("shop-logs", LEAST, opts))

    assert recording.one("aws:s3/bucket:Bucket").options.protect


def test_outputs_are_what_a_writer_and_a_reader_need(record):
    def program():
        logs = LogPipeline("shop-logs", {**LEAST, "timezone": "Asia/Tokyo"})
        pulumi.export("logs", logs.ref)

    recording = record(program, stack="prod")
    ref = recording.exports["logs"]

    assert {key: ref[key] for key in ("stream_name", "prefix", "timezone", "database", "table", "workgroup")} == {
        "stream_name": "shop-logs-prod",
        "prefix": "records/",
        "timezone": "Asia/Tokyo",
        "database": "shop_logs_prod",
        "table": "shop_logs",
        "workgroup": "shop-logs-prod",
    }
    outputs = recording.one("transload:index:LogPipeline").outputs
    assert set(outputs) == set(LogPipeline.__annotations__)
    assert ref["stream_arn"] == outputs["stream_arn"]
    assert ref["bucket"] == outputs["bucket_name"]
    assert ref["query_id"] == outputs["query_id"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"colums": COLUMNS}, "unknown argument colums, did you mean columns?"),
        ({}, "missing argument columns"),
        ({"columns": []}, "columns must list at least one column"),
        ({"columns": [{"name": "a", "typ": "string"}]}, "column 1: unknown argument typ, did you mean type?"),
        (
            {"columns": [{"name": "userId", "type": "string"}]},
            "column 'userId': a name is lower-case letters, digits and underscores",
        ),
        ({"columns": [{"name": "dt", "type": "string"}]}, "column 'dt': dt is the partition column"),
        ({"columns": [{"name": "order", "type": "string"}]}, "column 'order': order is a reserved word of SQL"),
        ({"columns": [*COLUMNS, COLUMNS[0]]}, "column 'time': is listed twice"),
        ({"columns": [{"name": "a", "type": "integer"}]}, "column 'a': type 'integer' has 'integer', did you mean int?"),
        ({"columns": [{"name": "a", "type": "STRING"}]}, "column 'a': type 'STRING' has 'STRING', did you mean string?"),
        ({"columns": [{"name": "a", "type": "blob"}]}, "column 'a': type 'blob' has 'blob', known are boolean, tinyint"),
        ({"columns": [{"name": "a", "type": "array<string"}]}, "column 'a': type 'array<string' ends too early"),
        ({"columns": [{"name": "a", "type": "array<string>>"}]}, "column 'a': type 'array<string>>' has '>' too much"),
        ({"columns": [{"name": "a", "type": "decimal(40,2)"}]}, "column 'a': type 'decimal(40,2)' needs a precision of 1 to 38"),
        (
            {"columns": [{"name": "a", "type": "struct<a:int)"}]},
            "column 'a': type 'struct<a:int)' needs ',' or '>' where ')' stands",
        ),
        ({"columns": [{"name": "a", "type": "map<string>"}]}, "column 'a': type 'map<string>' needs ',' where '>' stands"),
        ({"columns": [{"name": "a", "type": "struct<a:int;b:int>"}]}, "column 'a': type 'struct<a:int;b:int>' is not understood"),
        ({"columns": [{"name": "a", "type": 7}]}, "column 1: type must be a text, got 7"),
        ({**LEAST, "timezone": "Tokyo"}, "timezone 'Tokyo' is not an IANA time zone such as Asia/Tokyo"),
        (
            {**LEAST, "timezone": "Asia/Kolkata"},
            "timezone Asia/Kolkata is unknown to Firehose, which has the same time as Asia/Calcutta: write that",
        ),
        ({**LEAST, "timezone": "America/Toronto"}, "timezone America/Toronto is unknown to Firehose, which has the same time as"),
        ({**LEAST, "timezone": "EST"}, "timezone EST is unknown to Firehose, which has the same time as"),
        (
            {**LEAST, "timezone": "Antarctica/Troll"},
            "timezone Antarctica/Troll is unknown to Firehose, and it has none with the same time: take UTC",
        ),
        ({**LEAST, "prefix": "records"}, "prefix must be folders of lower-case letters, digits, _ . and -, ending with /"),
        ({**LEAST, "prefix": "_records/"}, "prefix must be folders"),
        ({**LEAST, "prefix": "records/!{timestamp:yyyy}/"}, "prefix must be folders"),
        ({**LEAST, "prefix": "errors/x/"}, "prefix errors/x/ is taken"),
        ({**LEAST, "buffer_seconds": 901}, "buffer_seconds must be 0 to 900, got 901"),
        ({**LEAST, "compression": "snappy"}, "compression must be one of gzip, none, got 'snappy'"),
        ({**LEAST, "retention_days": 0}, "retention_days must be 1 to 3650, got 0"),
        ({**LEAST, "scan_limit_mb": 9}, "scan_limit_mb must be 10 to 10000000, got 9"),
    ],
)
def test_refuses(record, args, message):
    with pytest.raises(ValueError, match=f"^LogPipeline 'shop-logs': {re.escape(message)}"):
        record(lambda: LogPipeline("shop-logs", args))


@pytest.mark.parametrize("name", ["Shop", "a" * 64, "shop_logs"])
def test_refuses_a_name_that_makes_no_physical_name(record, name):
    with pytest.raises(ValueError, match="name and stack make up"):
        record(lambda: LogPipeline(name, LEAST))


def test_refuses_a_name_that_makes_no_bucket(record):
    with pytest.raises(ValueError, match=r"^LogPipeline 'a+': its name must have at most 55 characters, got 56$"):
        record(lambda: LogPipeline("a" * 56, LEAST))


@pytest.mark.parametrize(
    "type_",
    ["bigint", "decimal(12,2)", "array<array<string>>", "map<string, double>", "struct<id:bigint,tags:array<string>,at:timestamp>"],
)
def test_takes_the_types_of_athena(record, type_):
    recording = record(lambda: LogPipeline("shop-logs", {"columns": [{"name": "a", "type": type_}]}))

    assert recording.one("aws:glue/catalogTable:CatalogTable").inputs["storageDescriptor"]["columns"][0]["type"] == type_


def test_the_zones_of_firehose_are_names_that_its_api_takes():
    pattern = botocore.session.get_session().get_service_model("firehose").shape_for("CustomTimeZone").metadata["pattern"]

    assert len(ZONES) == 293
    assert all(re.fullmatch(pattern, zone) for zone in ZONES)


def test_works_under_the_mocks_of_pulumi():
    pulumi.runtime.set_mocks(Mocks(), project="shop", stack="test")
    seen = []

    @pulumi.runtime.test
    def program():
        logs = LogPipeline("shop-logs", LEAST)
        return pulumi.Output.all(logs.stream_name, logs.stream_arn, logs.table).apply(seen.append)

    program()

    assert seen == [["shop-logs-test", "arn:aws:firehose:eu-west-1:123456789012:deliverystream/shop-logs-test", "shop_logs"]]
