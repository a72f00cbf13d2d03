"""Firehose, Glue and Athena."""

from typing import Any

from transload.local.drivers._driver import Call, Driver, Read, nested

_S3 = "extendedS3Configuration"


def _firehose(inputs: dict[str, Any]) -> dict[str, Any]:
    encryption = inputs.get("serverSideEncryption") or {}
    ready = {key: value for key, value in inputs.items() if key != "serverSideEncryption"}
    if encryption.get("enabled"):
        ready["encryption"] = {key: value for key, value in encryption.items() if key != "enabled"}
    return ready


_UPDATE_TABLE = Call(operation="update_table", takes=("databaseName", "catalogId", "tableInput"))

DRIVERS = (
    Driver(
        type="aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream",
        service="firehose",
        auto_name="name",
        name_limit=64,
        prepare=_firehose,
        create=Call(
            operation="create_delivery_stream",
            names={
                "name": "DeliveryStreamName",
                "encryption": "DeliveryStreamEncryptionConfigurationInput",
                "kinesisSourceConfiguration": "KinesisStreamSourceConfiguration",
                _S3: "ExtendedS3DestinationConfiguration",
                f"{_S3}.bufferingSize": "BufferingHints.SizeInMBs",
                f"{_S3}.bufferingInterval": "BufferingHints.IntervalInSeconds",
                f"{_S3}.kmsKeyArn": "EncryptionConfiguration.KMSEncryptionConfig.AWSKMSKeyARN",
            },
            given={"DeliveryStreamType": "DirectPut"},
        ),
        id="DeliveryStreamARN",
        skip={"destination": "the destination is the block that is given"},
        outputs={"arn": "DeliveryStreamARN", "destinationId": "destinationId-000000000001", "versionId": "1"},
        read=Read(operation="describe_delivery_stream", given={"DeliveryStreamName": "{name}"}, at="DeliveryStreamDescription"),
        delete=Call(operation="delete_delivery_stream", given={"DeliveryStreamName": "{name}"}),
    ),
    Driver(
        type="aws:glue/catalogDatabase:CatalogDatabase",
        service="glue",
        auto_name="name",
        prepare=nested("databaseInput", "catalogId", "tags"),
        create=Call(operation="create_database"),
        id="{account}:{name}",
        outputs={"arn": "arn:aws:glue:{region}:{account}:database/{name}", "catalogId": "{account}"},
        read=Read(operation="get_database", given={"Name": "{name}"}, at="Database"),
        delete=Call(operation="delete_database", given={"Name": "{name}"}),
    ),
    Driver(
        type="aws:glue/catalogTable:CatalogTable",
        service="glue",
        auto_name="name",
        prepare=nested("tableInput", "catalogId", "databaseName", "partitionIndices", "openTableFormatInput"),
        create=Call(operation="create_table", names={"partitionIndices": "PartitionIndexes"}),
        update=(_UPDATE_TABLE,),
        id="{account}:{databaseName}:{name}",
        outputs={"arn": "arn:aws:glue:{region}:{account}:table/{databaseName}/{name}", "catalogId": "{account}"},
        read=Read(operation="get_table", given={"DatabaseName": "{databaseName}", "Name": "{name}"}, at="Table"),
        delete=Call(operation="delete_table", given={"DatabaseName": "{databaseName}", "Name": "{name}"}),
    ),
    Driver(
        type="aws:athena/workgroup:Workgroup",
        service="athena",
        auto_name="name",
        name_limit=128,
        create=Call(
            operation="create_work_group",
            names={"configuration.resultConfiguration.encryptionConfiguration.kmsKeyArn": "KmsKey"},
        ),
        id="{name}",
        then=(Call(operation="update_work_group", takes=("state",), given={"WorkGroup": "{id}"}),),
        update=(Call(operation="update_work_group", takes=("description",), given={"WorkGroup": "{id}"}),),
        skip={"forceDestroy": "used when the workgroup is deleted"},
        outputs={"arn": "arn:aws:athena:{region}:{account}:workgroup/{name}"},
        read=Read(operation="get_work_group", given={"WorkGroup": "{id}"}, at="WorkGroup"),
        delete=Call(operation="delete_work_group", given={"WorkGroup": "{id}", "RecursiveDeleteOption": True}),
    ),
    Driver(
        type="aws:athena/namedQuery:NamedQuery",
        service="athena",
        auto_name="name",
        name_limit=128,
        create=Call(operation="create_named_query", names={"query": "QueryString"}),
        id="NamedQueryId",
        read=Read(operation="get_named_query", given={"NamedQueryId": "{id}"}, at="NamedQuery"),
        delete=Call(operation="delete_named_query", given={"NamedQueryId": "{id}"}),
    ),
)
