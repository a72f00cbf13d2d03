"""Whatever is delivered twice, late or in any order, and wherever a process crashes: runs do not overlap, and each ends once."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from cluster_fake import ON_DEMAND, SPOT, START, Cluster
from dynamo_fake import DynamoFake
from gate import Crash, Gate
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from transload.conductor import lifecycle, watch
from transload.conductor.batch import UnsureError
from transload.conductor.runs import LEASE, TERMINAL
from transload.conductor.times import from_iso, parse_run_id

_TIMES = 4
_EVERY = timedelta(minutes=5)

index = st.integers(0, 50)
moves = st.tuples(
    st.just("move"), index, st.sampled_from(["advance", "advance", "succeed", "fail", "reclaim", "reclaim", "kill", "retry"])
)
schedules = st.tuples(st.just("schedule"), st.integers(0, _TIMES - 1))
events = st.tuples(st.just("event"), index)
stops = st.tuples(st.just("stop"), index)
faults = st.tuples(st.just("fault"), st.sampled_from([429, 502]))
passes = st.tuples(st.just("watch"))
waits = st.tuples(st.just("later"), st.integers(1, 5))
overtakes = st.tuples(st.just("overtake"), st.integers(1, 5))
inner = st.one_of(schedules, events, moves, passes, waits, stops, overtakes, overtakes)
crash = st.tuples(st.integers(1, 8), st.sampled_from(["before", "after"]), st.none())
pause = st.tuples(st.integers(1, 6), st.sampled_from(["before", "after"]), inner)
disruptions = st.one_of(st.none(), crash, pause)
steps = st.tuples(st.one_of(schedules, schedules, events, events, moves, moves, moves, waits, stops, faults), disruptions)


class World:
    """One job, its schedule, AWS Batch, and a pass of `watch` every five minutes of which two in a row may crash."""

    jobs: tuple[str, ...] = ("nightly",)

    def __init__(self, concurrency: str):
        self.cluster = Cluster(DynamoFake())
        self.declare(concurrency)
        self.gate = Gate(self.cluster.clients)
        self.seen: list[dict[str, Any]] = []
        self.asked: set[int] = set()
        self.ended: dict[str, str] = {}
        self.watched = START
        self.lost = 0

    def declare(self, concurrency: str) -> None:
        self.cluster.job(concurrency=concurrency)

    def step(self, action: tuple[Any, ...], disruption: tuple[int, str, tuple[Any, ...] | None] | None) -> None:
        if action[0] == "later":
            self.later(action[1], disruption)
        else:
            self.do(action, disruption)
        self.check()

    def do(self, action: tuple[Any, ...], disruption: tuple[int, str, tuple[Any, ...] | None] | None = None) -> bool:
        """Whether it came to its end."""
        try:
            with self.disrupted(disruption):
                getattr(self, action[0])(*action[1:])
        except Crash:
            event("crashed")
            return False
        except UnsureError:
            return False
        return True

    @contextmanager
    def disrupted(self, disruption: tuple[int, str, tuple[Any, ...] | None] | None) -> Generator[None]:
        if disruption is None:
            yield
            return
        number, moment, meanwhile = disruption

        def act(operation: str) -> None:
            if meanwhile is None:
                raise Crash
            # A call to SubmitJob is over within seconds: its time-out is bounded (context.py).
            if meanwhile[0] in ("later", "overtake") and operation == "SubmitJob":
                return
            event(f"meanwhile {meanwhile[0]}")
            if meanwhile[0] in ("later", "overtake"):
                self.cluster.later(minutes=meanwhile[1])
            if meanwhile[0] != "later":
                self.do(("watch",) if meanwhile[0] == "overtake" else meanwhile)

        with self.gate.at(number, moment, act):
            yield

    def later(self, minutes: int, disruption: Any = None) -> None:
        self.cluster.later(minutes=minutes)
        while self.cluster.time - self.watched >= _EVERY:
            self.watched += _EVERY
            whole = self.do(("watch",), disruption if self.lost < 2 else None)
            disruption = None
            self.lost = 0 if whole else self.lost + 1

    def schedule(self, number: int) -> None:
        self.asked.add(number)
        self.cluster.schedule(at=START + number * _EVERY)

    def event(self, number: int) -> None:
        self.seen += self.cluster.batch.events
        self.cluster.batch.events.clear()
        if self.seen:
            self.cluster.deliver([self.seen[number % len(self.seen)]])

    def watch(self) -> None:
        watch.watch(self.cluster.process())

    def stop(self, number: int) -> None:
        live = self.cluster.store.live()
        if live:
            lifecycle.stop(self.cluster.conductor, live[number % len(live)]["run_id"], "ana")

    def fault(self, status: int) -> None:
        if not self.cluster.batch.errors:
            self.cluster.batch.errors.append(("submitjob", status, "TooManyRequestsException" if status == 429 else "", "wait"))

    def move(self, number: int, kind: str) -> None:
        batch = self.cluster.batch
        live = [job for job in batch.live() if job["status"] != "PENDING"]
        if not live:
            return
        job = live[number % len(live)]
        terminated = bool(job.get("isTerminated"))
        if kind == "kill" or terminated:
            if terminated:
                batch.kill(job["jobId"])
        elif kind == "advance":
            batch.advance(job["jobId"])
        elif kind == "retry" and job["status"] == "RUNNING":
            batch.retry(job["jobId"], None, "", "Task failed to start")
        elif kind == "succeed":
            batch.succeed(job["jobId"])
        elif kind == "fail" and job["status"] == "RUNNING":
            batch.fail(job["jobId"], 3)
        elif kind == "reclaim" and job["jobQueue"] == SPOT:
            batch.reclaim(job["jobId"])

    def check(self) -> None:
        batch, store = self.cluster.batch, self.cluster.store
        live = [job["jobName"] for job in batch.live()]
        for name in self.jobs:
            assert sum(one.startswith(f"{name}-") for one in live) <= 1, live
        for run in (run for name in {*self.jobs, "nightly"} for run in store.history(name)):
            if run["run_id"] in self.ended:
                assert run["status"] == self.ended[run["run_id"]]
            elif run["status"] in TERMINAL:
                self.ended[run["run_id"]] = run["status"]
        for lock in store.locks().values():
            of = self.of(lock["holder"])
            if not of & set(live):
                assert self.cluster.time - self.over_since(lock, of) <= LEASE

    def of(self, run_id: str) -> set[str]:
        """The names of the Batch jobs of a run."""
        return {run_id}

    def over_since(self, lock: dict[str, Any], of: set[str]) -> Any:
        """When the run of a lock ended in AWS Batch, or was claimed if it never got there."""
        jobs = [job for job in self.cluster.batch.jobs.values() if job["jobName"] in of]
        claimed = from_iso(lock["claimed_at"])
        return max([claimed, *(START + timedelta(milliseconds=job["stoppedAt"] - START.timestamp() * 1000) for job in jobs)])

    def settle(self) -> None:
        """No more trouble: everything comes to its end."""
        batch = self.cluster.batch
        batch.errors.clear()
        for number in self.asked:
            self.do(("schedule", number))
        for _ in range(3 * _TIMES):
            for job in batch.live():
                if job.get("isTerminated"):
                    batch.kill(job["jobId"])
                elif job["status"] != "PENDING":
                    batch.succeed(job["jobId"])
            batch.events.clear()
            if not batch.live() and not self.cluster.store.live():
                break
            self.later(5)
            self.check()
        self.later(5)

    def final(self) -> None:
        batch, store = self.cluster.batch, self.cluster.store
        runs = {run["run_id"]: run for run in store.history("nightly")}
        assert len(runs) == len(self.asked)
        assert store.live() == []
        assert store.locks() == {}
        assert [key for key, told in store.told().items() if told.get("pending")] == []
        for run_id, run in runs.items():
            assert run["status"] in TERMINAL
            assert parse_run_id(run_id) == ("nightly", run["run"])
            jobs = [batch.jobs[job_id] for job_id in batch.named(run_id)]
            assert [job["jobQueue"] for job in jobs] in ([], [SPOT], [SPOT, ON_DEMAND])
            if jobs:
                ended = {"SUCCEEDED": ("SUCCEEDED",), "FAILED": ("FAILED", "STOPPED")}[jobs[-1]["status"]]
                assert run["status"] in ended
            else:
                assert run["status"] in ("SKIPPED", "STOPPED")
            if len(jobs) == 2:
                assert jobs[0]["statusReason"].startswith("Your Spot Task")
                event("went to on-demand")
            event(f"run ended {run['status']}")
            told = [mail for mail in self.cluster.mails() if f"run: {run_id}" in mail and mail.startswith("nightly failed")]
            assert bool(told) == (run["status"] == "FAILED")


class FlowWorld(World):
    """A flow of three steps in the place of the job: `left` and `right` come after `first`."""

    jobs = ("first", "left", "right")

    def declare(self, concurrency: str) -> None:
        for name in self.jobs:
            self.cluster.job(name)
        steps = [{"name": name, "job": name, "after": ["first"] if name != "first" else []} for name in self.jobs]
        self.cluster.declare("nightly", kind="flow", steps=steps, concurrency=concurrency, enabled=True)

    def of(self, run_id: str) -> set[str]:
        whole = self.cluster.store.get(run_id)
        return {step["run_id"] for step in whole["steps"]} if whole else set()

    def final(self) -> None:
        batch, store = self.cluster.batch, self.cluster.store
        runs = store.history("nightly")
        assert len(runs) == len(self.asked)
        assert store.live() == []
        assert store.locks() == {}
        for run in runs:
            event(f"flow ended {run['status']}")
            steps = [store.get(step["run_id"]) for step in run["steps"]] if run["status"] != "SKIPPED" else []
            there = [step for step in steps if step]
            assert len(there) in (0, 3) or run.get("stop")
            states = {step["status"] for step in there}
            assert states <= set(TERMINAL)
            if run["status"] == "SUCCEEDED":
                assert states == {"SUCCEEDED"}
            if states == {"SUCCEEDED"} and len(there) == 3:
                assert run["status"] == "SUCCEEDED" or run.get("stop")
            for step in there:
                jobs = [batch.jobs[job_id] for job_id in batch.named(step["run_id"])]
                assert [job["jobQueue"] for job in jobs].count(ON_DEMAND) <= 1
                assert not jobs or (jobs[-1]["status"] == "SUCCEEDED") == (step["status"] == "SUCCEEDED")
                # A second job is for one that Spot took, or for a step that was held back by one.
                assert all(job["statusReason"] in ("Your Spot Task was interrupted.", "Dependent Job failed") for job in jobs[:-1])


def _suffer(world: World, trouble: list[Any]) -> None:
    for action, disruption in trouble:
        world.step(action, disruption)
    world.settle()
    world.final()


usual = settings(
    derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@settings(usual, max_examples=150)
@given(st.sampled_from(["forbid", "forbid", "queue", "replace"]), st.lists(steps, min_size=12, max_size=30))
def _runs_end_once_and_alone(concurrency: str, trouble: list[Any]) -> None:
    _suffer(World(concurrency), trouble)


@settings(usual, max_examples=60)
@given(st.sampled_from(["forbid", "queue", "replace"]), st.lists(steps, min_size=12, max_size=30))
def _flows_end_once_and_alone(concurrency: str, trouble: list[Any]) -> None:
    _suffer(FlowWorld(concurrency), trouble)


def test_whatever_happens_runs_do_not_overlap_and_each_ends_once(aws: None):
    _runs_end_once_and_alone()


def test_whatever_happens_flows_do_not_overlap_and_each_ends_once(aws: None):
    _flows_end_once_and_alone()
