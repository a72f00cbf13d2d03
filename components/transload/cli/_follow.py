"""Follow a run to its end: its state, and the lines of its log, each once and in order."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from transload.cli import _contact, _outcome
from transload.cli._contact import Contact
from transload.conductor import reasons

_BATCH_ENDED = ("SUCCEEDED", "FAILED")

# A run that Spot took goes on, on demand. When the event of it is lost, the conductor's watch finds it within five minutes.
_SPOT_SETTLE = 660.0


class Cloud(Protocol):
    """What following asks for."""

    def run(self, job: str, run: str) -> dict[str, Any]:
        """The run record; CutShortError when there is none, as it was written before following began."""
        ...

    @property
    def store(self) -> Any:
        """The tables, for the runs of a flow's steps."""
        ...

    def batch_jobs(self, ids: list[str]) -> list[dict[str, Any]]:
        """Batch's description of each job it still knows, in the order asked."""
        ...

    def page(self, group: str, stream: str, token: str | None, since: int | None) -> tuple[list[dict[str, Any]], str | None]:
        """The next events of a stream and the token after them; ([], None) while the stream does not exist."""
        ...


@dataclass
class Stream:
    """One log stream and how far it is read. `index` is the child of an array job, `step` that of a flow."""

    name: str
    attempt: int
    index: int | None = None
    step: str | None = None
    group: str = ""
    token: str | None = None

    @property
    def label(self) -> str:
        """What stands in front of its lines where there are several at a time: "[3] ", "[load] ", "[load 3] "."""
        parts = [str(part) for part in (self.step, self.index) if part is not None]
        return f"[{' '.join(parts)}] " if parts else ""


@dataclass(frozen=True)
class Line:
    message: str
    timestamp: int
    stream: Stream


@dataclass
class Look:
    """What is known of a run at one moment: its record, its Batch jobs, their children; of a flow the same of each step."""

    record: dict[str, Any]
    jobs: list[dict[str, Any]] = field(default_factory=list)
    children: list[dict[str, Any]] = field(default_factory=list)
    steps: "list[Look]" = field(default_factory=list)


def batch_ids(record: Mapping[str, Any]) -> list[str]:
    """Every Batch job of the run, the oldest first: a run that Spot took has two."""
    return list(dict.fromkeys([*record.get("batch_job_ids", []), *filter(None, [record.get("batch_job_id")])]))


def array_size(job: Mapping[str, Any]) -> int:
    return int(job.get("arrayProperties", {}).get("size", 0))


def child_ids(jobs: Iterable[Mapping[str, Any]]) -> list[str]:
    """AWS Batch names the children of an array job `<job id>:<index>`."""
    return [f"{job['jobId']}:{index}" for job in jobs for index in range(array_size(job))]


def stream_names(job: Mapping[str, Any]) -> list[str]:
    """The streams of a Batch job: one an attempt, the running one last."""
    detail = reasons.read(job)
    return list(dict.fromkeys(name for name in [*(each.get("log_stream") for each in detail.attempts), detail.log_stream] if name))


def streams(look: Look) -> list[Stream]:
    """Every stream of the run in the order to read them: by step, by Batch job and attempt, the children of an array by index."""
    step, group = look.record.get("step"), look.record.get("log_group", "")
    recorded = [attempt.get("log_stream") for attempt in look.record.get("attempt_details", [])] + [look.record.get("log_stream")]
    single = [name for job in look.jobs if not array_size(job) for name in stream_names(job)]
    # The record first: it knows attempts that Batch has forgotten after a week.
    names = list(dict.fromkeys(name for name in [*recorded, *single] if name))
    found = [Stream(name, attempt, None, step, group) for attempt, name in enumerate(names, 1)]
    for child in look.children:
        index = int(child["jobId"].rpartition(":")[2])
        found += [Stream(name, attempt, index, step, group) for attempt, name in enumerate(stream_names(child), 1)]
    return found + [stream for each in look.steps for stream in streams(each)]


def by_batch(look: Look) -> dict[str, Any] | None:
    """The end of the run as Batch alone tells it, for a record that nobody completes; None while Batch is not through."""
    last = look.jobs[-1] if look.jobs else None
    if last is None or last.get("status") not in _BATCH_ENDED:
        return None
    detail = reasons.read(next((child for child in look.children if child.get("status") == "FAILED"), last))
    known = {} if detail.exit_code is None else {"exit_code": detail.exit_code}
    if last["status"] == "SUCCEEDED":
        return {**look.record, "status": "SUCCEEDED", **known}
    end = reasons.outcome(detail)
    return {
        **look.record,
        "status": "STOPPED" if end.cause == "stopped" else "FAILED",
        "cause": end.cause,
        "reason": end.reason,
        **known,
    }


def with_child_code(look: Look) -> dict[str, Any]:
    """The record; for an array, whose parent has no exit code, with that of the first child that failed."""
    if look.record.get("status") != "FAILED" or look.record.get("exit_code") is not None:
        return look.record
    codes = (reasons.read(child).exit_code for child in look.children if child.get("status") == "FAILED")
    code = next(filter(None, codes), None)
    return {**look.record, "exit_code": code} if code else look.record


