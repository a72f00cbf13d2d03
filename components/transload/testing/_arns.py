"""Names, ids and ARNs of AWS resources, per type: the formats of the Service Authorization Reference."""

from dataclasses import dataclass, field
from typing import Any

# Where the physical name is not the input `name`.
_NAME_PROPERTIES = {
    "aws:s3/bucket:Bucket": "bucket",
    "aws:ssm/parameter:Parameter": "name",
    "aws:rds/instance:Instance": "identifier",
    "aws:rds/cluster:Cluster": "clusterIdentifier",
    "aws:elasticache/cluster:Cluster": "clusterId",
    "aws:elasticache/replicationGroup:ReplicationGroup": "replicationGroupId",
    "aws:chatbot/slackChannelConfiguration:SlackChannelConfiguration": "configurationName",
    "aws:ecs/taskDefinition:TaskDefinition": "family",
}
NAME_ENDINGS: dict[str, str] = {}

# Type -> (ARN, id). `{name}` is the physical name, `{hex8}` and `{hex17}` are digits of the URN's hash. An id of None is the ARN.
_REGIONAL = "arn:aws:{service}:{region}:{account}:"
_SHAPES: dict[str, tuple[str, str | None]] = {
    "aws:acm/certificate:Certificate": ("arn:aws:acm:{region}:{account}:certificate/{uuid}", None),
    "aws:athena/database:Database": ("arn:aws:athena:{region}:{account}:database/{name}", "{name}"),
    "aws:athena/namedQuery:NamedQuery": ("arn:aws:athena:{region}:{account}:namedquery/{uuid}", "{uuid}"),
    "aws:athena/workgroup:Workgroup": ("arn:aws:athena:{region}:{account}:workgroup/{name}", "{name}"),
    "aws:batch/computeEnvironment:ComputeEnvironment": ("arn:aws:batch:{region}:{account}:compute-environment/{name}", "{name}"),
    "aws:batch/jobDefinition:JobDefinition": ("arn:aws:batch:{region}:{account}:job-definition/{name}:1", None),
    "aws:batch/jobQueue:JobQueue": ("arn:aws:batch:{region}:{account}:job-queue/{name}", None),
    "aws:batch/schedulingPolicy:SchedulingPolicy": ("arn:aws:batch:{region}:{account}:scheduling-policy/{name}", None),
    "aws:chatbot/slackChannelConfiguration:SlackChannelConfiguration": (
        "arn:aws:chatbot::{account}:chat-configuration/slack-channel/{name}",
        None,
    ),
    "aws:cloudfront/distribution:Distribution": ("arn:aws:cloudfront::{account}:distribution/E{HEX13}", "E{HEX13}"),
    "aws:cloudfront/originAccessControl:OriginAccessControl": (
        "arn:aws:cloudfront::{account}:origin-access-control/E{HEX13}",
        "E{HEX13}",
    ),
    "aws:cloudwatch/eventBus:EventBus": ("arn:aws:events:{region}:{account}:event-bus/{name}", "{name}"),
    "aws:cloudwatch/eventRule:EventRule": ("arn:aws:events:{region}:{account}:rule/{name}", "{name}"),
    "aws:cloudwatch/logGroup:LogGroup": ("arn:aws:logs:{region}:{account}:log-group:{name}", "{name}"),
    "aws:cloudwatch/metricAlarm:MetricAlarm": ("arn:aws:cloudwatch:{region}:{account}:alarm:{name}", "{name}"),
    "aws:codebuild/project:Project": ("arn:aws:codebuild:{region}:{account}:project/{name}", None),
    "aws:dynamodb/table:Table": ("arn:aws:dynamodb:{region}:{account}:table/{name}", "{name}"),
    "aws:ec2/eip:Eip": ("arn:aws:ec2:{region}:{account}:elastic-ip/eipalloc-{hex17}", "eipalloc-{hex17}"),
    "aws:ec2/flowLog:FlowLog": ("arn:aws:ec2:{region}:{account}:vpc-flow-log/fl-{hex17}", "fl-{hex17}"),
    "aws:ec2/instance:Instance": ("arn:aws:ec2:{region}:{account}:instance/i-{hex17}", "i-{hex17}"),
    "aws:ec2/internetGateway:InternetGateway": ("arn:aws:ec2:{region}:{account}:internet-gateway/igw-{hex17}", "igw-{hex17}"),
    "aws:ec2/launchTemplate:LaunchTemplate": ("arn:aws:ec2:{region}:{account}:launch-template/lt-{hex17}", "lt-{hex17}"),
    "aws:ec2/natGateway:NatGateway": ("arn:aws:ec2:{region}:{account}:natgateway/nat-{hex17}", "nat-{hex17}"),
    "aws:ec2/routeTable:RouteTable": ("arn:aws:ec2:{region}:{account}:route-table/rtb-{hex17}", "rtb-{hex17}"),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": ("", "rtbassoc-{hex17}"),
    "aws:ec2/route:Route": ("", "r-rtb-{hex17}"),
    "aws:ec2/securityGroup:SecurityGroup": ("arn:aws:ec2:{region}:{account}:security-group/sg-{hex17}", "sg-{hex17}"),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": ("arn:aws:ec2:{region}:{account}:security-group/sg-{hex17}", "sg-{hex17}"),
    "aws:ec2/subnet:Subnet": ("arn:aws:ec2:{region}:{account}:subnet/subnet-{hex17}", "subnet-{hex17}"),
    "aws:ec2/vpc:Vpc": ("arn:aws:ec2:{region}:{account}:vpc/vpc-{hex17}", "vpc-{hex17}"),
    "aws:ec2/vpcEndpoint:VpcEndpoint": ("arn:aws:ec2:{region}:{account}:vpc-endpoint/vpce-{hex17}", "vpce-{hex17}"),
    "aws:ec2/vpcPeeringConnection:VpcPeeringConnection": ("", "pcx-{hex17}"),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": ("", "{repository}"),
    "aws:ecr/repository:Repository": ("arn:aws:ecr:{region}:{account}:repository/{name}", "{name}"),
    "aws:ecs/capacityProvider:CapacityProvider": ("arn:aws:ecs:{region}:{account}:capacity-provider/{name}", None),
    "aws:ecs/cluster:Cluster": ("arn:aws:ecs:{region}:{account}:cluster/{name}", None),
    "aws:ecs/service:Service": ("arn:aws:ecs:{region}:{account}:service/{cluster}/{name}", None),
    "aws:ecs/taskDefinition:TaskDefinition": ("arn:aws:ecs:{region}:{account}:task-definition/{name}:1", "{name}"),
    "aws:glue/catalogDatabase:CatalogDatabase": ("arn:aws:glue:{region}:{account}:database/{name}", "{account}:{name}"),
    "aws:glue/catalogTable:CatalogTable": (
        "arn:aws:glue:{region}:{account}:table/{databaseName}/{name}",
        "{account}:{databaseName}:{name}",
    ),
    "aws:iam/group:Group": ("arn:aws:iam::{account}:group{path}{name}", "{name}"),
    "aws:iam/instanceProfile:InstanceProfile": ("arn:aws:iam::{account}:instance-profile{path}{name}", "{name}"),
    "aws:iam/policy:Policy": ("arn:aws:iam::{account}:policy{path}{name}", None),
    "aws:iam/role:Role": ("arn:aws:iam::{account}:role{path}{name}", "{name}"),
    "aws:iam/rolePolicy:RolePolicy": ("", "{role}:{name}"),
    "aws:iam/user:User": ("arn:aws:iam::{account}:user{path}{name}", "{name}"),
    "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream": (
        "arn:aws:firehose:{region}:{account}:deliverystream/{name}",
        None,
    ),
    "aws:kinesis/stream:Stream": ("arn:aws:kinesis:{region}:{account}:stream/{name}", None),
    "aws:kms/alias:Alias": ("arn:aws:kms:{region}:{account}:{name}", "{name}"),
    "aws:kms/key:Key": ("arn:aws:kms:{region}:{account}:key/{uuid}", "{uuid}"),
    "aws:lambda/function:Function": ("arn:aws:lambda:{region}:{account}:function:{name}", "{name}"),
    "aws:lb/listener:Listener": ("arn:aws:elasticloadbalancing:{region}:{account}:listener/app/{logical}/{hex16}/{hex16}", None),
    "aws:lb/listenerRule:ListenerRule": (
        "arn:aws:elasticloadbalancing:{region}:{account}:listener-rule/app/{logical}/{hex16}/{hex16}/{hex16}",
        None,
    ),
    "aws:lb/loadBalancer:LoadBalancer": ("arn:aws:elasticloadbalancing:{region}:{account}:loadbalancer/{lb}/{name}/{hex16}", None),
    "aws:lb/targetGroup:TargetGroup": ("arn:aws:elasticloadbalancing:{region}:{account}:targetgroup/{name}/{hex16}", None),
    "aws:rds/cluster:Cluster": ("arn:aws:rds:{region}:{account}:cluster:{name}", "{name}"),
    "aws:rds/instance:Instance": ("arn:aws:rds:{region}:{account}:db:{name}", "db-{HEX26}"),
    "aws:route53/healthCheck:HealthCheck": ("arn:aws:route53:::healthcheck/{uuid}", "{uuid}"),
    "aws:route53/zone:Zone": ("arn:aws:route53:::hostedzone/Z{HEX13}", "Z{HEX13}"),
    "aws:s3/bucket:Bucket": ("arn:aws:s3:::{name}", "{name}"),
    "aws:scheduler/schedule:Schedule": ("arn:aws:scheduler:{region}:{account}:schedule/{groupName}/{name}", "{groupName}/{name}"),
    "aws:scheduler/scheduleGroup:ScheduleGroup": ("arn:aws:scheduler:{region}:{account}:schedule-group/{name}", "{name}"),
    "aws:secretsmanager/secret:Secret": ("arn:aws:secretsmanager:{region}:{account}:secret:{name}-{hex6}", None),
    "aws:sfn/stateMachine:StateMachine": ("arn:aws:states:{region}:{account}:stateMachine:{name}", None),
    "aws:sns/topic:Topic": ("arn:aws:sns:{region}:{account}:{name}", None),
    "aws:sns/topicSubscription:TopicSubscription": ("{topic}:{uuid}", None),
    "aws:sqs/queue:Queue": ("arn:aws:sqs:{region}:{account}:{name}", "https://sqs.{region}.amazonaws.com/{account}/{name}"),
    "aws:ssm/parameter:Parameter": ("arn:aws:ssm:{region}:{account}:parameter/{bare}", "{name}"),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": (
        "arn:aws:ec2:{region}:{account}:security-group-rule/sgr-{hex17}",
        "sgr-{hex17}",
    ),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": (
        "arn:aws:ec2:{region}:{account}:security-group-rule/sgr-{hex17}",
        "sgr-{hex17}",
    ),
}

