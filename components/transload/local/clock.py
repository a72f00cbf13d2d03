"""Time that passes faster than it does: every enabled schedule is delivered when it is due on a simulated clock.

The clock never outruns the jobs. Before it moves to a time it waits until every run that it started has ended, unless that run
would in real time be still going then: five simulated minutes pass in half a second at 600 times the speed, but a run that took
two seconds would have been over, so it is over here too. Jobs therefore overlap, skip and follow each other as they would in real
time, and a day takes as long as its runs take one after the other, or longer where `speed` says so.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import merge
from typing import Any

from transload._schedule import due_between
from transload.local.delivery import Planned, Scheduler

_LOOK_SECONDS = 0.05
_OVER = ("SUCCEEDED", "FAILED", "STOPPED", "SKIPPED")


@dataclass
class Started:
    """One run that the clock started."""

    job: str
    run_id: str
    due: datetime
    delivered: float
    """Monotonic seconds."""
    status: str

    @property
    def over(self) -> bool:
        return self.status in _OVER


@dataclass
class Day:
    """What became of the time that passed."""

    due: Counter[str] = field(default_factory=Counter)
    """Job -> deliveries that were due; a second copy does not count."""
    runs: dict[str, Started] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    watched: int = 0

    def ended(self, job: str) -> Counter[str]:
        """Status -> runs of the job."""
        return Counter(run.status for run in self.runs.values() if run.job == job)


class Clock:
    """Delivers the schedules of `planned` between two simulated times.

    `speed`: simulated seconds in one real second. `copies`: deliveries of each. `patience`: real seconds that the clock stands
    still for one run at most. `look`: run id -> status, or None while there is no such run. `told`: called with each run that
    started or ended, and with None when only time has passed.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        planned: Sequence[Planned],
        look: Callable[[str], str | None],
        *,
        start: datetime,
        until: datetime | None,
        speed: float,
        copies: int = 1,
        patience: float = 600,
        told: Callable[[Started | None], None] = lambda run: None,
    ):
        self._scheduler, self._look, self._told = scheduler, look, told
        self._planned = [one for one in planned if one.enabled]
        self._start, self._until = start, until
        self._speed, self._copies, self._patience = speed, copies, patience
        self._stop = threading.Event()
        self._stood = 0.0
        self._begun = time.monotonic()
        self.day = Day()
        self.now = start

    def stop(self) -> None:
        """Let no more time pass; may be called from a signal handler."""
        self._stop.set()

    def run(self) -> Day:
        """Let time pass until its end or `stop`."""
        self._begun = time.monotonic()
        for at, planned in self._due():
            if not self._pass_to(at):
                return self.day
            self._deliver(planned, at)
        if self._until is not None and self._pass_to(self._until):
            self._wait(lambda run: False)
        return self.day

    def _due(self) -> Iterator[tuple[datetime, Planned]]:
        """What is due, in order. An hour is looked at after the other: without an end there is no last one."""
        low = self._start - timedelta(microseconds=1)
        while self._until is None or low < self._until:
            high = low + timedelta(hours=1)
            if self._until is not None:
                high = min(high, self._until - timedelta(microseconds=1))
                if high <= low:
                    return
            lines = [[(at, one.name, one) for at in self._times(one, low, high)] for one in self._planned]
            yield from ((at, one) for at, _, one in merge(*lines, key=lambda row: row[:2]))
            low = high

    def _times(self, planned: Planned, low: datetime, high: datetime) -> list[datetime]:
        return due_between(planned.expression, planned.timezone, low, high, rate_start=min(planned.created, self._start))

    def _pass_to(self, at: datetime) -> bool:
        """Wait until the simulated time is `at`; False when stopped before."""
        target = self._begun + self._stood + (at - self._start).total_seconds() / self._speed
        while (left := target - time.monotonic()) > 0:
            self.now = at - timedelta(seconds=left * self._speed)
            if self._stop.wait(min(left, 0.5)):
                return False
            self._observe()
        stood = time.monotonic()
        # A run that would be going on at `at` in real time does not hold it up.
        self._wait(lambda run: time.monotonic() - run.delivered >= (at - run.due).total_seconds())
        self._stood += time.monotonic() - stood
        self.now = at
        return not self._stop.is_set()

    def _wait(self, enough: Callable[[Started], bool]) -> None:
        while not self._stop.is_set():
            self._observe()
            if not any(not enough(run) and time.monotonic() - run.delivered < self._patience for run in self._live()):
                return
            self._stop.wait(_LOOK_SECONDS)

    def _live(self) -> list[Started]:
        return [run for run in self.day.runs.values() if not run.over]

    def _observe(self) -> None:
        for run in self._live():
            run.status = self._look(run.run_id) or run.status
            if run.over:
                self._told(run)
        self._told(None)

    def _deliver(self, planned: Planned, at: datetime) -> None:
        delivered = time.monotonic()
        for answer in self._scheduler.deliver(planned, at, self._copies):
            if answer.error:
                self.day.errors.append(f"{planned.name} at {at:%Y-%m-%dT%H:%MZ}: {answer.error}")
            elif "run_id" in answer.answer:
                self._remember(planned, at, delivered, answer.answer)
        if planned.job:
            self.day.due[planned.job] += 1
        else:
            self.day.watched += 1

    def _remember(self, planned: Planned, at: datetime, delivered: float, answer: Mapping[str, Any]) -> None:
        if answer["run_id"] not in self.day.runs:
            run = Started(planned.job or planned.name, answer["run_id"], at, delivered, answer.get("status", ""))
            self.day.runs[run.run_id] = run
            self._told(run)
