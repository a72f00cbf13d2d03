"""The verbs that show tables: jobs and history."""

import json
from datetime import datetime, timedelta

import pytest
from tests.cli.conftest import Cluster

from transload.cli import _output


def test_jobs_shows_schedule_next_run_last_result_and_state(cluster, transload):
    cluster.declare("nightly")
    cluster.declare("by-hand", schedule=None)
    cluster.ran("nightly", cluster.ago(hours=2), "FAILED", exit_code=3, cause="application")
    answer = transload("jobs")
    assert answer.code == 0
    header, by_hand, nightly = answer.out.splitlines()
    assert header.split("  ")[0] == "JOB"
    assert by_hand.split() == ["by-hand", "by", "hand", "never", "ran", "enabled"]
    assert "every day at 03:00" in nightly
    assert " 03:00 JST  " in nightly
    assert " 18:00 UTC" in nightly
    assert "FAILED (3)  110m ago  enabled" in nightly


@pytest.mark.parametrize(
    ("change", "state"),
    [
        (lambda cluster: cluster.ran("nightly", cluster.ago(minutes=1), "RUNNING"), "running"),
        (lambda cluster: cluster.declare("nightly", enabled=False), "disabled in the program"),
        (lambda cluster: cluster.store.disable("nightly", "kim", cluster.ago()), "disabled"),
        (lambda cluster: cluster.store.disable("nightly", "kim", cluster.ago(), until=cluster.ago(days=-1)), "disabled until"),
        (lambda cluster: cluster.store.disable("nightly", "kim", cluster.ago(days=2), until=cluster.ago(days=1)), "enabled"),
    ],
)
def test_the_state_of_a_job_is_what_holds_now(cluster, transload, change, state):
    cluster.declare("nightly")
    change(cluster)
    [job] = json.loads(transload("jobs", "--json").out)
    assert job["state"].startswith(state)
    assert (job["next_run"] is None) == state.startswith("disabled")


def test_a_rate_counts_from_the_last_run(cluster, transload):
    cluster.declare("often", schedule="rate(1 hour)", timezone=None)
    last = cluster.ran("often", cluster.ago(minutes=20))
    [job] = json.loads(transload("jobs", "--json").out)
    assert datetime.fromisoformat(job["next_run"]) - datetime.fromisoformat(last["scheduled_for"]) == timedelta(hours=1)


def test_history_shows_the_newest_first_with_length_exit_code_and_reason(cluster, transload):
    cluster.declare("nightly")
    cluster.ran("nightly", cluster.ago(days=2))
    cluster.ran("nightly", cluster.ago(days=1), "FAILED", exit_code=3, cause="application", reason="exited with code 3")
    answer = transload("history", "nightly")
    _, failed, succeeded = answer.out.splitlines()
    assert "9m20s" in failed
    assert failed.endswith("FAILED (3)  schedule")
    assert succeeded.endswith("SUCCEEDED   schedule")


def test_history_is_narrowed_by_time_status_and_number(cluster, transload):
    cluster.declare("nightly")
    runs = [cluster.ran("nightly", cluster.ago(days=day, hours=1), "FAILED" if day % 2 else "SUCCEEDED") for day in range(9)]
    asked = transload("history", "nightly", "--since", "5d", "--status", "failed", "--json")
    assert [run["run"] for run in json.loads(asked.out)] == [runs[1]["run"], runs[3]["run"]]
    assert len(json.loads(transload("history", "nightly", "-n", "3", "--json").out)) == 3


def test_history_without_runs_says_so(cluster, transload):
    cluster.declare("nightly")
    answer = transload("history", "nightly")
    assert (answer.code, answer.out, answer.err) == (0, "", "nightly has no run yet; start one: transload run nightly\n")
    assert transload("history", "nightly", "--status", "failed").err == "no such run of nightly\n"
    assert transload("history", "nightly", "--json").out == "[]\n"


def test_history_names_a_person_and_keeps_his_arn_for_scripts(cluster, transload):
    cluster.declare("nightly")
    reason = "stopped by arn:aws:sts::123456789012:assumed-role/admin/kim: wrong day"
    cluster.ran("nightly", cluster.ago(hours=2), "STOPPED", cause="stopped", reason=reason)
    assert transload("history", "nightly").out.rstrip().endswith("stopped by kim: wrong day")
    assert json.loads(transload("history", "nightly", "--json").out)[0]["reason"] == reason


def test_an_array_that_nobody_saw_start_has_a_start_and_a_length(cluster, transload):
    cluster.declare("nightly")
    due = cluster.ago(hours=2)
    submitted = (due + timedelta(minutes=4)).strftime("%Y-%m-%dT%H:%M:%SZ")
    cluster.ran("nightly", due, started_at=None, submitted_at=submitted, array={"size": 3, "succeeded": 3, "failed": 0})
    _, row = transload("history", "nightly").out.splitlines()
    assert "  6m00s  " in row
    assert "took      6m00s" in transload("why", "nightly").out


def test_jobs_fits_a_terminal_of_80_columns(cluster, transload, monkeypatch):
    cluster.declare("hourly-aggregate", schedule="5 * * * *")
    cluster.ran("hourly-aggregate", cluster.ago(minutes=30), "SUCCEEDED")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(_output, "on_terminal", lambda: True)
    lines = transload("jobs").out.splitlines()
    assert max(map(len, lines)) <= 80
    assert [word in line for word, line in zip(("SUCCEEDED", "20m ago"), lines[1:], strict=False)] == [True, True]


@pytest.mark.parametrize("verb", ["history", "logs", "run", "why", "stop", "enable", "disable", "verify"])
def test_an_unknown_job_is_answered_with_the_nearest_name(cluster, transload, verb):
    cluster.declare("nightly")
    answer = transload(verb, "nightyl")
    assert answer.code == 2
    assert answer.err == f"transload: no job 'nightyl' in cluster {cluster.name}; did you mean nightly?\n"
    assert answer.out == ""


def test_an_unknown_cluster_is_told_in_one_line(cluster, transload):
    answer = transload("jobs", "--cluster", "nowhere")
    assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert answer.err.startswith("transload: no cluster 'nowhere' in eu-west-1: no table transload-nowhere-jobs; known are ")
    assert cluster.name in answer.err
    assert transload("run", "nightly", "--cluster", "nowhere").err == answer.err
    assert transload("logs", "nightly", "--cluster", "nowhere").code == 2
    assert transload("jobs", "--cluster", "nowhere", "--region", "eu-south-1").err.endswith(
        "; look at --cluster, --region and --profile\n"
    )


def test_the_only_cluster_need_not_be_named_and_several_are_listed(cluster, transload, monkeypatch):
    monkeypatch.delenv("TRANSLOAD_CLUSTER")
    # A region of its own, where no other test makes a cluster.
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    answers = []
    for name in ("one", "two"):
        answers.append(transload("jobs"))
        Cluster(name, cluster.endpoint, "eu-north-1").create()
    answers.append(transload("jobs"))
    assert [answer.code for answer in answers] == [2, 0, 2]
    assert answers[0].err.startswith("transload: no cluster in eu-north-1")
    assert answers[1].err == "no jobs in cluster one\n"
    assert answers[2].err == "transload: 2 clusters in eu-north-1: one, two; name one with --cluster or TRANSLOAD_CLUSTER\n"
