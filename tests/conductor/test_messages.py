import contextlib
import io
import json
from typing import Any

import pytest
from cluster_fake import ON_DEMAND, Cluster
from dynamo_fake import DynamoFake
from hypothesis import given, settings
from hypothesis import strategies as st

from transload.conductor import lifecycle, messages, watch
from transload.conductor.batch import UnsureError

RUN = "nightly-20261123T180000Z"


def failed(cluster: Cluster, **job: Any) -> None:
    cluster.job(**job)
    cluster.schedule()
    cluster.batch.advance(cluster.only(RUN), "RUNNING")
    cluster.batch.fail(cluster.only(RUN), 3)
    cluster.deliver()


def test_mail_has_one_fact_a_line(cluster: Cluster):
    failed(cluster, impact_if_stopped="no prices\nin the shop")
    assert cluster.mails() == [
        "nightly failed: exited with code 3\n"
        "\n"
        f"run: {RUN}\n"
        "reason: exited with code 3\n"
        "exit code: 3\n"
        "scheduled for: 2026-11-23T18:00:00Z\n"
        "attempts: 1\n"
        "owner: data\n"
        "impact: no prices in the shop\n"
        "safe to run again: yes\n"
        f"next: transload why {RUN}\n"
    ]


def test_slack_gets_the_custom_notification_that_chatbot_shows(cluster: Cluster):
    failed(cluster)
    (message,) = cluster.slacks()
    assert (message["version"], message["source"]) == ("1.0", "custom")
    assert message["content"]["title"] == ":x: nightly failed: exited with code 3"
    assert "*exit code*: 3\n" in message["content"]["description"]
    assert message["metadata"]["threadId"] == RUN


def test_a_plain_subscriber_gets_the_text(moto_cluster: Cluster):
    moto_cluster.subscribe()
    failed(moto_cluster)
    assert moto_cluster.received() == moto_cluster.mails()


def test_subjects_keep_to_what_sns_takes():
    subject = messages.publication("arn:topic", "failed", "価格 failed:\n" + "x" * 300, [], "thread")["Subject"]
    assert subject.startswith("?? failed: x")
    assert len(subject) < 100
    assert subject.isascii()


def test_slack_forms_keep_to_their_lengths_and_escape_what_slack_reads():
    form = messages.slack("failed", "<b> & " + "x" * 400, [(f"fact {number}", "y" * 600) for number in range(40)], "thread")
    assert form["content"]["title"].startswith(":x: &lt;b&gt; &amp; x")
    assert len(form["content"]["title"]) <= 250
    assert len(form["content"]["description"]) <= 8000


def test_slack_forms_keep_to_their_lengths_when_everything_is_escaped():
    form = messages.slack("failed", "&" * 300, [(f"fact {number}", "<" * 600) for number in range(40)], "thread")
    assert len(form["content"]["title"]) <= 250
    assert len(form["content"]["description"]) <= 8000
    assert set(form["content"]["title"].removeprefix(":x: ").split("&amp;")) == {""}
    last = form["content"]["description"].splitlines()[-1]
    assert set(last.partition(": ")[2].split("&lt;")) == {""}


def test_control_characters_reach_nobody():
    subject = messages.publication("arn:topic", "failed", "nightly failed: \x1b[31mred\x00\x7f", [], "thread")["Subject"]
    assert subject == "nightly failed: [31mred"


def test_a_cluster_without_alerts_writes_runs_and_tells_nobody(cluster: Cluster):
    facts = {key: value for key, value in cluster.store.cluster().items() if key not in ("job", "alert_topic")}
    cluster.declare("#cluster", **facts)
    failed(cluster)
    assert cluster.store.get(RUN)["status"] == "FAILED"
    assert cluster.mails() == []
    assert cluster.store.told() == {}


def test_a_topic_that_cannot_be_reached_does_not_keep_the_run_from_ending(cluster: Cluster):
    cluster.declare("#cluster", **{**cluster.store.cluster(), "alert_topic": f"{cluster.topic}-gone"})
    failed(cluster)
    assert cluster.store.get(RUN)["status"] == "FAILED"
    cluster.declare("#cluster", **{**cluster.store.cluster(), "alert_topic": cluster.topic})
    cluster.sent.clear()
    cluster.later(minutes=5)
    watch.watch(cluster.process())
    assert cluster.mails()[0].startswith("nightly failed: exited with code 3")


