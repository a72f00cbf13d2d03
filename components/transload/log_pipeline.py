"""Application logs from Firehose to S3, readable with SQL within two minutes, in one time zone throughout."""

import re
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from transload._args import check_args, choice, fail, integer, problem_with_keys
from transload._bucket import private_bucket
from transload._columns import problem_with_columns
from transload._firehose_zones import problem_with_zone
from transload._iam import allow
from transload._roles import service_role

_EXTENSIONS = {"gzip": ".json.gz", "none": ".json"}


class ColumnArgs(TypedDict):
    """One column of a `LogPipeline`'s table."""

    name: str
    """Key in the JSON line, in lower case: letters, digits and underscores."""
    type: str
    """Athena type, such as `string`, `bigint`, `boolean`, `timestamp`, `array<string>` or `struct<id:bigint,name:string>`."""
    description: NotRequired[str]
    """Comment shown with the table. Default: none."""


class LogPipelineArgs(TypedDict):
    """Arguments of `LogPipeline`."""

    columns: list[ColumnArgs]
    """Columns of the table: the keys of a JSON line. A key that is not listed is stored, and can't be queried until it is."""
    timezone: NotRequired[str]
    """IANA time zone of the day folders, the partitions and the named query, one that Firehose knows. Default: UTC."""
    prefix: NotRequired[str]
    """Folder in the bucket, ending with `/`. Default: `records/`."""
    buffer_seconds: NotRequired[int]
    """Longest time a record waits in Firehose, 0 to 900 s. Below 60 s S3 requests cost more. Default: 60."""
    compression: NotRequired[str]
    """`gzip` or `none`. Default: gzip."""
    retention_days: NotRequired[int]
    """Days a record is kept, 1 to 3650. Default: 400."""
    scan_limit_mb: NotRequired[int]
    """Megabytes one query may scan before Athena stops it, 10 to 10000000. Default: 10000."""
    protect_data: NotRequired[bool]
    """Refuse to delete or replace the bucket. Default: false."""


