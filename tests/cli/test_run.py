"""The truth table of `transload run`, row by row: a real process, real signals, jobs that really run in the local cloud."""

import os
import signal
import subprocess
from collections.abc import Iterator

import pytest
from tests.cli._platform import TRANSLOAD, Platform, platform
from tests.local._jobs import wait_for


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with platform(tmp_path_factory.mktemp("run")) as made:
        yield made


def test_a_run_that_succeeds_gives_0_and_its_output_alone_on_stdout(cloud: Platform) -> None:
    ended = cloud.call("run", cloud.job("prints", "print", "3"))
    assert (ended.code, ended.lines) == (0, ["line 0", "line 1", "line 2"])
    assert "succeeded" in ended.err


@pytest.mark.parametrize("code", [1, 3, 75, 124, 125, 255])
def test_exit_n_gives_n(cloud: Platform, code: int) -> None:
    ended = cloud.call("run", cloud.job("leaves", "exit", "0"), "--", "exit", str(code))
    assert (ended.code, ended.lines) == (code, ["leaving"])
    assert f"exit code {code}" in ended.err


def test_past_its_timeout_124_and_the_job_is_stopped(cloud: Platform) -> None:
    ended = cloud.call("run", cloud.job("hangs", "hang"), "--timeout", "1s")
    assert (ended.code, ended.lines) == (124, ["ready", "told to stop"])
    assert "timed out" in ended.err
    assert cloud.over("hangs")["cause"] == "timeout"


def test_an_image_that_cannot_be_pulled_gives_125_with_the_reason(cloud: Platform) -> None:
    job = cloud.job("no-image", "print", "1", image="123456789012.dkr.ecr.eu-west-1.amazonaws.com/nowhere:1")
    ended = cloud.call("run", job)
    assert (ended.code, ended.out) == (125, "")
    assert "did not run to an end: the image could not be pulled" in ended.err


def test_a_job_that_batch_does_not_take_gives_125_with_the_reason(cloud: Platform) -> None:
    cloud.declare("undefined", definition_name="nowhere", queue=cloud.cloud.queues["fargate"])
    ended = cloud.call("run", "undefined")
    assert (ended.code, ended.out) == (125, "")
    assert "could not be submitted" in ended.err


def test_without_an_answer_before_the_start_125(cloud: Platform) -> None:
    ended = cloud.call("run", "prints", AWS_ENDPOINT_URL="http://127.0.0.1:9", TRANSLOAD_PATIENCE="1s")
    assert (ended.code, ended.out) == (125, "")
    assert "transload: could not start: Could not connect to the endpoint URL" in ended.err


def test_without_a_login_125_at_once_with_what_to_do(cloud: Platform) -> None:
    nothing = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_EC2_METADATA_DISABLED": "true"}
    ended = cloud.call("run", "prints", AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="", **nothing)
    assert (ended.code, ended.out) == (125, "")
    assert ended.err.startswith("transload: could not start: no credentials: log in")


def test_an_unknown_job_gives_2_with_the_nearest_name(cloud: Platform) -> None:
    cloud.job("prints", "print", "3")
    ended = cloud.call("run", "printz")
    assert (ended.code, ended.out) == (2, "")
    assert "did you mean prints?" in ended.err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("manners", ["polite", "rude"])
def test_a_signal_stops_the_job_whatever_it_answers_to_that(
    cloud: Platform, number: signal.Signals, code: int, manners: str
) -> None:
    running = cloud.start("run", cloud.job("interrupted", "hang", manners))
    running.sees("ready")
    running.signal(number)
    ended = running.ended()
    assert (ended.code, ended.lines) == (code, ["ready", "told to stop"])
    run = cloud.newest("interrupted")
    assert (run["status"], run["cause"]) == ("STOPPED", "stopped")
    assert cloud.cloud.describe(run["batch_job_id"])["status"] == "FAILED"


def test_a_second_signal_leaves_at_once(cloud: Platform) -> None:
    running = cloud.start("run", cloud.job("impatient", "hang"))
    running.sees("ready")
    running.signal(signal.SIGINT)
    running.sees("stopping impatient-")
    running.signal(signal.SIGINT)
    ended = running.ended(20)
    assert ended.code == 130
    assert "may still be running" in ended.err
    cloud.call("stop", "impatient")


def test_detach_prints_the_run_id_and_leaves_the_job_running_and_logs_follow_attaches_again(cloud: Platform) -> None:
    detached = cloud.call("run", cloud.job("detached", "hang"), "--detach")
    [run_id] = detached.lines
    assert detached.code == 0
    assert cloud.newest("detached")["run_id"] == run_id
    attached = cloud.start("logs", run_id, "--follow")
    attached.sees("ready")
    assert cloud.call("stop", run_id).code == 0
    ended = attached.ended()
    assert (ended.code, ended.lines) == (143, ["ready", "told to stop"])


def test_a_signal_to_logs_follow_leaves_the_job_running(cloud: Platform) -> None:
    [run_id] = cloud.call("run", cloud.job("watched", "hang"), "--detach").lines
    watching = cloud.start("logs", run_id, "-f")
    watching.sees("ready")
    watching.signal(signal.SIGINT)
    ended = watching.ended()
    assert ended.code == 130
    assert "is left running" in ended.err
    assert cloud.newest("watched")["status"] == "RUNNING"
    cloud.call("stop", run_id)


