"""`transload local up`, `status` and `down`, each as a process of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from transload.local import _state

from ._project import Project, is_free, variables, wait_for

_PROGRAM = """
    queue = aws.sqs.Queue("work", name="work")
    aws.s3.Bucket("data", bucket="data-of-tiny")
    pulumi.export("url", queue.url)
    pulumi.export("password", pulumi.Output.secret("hush"))
"""
# Waits until somebody stops it, in the middle of the work.
_STAYS = """
    queue = aws.sqs.Queue("work", name="work")

    def stay(url):
        pathlib.Path(MARK).touch()
        time.sleep(60)

    pulumi.export("url", queue.url.apply(stay))
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    found = Project(tmp_path)
    yield found
    found.run("down")


def _middle(project: Project) -> subprocess.Popen[str]:
    """An `up` that has made a resource and goes on for a long time."""
    mark = project.folder / "middle"
    project.write(_STAYS.replace("MARK", repr(str(mark))))
    running = project.start("up")
    wait_for(lambda: mark.exists() or running.poll() is not None)
    assert running.poll() is None, running.communicate()
    return running


def _nothing_left(project: Project, ports: list[int]) -> None:
    assert project.processes() == []
    assert [port for port in ports if not is_free(port)] == []
    assert not (project.home / "local.json").exists()
    assert not (project.home / "local.env").exists()


def _ports(project: Project) -> list[int]:
    return [server["port"] for server in project.record["servers"].values()]


@dataclass(frozen=True)
class Standing:
    """A project that is up: what `up` printed, and the ports it was told to take."""

    project: Project
    printed: str
    ports: list[int]


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    project = Project(tmp_path_factory.mktemp("standing"))
    project.write(_PROGRAM)
    with socket.socket() as first, socket.socket() as second:
        for probe in (first, second):
            probe.bind(("127.0.0.1", 0))
        ports = [first.getsockname()[1], second.getsockname()[1]]
    answer = project.run("up", "--moto-port", str(ports[0]), "--ministack-port", str(ports[1]))
    assert answer.returncode == 0, answer.stderr
    yield Standing(project, answer.stdout, ports)
    project.run("down")


def test_up_prints_what_it_built_its_outputs_and_what_to_do_next(standing: Standing) -> None:
    project, printed = standing.project, standing.printed
    assert "└─ sqs.Queue, s3.Bucket" in printed
    assert "2 resources of 2 types in " in printed
    assert "password  [secret]" in printed
    assert "hush" not in printed
    assert f"set -a; . {project.home}/local.env; set +a" in printed


def test_the_environment_file_leads_plain_boto3_to_what_was_built(standing: Standing) -> None:
    project = standing.project
    look = (
        "import boto3; print(boto3.client('sqs').get_queue_url(QueueName='work')['QueueUrl']);"
        "print(boto3.client('s3').list_buckets()['Buckets'][0]['Name'])"
    )
    environment = variables(project.home / "local.env")
    answer = subprocess.run([sys.executable, "-c", look], env=environment, capture_output=True, text=True, check=True)
    url, bucket = answer.stdout.split()
    assert (url.rsplit("/", 1)[1], bucket) == ("work", "data-of-tiny")
    assert environment["TRANSLOAD_LOCAL"] == "1"


def test_status_shows_what_runs(standing: Standing) -> None:
    project = standing.project
    shown = json.loads(project.run("status", "--json").stdout)
    assert (shown["state"], shown["stack"], shown["resources"]) == ("up", "local", 2)
    assert all(server["alive"] for server in shown["servers"].values())
    assert "up: stack local of tiny, 2 resources" in project.run("status").stdout


def test_the_servers_listen_on_the_configured_ports_of_loopback_only(standing: Standing) -> None:
    for server, port in zip(standing.project.record["servers"].values(), standing.ports, strict=True):
        listening = [each for each in psutil.Process(server["pid"]).net_connections() if each.status == psutil.CONN_LISTEN]
        assert [each.laddr for each in listening] == [("127.0.0.1", port)]