# Outputs that other resources are wired with, in the same notation.
_OUTPUTS: dict[str, dict[str, str]] = {
    "aws:batch/jobDefinition:JobDefinition": {"arnPrefix": "arn:aws:batch:{region}:{account}:job-definition/{name}"},
    "aws:cloudfront/distribution:Distribution": {"domainName": "d{hex13}.cloudfront.net", "hostedZoneId": "Z2FDTNDATAQYW2"},
    "aws:ec2/eip:Eip": {"allocationId": "eipalloc-{hex17}", "publicIp": "203.0.113.10"},
    "aws:ec2/vpc:Vpc": {
        "defaultSecurityGroupId": "sg-{hex17}",
        "defaultRouteTableId": "rtb-{hex17}",
        "mainRouteTableId": "rtb-{hex17}",
        "defaultNetworkAclId": "acl-{hex17}",
    },
    "aws:ecr/repository:Repository": {"repositoryUrl": "{account}.dkr.ecr.{region}.amazonaws.com/{name}"},
    "aws:iam/role:Role": {"uniqueId": "AROA{HEX17}"},
    "aws:kms/key:Key": {"keyId": "{uuid}"},
    "aws:lambda/function:Function": {
        "invokeArn": "arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/"
        "arn:aws:lambda:{region}:{account}:function:{name}/invocations",
        "qualifiedArn": "arn:aws:lambda:{region}:{account}:function:{name}:$LATEST",
        "version": "$LATEST",
    },
    "aws:lb/loadBalancer:LoadBalancer": {
        "dnsName": "{name}-{hex8}.{region}.elb.amazonaws.com",
        "arnSuffix": "{lb}/{name}/{hex16}",
        "zoneId": "Z32O12XQLNTSW2",
    },
    "aws:lb/targetGroup:TargetGroup": {"arnSuffix": "targetgroup/{name}/{hex16}"},
    "aws:route53/record:Record": {"fqdn": "{name}"},
    "aws:route53/zone:Zone": {"zoneId": "Z{HEX13}"},
    "aws:s3/bucket:Bucket": {
        "bucketDomainName": "{name}.s3.amazonaws.com",
        "bucketRegionalDomainName": "{name}.s3.{region}.amazonaws.com",
        "bucketRegion": "{region}",
        "hostedZoneId": "Z1BKCTXD74EZPE",
    },
    "aws:sqs/queue:Queue": {"url": "https://sqs.{region}.amazonaws.com/{account}/{name}"},
    "aws:ecs/taskDefinition:TaskDefinition": {
        "arnWithoutRevision": "arn:aws:ecs:{region}:{account}:task-definition/{name}",
    },
}


