"""A program with at least one resource of every type that has a driver, each with the inputs that are odd about it."""

import json
from pathlib import Path

import pulumi
import pulumi_aws as aws


def _trust(service: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _allow(action: str, resource: pulumi.Input[str], principal: str | None = None) -> pulumi.Output[str]:
    who = {"Principal": {"Service": principal}} if principal else {}
    statement = {"Effect": "Allow", **who, "Action": action, "Resource": resource}
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": [statement]})


def everything() -> None:
    subnets, group = network()
    role = identities()
    batch(subnets, group)
    queue, topic = messages()
    schedules(queue, functions(role, queue))
    data()
    observe(topic, role)
    files_and_queries(role)
    names(subnets, group)


def network() -> tuple[list[aws.ec2.Subnet], aws.ec2.SecurityGroup]:
    vpc = aws.ec2.Vpc("net", cidr_block="10.0.0.0/16", enable_dns_hostnames=True, enable_dns_support=True, tags={"Name": "net"})
    aws.ec2.DefaultSecurityGroup("net", vpc_id=vpc.id, ingress=[], egress=[], tags={"Name": "closed"})
    gateway = aws.ec2.InternetGateway("net", vpc_id=vpc.id)
    subnets = [
        aws.ec2.Subnet(
            f"net-{zone}",
            vpc_id=vpc.id,
            cidr_block=f"10.0.{number}.0/24",
            availability_zone=f"eu-west-1{zone}",
            map_public_ip_on_launch=True,
            tags={"Name": zone},
        )
        for number, zone in enumerate("ab")
    ]
    address = aws.ec2.Eip("net", domain="vpc")
    nat = aws.ec2.NatGateway("net", subnet_id=subnets[0].id, allocation_id=address.id)
    table = aws.ec2.RouteTable("net", vpc_id=vpc.id, tags={"Name": "out"})
    aws.ec2.RouteTableAssociation("net", route_table_id=table.id, subnet_id=subnets[0].id)
    aws.ec2.Route("net", route_table_id=table.id, destination_cidr_block="0.0.0.0/0", gateway_id=gateway.id)
    inner = aws.ec2.RouteTable("inner", vpc_id=vpc.id)
    aws.ec2.Route("inner", route_table_id=inner.id, destination_cidr_block="0.0.0.0/0", nat_gateway_id=nat.id)
    group = aws.ec2.SecurityGroup(
        "net",
        vpc_id=vpc.id,
        ingress=[{"protocol": "tcp", "from_port": 443, "to_port": 443, "cidr_blocks": ["10.0.0.0/8"], "self": True}],
        egress=[{"protocol": "-1", "from_port": 0, "to_port": 0, "cidr_blocks": ["0.0.0.0/0"], "description": "out"}],
    )
    aws.vpc.SecurityGroupIngressRule(
        "net", security_group_id=group.id, ip_protocol="tcp", from_port=80, to_port=80, cidr_ipv4="10.1.0.0/16", description="web"
    )
    other = aws.ec2.SecurityGroup("other", vpc_id=vpc.id, description="to the first")
    aws.vpc.SecurityGroupEgressRule(
        "net", security_group_id=other.id, ip_protocol="-1", referenced_security_group_id=group.id, tags={"Name": "to the first"}
    )
    aws.ec2.VpcEndpoint(
        "net",
        vpc_id=vpc.id,
        service_name="com.amazonaws.eu-west-1.s3",
        vpc_endpoint_type="Gateway",
        route_table_ids=[table.id],
        policy=_allow("s3:GetObject", "*"),
    )
    logs = aws.cloudwatch.LogGroup("flow")
    writer = aws.iam.Role("flow", assume_role_policy=_trust("vpc-flow-logs.amazonaws.com"))
    aws.ec2.FlowLog("net", vpc_id=vpc.id, traffic_type="REJECT", log_destination=logs.arn, iam_role_arn=writer.arn)
    aws.ec2.LaunchTemplate(
        "net", image_id="ami-12345678", vpc_security_group_ids=[group.id], update_default_version=True, tags={"Name": "big"}
    )
    return subnets, group


def identities() -> aws.iam.Role:
    role = aws.iam.Role(
        "worker", assume_role_policy=_trust("lambda.amazonaws.com"), description="works", max_session_duration=7200, tags={"a": "b"}
    )
    aws.iam.RolePolicy("worker", role=role.id, policy=_allow("s3:GetObject", "arn:aws:s3:::x/*"))
    own = aws.iam.Policy("own", policy=_allow("s3:PutObject", "arn:aws:s3:::x/*"), path="/team/")
    aws.iam.RolePolicyAttachment("own", role=role.name, policy_arn=own.arn)
    aws.iam.RolePolicyAttachment("managed", role=role.name, policy_arn="arn:aws:iam::aws:policy/CloudWatchReadOnlyAccess")
    aws.iam.InstanceProfile("worker", role=role.name)
    aws.iam.ServiceLinkedRole("spot", aws_service_name="spot.amazonaws.com")
    return role


def batch(subnets: list[aws.ec2.Subnet], group: aws.ec2.SecurityGroup) -> None:
    environment = aws.batch.ComputeEnvironment(
        "spot",
        type="MANAGED",
        compute_resources={
            "type": "FARGATE_SPOT",
            "max_vcpus": 16,
            "subnets": [subnet.id for subnet in subnets],
            "security_group_ids": [group.id],
        },
    )
    aws.batch.JobQueue(
        "spot",
        state="ENABLED",
        priority=1,
        compute_environment_orders=[{"order": 1, "compute_environment": environment.arn}],
        job_state_time_limit_actions=[
            {
                "state": "RUNNABLE",
                "max_time_seconds": 1800,
                "action": "CANCEL",
                "reason": "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
            }
        ],
    )
    execution = aws.iam.Role("execution", assume_role_policy=_trust("ecs-tasks.amazonaws.com"))
    sizes = [{"type": "VCPU", "value": "0.25"}, {"type": "MEMORY", "value": "512"}]
    aws.batch.JobDefinition(
        "plain",
        type="container",
        platform_capabilities=["FARGATE"],
        propagate_tags=True,
        retry_strategy={"attempts": 2, "evaluate_on_exits": [{"action": "RETRY", "on_status_reason": "Host EC2*"}]},
        timeout={"attempt_duration_seconds": 60},
        container_properties=pulumi.Output.json_dumps(
            {"image": "busybox", "executionRoleArn": execution.arn, "resourceRequirements": sizes, "command": ["true"]}
        ),
    )
    container = {"name": "main", "image": "busybox", "resourceRequirements": sizes, "stopTimeout": 60}
    aws.batch.JobDefinition(
        "task",
        type="container",
        platform_capabilities=["FARGATE"],
        ecs_properties=pulumi.Output.json_dumps(
            {"taskProperties": [{"executionRoleArn": execution.arn, "containers": [container]}]}
        ),
    )


def messages() -> tuple[aws.sqs.Queue, aws.sns.Topic]:
    dead = aws.sqs.Queue("dead", fifo_queue=False, sqs_managed_sse_enabled=True, message_retention_seconds=1_209_600)
    queue = aws.sqs.Queue(
        "work",
        visibility_timeout_seconds=120,
        redrive_policy=pulumi.Output.json_dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": 3}),
    )
    aws.sqs.Queue("ordered", fifo_queue=True, content_based_deduplication=True)
    aws.sqs.QueuePolicy("work", queue_url=queue.url, policy=_allow("sqs:SendMessage", queue.arn, "events.amazonaws.com"))
    topic = aws.sns.Topic("alerts", display_name="Alerts", tags={"a": "b"})
    aws.sns.TopicPolicy("alerts", arn=topic.arn, policy=_allow("sns:Publish", topic.arn, "cloudwatch.amazonaws.com"))
    aws.sns.TopicSubscription("work", topic=topic.arn, protocol="sqs", endpoint=queue.arn, raw_message_delivery=True)
    return queue, topic


def functions(role: aws.iam.Role, queue: aws.sqs.Queue) -> aws.lambda_.Function:
    here = Path(__file__)
    function = aws.lambda_.Function(
        "submit",
        role=role.arn,
        runtime="python3.13",
        handler="pkg.handler",
        architectures=["arm64"],
        timeout=30,
        memory_size=256,
        environment={"variables": {"TABLE": "jobs"}},
        dead_letter_config={"target_arn": queue.arn},
        tracing_config={"mode": "Active"},
        code=pulumi.AssetArchive(
            {"pkg.py": pulumi.StringAsset("def handler(event, context): return event"), "here.py": pulumi.FileAsset(str(here))}
        ),
    )
    aws.lambda_.Permission("submit", action="lambda:InvokeFunction", function=function.name, principal="events.amazonaws.com")
    aws.lambda_.FunctionEventInvokeConfig(
        "submit",
        function_name=function.name,
        maximum_retry_attempts=2,
        maximum_event_age_in_seconds=3600,
        destination_config={"on_failure": {"destination": queue.arn}},
    )
    return function


def schedules(queue: aws.sqs.Queue, function: aws.lambda_.Function) -> None:
    group = aws.scheduler.ScheduleGroup("jobs")
    role = aws.iam.Role("scheduler", assume_role_policy=_trust("scheduler.amazonaws.com"))
    aws.scheduler.Schedule(
        "nightly",
        group_name=group.name,
        schedule_expression="cron(0 3 * * ? *)",
        schedule_expression_timezone="Asia/Tokyo",
        flexible_time_window={"mode": "OFF"},
        state="ENABLED",
        target={
            "arn": function.arn,
            "role_arn": role.arn,
            "input": json.dumps({"job": "nightly"}),
            "retry_policy": {"maximum_retry_attempts": 3, "maximum_event_age_in_seconds": 600},
            "dead_letter_config": {"arn": queue.arn},
        },
    )
    rule = aws.cloudwatch.EventRule("batch", event_pattern=json.dumps({"source": ["aws.batch"]}))
    aws.cloudwatch.EventTarget(
        "batch",
        rule=rule.name,
        arn=queue.arn,
        retry_policy={"maximum_retry_attempts": 3, "maximum_event_age_in_seconds": 600},
        input_transformer={"input_paths": {"job": "$.detail.jobName"}, "input_template": '{"job": <job>}'},
        dead_letter_config={"arn": queue.arn},
    )


def data() -> None:
    key = aws.kms.Key("data", enable_key_rotation=True, deletion_window_in_days=7, description="data", policy=_allow("kms:*", "*"))
    aws.kms.Alias("data", target_key_id=key.id)
    aws.kms.KeyPolicy("data", key_id=key.id, policy=_allow("kms:Decrypt", "*", "sns.amazonaws.com"))
    table = aws.dynamodb.Table(
        "runs",
        billing_mode="PAY_PER_REQUEST",
        hash_key="job",
        range_key="run",
        attributes=[{"name": name, "type": "S"} for name in ("job", "run", "day")],
        global_secondary_indexes=[{"name": "by-day", "hash_key": "day", "range_key": "job", "projection_type": "ALL"}],
        ttl={"attribute_name": "expires_at", "enabled": True},
        point_in_time_recovery={"enabled": True},
        server_side_encryption={"enabled": True, "kms_key_arn": key.arn},
        deletion_protection_enabled=False,
        stream_enabled=True,
        stream_view_type="NEW_IMAGE",
    )
    aws.dynamodb.TableItem(
        "first",
        table_name=table.name,
        hash_key="job",
        range_key="run",
        item=json.dumps({"job": {"S": "a"}, "run": {"S": "1"}, "size": {"N": "3"}}),
    )
    aws.ssm.Parameter("token", type="SecureString", value="hush", name="/team/token", tier="Standard")
    secret = aws.secretsmanager.Secret("token", recovery_window_in_days=7)
    aws.secretsmanager.SecretVersion("token", secret_id=secret.id, secret_string="hush")
    repository = aws.ecr.Repository(
        "app",
        image_tag_mutability="IMMUTABLE",
        image_scanning_configuration={"scan_on_push": True},
        encryption_configurations=[{"encryption_type": "AES256"}],
        force_delete=True,
    )
    rule = {
        "rulePriority": 1,
        "selection": {"tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 5},
        "action": {"type": "expire"},
    }
    aws.ecr.LifecyclePolicy("app", repository=repository.name, policy=json.dumps({"rules": [rule]}))


def observe(topic: aws.sns.Topic, role: aws.iam.Role) -> None:
    group = aws.cloudwatch.LogGroup("app", retention_in_days=400, tags={"a": "b"})
    aws.cloudwatch.LogStream("app", log_group_name=group.name)
    aws.cloudwatch.LogMetricFilter(
        "errors",
        log_group_name=group.name,
        pattern="ERROR",
        metric_transformation={"name": "Errors", "namespace": "App", "value": "1", "default_value": "0"},
    )
    aws.cloudwatch.MetricAlarm(
        "errors",
        namespace="App",
        metric_name="Errors",
        dimensions={"App": "web"},
        statistic="Sum",
        period=300,
        evaluation_periods=1,
        threshold=0,
        comparison_operator="GreaterThanThreshold",
        treat_missing_data="notBreaching",
        alarm_actions=[topic.arn],
        ok_actions=[topic.arn],
    )
    aws.chatbot.SlackChannelConfiguration(
        "alerts",
        configuration_name="alerts",
        iam_role_arn=role.arn,
        slack_team_id="T0123456",
        slack_channel_id="C0123456",
        sns_topic_arns=[topic.arn],
        guardrail_policy_arns=["arn:aws:iam::aws:policy/CloudWatchReadOnlyAccess"],
    )


def files_and_queries(role: aws.iam.Role) -> None:
    bucket = aws.s3.Bucket("data", force_destroy=True, tags={"a": "b"})
    logs = aws.s3.Bucket("logs")
    aws.s3.BucketVersioning("data", bucket=bucket.id, versioning_configuration={"status": "Enabled"})
    aws.s3.BucketLifecycleConfiguration(
        "data",
        bucket=bucket.id,
        rules=[
            {
                "id": "move",
                "status": "Enabled",
                "filter": {"prefix": "old/"},
                "transitions": [{"days": 30, "storage_class": "STANDARD_IA"}],
                "expiration": {"days": 90},
                "noncurrent_version_expiration": {"noncurrent_days": 7},
                "abort_incomplete_multipart_upload": {"days_after_initiation": 7},
            }
        ],
    )
    aws.s3.BucketPublicAccessBlock("data", bucket=bucket.id, block_public_acls=True, block_public_policy=True)
    aws.s3.BucketServerSideEncryptionConfiguration(
        "data",
        bucket=bucket.id,
        rules=[{"apply_server_side_encryption_by_default": {"sse_algorithm": "aws:kms"}, "bucket_key_enabled": True}],
    )
    aws.s3.BucketPolicy("data", bucket=bucket.id, policy=_allow("s3:GetObject", bucket.arn, "logs.amazonaws.com"))
    aws.s3.BucketOwnershipControls("data", bucket=bucket.id, rule={"object_ownership": "BucketOwnerEnforced"})
    aws.s3.BucketLogging("data", bucket=bucket.id, target_bucket=logs.id, target_prefix="access/")
    aws.s3.BucketObjectv2("readme", bucket=bucket.id, key="readme.txt", content="hello", tags={"a": "b"})
    group = aws.cloudwatch.LogGroup("firehose", name="/aws/kinesisfirehose/records")
    stream = aws.cloudwatch.LogStream("firehose", name="delivery", log_group_name=group.name)
    aws.kinesis.FirehoseDeliveryStream(
        "records",
        name="records",
        destination="extended_s3",
        server_side_encryption={"enabled": True, "key_type": "AWS_OWNED_CMK"},
        extended_s3_configuration={
            "bucket_arn": bucket.arn,
            "role_arn": role.arn,
            "prefix": "records/dt=!{timestamp:yyyy-MM-dd}/",
            "error_output_prefix": "errors/!{firehose:error-output-type}/",
            "custom_time_zone": "Asia/Tokyo",
            "buffering_size": 64,
            "buffering_interval": 60,
            "compression_format": "GZIP",
            "file_extension": ".gz",
            "processing_configuration": {"enabled": True, "processors": [{"type": "AppendDelimiterToRecord"}]},
            "cloudwatch_logging_options": {"enabled": True, "log_group_name": group.name, "log_stream_name": stream.name},
        },
    )
    database = aws.glue.CatalogDatabase("records", name="records", description="all of them")
    aws.glue.CatalogTable(
        "records",
        name="records",
        database_name=database.name,
        table_type="EXTERNAL_TABLE",
        parameters={"classification": "json"},
        partition_keys=[{"name": "dt", "type": "string"}],
        storage_descriptor={
            "location": pulumi.Output.concat("s3://", bucket.bucket, "/records/"),
            "columns": [{"name": "message", "type": "string"}],
            "ser_de_info": {"serialization_library": "org.openx.data.jsonserde.JsonSerDe", "parameters": {"a": "b"}},
        },
    )
    workgroup = aws.athena.Workgroup(
        "records",
        state="ENABLED",
        force_destroy=True,
        configuration={
            "enforce_workgroup_configuration": True,
            "bytes_scanned_cutoff_per_query": 10_485_760,
            "result_configuration": {
                "output_location": pulumi.Output.concat("s3://", bucket.bucket, "/results/"),
                "encryption_configuration": {"encryption_option": "SSE_S3"},
            },
        },
    )
    aws.athena.NamedQuery("newest", database=database.name, workgroup=workgroup.name, query="SELECT 1")


def names(subnets: list[aws.ec2.Subnet], group: aws.ec2.SecurityGroup) -> None:
    zone = aws.route53.Zone("shop", name="shop.example", tags={"a": "b"})
    balancer = aws.lb.LoadBalancer(
        "web", internal=False, subnets=[subnet.id for subnet in subnets], security_groups=[group.id], idle_timeout=120
    )
    target = aws.lb.TargetGroup(
        "web",
        port=80,
        protocol="HTTP",
        target_type="ip",
        vpc_id=subnets[0].vpc_id,
        deregistration_delay=30,
        health_check={"path": "/up", "matcher": "200-299", "interval": 10, "healthy_threshold": 2},
    )
    aws.lb.Listener(
        "web",
        load_balancer_arn=balancer.arn,
        port=80,
        protocol="HTTP",
        default_actions=[{"type": "forward", "forward": {"target_groups": [{"arn": target.arn, "weight": 100}]}}],
    )
    check = aws.route53.HealthCheck(
        "web",
        type="HTTP",
        fqdn="shop.example",
        port=80,
        resource_path="/",
        request_interval=30,
        failure_threshold=3,
        tags={"a": "b"},
    )
    old = aws.route53.Record(
        "old",
        zone_id=zone.zone_id,
        name="www",
        type="A",
        ttl=60,
        records=["192.0.2.1"],
        set_identifier="old",
        weighted_routing_policies=[{"weight": 90}],
        health_check_id=check.id,
    )
    aws.route53.Record(
        "new",
        zone_id=zone.zone_id,
        name="www.shop.example",
        type="A",
        set_identifier="new",
        weighted_routing_policies=[{"weight": 10}],
        aliases=[{"name": balancer.dns_name, "zone_id": balancer.zone_id, "evaluate_target_health": True}],
        opts=pulumi.ResourceOptions(depends_on=[old]),
    )
