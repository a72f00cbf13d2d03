"""Whatever is delivered twice, late or in any order, and wherever a process crashes: runs do not overlap, and each ends once."""

import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from cluster_fake import ON_DEMAND, SPOT, START, Cluster
from gate import Crash, Gate
from hypothesis import HealthCheck, event, given, note, settings
from hypothesis import strategies as st

from transload.conductor import lifecycle, runs, watch
from transload.conductor.batch import UnsureError
from transload.conductor.runs import LEASE, TERMINAL
from transload.conductor.times import from_iso, parse_run_id

_TIMES = 4
_EVERY = timedelta(minutes=5)

# Every write of the conductor by the method of the store, or by the call to AWS. `drop_lock` and `drop_live` are not among them:
# both make good what cannot be, because a run and its lock end together.
BEGIN = ("claim", "enqueue", "promote", "skip", "reclaim", "release", "submitted", "SubmitJob")
GO_ON = ("progress", "amend", "again", "end", "renew_lock", "TerminateJob", "note", "renote", "forget", "Publish")
WRITES = [(write, moment) for write in (*BEGIN, *GO_ON) for moment in ("before", "after")]
STEP_WRITES = [("add_step", "before"), ("add_step", "after")]

_MOVES = ("advance", "advance", "succeed", "fail", "reclaim", "reclaim", "kill", "retry")
_MEANWHILE = ("schedule", "event", "move", "watch", "later", "stop", "overtake", "overtake")
_ACTIONS = (*("schedule",) * 2, *("event",) * 3, *("move",) * 4, "later", "stop", "fault", "crash", "crash")
_MOMENTS = ("before", "after")

Action = tuple[Any, ...]
Disruption = tuple[int, str, Action | None] | None

# Six bytes a step. Of a list of strategies Hypothesis makes five examples of six by copying parts of the sixth: what is rare never
# happens. Bytes are all drawn anew, and are made fewer and smaller just as well when an example fails.
trouble = st.binary(min_size=6 * 12, max_size=6 * 30)


def steps(drawn: bytes, writes: Sequence[tuple[str, str]]) -> list[tuple[Action, Disruption]]:
    """What happens, and what disrupts it."""
    return [
        (action(_ACTIONS, kind, which, writes), disruption(how, number, meanwhile, other))
        for kind, which, how, number, meanwhile, other in zip(*[iter(drawn)] * 6, strict=False)
    ]