# What must never be told

secrets = st.text("abcdefghijklmnopqrstuvwxyz0123456789+/=", min_size=8, max_size=30).map(lambda text: f"sk-{text}")
leaks = st.sampled_from(["none", "reason", "status", "refused", "throttled", "invalid", "large", "stuck", "long", "spot", "flow"])


def _everything_written(cluster: Cluster) -> str:
    """All that the conductor stored and told."""
    items = [item for table in cluster.dynamodb.tables.values() for item in table.values()]
    return json.dumps([items, cluster.sent], ensure_ascii=False)


def _trouble(cluster: Cluster, secret: str, leak: str) -> None:
    """A run with a secret in its environment, and AWS that quotes it wherever it can."""
    quoting = f"invalid value '{secret}' in environment"
    if leak == "refused":
        cluster.batch.errors.append(("submitjob", 400, "ClientException", quoting))
    if leak == "throttled":
        cluster.batch.errors.append(("submitjob", 429, "TooManyRequestsException", quoting))
    value = secret * 3000 if leak == "large" else secret
    overrides: dict[str, Any] = {"environment": {"TOKEN": value}}
    if leak == "invalid":
        overrides["command"] = [7, secret]
    with contextlib.suppress(UnsureError):
        cluster.run(run="20261123T180000Z-ab12", overrides=overrides)
    for job_id, job in list(cluster.batch.jobs.items()):
        cluster.batch.advance(job_id, None if leak == "stuck" else "RUNNING")
        job["statusReason"] = quoting if leak == "stuck" else ""
    cluster.deliver()
    cluster.later(minutes=11)
    watch.watch(cluster.process())
    for job in cluster.batch.live():
        if leak == "spot":
            cluster.batch.reclaim(job["jobId"])
        else:
            cluster.batch.fail(job["jobId"], 3, quoting if leak == "reason" else "", quoting if leak == "status" else "")
    cluster.deliver()
    cluster.later(minutes=5)
    watch.watch(cluster.process())


@settings(max_examples=40, derandomize=True, deadline=None, database=None)
@given(secrets, leaks)
def _no_value_gets_out(secret: str, leak: str) -> None:
    cluster = Cluster(DynamoFake())
    cluster.job(queue=ON_DEMAND if leak != "spot" else cluster.store.cluster()["spot_queue"])
    log = io.StringIO()
    with contextlib.redirect_stderr(log), contextlib.redirect_stdout(log):
        _trouble(cluster, secret, leak)
    assert log.getvalue()
    command_is_kept = leak == "invalid"
    for text in (log.getvalue(), json.dumps(cluster.sent), "" if command_is_kept else _everything_written(cluster)):
        assert secret not in text


def test_no_value_of_an_environment_appears_in_a_message_a_log_line_or_a_table(aws: None):
    _no_value_gets_out()


def test_what_blocks_a_queue_is_told_without_values(cluster: Cluster):
    cluster.job()
    cluster.run(overrides={"environment": {"TOKEN": "s3cr3t-value"}})
    (job,) = cluster.batch.jobs.values()
    detail = {**job, "status": "RUNNABLE", "statusReason": "MISCONFIGURATION: TOKEN=s3cr3t-value"}
    cluster.deliver([{"source": "aws.batch", "detail-type": "Batch Job Queue Blocked", "detail": detail}])
    (mail,) = cluster.mails()
    assert "MISCONFIGURATION: TOKEN=***" in mail


def test_an_error_that_leaves_the_function_has_no_value_in_it(cluster: Cluster):
    cluster.job()
    cluster.batch.errors.append(("submitjob", 429, "TooManyRequestsException", "too many: TOKEN=s3cr3t-value"))
    with pytest.raises(UnsureError) as raised:
        cluster.run(overrides={"environment": {"TOKEN": "s3cr3t-value"}})
    assert "s3cr3t-value" not in str(raised.value)
    assert raised.value.__suppress_context__


def test_every_log_line_is_json_with_a_decision(cluster: Cluster, capfd: pytest.CaptureFixture[str]):
    failed(cluster)
    cluster.later(days=1)
    run_id = cluster.schedule(at=cluster.time)["run_id"]
    lifecycle.stop(cluster.conductor, run_id, "ana")
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [line["decision"] for line in lines][:2] == ["accepted", "submitted"]
    assert {line["run_id"] for line in lines if "run_id" in line} == {RUN, run_id}
