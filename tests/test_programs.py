"""The programs: what each environment declares, and how a mistake in a file reaches whoever made it."""

import json
import shutil
from pathlib import Path

import pulumi
import pytest
import yaml

from transload import ScheduledJobArgs
from transload.testing import run_program

ROOT = Path(__file__).parent.parent
STACKS = ("local", "staging", "prod")
JOBS = sorted((ROOT / "programs" / "jobs").glob("*.yaml"))


@pytest.fixture(scope="module")
def platform():
    """Each environment as its program declares it, run once."""
    return {stack: run_program(ROOT, stack=stack) for stack in STACKS}


@pytest.mark.parametrize("stack", STACKS)
def test_runs_offline_without_a_finding(platform, stack):
    assert platform[stack].findings == ()


def test_every_environment_sets_every_key():
    described = set(yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]) - {"aws:region"}
    for stack in STACKS:
        given = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
        assert set(given) == {"aws:region"} | {f"transload:{key}" for key in described}


def test_every_key_is_typed_described_and_has_a_default():
    config = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    for key, described in config.items():
        assert key == "aws:region" or {"type", "description", "default"} <= set(described), key


@pytest.mark.parametrize(("stack", "zones", "gateways"), [("local", 2, 0), ("staging", 2, 1), ("prod", 3, 3)])
def test_the_network_is_as_wide_as_the_environment_needs(platform, stack, zones, gateways):
    recording = platform[stack]

    assert len(recording.all("aws:ec2/natGateway:NatGateway")) == gateways
    assert len(recording.all("aws:ec2/subnet:Subnet")) == 2 * zones


def test_without_a_nat_jobs_get_public_addresses(platform):
    assert {stack: platform[stack].exports["cluster"]["assign_public_ip"] for stack in STACKS} == {
        "local": "ENABLED",
        "staging": "DISABLED",
        "prod": "DISABLED",
    }


def test_only_prod_protects_and_it_protects_what_holds_data(platform):
    def protected(stack):
        return {(found.type, found.name) for found in platform[stack].resources if found.options.protect}

    assert protected("local") == protected("staging") == set()
    assert {("aws:s3/bucket:Bucket", "data"), ("aws:s3/bucket:Bucket", "app-logs")} <= protected("prod")
    assert {kind for kind, _ in protected("prod")} == {
        "aws:s3/bucket:Bucket",
        "aws:dynamodb/table:Table",
        "aws:cloudwatch/logGroup:LogGroup",
    }


def test_people_are_told_as_the_configuration_says(platform):
    mails, slack = "aws:sns/topicSubscription:TopicSubscription", "aws:chatbot/slackChannelConfiguration:SlackChannelConfiguration"
    told = {
        stack: (
            [found.inputs["endpoint"] for found in platform[stack].all(mails)],
            [found.inputs["slackChannelId"] for found in platform[stack].all(slack)],
        )
        for stack in STACKS
    }

    assert told == {
        "local": ([], []),
        "staging": (["staging-alerts@example.com"], []),
        "prod": (["platform-alerts@example.com"], ["C0123456789"]),
    }


def test_spot_comes_first(platform):
    for stack in STACKS:
        spot = platform[stack].one("aws:batch/jobQueue:JobQueue", "platform-spot").inputs["computeEnvironmentOrders"]
        kinds = {
            made.outputs["arn"]: made.inputs["computeResources"]["type"]
            for made in platform[stack].all("aws:batch/computeEnvironment:ComputeEnvironment")
        }
        assert [kinds[entry["computeEnvironment"]] for entry in sorted(spot, key=lambda entry: entry["order"])] == [
            "FARGATE_SPOT",
            "FARGATE",
        ]


def test_exports_what_other_stacks_and_people_need(platform):
    exports = platform["prod"].exports

    assert set(exports) == {"cluster", "vpc_id", "logs", "data_bucket", "jobs", "cutover"}
    assert exports["cluster"]["name"] == "platform-prod"
    assert exports["logs"]["stream_name"] == "app-logs-prod"
    assert exports["cutover"] == {"name": "shop.example.com", "zone_id": "Z0123456789PROD", "percent": 0}
    assert exports["jobs"] == ["data-import", "hourly-aggregate", "metrics-sender", "nightly-export", "product-feed"]


