"""The verbs about one job or run: why, stop, enable, disable, verify, logs; and completion."""

import json
from typing import Any

import pytest
from tests.cli.conftest import Cluster

from transload.cli import _checks, why


def test_why_tells_code_reason_attempts_size_image_who_and_what_next(cluster: Cluster, transload: Any) -> None:
    cluster.declare("nightly")
    attempt = {
        "started_at": "2026-11-23T18:00:40Z",
        "stopped_at": "2026-11-23T18:04:52Z",
        "exit_code": 137,
        "reason": "OutOfMemoryError",
    }
    cluster.ran(
        "nightly",
        cluster.ago(hours=2),
        "FAILED",
        suffix="-ab12",
        exit_code=137,
        cause="out_of_memory",
        reason="out of memory: give it more memory_mib",
        attempt_details=[attempt],
        trigger="person",
        triggered_by="arn:aws:iam::123456789012:user/kim",
        image_digest="sha256:" + "ab" * 32,
        overrides={"environment": ["DAY"], "memory_mib": 4096, "command": ["sh", "-c", "echo no orders; exit 3"]},
        queue="arn:aws:batch:eu-west-1:123456789012:job-queue/spot",
    )
    answer = transload("why", "nightly")
    assert answer.code == 0
    for part in (
        "exit code 137",
        "the container used more memory than it has",
        "1  18:00:40 UTC  4m12s  exit code 137  OutOfMemoryError",
        "by hand: arn:aws:iam::123456789012:user/kim",
        "1 vCPU, 4096 MiB",
        "sha256:abab",
        "environment DAY, memory mib 4096, command sh -c 'echo no orders; exit 3'",
        "transload run nightly --memory 8192",
    ):
        assert part in answer.out


def test_why_names_the_spot_reclaim_and_the_second_submission(cluster: Cluster, transload: Any) -> None:
    cluster.declare("nightly")
    cluster.ran("nightly", cluster.ago(hours=2), submission=2, queue="arn:aws:batch:eu-west-1:1:job-queue/on-demand")
    assert "on-demand; Spot took it back, so it was submitted once more, on demand" in transload("why", "nightly").out


def test_why_leaves_out_what_ecs_says_of_every_end(cluster: Cluster, transload: Any) -> None:
    cluster.declare("nightly")
    reasons = (
        "Essential container in task exited",
        "Essential container in task exited; OutOfMemoryError: killed",
        "Host EC2 gone",
    )
    attempts = [{"exit_code": 3, "reason": reason} for reason in reasons]
    cluster.ran("nightly", cluster.ago(hours=2), "FAILED", exit_code=3, cause="application", attempt_details=attempts)
    told = [line.split("exit code 3", 1)[1] for line in transload("why", "nightly").out.splitlines() if "never started" in line]
    assert told == ["", "  OutOfMemoryError: killed", "  Host EC2 gone"]


def test_why_says_a_reason_once_and_in_full(cluster: Cluster, transload: Any) -> None:
    cluster.declare("nightly")
    plain = cluster.ran("nightly", cluster.ago(hours=3), "FAILED", exit_code=3, cause="application", reason="exited with code 3")
    reason = "stopped by arn:aws:sts::123456789012:assumed-role/admin/kim: wrong day"
    stopped = cluster.ran("nightly", cluster.ago(hours=2), "STOPPED", cause="stopped", reason=reason)
    assert "exited with code 3" not in transload("why", plain["run_id"]).out
    assert reason in transload("why", stopped["run_id"]).out


def test_why_of_a_flow_that_failed_says_how_to_go_on(cluster: Cluster, transload: Any) -> None:
    cluster.declare("month-end", kind="flow")
    facts = {"kind": "flow", "cause": "application", "reason": "step load failed: exited with code 3"}
    flow = cluster.ran("month-end", cluster.ago(hours=2), "FAILED", exit_code=3, **facts)
    told = json.loads(transload("why", "month-end", "--json").out)["next_step"]
    assert told.endswith(f"; go on where it ended: transload run month-end --from {flow['run_id']}")