def test_skipped_by_concurrency_76_and_the_run_in_the_way_is_named(cloud: Platform) -> None:
    [run_id] = cloud.call("run", cloud.job("alone", "hang"), "--detach").lines
    ended = cloud.call("run", "alone")
    assert (ended.code, ended.out) == (76, "")
    assert f"{run_id} is still" in ended.err
    # The newest run is the one that was skipped; who says the job means the one that goes on.
    following = cloud.start("logs", "alone", "--follow")
    following.sees("ready")
    assert cloud.call("stop", "alone").err.startswith(f"stopping {run_id};")
    assert following.ended().code == 143


def test_a_disabled_job_is_skipped_with_76_until_it_is_enabled(cloud: Platform) -> None:
    cloud.job("off", "print", "1")
    assert cloud.call("disable", "off", "--why", "the database moves").code == 0
    ended = cloud.call("run", "off")
    assert ended.code == 76
    assert "the database moves" in ended.err
    assert cloud.call("enable", "off").code == 0
    assert cloud.call("run", "off").code == 0


def test_attempts_are_printed_one_after_the_other_and_the_last_counts(cloud: Platform) -> None:
    ended = cloud.call("run", cloud.job("again", "twice", attempts=2))
    assert (ended.code, ended.lines) == (0, ["attempt 1", "attempt 2"])


def test_a_run_that_spot_took_is_followed_on_demand(cloud: Platform) -> None:
    running = cloud.start("run", cloud.job("reclaimed", "hang"))
    running.sees("ready")
    cloud.cloud.control("reclaim", job=cloud.newest("reclaimed")["run_id"], grace=5)
    running.sees("told to stop")
    wait_for(lambda: running.out.count("ready\n") == 2)
    running.signal(signal.SIGTERM)
    ended = running.ended()
    assert ended.lines == ["ready", "told to stop"] * 2
    run = cloud.newest("reclaimed")
    assert (ended.code, run["submission"], len(run["batch_job_ids"])) == (143, 2, 2)


def test_an_array_prints_each_line_with_its_index_and_gives_the_code_of_the_child_that_failed(cloud: Platform) -> None:
    ended = cloud.call("run", cloud.job("many", "child"), "--array", "3")
    assert (ended.code, sorted(ended.lines)) == (7, ["[0] child 0", "[1] child 1", "[2] child 2"])
    assert "1 of 3" in ended.err


def test_the_environment_of_a_person_reaches_the_job_and_its_values_are_stored_nowhere(cloud: Platform) -> None:
    job = cloud.job("shows", "show", "COLOUR", "PLACE")
    ended = cloud.call("run", job, "-e", "COLOUR=indigo", "-e", "PLACE", PLACE="antarctica")
    assert ended.lines == ["COLOUR=indigo PLACE=antarctica"]
    items = str(cloud.client("dynamodb").scan(TableName=cloud.runs_table)["Items"])
    assert "COLOUR" in items
    assert "indigo" not in items
    assert "antarctica" not in items


def test_a_reader_that_goes_away_changes_no_exit_code(cloud: Platform) -> None:
    process = cloud.process("run", cloud.job("chatty", "hang"))
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == "ready\n"
    process.stdout.close()
    assert cloud.call("stop", "chatty").code == 0
    told = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == 143
    assert "Traceback" not in told


def test_a_full_disk_is_told_once_and_changes_no_exit_code(cloud: Platform) -> None:
    job = cloud.job("voluminous", "print", "20000")
    with open("/dev/full", "w") as full:
        ended = subprocess.run([*TRANSLOAD, "run", job], stdout=full, stderr=subprocess.PIPE, text=True, env=cloud.environment)
    assert ended.returncode == 0
    assert ended.stderr.count("the output cannot be written: No space left on device") == 1
    assert "Traceback" not in ended.stderr


def test_dry_run_starts_nothing(cloud: Platform) -> None:
    ended = cloud.call("run", cloud.job("dry", "print", "1"), "--dry-run", "-e", "COLOUR=indigo", "--", "print", "2")
    assert ended.code == 0
    assert "print 2" in ended.out
    assert "indigo" not in ended.out
    assert cloud.store.history("dry") == []


def flow(cloud: Platform, name: str, **steps: str) -> str:
    """Declare a flow of jobs, one after the other."""
    names = list(steps)
    after = [[], *([each] for each in names)]
    listed = [{"name": step, "job": job, "after": waits} for (step, job), waits in zip(steps.items(), after, strict=False)]
    cloud.put(cloud.jobs_table, {"job": name, "kind": "flow", "steps": listed, "concurrency": "forbid", "enabled": True})
    return name


def test_a_flow_prints_the_lines_of_its_steps_and_gives_the_code_of_the_one_that_failed_and_goes_on_from_there(
    cloud: Platform,
) -> None:
    name = flow(cloud, "both", load=cloud.job("load", "print", "1"), send=cloud.job("send", "exit", "4"))
    ended = cloud.call("run", name)
    assert (ended.code, ended.lines) == (4, ["[load] line 0", "[send] leaving"])
    assert "step send failed" in ended.err
    cloud.job("send", "exit", "0")
    again = cloud.call("run", name, "--from", cloud.newest(name)["run_id"])
    assert (again.code, again.lines) == (0, ["[send] leaving"])
    nothing = cloud.call("run", name, "--from", cloud.newest(name)["run_id"])
    assert nothing.code == 125
    assert "there is nothing to run again" in nothing.err


def test_a_flow_takes_no_changes_and_a_job_no_from(cloud: Platform) -> None:
    name = flow(cloud, "fixed", load=cloud.job("load", "print", "1"))
    assert "is a flow" in cloud.call("run", name, "-e", "A=1").err
    assert "is a job" in cloud.call("run", "load", "--from", "load-20261123T180000Z").err