def action(names: Sequence[str], kind: int, which: int, writes: Sequence[tuple[str, str]] = ()) -> Action:
    name = names[kind % len(names)]
    arguments: dict[str, Callable[[], Action]] = {
        "schedule": lambda: (which % _TIMES,),
        "event": lambda: (which,),
        "move": lambda: (which // len(_MOVES), _MOVES[which % len(_MOVES)]),
        "watch": lambda: (),
        "later": lambda: (1 + which % 5,),
        "overtake": lambda: (1 + which % 5,),
        "stop": lambda: (which,),
        "fault": lambda: ((429, 502)[which % 2],),
        "crash": lambda: (writes[which % len(writes)],),
    }
    return (name, *arguments[name]())


def disruption(how: int, number: int, meanwhile: int, which: int) -> Disruption:
    moment = _MOMENTS[number % 2]
    if how % 3 == 1:
        return 1 + number // 2 % 8, moment, None
    return (1 + number // 2 % 6, moment, action(_MEANWHILE, meanwhile, which)) if how % 3 == 2 else None


def writing(operation: str) -> str:
    """Which write of the conductor is going on: a method of the store by its name, a call to AWS by its own."""
    frame = sys._getframe()
    name = operation
    while frame := frame.f_back:
        if frame.f_code.co_filename == runs.__file__ and not frame.f_code.co_name.startswith("_"):
            name = frame.f_code.co_name
    return name


class World:
    """One job, its schedule, AWS Batch, and a pass of `watch` every five minutes of which two in a row may crash."""

    jobs: tuple[str, ...] = ("nightly",)

    def __init__(self, concurrency: str, crashed: set[tuple[str, str]]):
        self.crashed = crashed
        self.cluster = Cluster(quick=True)
        self.declare(concurrency)
        self.gate = Gate(self.cluster.clients, self.at_write)
        self.awaited: set[tuple[str, str]] = set()
        self.seen: list[dict[str, Any]] = []
        self.asked: set[int] = set()
        self.ended: dict[str, str] = {}
        self.watched = START
        self.lost = 0

    def declare(self, concurrency: str) -> None:
        self.cluster.job(concurrency=concurrency)

    def step(self, action: Action, disruption: Disruption) -> None:
        if action[0] == "later":
            self.later(action[1], disruption)
        else:
            self.do(action, disruption)
        self.check()

    def do(self, action: Action, disruption: Disruption = None) -> bool:
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
    def disrupted(self, disruption: Disruption) -> Generator[None]:
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

    def crash(self, write: tuple[str, str]) -> None:
        """Whoever makes this write next, at whatever step, is gone."""
        self.awaited.add(write)

    def at_write(self, operation: str, moment: str) -> None:
        if self.awaited and (write := (writing(operation), moment)) in self.awaited:
            self.awaited.remove(write)
            self.crashed.add(write)
            raise Crash

    def later(self, minutes: int, disruption: Disruption = None) -> None:
        self.cluster.later(minutes=minutes)
        while self.cluster.time - self.watched >= _EVERY:
            self.watched += _EVERY
            if self.lost == 2:
                disruption = None
                self.awaited.clear()
            whole = self.do(("watch",), disruption)
            disruption = None
            self.lost = 0 if whole else self.lost + 1

    def schedule(self, number: int) -> None:
        self.asked.add(number)
        self.cluster.schedule(at=START + number * _EVERY)

    def event(self, number: int) -> None:
        new = self.cluster.batch.events
        if new and number % 4:
            self.seen.append(new.pop(number % len(new)))
            self.cluster.deliver([self.seen[-1]])
        elif self.seen:
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
        self.awaited.clear()
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
        ended = {run["run_id"]: run for run in store.history("nightly")}
        assert len(ended) == len(self.asked)
        assert store.live() == []
        assert store.locks() == {}
        assert [key for key, told in store.told().items() if told.get("pending")] == []
        for run_id, run in ended.items():
            assert run["status"] in TERMINAL
            assert parse_run_id(run_id) == ("nightly", run["run"])
            jobs = [batch.jobs[job_id] for job_id in batch.named(run_id)]
            assert [job["jobQueue"] for job in jobs] in ([], [SPOT], [SPOT, ON_DEMAND])
            if jobs:
                assert run["status"] in {"SUCCEEDED": ("SUCCEEDED",), "FAILED": ("FAILED", "STOPPED")}[jobs[-1]["status"]]
            else:
                assert run["status"] in ("SKIPPED", "STOPPED")
            if len(jobs) == 2:
                assert jobs[0]["statusReason"].startswith("Your Spot Task")
                event("went to on-demand")
            event(f"run ended {run['status']}")
            told = [mail for mail in self.cluster.mails() if f"run: {run_id}" in mail and mail.startswith("nightly failed")]
            assert bool(told) == (run["status"] == "FAILED")


class FlowWorld(World):
    """A flow of three steps in the place of the job: `left` and `right` come after `first`, or `right` after `left` (`chain`)."""

    jobs = ("first", "left", "right")

    def __init__(self, concurrency: str, crashed: set[tuple[str, str]], *, chain: bool):
        self.after = {"first": [], "left": ["first"], "right": ["left" if chain else "first"]}
        super().__init__(concurrency, crashed)

    def declare(self, concurrency: str) -> None:
        for name in self.jobs:
            self.cluster.job(name)
        steps = [{"name": name, "job": name, "after": after} for name, after in self.after.items()]
        self.cluster.declare("nightly", kind="flow", steps=steps, concurrency=concurrency, enabled=True)

    def of(self, run_id: str) -> set[str]:
        whole = self.cluster.store.get(run_id)
        return {step["run_id"] for step in whole["steps"]} if whole else set()

    def final(self) -> None:
        batch, store = self.cluster.batch, self.cluster.store
        flows = store.history("nightly")
        assert len(flows) == len(self.asked)
        assert store.live() == []
        assert store.locks() == {}
        for run in flows:
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


def suffer(world: World, happens: list[tuple[Action, Disruption]]) -> None:
    for one, disrupted in happens:
        note(f"{one} {disrupted or ''}")
        world.step(one, disrupted)
    world.settle()
    world.final()


usual = settings(derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])


def test_whatever_happens_runs_do_not_overlap_and_each_ends_once():
    crashed: set[tuple[str, str]] = set()

    @settings(usual, max_examples=500)
    @given(st.sampled_from(["forbid", "forbid", "queue", "replace"]), st.sampled_from(WRITES), trouble)
    def runs_end_once_and_alone(concurrency: str, first: tuple[str, str], drawn: bytes) -> None:
        suffer(World(concurrency, crashed), [(("crash", first), None), *steps(drawn, WRITES)])

    runs_end_once_and_alone()
    assert {write for write, _ in crashed} == {write for write, _ in WRITES}


def test_whatever_happens_flows_do_not_overlap_and_each_ends_once():
    crashed: set[tuple[str, str]] = set()
    writes = WRITES + STEP_WRITES

    @settings(usual, max_examples=180)
    @given(st.sampled_from(["forbid", "queue", "replace"]), st.booleans(), st.sampled_from(writes), trouble)
    def flows_end_once_and_alone(concurrency: str, chain: bool, first: tuple[str, str], drawn: bytes) -> None:
        suffer(FlowWorld(concurrency, crashed, chain=chain), [(("crash", first), None), *steps(drawn, writes)])

    flows_end_once_and_alone()
    # What people are told of a flow goes the same way as what they are told of a run.
    assert {write for write, _ in crashed} >= {write for write, _ in writes} - {"note", "forget", "Publish"}