@dataclass(frozen=True)
class Shape:
    """What AWS would call one resource."""

    name: str
    id: str
    arn: str
    region: str
    outputs: dict[str, Any] = field(default_factory=dict)


def name_property(token: str) -> str:
    """The input that carries the physical name, which Pulumi fills when the program does not."""
    return _NAME_PROPERTIES.get(token, "name")


def shape(token: str, logical: str, known: dict[str, Any], seed: str, region: str, account: str) -> Shape:
    """Name, id, ARN and wired outputs of the resource `logical` whose inputs and automatic names are `known`."""
    name = known.get(name_property(token))
    name = name if isinstance(name, str) else logical
    words = _Words(known)
    words.update(
        name=name,
        logical=logical,
        bare=name.lstrip("/"),
        region=region,
        account=account,
        path=known.get("path") or "/",
        groupName=known.get("groupName") or "default",
        cluster=str(known.get("cluster") or "default").rpartition("/")[2],
        lb={"network": "net", "gateway": "gwy"}.get(str(known.get("loadBalancerType")), "app"),
        uuid=f"{seed[:8]}-{seed[8:12]}-4{seed[13:16]}-8{seed[17:20]}-{seed[20:32]}",
        **{f"hex{digits}": seed[:digits] for digits in (6, 8, 13, 16, 17)},
        **{f"HEX{digits}": seed[:digits].upper() for digits in (13, 17, 26)},
    )
    arn, identity = _SHAPES.get(token, (_generic(token), "{name}"))
    arn = arn.format_map(words)
    outputs = {wire: text.format_map(words) for wire, text in _OUTPUTS.get(token, {}).items()}
    return Shape(name, arn if identity is None else identity.format_map(words), arn, region, outputs)


class _Words(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return key


def _generic(token: str) -> str:
    """`arn:aws:<service>:<region>:<account>:<kind>/<name>`, the commonest of AWS's formats."""
    parts = token.split(":")
    service, _, kind = parts[1].partition("/")
    return f"arn:aws:{service}:{{region}}:{{account}}:{kind.lower() or 'resource'}/{{name}}"
