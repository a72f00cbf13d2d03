"""A small platform in the local cloud: queues, tables, the conductor's `record` function, jobs of a few lines; and the command
as a process of its own, to send signals to."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cli.conftest import Cluster
from tests.local._jobs import GROUP, REGION, JobCloud, started, wait_for

import transload
from transload.conductor.runs import Store, is_over

_SOURCE = Path(transload.__file__).parent
TRANSLOAD = [sys.executable, "-c", "from transload.cli import main; main()"]
# What a job does is said by its command.
PROGRAM = """
    import os, signal, sys, time

    def told(*_):
        print("told to stop", flush=True)
        sys.exit(0 if "polite" in sys.argv else 99)

    what, *rest = sys.argv[1:]
    if what == "print":
        sys.stdout.write("".join(f"line {number}\\n" for number in range(int(rest[0]))))
    elif what == "exit":
        print("leaving", flush=True)
        sys.exit(int(rest[0]))
    elif what == "hang":
        signal.signal(signal.SIGTERM, told)
        print("ready", flush=True)
        time.sleep(60)
    elif what == "child":
        index = int(os.environ["AWS_BATCH_JOB_ARRAY_INDEX"])
        print("child", index, flush=True)
        sys.exit(7 if index == 1 else 0)
    elif what == "show":
        print(*(f"{name}={os.environ.get(name)}" for name in rest))
    elif what == "twice":
        attempt = os.environ["AWS_BATCH_JOB_ATTEMPT"]
        print("attempt", attempt, flush=True)
        sys.exit(0 if attempt == "2" else 1)
"""


@dataclass
class Ended:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


@dataclass
class Running:
    """A command that runs. Its output is read all the time, so that it never waits for us."""

    process: subprocess.Popen[str]
    out: list[str] = field(default_factory=list)
    err: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        pipes = ((self.process.stdout, self.out), (self.process.stderr, self.err))
        self.threads = [threading.Thread(target=lambda pipe, lines: lines.extend(pipe), args=each, daemon=True) for each in pipes]
        for thread in self.threads:
            thread.start()

    def sees(self, text: str) -> None:
        wait_for(lambda: any(text in line for line in [*self.out, *self.err]) or self.process.poll() is not None)
        assert any(text in line for line in [*self.out, *self.err]), self.err

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ended(self, seconds: float = 60) -> Ended:
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"did not end: {self.out} {self.err}") from None
        finally:
            self._close()
        return Ended(code, "".join(self.out), "".join(self.err))

    def _close(self) -> None:
        for thread in self.threads:
            thread.join(20)
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()


class Platform(Cluster):
    """The cluster "real" of a JobCloud, and the command against it."""

    def __init__(self, cloud: JobCloud):
        super().__init__("real", cloud.endpoint)
        self.cloud = cloud
        self.logs_endpoint = cloud.state.servers["ministack"].endpoint
        self.image = cloud.image("steps", PROGRAM)
        self.create()
        self.put(
            self.jobs_table,
            {
                "job": "#cluster",
                "name": self.name,
                "runs_table": self.runs_table,
                "spot_queue": cloud.queues["fargate_spot"],
                "on_demand_queue": cloud.queues["fargate"],
                "ec2_queue": "",
                "log_group": GROUP,
                "region": REGION,
                "stuck_after_minutes": 30,
            },
        )
        self._record()

    def _record(self) -> None:
        """The conductor's function, called by the rule for Batch's events."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("transload/__init__.py", "")
            archive.write(_SOURCE / "_schedule.py", "transload/_schedule.py")
            for module in (_SOURCE / "conductor").glob("*.py"):
                archive.write(module, f"transload/conductor/{module.name}")
        tables = {"TRANSLOAD_JOBS_TABLE": self.jobs_table, "TRANSLOAD_RUNS_TABLE": self.runs_table}
        function = self.cloud.client("lambda").create_function(
            FunctionName="real-record",
            Runtime="python3.13",
            Handler="transload.conductor.record.handler",
            Role=self.cloud.execution_role,
            Code={"ZipFile": packed.getvalue()},
            Environment={"Variables": tables},
            Timeout=60,
        )
        events = self.cloud.client("events")
        pattern = json.dumps({"source": ["aws.batch"], "detail-type": ["Batch Job State Change"]})
        events.put_rule(Name="real-record", EventPattern=pattern)
        events.put_targets(Rule="real-record", Targets=[{"Id": "1", "Arn": function["FunctionArn"]}])

    def job(self, name: str, *command: str, attempts: int = 1, queue: str = "fargate_spot", image: str = "", **more: Any) -> str:
        """Declare a job whose command is `command`."""
        retry = {"retryStrategy": {"attempts": attempts}}
        timeout = {"timeout": {"attemptDurationSeconds": more["timeout_seconds"]}} if "timeout_seconds" in more else {}
        image = image or self.image
        arn = self.cloud.define(f"real-{name}", image, command=list(command), prefix=name, **retry, **timeout)
        self.declare(
            name,
            **{
                "definition": arn.rpartition(":")[0],
                "queue": self.cloud.queues[queue],
                "attempts": attempts,
                "vcpu": 0.25,
                "memory_mib": 512,
                "image": image,
                "command": list(command),
                "log_group": GROUP,
                **more,
            },
        )
        return name

    @property
    def environment(self) -> dict[str, str]:
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TRANSLOAD_"))},
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": self.logs_endpoint,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_REGION": REGION,
            "TRANSLOAD_CLUSTER": self.name,
            "TRANSLOAD_LOCAL": "1",
            "TRANSLOAD_POLL": "0.1",
        }

    def process(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*TRANSLOAD, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**self.environment, **environment},
        )

    def start(self, *arguments: str, **environment: str) -> Running:
        return Running(self.process(*arguments, **environment))

    def call(self, *arguments: str, **environment: str) -> Ended:
        return self.start(*arguments, **environment).ended()

    def newest(self, job: str) -> dict[str, Any]:
        return Store(self.client("dynamodb"), self.jobs_table, self.runs_table).history(job, limit=1)[0]

    def over(self, job: str) -> dict[str, Any]:
        """The newest run, once it has ended."""
        return wait_for(lambda: run if is_over(run := self.newest(job)) else None)


@contextmanager
def platform(folder: Path) -> Generator[Platform]:
    with started(folder) as cloud:
        yield Platform(cloud)
