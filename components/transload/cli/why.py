"""`transload why`: everything known of how a run went, and what to do next."""

import os
import shlex
from typing import Any
from urllib.parse import quote

import click

from transload.cli import _follow, _names, _outcome, _output, _when
from transload.cli._aws import Cloud, as_json, placed
from transload.conductor import reasons

_TRIGGERS = {
    "schedule": "by its schedule",
    "person": "by hand",
    "flow": "by a flow",
    "retry": "again, after an attempt that failed",
}


@click.command(
    epilog="""\b
Examples:
  transload why nightly-export
  transload why nightly-export 20261123T18
  transload why nightly-export-20261123T180000Z --json"""
)
@click.argument("target", metavar="JOB|RUN", type=_names.JOB)
@click.argument("run", required=False, type=_names.RUN)
@as_json
@placed
def command(cloud: Cloud, target: str, run: str | None, as_json: bool) -> None:
    """Why a run ended as it did: JOB alone is its latest run that was not skipped, RUN its id or the first characters of it.

    Exit code and reason in words, attempts, Spot, memory, the digest of the image, who started it, links, what to do next.
    """
    record = _names.find_run(cloud, target, run)
    job = cloud.store.job(record["job"]) or {}
    live = [] if _outcome.ended(record) else cloud.batch_jobs(_follow.batch_ids(record))
    children = _children(cloud, record)
    meaning, step = _outcome.advice(record, _memory(record, job))
    urls = links(record, cloud.session.region_name)
    if as_json:
        _output.print_json({**record, "meaning": meaning, "next_step": step, "links": urls, "memory_mib": _memory(record, job)})
        return
    _output.heading(record["run_id"], (_head(record, live), _output.STYLES.get(record["status"], "cyan")))
    _output.facts(
        [
            ("why", [meaning, *_told(record)]),
            ("do next", [(step, "bold")] if step else []),
            ("started", [_started(record, job)]),
            ("took", [_when.length(_when.took(record))]),
            ("attempts", attempts(record)),
            ("array", [_array(record), *children]),
            ("steps", [_step(step, cloud.store.get(step["run_id"])) for step in record.get("steps", ())]),
            ("flow", [f"step {record['step']} of {record['flow_run_id']}"] if record.get("flow_run_id") else []),
            ("waiting", _waiting(live)),
            ("capacity", [_capacity(record)]),
            ("size", [_size(record, job)]),
            ("image", [record.get("image") or job.get("image") or "", record.get("image_digest") or ""]),
            ("changed", [_changed(record)]),
            ("definition", [record.get("job_definition") or ""]),
            (
                "log",
                [f"transload logs {record['run_id']}"] if any(map(record.get, ("log_stream", "attempt_details", "array"))) else [],
            ),
            ("links", list(urls.values())),
        ]
    )


def _head(record: dict[str, Any], live: list[dict[str, Any]]) -> str:
    if _outcome.ended(record):
        # The reason has a line of its own.
        return _outcome.sentence({**record, "reason": ""})
    return live[-1]["status"] if live else record["status"]


def _told(record: dict[str, Any]) -> list[str]:
    # All of it, with the ARN of whoever did it; nothing where it only says the line above in other words.
    return [record["reason"]] if _outcome.sentence(record) != _head(record, []) else []


def _started(record: dict[str, Any], job: dict[str, Any]) -> str:
    zone = job.get("timezone") or "UTC"
    due = _when.clock(_when.parse(record.get("scheduled_for")), zone, year=True)
    who = _TRIGGERS.get(record.get("trigger", ""), record.get("trigger", ""))
    by = f": {record['triggered_by']}" if record.get("triggered_by") and record.get("trigger") != "schedule" else ""
    return f"{due}, {who}{by}"


def attempts(record: dict[str, Any]) -> list[_output.Cell]:
    """One line an attempt: when, how long, exit code, reason."""
    lines: list[_output.Cell] = []
    for number, attempt in enumerate(record.get("attempt_details", []), 1):
        started, stopped = _when.parse(attempt.get("started_at")), _when.parse(attempt.get("stopped_at"))
        parts = [f"{number}"]
        parts += [started.strftime("%H:%M:%S UTC")] if started else ["never started"]
        parts += [_when.length((stopped - started).total_seconds())] if started and stopped else []
        parts += [f"exit code {attempt['exit_code']}"] if attempt.get("exit_code") is not None else []
        parts += _worth_telling(attempt.get("reason"))
        lines.append("  ".join(parts))
    return lines or ([f"{record['attempts']}"] if record.get("attempts") else [])