class LogPipeline(pulumi.ComponentResource):
    """A Firehose stream into an encrypted bucket, a Glue table over it and an Athena workgroup with a named query.

    Use it for what an application writes as JSON lines: put records to `stream_name`, ask `table` about them.

        logs = LogPipeline("shop-logs", {"timezone": "Asia/Tokyo", "columns": [{"name": "message", "type": "string"}]})
        pulumi.export("log_stream", logs.stream_name)
    """

    ref: pulumi.Output[dict[str, str]]
    """What another stack needs to write and read: `stream_name`, `stream_arn`, `bucket`, `prefix`, `timezone`, `database`, `table`,
    `workgroup`, `query_id`. A map, so that the keys are alike in every language."""
    stream_name: pulumi.Output[str]
    """Firehose stream to put records to, one JSON object each."""
    stream_arn: pulumi.Output[str]
    """Resource of the writer's `firehose:PutRecordBatch` permission."""
    bucket_name: pulumi.Output[str]
    """Bucket with the records, what Firehose could not deliver, and query results."""
    database: pulumi.Output[str]
    """Glue database."""
    table: pulumi.Output[str]
    """Glue table, partitioned by the day `dt`."""
    workgroup: pulumi.Output[str]
    """Athena workgroup that has the scan limit and the place of results."""
    query_id: pulumi.Output[str]
    """Named query: a hundred records of today and yesterday, today's first."""

    def __init__(self, name: str, args: LogPipelineArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("transload:index:LogPipeline", name, {}, opts)
        args = check_args(self, args, LogPipelineArgs)
        columns = self._columns(args)
        timezone = self._timezone(args.get("timezone") or "UTC")
        prefix = self._prefix(args.get("prefix") or "records/")
        buffer_seconds = integer(self, args, "buffer_seconds", 60, 0, 900)
        compression = choice(self, args, "compression", "gzip", sorted(_EXTENSIONS))
        retention_days = integer(self, args, "retention_days", 400, 1, 3650)
        # The least that Athena takes is 10,000,000 bytes (Athena API reference, WorkGroupConfiguration).
        scan_limit = integer(self, args, "scan_limit_mb", 10_000, 10, 10_000_000) * 1_000_000
        # Applications and people write these names; nothing replaces what carries them. 64 is Firehose's limit.
        physical = f"{name}-{pulumi.get_stack()}"
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,63}", physical):
            fail(self, f"name and stack make up {physical!r}: at most 64 lower-case letters, digits and hyphens, a letter first")
        # The bucket is called so, with eight characters from Pulumi, and S3 takes 63.
        if len(name) > 55:
            fail(self, f"its name must have at most 55 characters, got {len(name)}")
        database_name, table_name = physical.replace("-", "_"), name.replace("-", "_")

        child = pulumi.ResourceOptions(parent=self)
        # Not versioned: Firehose writes every object once, under a name of its own. Old versions would be expired records.
        bucket = private_bucket(
            name,
            {prefix: retention_days, "errors/": retention_days, "results/": 7},
            protect=bool(args.get("protect_data")),
            child=child,
        )
        stream = self._stream(name, physical, bucket, prefix, timezone, buffer_seconds, compression, child)
        database = aws.glue.CatalogDatabase(name, name=database_name, opts=child)
        table = self._table(name, table_name, database, bucket, prefix, columns, retention_days, compression, child)
        workgroup = self._workgroup(name, physical, bucket, scan_limit, child)
        query = aws.athena.NamedQuery(
            name,
            description=f"A hundred records of today and yesterday in {timezone}, today's first",
            database=database.name,
            workgroup=workgroup.id,
            query=table.name.apply(lambda table_name: _newest(database_name, table_name, timezone)),
            opts=child,
        )

        self.stream_name = stream.name
        self.stream_arn = stream.arn
        self.bucket_name = bucket.bucket
        self.database = database.name
        self.table = table.name
        self.workgroup = workgroup.name
        self.query_id = query.id
        self.ref = pulumi.Output.all(
            stream_name=self.stream_name,
            stream_arn=self.stream_arn,
            bucket=self.bucket_name,
            prefix=prefix,
            timezone=timezone,
            database=self.database,
            table=self.table,
            workgroup=self.workgroup,
            query_id=self.query_id,
        )
        self.register_outputs({key: getattr(self, key) for key in LogPipeline.__annotations__})

    def _columns(self, args: LogPipelineArgs) -> list[ColumnArgs]:
        columns = args["columns"]
        if not columns:
            fail(self, 'columns must list at least one column such as {"name": "message", "type": "string"}')
        for number, column in enumerate(columns, 1):
            problem = problem_with_keys(column, ColumnArgs)
            if problem:
                fail(self, f"column {number}: {problem}")
        problem = problem_with_columns([(column["name"], column["type"]) for column in columns])
        if problem:
            fail(self, problem)
        return columns

    def _timezone(self, timezone: str) -> str:
        problem = problem_with_zone(timezone)
        if problem:
            fail(self, problem)
        return timezone

    def _prefix(self, prefix: str) -> str:
        # A folder that starts with _ or . is invisible to Athena; errors/ and results/ are other parts of the same bucket.
        if not re.fullmatch(r"([a-z0-9][a-z0-9_.-]*/)+", prefix) or len(prefix) > 200:
            fail(
                self,
                f"prefix must be folders of lower-case letters, digits, _ . and -, ending with /, such as records/, got {prefix!r}",
            )
        if prefix.startswith(("errors/", "results/")):
            fail(self, f"prefix {prefix} is taken: errors/ holds what Firehose could not deliver, results/ the answers of queries")
        return prefix

    def _stream(
        self,
        name: str,
        physical: str,
        bucket: aws.s3.Bucket,
        prefix: str,
        timezone: str,
        buffer_seconds: int,
        compression: str,
        child: pulumi.ResourceOptions,
    ) -> aws.kinesis.FirehoseDeliveryStream:
        # Firehose writes its errors only to a group and a stream that are there before it.
        log_group = aws.cloudwatch.LogGroup(name, name=f"/aws/kinesisfirehose/{physical}", retention_in_days=400, opts=child)
        log_stream = aws.cloudwatch.LogStream(name, name="delivery", log_group_name=log_group.name, opts=child)
        return aws.kinesis.FirehoseDeliveryStream(
            name,
            name=physical,
            destination="extended_s3",
            server_side_encryption={"enabled": True, "key_type": "AWS_OWNED_CMK"},
            extended_s3_configuration={
                "bucket_arn": bucket.arn,
                "role_arn": self._role(name, bucket, log_group, child),
                # k=v folders need no storage.location.template: what Athena projects and what it finds can't drift apart.
                "prefix": prefix + "dt=!{timestamp:yyyy-MM-dd}/",
                "error_output_prefix": "errors/!{firehose:error-output-type}/dt=!{timestamp:yyyy-MM-dd}/",
                "custom_time_zone": timezone,
                # The larger size leaves the closing of an object to the clock: 64 MiB is 1 MiB/s, a region's default quota.
                "buffering_size": 64,
                "buffering_interval": buffer_seconds,
                "compression_format": {"gzip": "GZIP", "none": "UNCOMPRESSED"}[compression],
                # Athena tells gzip by the extension, and this setting replaces the .gz that Firehose would add.
                "file_extension": _EXTENSIONS[compression],
                # Without a newline after each record the JSON objects run together and only the first of an object is read.
                "processing_configuration": {"enabled": True, "processors": [{"type": "AppendDelimiterToRecord"}]},
                "cloudwatch_logging_options": {
                    "enabled": True,
                    "log_group_name": log_group.name,
                    "log_stream_name": log_stream.name,
                },
            },
            opts=child,
        )

    def _role(
        self, name: str, bucket: aws.s3.Bucket, log_group: aws.cloudwatch.LogGroup, child: pulumi.ResourceOptions
    ) -> pulumi.Output[str]:
        account = log_group.arn.apply(lambda arn: arn.split(":")[4])
        _, arn = service_role(
            name,
            "firehose.amazonaws.com",
            [
                allow("FindTheBucket", ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"], [bucket.arn]),
                allow(
                    "WriteRecords",
                    ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"],
                    [pulumi.Output.concat(bucket.arn, "/*")],
                ),
                allow("ReportErrors", ["logs:PutLogEvents"], [pulumi.Output.concat(log_group.arn, ":log-stream:delivery")]),
            ],
            child,
            condition={"StringEquals": {"aws:SourceAccount": account}},
        )
        return arn

    def _table(
        self,
        name: str,
        table_name: str,
        database: aws.glue.CatalogDatabase,
        bucket: aws.s3.Bucket,
        prefix: str,
        columns: list[ColumnArgs],
        retention_days: int,
        compression: str,
        child: pulumi.ResourceOptions,
    ) -> aws.glue.CatalogTable:
        return aws.glue.CatalogTable(
            name,
            name=table_name,
            database_name=database.name,
            table_type="EXTERNAL_TABLE",
            parameters={
                "EXTERNAL": "TRUE",
                "classification": "json",
                "compressionType": compression,
                "projection.enabled": "true",
                "projection.dt.type": "date",
                "projection.dt.format": "yyyy-MM-dd",
                # Athena reckons NOW in UTC. East of Greenwich the day begins earlier, and up to NOW the first hours of today would
                # be missing without an error; tomorrow is at worst one empty folder.
                "projection.dt.range": f"NOW-{retention_days + 1}DAYS,NOW+1DAYS",
                "projection.dt.interval": "1",
                "projection.dt.interval.unit": "DAYS",
            },
            partition_keys=[{"name": "dt", "type": "string", "comment": "Day of arrival, yyyy-MM-dd"}],
            storage_descriptor={
                "location": pulumi.Output.concat("s3://", bucket.bucket, "/", prefix),
                "input_format": "org.apache.hadoop.mapred.TextInputFormat",
                "output_format": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
                "compressed": compression != "none",
                "columns": [
                    {"name": column["name"], "type": column["type"], "comment": column.get("description", "")} for column in columns
                ],
                "ser_de_info": {
                    "serialization_library": "org.openx.data.jsonserde.JsonSerDe",
                    # One bad line must not fail a query over a year of good ones.
                    "parameters": {"ignore.malformed.json": "true"},
                },
            },
            opts=child,
        )

    def _workgroup(
        self, name: str, physical: str, bucket: aws.s3.Bucket, scan_limit: int, child: pulumi.ResourceOptions
    ) -> aws.athena.Workgroup:
        return aws.athena.Workgroup(
            name,
            name=physical,
            # A workgroup with a query history can't be deleted otherwise; the history holds no records.
            force_destroy=True,
            configuration={
                "enforce_workgroup_configuration": True,
                "publish_cloudwatch_metrics_enabled": True,
                "bytes_scanned_cutoff_per_query": scan_limit,
                "result_configuration": {
                    "output_location": pulumi.Output.concat("s3://", bucket.bucket, "/results/"),
                    "encryption_configuration": {"encryption_option": "SSE_S3"},
                },
            },
            opts=child,
        )


def _newest(database: str, table: str, timezone: str) -> str:
    # Yesterday too: an object lies in the folder of its oldest record, so what arrived just after midnight may lie a day earlier.
    # Today first and then the day before it: 24 hours before the end of a day of 25 it is still the same day.
    yesterday = f"CAST(CAST(CAST(current_timestamp AT TIME ZONE '{timezone}' AS date) - INTERVAL '1' DAY AS date) AS varchar)"
    return f'SELECT * FROM "{database}"."{table}" WHERE dt >= {yesterday} ORDER BY dt DESC LIMIT 100'  # noqa: S608 - checked names
