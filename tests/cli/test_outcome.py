"""The exit code and the words for how a run ended."""

import pytest

from transload.cli import _outcome


@pytest.mark.parametrize(
    ("run", "code"),
    [
        ({"status": "SUCCEEDED", "exit_code": 0}, 0),
        ({"status": "FAILED", "exit_code": 3, "cause": "application"}, 3),
        ({"status": "FAILED", "exit_code": 137, "cause": "out_of_memory"}, 137),
        ({"status": "FAILED", "exit_code": 137, "cause": "timeout"}, 124),
        ({"status": "FAILED", "cause": "timeout"}, 124),
        ({"status": "FAILED", "cause": "image"}, 125),
        ({"status": "FAILED", "cause": "platform"}, 125),
        ({"status": "FAILED", "exit_code": 0, "cause": "platform"}, 125),
        ({"status": "FAILED", "exit_code": 125, "cause": "application"}, 125),
        ({"status": "STOPPED", "exit_code": 143, "cause": "stopped"}, 143),
        ({"status": "STOPPED", "exit_code": 0, "cause": "replaced"}, 143),
        ({"status": "SKIPPED", "cause": "concurrency"}, 76),
        ({"status": "SKIPPED", "cause": "disabled"}, 76),
    ],
)
def test_the_exit_code_says_how_the_run_ended(run, code):
    assert _outcome.exit_code(run) == code


def test_only_a_run_that_succeeded_gives_zero():
    statuses = ["FAILED", "STOPPED", "SKIPPED", "RUNNING", "UNHEARD-OF"]
    assert all(_outcome.exit_code({"status": status, "exit_code": code}) for status in statuses for code in (None, 0, 1))


@pytest.mark.parametrize(
    ("run", "words"),
    [
        ({"status": "FAILED", "exit_code": 3, "reason": "exited with code 3"}, "exit code 3"),
        ({"status": "FAILED", "exit_code": 137, "reason": "exited with code 137 (SIGKILL)"}, "exit code 137 (SIGKILL)"),
        ({"status": "FAILED", "cause": "timeout", "exit_code": 137, "reason": "stopped by its timeout"}, "timed out"),
        ({"status": "FAILED", "cause": "timeout", "reason": "stopped by its timeout (after 60 s)"}, "timed out (after 60 s)"),
        ({"status": "FAILED", "exit_code": 2, "reason": "step load failed: no disk"}, "step load failed: no disk"),
        ({"status": "FAILED", "cause": "application", "reason": "2 of 9 children failed"}, "failed: 2 of 9 children failed"),
        ({"status": "FAILED", "cause": "image", "reason": "no such image"}, "did not run to an end: no such image"),
        ({"status": "STOPPED", "reason": "stopped by kim"}, "stopped by kim"),
        ({"status": "STOPPED", "reason": "replaced by nightly-20261123T180000Z"}, "stopped: replaced by nightly-20261123T180000Z"),
        ({"status": "SUCCEEDED", "reason": "Essential container in task exited"}, "succeeded"),
    ],
)
def test_the_sentence_tells_how_and_why(run, words):
    assert _outcome.sentence(run) == words


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:iam::123456789012:user/kim",
        "arn:aws-cn:iam::123456789012:user/team/kim",
        "arn:aws:sts::123456789012:assumed-role/admin/kim",
        "arn:aws:sts::123456789012:federated-user/kim",
    ],
)
def test_a_person_is_called_by_name(arn):
    assert _outcome.short(f"stopped by {arn}: see {arn}") == f"stopped by kim: see {arn}"
    assert _outcome.short("off was disabled by arn:aws:iam::123456789012:root until noon") == "off was disabled by root until noon"


@pytest.mark.parametrize("cause", _outcome.ADVICE)
def test_each_cause_has_a_meaning_and_a_next_step_that_names_the_run(cause):
    run = {
        "job": "nightly",
        "run_id": "nightly-20261123T180000Z",
        "status": "FAILED",
        "cause": cause,
        "yielded_to": "nightly-20261123T170000Z",
    }
    meaning, step = _outcome.advice(run, memory_mib=2048)
    assert meaning
    assert step
    assert "{" not in step


def test_a_run_that_succeeded_needs_no_advice():
    assert _outcome.advice({"status": "SUCCEEDED"}) == ("", "")