def _worth_telling(reason: str | None) -> list[str]:
    """What Amazon ECS says of the end of an attempt, without the words that it has for every end of a container."""
    said = [part for part in (reason or "").split("; ") if part and not part.startswith("Essential container")]
    return ["; ".join(said)] if said else []


def _array(record: dict[str, Any]) -> str:
    array = record.get("array")
    return f"{array['size']} children, {array.get('succeeded', 0)} succeeded, {array.get('failed', 0)} failed" if array else ""


def _children(cloud: Cloud, record: dict[str, Any]) -> list[str]:
    """The first children of an array that failed, as long as AWS Batch knows them: a week."""
    ids = _follow.batch_ids(record)
    if not (record.get("array") or {}).get("failed") or not ids:
        return []
    names = [f"{ids[-1]}:{index}" for index in range(record["array"]["size"])]
    failed = [reasons.read(child) for child in cloud.batch_jobs(names) if child["status"] == "FAILED"]
    lines = [
        f"[{child.index if child.index is not None else child.id.rpartition(':')[2]}] {reasons.outcome(child).reason}"
        for child in failed
    ]
    return lines[:5] + ([f"and {len(lines) - 5} more"] if len(lines) > 5 else [])


def _step(step: dict[str, Any], run: dict[str, Any] | None) -> _output.Cell:
    said = _outcome.sentence(run) if run else "not begun"
    note = ", carried over" if step.get("carried") else ""
    return (f"{step['name']}: {said}{note} ({step['run_id']})", _output.STYLES.get(run["status"] if run else "", ""))


def _waiting(live: list[dict[str, Any]]) -> list[str]:
    """What AWS Batch says of a run that does not start."""
    last = live[-1] if live else {}
    if last.get("status") not in ("RUNNABLE", "PENDING", "STARTING"):
        return []
    return [
        last.get("statusReason") or "AWS Batch gives no reason yet",
        f"transload verify {last['jobName'].rsplit('-20', 1)[0]} looks for one",
    ]


def _capacity(record: dict[str, Any]) -> str:
    queue = (record.get("queue") or "").rpartition("/")[2]
    if int(record.get("submission") or 1) > 1:
        return f"{queue}; Spot took it back, so it was submitted once more, on demand"
    return f"{queue}; Spot was taken back" if record.get("cause") == "spot" else queue


def _memory(record: dict[str, Any], job: dict[str, Any]) -> int | None:
    return (record.get("overrides") or {}).get("memory_mib") or record.get("memory_mib") or job.get("memory_mib")


def _size(record: dict[str, Any], job: dict[str, Any]) -> str:
    vcpu, memory = (record.get("overrides") or {}).get("vcpu") or record.get("vcpu") or job.get("vcpu"), _memory(record, job)
    return f"{vcpu:g} vCPU, {memory} MiB" if vcpu and memory else ""


def _changed(record: dict[str, Any]) -> str:
    """What the person changed; of the environment only the names are kept."""
    overrides = record.get("overrides") or {}
    texts = {name: shlex.join(map(str, value)) if isinstance(value, list) else str(value) for name, value in overrides.items()}
    return ", ".join(f"{name.replace('_', ' ')} {text}" for name, text in texts.items())


def links(record: dict[str, Any], region: str) -> dict[str, str]:
    """Pages of the AWS console for the run; none in the local cloud."""
    if os.environ.get("AWS_ENDPOINT_URL") or not record.get("batch_job_id"):
        return {}
    domain = "console.amazonaws.cn" if region.startswith("cn-") else "console.aws.amazon.com"
    home = f"https://{region}.{domain}"
    found = {"job": f"{home}/batch/home?region={region}#jobs/detail/{record['batch_job_id']}"}
    if record.get("log_group") and record.get("log_stream"):
        group, stream = (_console_quoted(record[name]) for name in ("log_group", "log_stream"))
        found["log"] = f"{home}/cloudwatch/home?region={region}#logsV2:log-groups/log-group/{group}/log-events/{stream}"
    return found


def _console_quoted(name: str) -> str:
    # The console reads its fragment with % written as $ after quoting twice.
    return quote(quote(name, safe=""), safe="").replace("%", "$")