def test_the_local_environment_has_a_zone_of_its_own_and_the_others_have_the_live_one(platform):
    zone = platform["local"].one("aws:route53/zone:Zone")
    assert {found.inputs["zoneId"] for found in platform["local"].all("aws:route53/record:Record")} == {zone.outputs["zoneId"]}
    assert platform["prod"].all("aws:route53/zone:Zone") == ()
    assert {found.inputs["zoneId"] for found in platform["prod"].all("aws:route53/record:Record")} == {"Z0123456789PROD"}


def test_exports_are_kept_for_a_month(platform):
    rules = platform["prod"].one("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", "data").inputs["rules"]

    assert [rule["expiration"] for rule in rules if rule["filter"]["prefix"] == "exports/"] == [{"days": 30}]


@pytest.mark.parametrize("path", JOBS, ids=lambda path: path.stem)
def test_a_job_has_a_runbook_an_image_of_ours_and_at_most_five_resources(platform, path):
    job = yaml.safe_load(path.read_text())
    recording = platform["prod"]

    assert {"owner", "purpose", "impact_if_stopped", "safe_to_rerun", "rollback"} <= set(job)
    assert (ROOT / "images" / job["image"] / "Dockerfile").is_file()
    assert len(recording.tree("ScheduledJob", job["name"])) <= 5


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("path", JOBS, ids=lambda path: path.stem)
def test_a_job_may_touch_only_its_own_folders(platform, stack, path):
    recording = platform[stack]
    data, logs = (recording.one("aws:s3/bucket:Bucket", name).outputs["arn"] for name in ("data", "app-logs"))
    stream = recording.one("aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream").outputs["arn"]

    granted = {
        (action, resource)
        for statement in recording.policy("aws:iam/rolePolicy:RolePolicy", path.stem)
        for action in statement["Action"]
        for resource in statement["Resource"]
    }

    assert (
        granted
        == {
            "nightly-export": {("s3:PutObject", f"{data}/exports/*")},
            "product-feed": {("s3:PutObject", f"{data}/feeds/*")},
            "hourly-aggregate": {
                ("s3:ListBucket", logs),
                ("s3:GetObject", f"{logs}/records/*"),
                ("s3:PutObject", f"{data}/aggregates/*"),
            },
            "metrics-sender": {("s3:ListBucket", data), ("firehose:PutRecordBatch", stream)},
            "data-import": {
                ("s3:ListBucket", data),
                ("s3:GetObject", f"{data}/imports/*"),
                ("s3:PutObject", f"{data}/imports/done/*"),
            },
        }[path.stem]
    )


@pytest.mark.parametrize(
    ("name", "expression", "zone"),
    [
        ("nightly-export", "cron(30 2 * * ? *)", "Asia/Tokyo"),
        ("product-feed", "cron(10 6 * * ? *)", "Asia/Tokyo"),
        ("hourly-aggregate", "cron(5 * * * ? *)", "Asia/Tokyo"),
        ("data-import", "cron(0 1 * * ? *)", "Asia/Tokyo"),
    ],
)
def test_jobs_start_at_their_time_in_tokyo(platform, name, expression, zone):
    schedule = platform["prod"].one("aws:scheduler/schedule:Schedule", name).inputs

    assert (schedule["scheduleExpression"], schedule["scheduleExpressionTimezone"]) == (expression, zone)


def test_the_image_is_the_released_one(platform):
    definition = platform["prod"].one("aws:batch/jobDefinition:JobDefinition", "nightly-export").inputs

    assert json.loads(definition["containerProperties"])["image"] == (
        "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/transload/nightly-export:2026.11.1"
    )


def test_a_release_may_be_a_digest():
    digest = "sha256:" + "0" * 64
    recording = run_program(ROOT, stack="staging", config={"image_release": digest})
    definition = recording.one("aws:batch/jobDefinition:JobDefinition", "nightly-export").inputs

    assert json.loads(definition["containerProperties"])["image"].endswith(f"transload/nightly-export@{digest}")


def test_the_metrics_sender_gets_time_after_its_work(platform):
    task = json.loads(platform["prod"].one("aws:batch/jobDefinition:JobDefinition", "metrics-sender").inputs["ecsProperties"])

    assert task["taskProperties"][0]["containers"][0]["stopTimeout"] == 30


def test_a_job_file_knows_every_argument_of_a_job():
    schema = json.loads((ROOT / "programs" / "jobs" / "schema.json").read_text())
    arguments = ScheduledJobArgs.__required_keys__ | ScheduledJobArgs.__optional_keys__

    assert set(schema["properties"]) == (arguments - {"cluster"}) | {"name"}