@pytest.mark.parametrize("named", ["latest", "{run}", "{run_id}", "{day}"])
def test_run_goes_on_from_a_run_named_as_why_names_it(cluster: Cluster, transload: Any, named: str) -> None:
    cluster.declare("month-end", kind="flow", steps=[{"name": "load", "job": "nightly"}])
    flow = cluster.ran("month-end", cluster.ago(days=2), "FAILED", kind="flow", exit_code=3)
    cluster.ran("month-end", cluster.ago(hours=1), "SKIPPED")
    before = named.format(**flow, day=flow["run"][:11])
    answer = transload("run", "month-end", "--from", before, "--dry-run")
    assert answer.code == 0, answer.err
    assert ["from", flow["run_id"]] in [line.split() for line in answer.out.splitlines()]


def test_run_from_a_run_that_is_not_there_is_wrong_usage(cluster: Cluster, transload: Any) -> None:
    cluster.declare("month-end", kind="flow", steps=[{"name": "load", "job": "nightly"}])
    assert transload("run", "month-end", "--from", "20200101").err.startswith("transload: no run 20200101 of month-end")
    assert transload("run", "month-end", "--from", "latest").code == 2


def test_a_dry_run_shows_a_command_that_can_be_typed(cluster: Cluster, transload: Any) -> None:
    cluster.declare("nightly")
    answer = transload("run", "nightly", "--dry-run", "--", "sh", "-c", "echo no orders; exit 3")
    assert "sh -c 'echo no orders; exit 3'" in answer.out


def test_why_as_json_is_the_record_with_meaning_and_next_step(cluster: Cluster, transload: Any) -> None:
    cluster.declare("nightly")
    record = cluster.ran("nightly", cluster.ago(hours=2), "SKIPPED", cause="concurrency", yielded_to="nightly-20261123T170000Z")
    told = json.loads(transload("why", record["run_id"], "--json").out)
    assert told["run_id"] == record["run_id"]
    assert told["next_step"] == "wait for nightly-20261123T170000Z, or stop it: transload stop nightly-20261123T170000Z"


def test_links_lead_to_the_console_of_the_region_and_nowhere_in_the_local_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    record = {"batch_job_id": "0a1b", "log_group": "/transload/prod", "log_stream": "nightly/default/77"}
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert why.links(record, "eu-west-1") == {
        "job": "https://eu-west-1.console.aws.amazon.com/batch/home?region=eu-west-1#jobs/detail/0a1b",
        "log": "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logsV2:log-groups/log-group/"
        "$252Ftransload$252Fprod/log-events/nightly$252Fdefault$252F77",
    }
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert why.links(record, "eu-west-1") == {}


def test_a_run_is_named_by_its_id_by_latest_or_by_its_first_characters(cluster: Cluster, transload: Any) -> None:
    cluster.declare("nightly")
    old, new = (cluster.ran("nightly", cluster.ago(days=days)) for days in (3, 1))
    for words, found in [
        (["nightly"], new),
        (["nightly", "latest"], new),
        (["nightly", old["run"]], old),
        (["nightly", old["run_id"]], old),
        (["nightly", old["run"][:11]], old),
        ([old["run_id"]], old),
    ]:
        assert json.loads(transload("why", *words, "--json").out)["run"] == found["run"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nightly", "20200101"], "no run 20200101 of nightly; see transload history nightly"),
        (["nightly", "soon"], "'soon' is no run: write latest, or the day and as much as is needed, such as 20261123T18"),
        (["nightly-20200101T000000Z", "latest"], "nightly-20200101T000000Z is already a run; leave out latest"),
        (["idle"], "idle has no run yet; start one: transload run idle"),
    ],
)
def test_a_run_that_is_not_found_is_told_with_what_to_do(cluster: Cluster, transload: Any, words: list[str], told: str) -> None:
    cluster.declare("nightly")
    cluster.declare("idle")
    cluster.ran("nightly", cluster.ago(days=1))
    answer = transload("why", *words)
    assert (answer.code, answer.err) == (2, f"transload: {told}\n")


