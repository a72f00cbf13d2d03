"""`transload schedule`: one expression, or one a line."""

import json
import select
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from transload.cli import main
from transload.cli.schedule import command

AFTER = ["--after", "2026-11-23T12:00Z"]


def run(*arguments: str, stdin: bytes = b"") -> str:
    result = CliRunner().invoke(command, [*arguments, *AFTER], input=stdin, catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def answers(stdin: bytes, *options: str) -> list[dict]:
    return [json.loads(line) for line in run("-", "--json", *options, stdin=stdin).splitlines()]


def refused(capsys, *arguments: str) -> str:
    with pytest.raises(SystemExit) as end:
        main(["schedule", *arguments])
    captured = capsys.readouterr()
    assert end.value.code == 2
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    return captured.err


def test_an_expression_is_shown_in_words_as_eventbridge_takes_it_and_with_its_next_times():
    assert run("30 4 1 * 5", "--timezone", "Asia/Tokyo", "--next", "2").splitlines() == [
        "schedule     30 4 1 * 5",
        "means        at 04:30 on day 1 of every month, and on Friday, Asia/Tokyo",
        "EventBridge  cron(30 4 1 * ? *)",
        "             cron(30 4 ? * FRI *)",
        "",
        "NEXT                       UTC",
        "Fri 27 Nov 2026 04:30 JST  2026-11-26T19:30:00Z",
        "Tue 01 Dec 2026 04:30 JST  2026-11-30T19:30:00Z",
    ]


def test_an_expression_whose_time_is_over_says_so():
    assert "It does not fire after Mon 23 Nov 2026 12:00 UTC." in run("at(2020-01-01T00:00:00)")


def test_json_of_one_expression_has_its_words_too():
    assert json.loads(run("@daily", "--json", "--next", "1", "--timezone", "Europe/Berlin")) == {
        "input": "@daily",
        "words": "every day at 00:00",
        "timezone": "Europe/Berlin",
        "expressions": ["cron(0 0 * * ? *)"],
        "next": ["2026-11-24T00:00:00+01:00"],
        "error": None,
    }


def test_an_expression_without_quotes_is_put_together():
    assert "cron(5 4 1 1 ? *)" in run("5", "4", "1", "1", "*")


def test_the_start_is_in_the_zone_of_the_schedule_unless_it_has_its_own():
    result = CliRunner().invoke(
        command, ["0 * * * *", "--timezone", "Asia/Tokyo", "--after", "2026-11-23T12:00", "--json", "--next", "1"]
    )

    assert json.loads(result.stdout)["next"] == ["2026-11-23T13:00:00+09:00"]


def test_each_line_of_standard_input_gets_one_answer():
    lines = [
        b"*/20 * * * *",
        b"",
        b"  ",
        b"0 0 31 2 *",
        b"\xff\xfe 1 2 3 4",
        b"0 9 * * 1-5\r",
        b"\x0b \x0c \x85 * *",
        "\uff10 0 * * *".encode(),
        b"@daily",
    ]

    found = answers(b"\n".join(lines), "--next", "2")

    assert len(found) == len(lines)
    assert all(set(answer) == {"input", "expressions", "next", "error"} for answer in found)
    assert [answer["error"] is None for answer in found] == [True, False, False, False, False, True, False, False, True]
    assert found[0] == {
        "input": "*/20 * * * *",
        "expressions": ["cron(0/20 * * * ? *)"],
        "next": ["2026-11-23T12:20:00+00:00", "2026-11-23T12:40:00+00:00"],
        "error": None,
    }
    assert found[3] == {"input": "0 0 31 2 *", "expressions": [], "next": [], "error": "never fires: month '2' has no day '31'"}
    assert found[5]["input"] == "0 9 * * 1-5"
    assert [answer["input"] for answer in found[1:3]] == ["", "  "]


def test_no_input_has_no_answers_and_a_newline_alone_has_one():
    assert answers(b"") == []
    assert len(answers(b"\n")) == 1
    assert len(answers(b"@daily\n")) == 1


def test_a_closed_standard_input_has_no_lines():
    code = "from transload.cli import main; main(['schedule', '-', '--json'])"
    ran = subprocess.run(["sh", "-c", 'exec "$0" -c "$1" <&-', sys.executable, code], capture_output=True, text=True)

    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_a_line_is_answered_before_the_next_is_written():
    code = "from transload.cli import main; main(['schedule', '-', '--json'])"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as verb:
        assert verb.stdin
        assert verb.stdout
        for line in (b"@daily", b"banana"):
            verb.stdin.write(line + b"\n")
            verb.stdin.flush()
            assert select.select([verb.stdout], [], [], 30)[0]
            assert json.loads(verb.stdout.readline())["input"] == line.decode()
        verb.stdin.close()
        assert verb.wait(30) == 0


def test_two_weeks_of_minutes_can_be_asked_for():
    (answer,) = answers(b"* * * * *\n", "--next", "20160")

    assert len(answer["next"]) == 20160
    assert answer["next"][-1] == "2026-12-07T12:00:00+00:00"


def test_without_json_an_answer_is_a_line_too():
    assert run("-", "--next", "1", stdin=b"0 9 1 * 1\nbanana\n").splitlines() == [
        "0 9 1 * 1\tcron(0 9 1 * ? *) + cron(0 9 ? * MON *)\t2026-11-30T09:00:00+00:00",
        "banana\terror: write five cron fields as in 30 2 * * *, or @daily, cron(...), rate(...), at(...)",
    ]


def test_what_is_no_schedule_is_one_line_and_wrong_usage(capsys):
    assert refused(capsys, "0 0 31 2 *") == "transload: schedule '0 0 31 2 *': never fires: month '2' has no day '31'\n"
    assert "as the shell expands *" in refused(capsys, "5", "LICENSE", "README.md")
    assert "--timezone: time zone 'asia/tokyo' is unknown; nearest: Asia/Tokyo" in refused(
        capsys, "@daily", "--timezone", "asia/tokyo"
    )
    assert "the year is outside 1970-2199" in refused(capsys, "@daily", "--after", "9999-12-31T23:59-10:00")
    assert "Missing argument" in refused(capsys)
    assert "Invalid value for '--next'" in refused(capsys, "@daily", "--next", "0")


def test_the_verb_needs_neither_pulumi_nor_boto3():
    code = (
        "import sys; from transload.cli import main\n"
        "try: main(['schedule', '30 4 1 * 5'])\n"
        "finally: print([name for name in ('pulumi', 'pulumi_aws', 'boto3', 'botocore') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ran.stdout.splitlines()[-1] == "[]"


def test_the_conductor_needs_one_file_to_know_when_a_job_was_due(tmp_path):
    from transload import _schedule

    package = tmp_path / "transload"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "_schedule.py").write_bytes(Path(_schedule.__file__).read_bytes())
    code = (
        "import sys; sys.path.insert(0, '.')\n"
        "from datetime import UTC, datetime\n"
        "from transload._schedule import due_between, read, next_fire_times\n"
        "november = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)\n"
        "print(len(due_between('cron(0/5 * ? * MON *)', 'Asia/Tokyo', *november)))\n"
        "print(sorted(name for name in sys.modules if name.startswith('transload')))"
    )
    ran = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)

    assert ran.stdout.splitlines() == ["1440", "['transload', 'transload._schedule']"]
