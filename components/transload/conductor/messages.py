"""What people are told: one fact per line, one function for the form of Slack and the form of mail."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from transload.conductor.reasons import one_line

Facts = Sequence[tuple[str, str]]

_MARKS = {
    "failed": ":x:",
    "missed": ":warning:",
    "stuck": ":warning:",
    "long": ":hourglass:",
    "skipped": ":fast_forward:",
    "recovered": ":white_check_mark:",
}


def publication(topic: str, kind: str, title: str, facts: Facts, thread: str) -> dict[str, Any]:
    """The arguments of SNS Publish for one message. `thread` puts later words about the same thing into the same Slack thread.

    One topic serves both. Amazon Q Developer in chat applications (AWS Chatbot) subscribes to a topic as an HTTPS endpoint and
    drops whatever is neither an event of a service it knows nor its custom schema (its administrator guide, "Custom
    notifications"); mail would show that JSON as it is. So each protocol gets its own form (Amazon SNS API reference, Publish,
    MessageStructure), and the default is the plain text: whoever adds a queue or a function of his own can read it.
    """
    text = mail(title, facts)
    forms = {"default": text, "email": text, "https": json.dumps(slack(kind, title, facts, thread), ensure_ascii=False)}
    # A subject is at most 100 characters of ASCII without line breaks (Amazon SNS API reference, Publish).
    subject = one_line(title, 99).encode("ascii", "replace").decode()
    message = json.dumps(forms, ensure_ascii=False)
    return {"TopicArn": topic, "Subject": subject, "Message": message, "MessageStructure": "json"}


def mail(title: str, facts: Facts) -> str:
    """Plain text: the title, then one fact per line."""
    return "\n".join([title, "", *(f"{name}: {one_line(value, 500)}" for name, value in facts)]) + "\n"


def slack(kind: str, title: str, facts: Facts, thread: str) -> dict[str, Any]:
    """A custom notification: title of at most 250 characters, description of at most 8,000."""
    lines = (f"*{name}*: {_plain(one_line(value, 500), 600)}\n" for name, value in facts)
    content = {
        "textType": "client-markdown",
        "title": f"{_MARKS[kind]} {_plain(one_line(title, 200), 220)}",
        "description": "".join(_within(lines, 8000)),
    }
    return {"version": "1.0", "source": "custom", "content": content, "metadata": {"threadId": thread}}


def _plain(text: str, limit: int) -> str:
    """Slack reads these three (Slack API, "Formatting text"). Written out they are longer, and none is cut in the middle."""
    return "".join(_within(({"&": "&amp;", "<": "&lt;", ">": "&gt;"}.get(one, one) for one in text), limit))


def _within(parts: Iterable[str], limit: int) -> Iterator[str]:
    """As many of the parts as fit whole."""
    for part in parts:
        limit -= len(part)
        if limit < 0:
            return
        yield part


def run_facts(job: Mapping[str, Any], run: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is worth knowing of a run: names, times, counts and the reason; nothing of its environment or command."""
    array = run.get("array")
    facts = [
        ("run", run["run_id"]),
        ("reason", run.get("reason")),
        ("exit code", run.get("exit_code")),
        ("array", f"{array['failed']} of {array['size']} children failed" if array else None),
        ("flow", f"{run['flow']}, step {run['step']}" if run.get("flow") and run.get("step") else None),
        ("held back", ", ".join(run.get("holds_back", ())) or None),
        ("scheduled for", run.get("scheduled_for")),
        ("attempts", run.get("attempts") or None),
        ("owner", job.get("owner")),
        ("impact", job.get("impact_if_stopped")),
        ("safe to run again", {True: "yes", False: "no"}.get(job.get("safe_to_rerun"))),
        ("next", f"transload why {run['run_id']}"),
    ]
    return [(name, str(value)) for name, value in facts if value is not None]