def test_the_latest_run_is_not_one_that_was_skipped_unless_all_were(cluster: Cluster, transload: Any) -> None:
    cluster.declare("nightly")
    skipped = cluster.ran("nightly", cluster.ago(hours=1), "SKIPPED", cause="concurrency")
    assert json.loads(transload("why", "nightly", "--json").out)["run"] == skipped["run"]
    ran = cluster.ran("nightly", cluster.ago(hours=2))
    assert json.loads(transload("why", "nightly", "--json").out)["run"] == ran["run"]
    assert json.loads(transload("why", "nightly", skipped["run"], "--json").out)["run"] == skipped["run"]


def test_of_two_runs_of_one_second_the_later_is_the_latest(cluster: Cluster, transload: Any) -> None:
    cluster.declare("nightly")
    due = cluster.ago(hours=1)
    second = due.strftime("%Y-%m-%dT%H:%M:%S")
    cluster.ran("nightly", due, suffix="-ffff", created_at=f"{second}.100Z")
    cluster.ran("nightly", due, suffix="-0000", created_at=f"{second}.900Z")
    cluster.ran("nightly", due, suffix="-8888", created_at=f"{second}Z")
    assert json.loads(transload("why", "nightly", "--json").out)["run"].endswith("-0000")
    listed = json.loads(transload("history", "nightly", "-n", "2", "--json").out)
    assert [run["run"][-4:] for run in listed] == ["0000", "ffff"]


def test_an_ambiguous_run_lists_what_it_may_be(cluster: Cluster, transload: Any) -> None:
    cluster.declare("often")
    day = cluster.ago(days=2).replace(hour=5)
    runs = [cluster.ran("often", day.replace(minute=minute)) for minute in (10, 20)]
    answer = transload("why", "often", runs[0]["run"][:8])
    assert answer.code == 2
    assert all(run["run"] in answer.err for run in runs)


def test_stop_says_when_a_run_has_ended_already(cluster: Cluster, transload: Any) -> None:
    cluster.declare("nightly")
    record = cluster.ran("nightly", cluster.ago(hours=1))
    answer = transload("stop", "nightly")
    assert (answer.code, answer.err) == (0, f"{record['run_id']} has ended already: succeeded\n")


def test_stop_of_a_job_takes_the_newest_run_that_goes_on(cluster: Cluster, transload: Any) -> None:
    cluster.declare("nightly")
    cluster.ran("nightly", cluster.ago(hours=4), "RUNNING")
    running = cluster.ran("nightly", cluster.ago(hours=3), "RUNNING")
    cluster.ran("nightly", cluster.ago(hours=2))
    skipped = cluster.ran("nightly", cluster.ago(hours=1), "SKIPPED", cause="concurrency", reason="the other is still RUNNING")
    assert transload("stop", "nightly", "--dry-run").err == f"would stop {running['run_id']}, which is RUNNING\n"
    ended = transload("stop", skipped["run_id"], "--dry-run").err
    assert ended == f"{skipped['run_id']} has ended already: skipped: the other is still RUNNING\n"


def test_disable_and_enable_say_who_why_and_until_when(cluster: Cluster, transload: Any) -> None:
    cluster.declare("nightly")
    assert (
        "until Tue 24 Nov 2037 09:00 JST" in transload("disable", "nightly", "--until", "2037-11-24T09:00", "--why", "a move").err
    )
    control = cluster.store.control("nightly", cluster.ago())
    assert control is not None
    assert (control["why"], control["until"]) == ("a move", "2037-11-24T00:00:00Z")
    assert control["by"].startswith("arn:aws:sts::")
    assert "disabled until" in transload("jobs").out
    assert "would enable nightly, disabled by" in transload("enable", "nightly", "--dry-run").err
    name = control["by"].rpartition("/")[2]
    assert transload("enable", "nightly").err == f"nightly is enabled; it was disabled by {name}: a move\n"
    assert cluster.store.control("nightly", cluster.ago()) is None
    assert "was not disabled" in transload("enable", "nightly").err