def test_up_on_a_running_cloud_starts_it_clean_and_down_leaves_nothing(project: Project) -> None:
    project.write('aws.sqs.Queue("first", name="first")')
    assert project.run("up").returncode == 0
    before = _ports(project), [server["pid"] for server in project.record["servers"].values()]
    project.write('aws.sqs.Queue("second", name="second")')
    again = project.run("up", "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["types"] == {"aws:sqs/queue:Queue": 1}
    assert not any(psutil.pid_exists(pid) and psutil.Process(pid) in project.processes() for pid in before[1])
    look = "import boto3; print(boto3.client('sqs').list_queues()['QueueUrls'])"
    environment = variables(project.home / "local.env")
    answer = subprocess.run([sys.executable, "-c", look], env=environment, capture_output=True, text=True, check=True)
    assert "second" in answer.stdout
    assert "first" not in answer.stdout
    ports = [*before[0], *_ports(project)]
    assert project.run("down").stdout == "stopped 2 processes\n"
    _nothing_left(project, ports)
    assert project.run("down").stdout == "nothing was running\n"
    assert "the local cloud is down" in project.run("status").stdout


@pytest.mark.parametrize("name", ["moto", "ministack"])
def test_a_port_in_use_is_one_line(project: Project, name: str) -> None:
    project.write(_PROGRAM)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        answer = project.run("up", f"--{name}-port", str(port))
    assert (answer.returncode, answer.stdout) == (1, "")
    assert (
        answer.stderr == f"transload: port {port} for {name} is in use: give another with --{name}-port, or none for a free one\n"
    )
    _nothing_left(project, [])


@pytest.mark.parametrize("name", ["moto", "ministack"])
def test_an_emulator_that_dies_half_way_is_one_line_with_its_name_and_its_log(project: Project, name: str) -> None:
    project.write(
        f"""
        record = json.loads(pathlib.Path({str(project.home / "local.json")!r}).read_text())
        queue = aws.sqs.Queue("work")

        def kill(url):
            os.kill(record["servers"]["{name}"]["pid"], 9)
            return url

        name = queue.url.apply(kill).apply(lambda url: url.rsplit("/")[-1] + "-2")
        aws.sqs.Queue("next", name=name)
        aws.s3.Bucket("next", bucket=name)
        """
    )
    answer = project.run("up")
    assert (answer.returncode, answer.stdout) == (1, "")
    error = answer.stderr.splitlines()[-1]
    assert error.startswith(f"transload: {name} has stopped: its log {project.home}/{name}.log says why")
    assert "Traceback" not in answer.stderr
    _nothing_left(project, [])


def test_status_tells_of_an_emulator_that_has_ended(project: Project) -> None:
    project.write("")
    assert project.run("up").returncode == 0
    os.kill(project.record["servers"]["moto"]["pid"], signal.SIGKILL)
    wait_for(lambda: len(project.processes()) == 1)
    answer = project.run("status")
    assert answer.returncode == 1
    assert "broken" in answer.stdout
    assert f"has stopped, its log says why: {project.home}/moto.log" in answer.stdout


def test_an_interrupted_up_leaves_nothing(project: Project) -> None:
    running = _middle(project)
    ports = _ports(project)
    running.send_signal(signal.SIGINT)
    _, error = running.communicate(timeout=60)
    assert (running.returncode, error.splitlines()[-1]) == (130, "transload: interrupted")
    _nothing_left(project, ports)


def test_an_up_interrupted_while_it_starts_the_emulators_leaves_nothing(project: Project) -> None:
    project.write(_PROGRAM)
    running = project.start("up")
    wait_for((project.home / "local.json").exists)
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=60)
    assert running.returncode == 130
    _nothing_left(project, [])