def test_the_entry_point_stays_a_table_of_contents():
    assert len((ROOT / "programs" / "__main__.py").read_text().splitlines()) < 40


@pytest.fixture
def project(tmp_path):
    """A copy of the project whose job files a test may spoil."""
    for name in ("Pulumi.yaml", "Pulumi.staging.yaml"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "programs", tmp_path / "programs", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


GOOD = "name: x\nimage: nightly-export\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            GOOD + "vcpu: 0.25\nmemory_mib: 700\n",
            "programs/jobs/x.yaml:4: memory_mib must be one of 512, 1024, 2048 for 0.25 vCPU, got 700",
        ),
        (GOOD + "schedule: banana\n", "programs/jobs/x.yaml:3: "),
        (GOOD + "schedule: 0 0 31 2 *\n", "programs/jobs/x.yaml:3: "),
        (GOOD + "schedule: 0 3 * * *\ntimezone: Mars/Olympus\n", "programs/jobs/x.yaml:4: "),
        (
            GOOD + "environment:\n\tA: b\n",
            "programs/jobs/x.yaml:4: a tab, which YAML does not allow here: use spaces",
        ),
        (GOOD + "command:\n  - a\n\t- b\n", "programs/jobs/x.yaml:5: a tab, which YAML does not allow here: use spaces"),
        (GOOD + "owner:\tshop\n", "programs/jobs/x.yaml:3: a tab, which YAML does not allow here: use spaces"),
        (
            GOOD + "schedule: */5 * * * *\n",
            "programs/jobs/x.yaml:3: a text that starts with *, &, @, % or ` needs quotes",
        ),
        (
            GOOD + "environment: &shared\n  A: b\nsecrets: *shared\n",
            "programs/jobs/x.yaml:3: shared is an anchor, which jobs do not take; a text that starts with *,",
        ),
        (GOOD + "schedule: *nightly\n", "programs/jobs/x.yaml:3: nightly is an anchor, which jobs do not take"),
        (GOOD + "permissions: &all\n  - *all\n", "programs/jobs/x.yaml:3: all is an anchor, which jobs do not take"),
        (GOOD + "environment:\n  ON: b\n", "programs/jobs/x.yaml:4: ON as a key is no text to YAML: put it in quotes"),
        (GOOD + "1: b\n", "programs/jobs/x.yaml:3: 1 as a key is no text to YAML: put it in quotes"),
        (GOOD + "? [a]\n: b\n", "programs/jobs/x.yaml:3: found unhashable key"),
        (GOOD + "owner: a\0b\n", "programs/jobs/x.yaml:3: the character '\\x00', which YAML does not allow"),
        (GOOD + "---\n" + GOOD, "programs/jobs/x.yaml:3: but found another document"),
        (GOOD + "owner: !!python/name:os.system x\n", "programs/jobs/x.yaml:3: could not determine a constructor for the tag"),
        ("just words\n", "programs/jobs/x.yaml:1: a job is keys and values, such as `name: nightly-export`"),
        ("# nothing yet\n", "programs/jobs/x.yaml:1: a job is keys and values"),
        (GOOD + "image: other\n", "programs/jobs/x.yaml:3: image is given twice, first in line 2"),
        (GOOD + "retry:\n  attempts: 2\n  attempts: 3\n", "programs/jobs/x.yaml:5: attempts is given twice, first in line 4"),
        (GOOD + "comand: [a]\n", "programs/jobs/x.yaml:3: unknown key comand, did you mean command?"),
        (
            GOOD + "permissions:\n  - sid: A\n    action: [s3:GetObject]\n",
            "programs/jobs/x.yaml:5: unknown key action, did you mean actions?",
        ),
        (GOOD + "zzzzzz: 1\n", "programs/jobs/x.yaml:3: unknown key zzzzzz, known are architecture, array_size, "),
        ("image: a\n", "programs/jobs/x.yaml:1: name is missing"),
        (
            GOOD + "permissions:\n  - sid: A\n    actions: [s3:GetObject]\n",
            "programs/jobs/x.yaml:4: permissions.0: resources is missing",
        ),
        (GOOD + "timeout_seconds: 5\n", "programs/jobs/x.yaml:3: timeout_seconds must be 60 to 1209600, got 5"),
        (GOOD + "timeout_seconds: soon\n", 'programs/jobs/x.yaml:3: timeout_seconds must be a whole number, got "soon"'),
        (GOOD + "environment:\n  PORT: 80\n", "programs/jobs/x.yaml:4: environment.PORT must be a text, got 80; put it in quotes"),
        (GOOD + "capacity: spot\n", 'programs/jobs/x.yaml:3: capacity must be one of fargate_spot, fargate, ec2, got "spot"'),
        (GOOD + "capacity: [fargate, ec2]\n", "programs/jobs/x.yaml:3: capacity must be one of fargate_spot, fargate, ec2"),
        (
            GOOD + "schedule: @daily\n",
            "programs/jobs/x.yaml:3: a text that starts with *, &, @, % or ` needs quotes",
        ),
        (GOOD + "command: [a\n", "programs/jobs/x.yaml:4: "),
        ("- a\n", "programs/jobs/x.yaml:1: a job is keys and values, such as `name: nightly-export`"),
        ("", "programs/jobs/x.yaml:1: a job is keys and values"),
        (
            GOOD + "environment:\n  A: s3://${data_buket}/\n",
            "programs/jobs/x.yaml:4: nothing is called ${data_buket}; did you mean ${data_bucket}?",
        ),
        (
            GOOD.replace("name: x", "name: nightly-export"),
            "programs/jobs/x.yaml:1: there is a job nightly-export already, in programs/jobs/n",
        ),
        (GOOD.replace("name: x", "name: Über"), "programs/jobs/x.yaml:1: its name must be lower-case letters"),
        (
            GOOD + "permissions:\n  - sid: A\n    actions: ['s3:*']\n    resources: ['*']\n",
            "programs/jobs/x.yaml:5: permissions: A: actions must name",
        ),
        (
            GOOD + "permissions:\n  - {sid: A, actions: ['s3:GetObject'], resources: [a]}\n"
            "  - sid: B\n    actions: ['s3:GetObject']\n    resources: ['*']\n",
            "programs/jobs/x.yaml:7: permissions: B: resources must be ARNs, not everything",
        ),
    ],
)
def test_a_mistake_in_a_job_file_is_one_line_with_its_place(project, text, message):
    (project / "programs" / "jobs" / "x.yaml").write_text(text)

    with pytest.raises(pulumi.RunError) as refused:
        run_program(project, stack="staging")

    assert str(refused.value).startswith(message)
    assert "\n" not in str(refused.value)