def test_disable_refuses_an_end_that_is_over(cluster: Cluster, transload: Any) -> None:
    cluster.declare("nightly")
    answer = transload("disable", "nightly", "--until", "2020-01-01")
    assert answer.code == 2
    assert "is over" in answer.err


def test_dry_run_disables_nothing(cluster: Cluster, transload: Any) -> None:
    cluster.declare("nightly")
    assert "would disable nightly until transload enable nightly" in transload("disable", "nightly", "--dry-run").err
    assert cluster.store.controls(cluster.ago()) == {}


def stock(cluster: Cluster) -> dict[str, Any]:
    """What a job needs to start, all there."""
    role = cluster.client("iam").create_role(RoleName=f"{cluster.name}-execution", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    subnet = cluster.client("ec2").describe_subnets()["Subnets"][0]
    group = cluster.client("ec2").describe_security_groups()["SecurityGroups"][0]["GroupId"]
    environment = cluster.client("batch").create_compute_environment(
        computeEnvironmentName=f"{cluster.name}-spot",
        type="MANAGED",
        state="ENABLED",
        computeResources={"type": "FARGATE_SPOT", "maxvCpus": 16, "subnets": [subnet["SubnetId"]], "securityGroupIds": [group]},
        serviceRole=role,
    )["computeEnvironmentArn"]
    queue = cluster.client("batch").create_job_queue(
        jobQueueName=f"{cluster.name}-spot",
        state="ENABLED",
        priority=1,
        computeEnvironmentOrder=[{"order": 1, "computeEnvironment": environment}],
    )["jobQueueArn"]
    cluster.client("logs").create_log_group(logGroupName=f"/transload/{cluster.name}")
    cluster.client("ecr").create_repository(repositoryName=f"{cluster.name}/exporter")
    manifest = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json"})
    cluster.client("ecr").put_image(repositoryName=f"{cluster.name}/exporter", imageManifest=manifest, imageTag="1")
    parameter = f"/{cluster.name}/db"
    cluster.client("ssm").put_parameter(Name=parameter, Value="x", Type="SecureString")
    image = f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/{cluster.name}/exporter:1"
    cluster.client("batch").register_job_definition(
        jobDefinitionName=f"{cluster.name}-nightly",
        type="container",
        containerProperties={
            "image": image,
            "executionRoleArn": role,
            "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "2048"}],
        },
    )
    cluster.put(
        cluster.jobs_table,
        {
            "job": "#cluster",
            "name": cluster.name,
            "region": "eu-west-1",
            "spot_queue": queue,
            "on_demand_queue": "",
            "log_group": f"/transload/{cluster.name}",
            "schedule_group": "default",
            "execution_role": role,
            "subnets": [subnet["SubnetId"]],
        },
    )
    return cluster.declare(
        "nightly", queue=queue, image=image, secrets={"DB": f"arn:aws:ssm:eu-west-1:123456789012:parameter{parameter}"}, role=role
    )


def verdicts(answer: Any) -> dict[str, str]:
    return {check["name"]: check["verdict"] for check in json.loads(answer.out)}


def test_verify_finds_all_that_a_job_needs_and_says_what_cannot_be_known(cluster: Cluster, transload: Any) -> None:
    stock(cluster)
    answer = transload("verify", "nightly", "--json")
    found = verdicts(answer)
    assert answer.code == 0
    assert {"definition", "image", "job role", "size", "execution role"} <= {
        name for name, verdict in found.items() if verdict == "OK"
    }
    # The emulator does not simulate policies.
    assert {name for name, verdict in found.items() if verdict == "--"} == {"may write logs", "may pull it", "secret DB"}
    assert "NG" not in found.values()


def test_verify_says_that_the_local_cloud_evaluates_no_policies(
    cluster: Cluster, transload: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock(cluster)
    monkeypatch.setenv("TRANSLOAD_LOCAL", "1")
    unknown = {check["words"] for check in json.loads(transload("verify", "--json").out) if check["verdict"] == "--"}
    assert unknown == {"the local cloud does not evaluate policies"}


@pytest.mark.parametrize(
    ("change", "name", "words"),
    [
        (
            lambda c: c.put(c.jobs_table, {**c.store.job("nightly"), "definition_name": "gone"}),
            "definition",
            "has no active revision",
        ),
        (lambda c: c.put(c.jobs_table, {**c.store.job("nightly"), "memory_mib": 700}), "size", "memory_mib must be"),
        (
            lambda c: c.client("ecr").batch_delete_image(repositoryName=f"{c.name}/exporter", imageIds=[{"imageTag": "1"}]),
            "image",
            "ImageNotFound",
        ),
        (lambda c: c.client("ssm").delete_parameter(Name=f"/{c.name}/db"), "secret DB", "no parameter"),
        (lambda c: c.client("logs").delete_log_group(logGroupName=f"/transload/{c.name}"), "log group", "does not exist"),
        (
            lambda c: c.client("batch").update_job_queue(jobQueue=f"{c.name}-spot", state="DISABLED"),
            "queue",
            "queue is DISABLED",
        ),
        (
            lambda c: c.put(c.jobs_table, {**c.store.job("nightly"), "role": "arn:aws:iam::1:role/gone"}),
            "job role",
            "NoSuchEntity",
        ),
    ],
)
def test_verify_names_what_is_missing_and_exits_with_1(
    cluster: Cluster, transload: Any, change: Any, name: str, words: str
) -> None:
    stock(cluster)
    change(cluster)
    answer = transload("verify", "nightly", "--json")
    bad = [check for check in json.loads(answer.out) if check["verdict"] == "NG"]
    assert answer.code == 1
    assert bad
    assert all(check["name"].startswith(name) and words in check["words"] for check in bad)


def test_verify_as_text_is_a_tree(cluster: Cluster, transload: Any) -> None:
    stock(cluster)
    lines = transload("verify").out.splitlines()
    assert lines[0] == f"cluster {cluster.name}"
    assert "nightly" in lines
    assert all(line[:6].strip() in ("OK", "--") for line in lines if line.startswith("  "))


def test_a_denied_permission_is_ng_and_names_action_and_resource() -> None:
    allowed = {"EvalActionName": "ssm:GetParameters", "EvalResourceName": "arn:a", "EvalDecision": "allowed"}
    denied = {"EvalActionName": "kms:Decrypt", "EvalResourceName": "arn:k", "EvalDecision": "implicitDeny"}
    assert _checks.simulated([allowed], "platform-execution") == ("OK", "platform-execution may")
    assert _checks.simulated([allowed, denied], "platform-execution") == ("NG", "platform-execution may not kms:Decrypt on arn:k")


def test_a_definition_of_several_containers_has_the_image_of_its_essential_one() -> None:
    containers = [{"name": "agent", "essential": False, "image": "agent:1"}, {"name": "default", "image": "app:1"}]
    definition = {"ecsProperties": {"taskProperties": [{"executionRoleArn": "arn:r", "containers": containers}]}}
    assert _checks.container_of(definition) == {"image": "app:1", "executionRoleArn": "arn:r"}


def write_log(cluster: Cluster, stream: str, *lines: str) -> None:
    logs = cluster.client("logs")
    group = f"/transload/{cluster.name}"
    if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
        logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName=stream)
    now = int(cluster.ago().timestamp() * 1000)
    events = [{"timestamp": now + number, "message": line} for number, line in enumerate(lines)]
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def test_logs_shows_the_latest_run_with_all_its_attempts(cluster: Cluster, transload: Any) -> None:
    cluster.declare("nightly")
    write_log(cluster, "nightly/default/1", "first", "ERROR no database")
    write_log(cluster, "nightly/default/2", "second")
    attempts = [{"log_stream": "nightly/default/1"}, {"log_stream": "nightly/default/2"}]
    cluster.ran("nightly", cluster.ago(hours=1), attempt_details=attempts, log_stream="nightly/default/2")
    answer = transload("logs", "nightly")
    assert (answer.code, answer.out) == (0, "first\nERROR no database\nsecond\n")
    assert transload("logs", "nightly", "--grep", "ERROR|WARN").out == "ERROR no database\n"
    assert [json.loads(line)["attempt"] for line in transload("logs", "nightly", "--json").out.splitlines()] == [1, 1, 2]
    assert transload("logs", "nightly", "--grep", "(").code == 2


def test_logs_since_shows_every_run_since_then_and_the_oldest_first(cluster: Cluster, transload: Any) -> None:
    cluster.declare("nightly")
    for number in (1, 2):
        write_log(cluster, f"nightly/default/{number}", f"run {number}")
    for number, hours in ((1, 3), (2, 2)):
        cluster.ran("nightly", cluster.ago(hours=hours), log_stream=f"nightly/default/{number}")
    assert transload("logs", "nightly", "--since", "1d").out == "run 1\nrun 2\n"
    assert transload("logs", "nightly", "--since", "30m").out == ""


def test_logs_follow_of_a_run_that_ended_answers_with_its_exit_code(cluster: Cluster, transload: Any) -> None:
    cluster.declare("nightly")
    write_log(cluster, "nightly/default/1", "gone")
    cluster.ran("nightly", cluster.ago(hours=1), "FAILED", exit_code=9, cause="application", log_stream="nightly/default/1")
    answer = transload("logs", "nightly", "--follow", "--poll", "0.01")
    assert (answer.code, answer.out) == (9, "gone\n")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--json"], "--json goes with --detach or --dry-run"),
        (["-e", "=1"], "write KEY=VALUE"),
        (["-e", "NOT_SET_ANYWHERE"], "there is no such variable here"),
        (["-e", "AWS_BATCH_X=1"], "AWS Batch keeps names that begin with AWS_BATCH"),
        (["--timeout", "30s"], "AWS Batch takes 60s and more"),
        (["--memory", "700"], "--memory must be"),
        (["--array", "1"], "--array"),
    ],
)
def test_run_refuses_what_aws_would_refuse_before_it_starts_anything(
    cluster: Cluster, transload: Any, monkeypatch: pytest.MonkeyPatch, words: list[str], told: str
) -> None:
    monkeypatch.delenv("TRANSLOAD_LOCAL", raising=False)
    cluster.declare("nightly")
    answer = transload("run", "nightly", *words)
    assert answer.code == 2
    assert told in answer.err
    assert cluster.store.history("nightly") == []


def complete(transload: Any, monkeypatch: pytest.MonkeyPatch, *words: str) -> list[str]:
    monkeypatch.setenv("_TRANSLOAD_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", " ".join(["transload", *words]))
    monkeypatch.setenv("COMP_CWORD", str(len(words)))
    found = [line.partition(",")[2] for line in transload().out.splitlines() if line]
    monkeypatch.delenv("_TRANSLOAD_COMPLETE")
    return found


def test_verbs_jobs_and_runs_are_completed(cluster: Cluster, transload: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster.declare("nightly")
    cluster.declare("nightly-report")
    run = cluster.ran("nightly", cluster.ago(hours=1))
    assert complete(transload, monkeypatch, "ti") == ["timeline"]
    assert complete(transload, monkeypatch, "run", "night") == ["nightly", "nightly-report"]
    assert complete(transload, monkeypatch, "why", "nightly", "") == ["latest", run["run"]]


def test_completion_without_a_cluster_completes_nothing(transload: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    assert complete(transload, monkeypatch, "run", "") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_names_the_variable_it_asks_with(transload: Any, shell: str) -> None:
    answer = transload("completion", shell)
    assert answer.code == 0
    assert f"_TRANSLOAD_COMPLETE={shell}_complete" in answer.out
