"""Batch's state-change events, matched against the rules in the emulator and handed to their targets."""

import json
import logging
import queue
import random
import threading
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from transload.local.batch._functions import Functions
from transload.local.batch._job import Job

log = logging.getLogger(__name__)

BLOCKED = "Batch Job Queue Blocked"

# How long an event may be held back to be overtaken, when disorder is asked for.
_HOLD_SECONDS = 0.05


@dataclass(frozen=True)
class Disorder:
    """What EventBridge may do and seldom does, on demand: events are delivered at least once and in any order."""

    copies: int = 1
    shuffle: int = 0
    """Events that are held back and delivered in random order, 0 for none."""


class Events:
    """One thread that delivers in the order of the changes, unless disorder is asked for."""

    def __init__(self, functions: Functions):
        self._functions = functions
        self._line: queue.Queue[tuple[str, str, dict[str, Any]]] = queue.Queue()
        self._held: list[tuple[str, str, dict[str, Any]]] = []
        self._undelivered = 0
        self._idle = threading.Condition()
        self._random = random.Random()  # noqa: S311 - disorder, not secrecy
        self.disorder = Disorder()
        threading.Thread(target=self._run, name="batch-events", daemon=True).start()

    def publish(self, job: Job, kind: str = "Batch Job State Change") -> None:
        """Queue an event of a job as it is now: what it says is fixed."""
        account, region = job.backend.account_id, job.backend.region_name
        event = {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": kind,
            "source": "aws.batch",
            "account": account,
            "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": region,
            "resources": [job.arn],
            "detail": job.detail(),
        }
        with self._idle:
            self._undelivered += 1
        self._line.put((account, region, event))

    def quiet(self, timeout: float) -> bool:
        """Wait until every event has been delivered and every function has ended; False when `timeout` seconds did not suffice."""
        with self._idle:
            return self._idle.wait_for(lambda: self._undelivered == 0, timeout) and self._functions.quiet(timeout)

    def _run(self) -> None:
        while True:
            try:
                arrived = self._line.get(timeout=_HOLD_SECONDS if self._held else None)
            except queue.Empty:
                self._release(0)
                continue
            self._held += [arrived] * self.disorder.copies
            self._release(self.disorder.shuffle)

    def _release(self, keep: int) -> None:
        while len(self._held) > keep:
            index = self._random.randrange(len(self._held)) if self.disorder.shuffle else 0
            account, region, event = self._held.pop(index)
            try:
                self._deliver(account, region, event)
            except Exception:
                log.exception("event %s of job %s was not delivered", event["id"], event["detail"]["jobName"])
            if all(held[2] is not event for held in self._held):
                with self._idle:
                    self._undelivered -= 1
                    self._idle.notify_all()

    def _deliver(self, account: str, region: str, event: dict[str, Any]) -> None:
        from moto.events.models import events_backends

        for rule in list(events_backends[account][region].event_buses["default"].rules.values()):
            if rule.state == "DISABLED" or not rule.event_pattern.get_pattern():
                continue
            try:
                rule.send_to_targets(json.loads(json.dumps(event)))
            except NotImplementedError:
                log.warning("rule %s has a target that the local cloud does not serve", rule.name)


def send_to_function(functions: Functions, target: dict[str, Any], event: Any) -> None:
    """Hand an event to the Lambda function of a rule's target, as EventBridge does: asynchronously."""
    payload = target.get("Input") or (event if isinstance(event, str) else json.dumps(event))
    functions.later(target["Arn"], payload)