def test_a_job_file_that_is_no_utf_8_is_told_with_its_line(project):
    (project / "programs" / "jobs" / "x.yaml").write_bytes(GOOD.encode() + "purpose: \u5e33\u7c3f\n".encode("shift_jis"))

    with pytest.raises(pulumi.RunError, match=r"\Aprograms/jobs/x\.yaml:3: not UTF-8: save the file as UTF-8\Z"):
        run_program(project, stack="staging")


def test_a_tab_is_welcome_where_yaml_allows_it(project):
    text = GOOD + "command:\n  - sh\n  - -c\n  - |\n    cat <<-END\n    \thello\n    END\n"
    (project / "programs" / "jobs" / "x.yaml").write_text(text)
    definition = run_program(project, stack="staging").one("aws:batch/jobDefinition:JobDefinition", "x").inputs

    assert json.loads(definition["containerProperties"])["command"] == ["sh", "-c", "cat <<-END\n\thello\nEND\n"]


def test_placeholders_are_filled_where_a_job_needs_them(platform):
    recording = platform["prod"]
    bucket = recording.one("aws:s3/bucket:Bucket", "data").outputs["bucket"]
    definition = json.loads(recording.one("aws:batch/jobDefinition:JobDefinition", "nightly-export").inputs["containerProperties"])

    assert {"name": "DESTINATION", "value": f"s3://{bucket}/exports/"} in definition["environment"]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("cutover_percent", 300, "WeightedCutover 'shop': percent must be 0 to 100, got 300"),
        ("capacity", ["fargate", "lambda"], "BatchCluster 'platform': capacity"),
        ("nat", "two", "Network 'platform': nat must be one of none, single, one_per_zone, got 'two'"),
        ("timezone", "Tokyo", "LogPipeline 'app-logs': timezone 'Tokyo' is not an IANA time zone"),
        ("zonse", 3, "unknown configuration transload:zonse, did you mean zones?"),
        ("xyz", "a", "unknown configuration transload:xyz, Pulumi.yaml lists what there is"),
    ],
)
def test_a_mistake_in_the_configuration_is_one_line(key, value, message):
    with pytest.raises(pulumi.RunError) as refused:
        run_program(ROOT, stack="staging", config={key: value})

    assert str(refused.value).startswith(message)
    assert "\n" not in str(refused.value)