def test_down_stops_what_a_killed_up_left(project: Project) -> None:
    running = _middle(project)
    ports = _ports(project)
    running.kill()
    running.communicate()
    assert len(project.processes()) == 2
    assert json.loads(project.run("status", "--json").stdout)["state"] == "building"
    assert project.run("down").stdout == "stopped 2 processes\n"
    _nothing_left(project, ports)


def test_a_second_command_disturbs_nobody_and_a_terminated_up_leaves_nothing(project: Project) -> None:
    running = _middle(project)
    for verb in ("up", "down"):
        answer = project.run(verb)
        assert (answer.returncode, answer.stdout) == (1, "")
        assert f"another transload local command (process {running.pid}) is at work" in answer.stderr
    assert len(project.processes()) == 2
    ports = _ports(project)
    running.terminate()
    running.communicate(timeout=60)
    assert running.returncode == 130
    _nothing_left(project, ports)


def test_a_server_that_was_never_recorded_ends_by_itself(tmp_path: Path) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        number = str(listening.fileno())
        arguments = ["--fd", number, "--home", str(tmp_path), "--moto-port", "1", "--ministack-port", "1"]
        command = [sys.executable, "-m", "transload.local.moto_server", *arguments]
        answer = subprocess.run(command, stdin=subprocess.DEVNULL, pass_fds=[listening.fileno()], timeout=30, check=False)
    assert answer.returncode == 1


def test_down_leaves_a_process_alone_that_only_has_the_number_of_ours(project: Project) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        started = psutil.Process(other.pid).create_time()
        server = _state.Server(other.pid, started - 1000, 1, "moto.log")
        _state.save(project.home, _state.State("token", "eu-west-1", "123456789012", servers={"moto": server}))
        assert project.run("down").stdout == "nothing was running\n"
        assert other.poll() is None
        other.communicate(b"\n")


def test_down_stops_what_a_server_started_although_the_server_is_gone(project: Project) -> None:
    # As a job does: in a session of its own, so that nothing but the mark in its environment says whose it is.
    environment = {**os.environ, "TRANSLOAD_LOCAL_TOKEN": "mark-of-this-test"}
    command = [sys.executable, "-c", "input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment, start_new_session=True) as orphan:
        _state.save(project.home, _state.State("mark-of-this-test", "eu-west-1", "123456789012"))
        wait_for(lambda: psutil.Process(orphan.pid).environ())
        assert project.run("down").stdout == "stopped 1 process\n"
        assert orphan.wait(timeout=60) == -signal.SIGTERM


def test_a_stack_that_cannot_be_built_is_one_line_that_names_resource_and_source(project: Project) -> None:
    project.write('aws.sqs.Queue("work", name="not a name")\n')
    answer = project.run("up")
    assert (answer.returncode, answer.stdout) == (1, "")
    error = answer.stderr.splitlines()[-1]
    assert error.startswith("transload: aws:sqs/queue:Queue 'work': CreateQueue answered InvalidParameterValue: ")
    assert error.endswith(f"({project.folder}/__main__.py:4)")
    _nothing_left(project, [])


def test_a_stack_that_is_misspelt_is_wrong_usage_and_local_needs_no_file(project: Project) -> None:
    project.write('aws.sqs.Queue("work", name="not a name")\n')
    for stack in ("prod", "staging"):
        (project.folder / f"Pulumi.{stack}.yaml").touch()
    answer = project.run("up", "--stack", "prodd")
    told = "transload: no stack 'prodd': no Pulumi.prodd.yaml; did you mean prod? There are prod, staging\n"
    assert (answer.returncode, answer.stdout, answer.stderr) == (2, "", told)
    assert project.run("up").returncode == 1, "the program is at fault, not the stack"


def test_a_folder_without_a_project_is_wrong_usage(project: Project) -> None:
    answer = project.run("up")
    assert answer.returncode == 2
    assert f"no Pulumi.yaml in {project.folder}" in answer.stderr