class Follower:
    """Follows one run. It can be asked to go on after it was interrupted: what was printed is remembered."""

    def __init__(
        self,
        contact: Contact,
        job: str,
        run: str,
        *,
        emit: Callable[[list[Line]], None],
        tell: Callable[[str], None],
        wait: Callable[[float], None],
        poll: float,
        log_group: str,
        since: int | None = None,
        settle: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ):
        """`since` in epoch milliseconds. `settle`: seconds to wait for the run record after Batch has ended the job."""
        self.job, self.run = job, run
        self._contact, self._emit, self._tell, self._wait, self._clock = contact, emit, tell, wait, clock
        self._poll, self._group, self._since, self._settle = poll, log_group, since, settle
        self._streams: dict[str, Stream] = {}
        self._children: dict[str, dict[str, Any]] = {}
        self._status = ""
        self._no_logs = False
        self._batch_ended_at: float | None = None

    def until_end(self) -> dict[str, Any]:
        """The run record as it ended. LostContactError when AWS did not answer for longer than the patience."""
        while True:
            look = self._look()
            self._read(look)
            if (end := self._end(look)) is not None:
                self._drain()
                return end
            self._wait(self._poll)

    @property
    def known(self) -> bool:
        """Whether any log stream of the run is known."""
        return bool(self._streams)

    def once(self) -> None:
        """Emit the lines there are now."""
        self._read(self._look(quiet=True))

    def _look(self, *, quiet: bool = False) -> Look:
        look = self._part(self._contact(lambda cloud: cloud.run(self.job, self.run)))
        record, jobs = look.record, look.jobs
        # The record follows the events of Batch; between two of them Batch knows more.
        status = record["status"] if _outcome.ended(record) or not jobs else jobs[-1].get("status", record["status"])
        if status != self._status and status not in _outcome.TERMINAL and not quiet:
            self._status = status
            self._tell(f"{record['run_id']}: {status}")
        return look

    def _part(self, record: dict[str, Any]) -> Look:
        ids = batch_ids(record)
        jobs = self._contact(lambda cloud: cloud.batch_jobs(ids)) if ids else []
        names = child_ids(jobs)
        still = [child for child in names if self._children.get(child, {}).get("status") not in _BATCH_ENDED]
        for child in self._contact(lambda cloud: cloud.batch_jobs(still)) if still else []:
            self._children[child["jobId"]] = child
        children = [self._children[child] for child in names if child in self._children]
        # A step has no record before the steps in front of it are submitted; one that is carried over ran in another run.
        ids = [step["run_id"] for step in record.get("steps", ()) if not step.get("carried")]
        steps = [found for run_id in ids if (found := self._contact(lambda cloud, run_id=run_id: cloud.store.get(run_id)))]
        return Look(record, jobs, children, [self._part(step) for step in steps])

    def _end(self, look: Look) -> dict[str, Any] | None:
        if _outcome.ended(look.record):
            return with_child_code(look)
        end = by_batch(look)
        if end is None:
            self._batch_ended_at = None
            return None
        now = self._clock()
        self._batch_ended_at = now if self._batch_ended_at is None else self._batch_ended_at
        settle = _SPOT_SETTLE if end.get("cause") == "spot" else self._settle
        if now - self._batch_ended_at < settle:
            return None
        self._tell(f"{settle:.0f} s after the end the history has not recorded it: look at the conductor's `record` function")
        return end

    def _read(self, look: Look) -> int:
        for stream in streams(look):
            self._streams.setdefault(stream.name, stream)
        return sum(self._read_stream(stream) for stream in self._streams.values())

    def _read_stream(self, stream: Stream) -> int:
        count = 0
        while not self._no_logs:
            try:
                events, token = self._contact(
                    lambda cloud: cloud.page(stream.group or self._group, stream.name, stream.token, self._since)
                )
            except Exception as error:
                if isinstance(error, _contact.LostContactError) or not _contact.code_of(error):
                    raise
                # The exit code does not hang on the log: without permission to read it the run is still followed.
                self._no_logs = True
                self._tell(f"the log cannot be read: {_contact.in_words(error)}")
                break
            # The token moves on after the lines are printed, and only an answer that came whole is printed: each line once.
            if events:
                self._emit([Line(event["message"], event["timestamp"], stream) for event in events])
                count += len(events)
            if token == stream.token:
                break
            stream.token = token
        return count

    def _drain(self) -> None:
        """Lines arrive after the end: read until none came for two and a half polls (5 s at the default)."""
        if not self._streams and not self._status_had_container():
            return
        quiet = 0
        while quiet < 3:
            self._wait(self._poll * 0.8)
            look = self._look()
            quiet = 0 if self._read(look) else quiet + 1

    def _status_had_container(self) -> bool:
        return self._status in ("STARTING", "RUNNING")
