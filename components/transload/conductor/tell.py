"""Telling people, once for each thing: what is to be told is written down first, and struck out when it was published."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from transload.conductor.context import Conductor
from transload.conductor.log import log
from transload.conductor.messages import Facts, publication
from transload.conductor.times import from_iso, iso

PATIENCE = timedelta(minutes=1)
"""Whoever wrote a note publishes it at once. Older ones were left behind by a crash, and `watch` publishes them."""


def note(kind: str, title: str, facts: Facts, now: datetime, *, thread: str, keep: bool = False) -> dict[str, Any]:
    """A message to be told. With `keep` the note stays after it was told, until its recovery is told."""
    pairs = [[name, value] for name, value in facts]
    return {"kind": kind, "title": title, "facts": pairs, "thread": thread, "noted_at": iso(now), "pending": True, "keep": keep}


def tell(conductor: Conductor, key: str, noted: Mapping[str, Any]) -> bool:
    """Publish a note that is in the table. If that fails it stays there for `watch`. Twice only if a crash falls in between."""
    topic = conductor.cluster.get("alert_topic")
    try:
        if topic:
            facts = [(name, value) for name, value in noted["facts"]]
            conductor.client("sns").publish(**publication(topic, noted["kind"], noted["title"], facts, noted["thread"]))
    except (BotoCoreError, ClientError) as error:
        log("could not tell", key=key, error=type(error).__name__)
        return False
    log("told", key=key, kind=noted["kind"], topic=bool(topic))
    if noted["keep"]:
        conductor.store.renote(key, {**noted, "pending": False})
    else:
        conductor.store.forget(key)
    return True


def tell_once(conductor: Conductor, key: str, noted: Mapping[str, Any]) -> bool:
    """Write a note down and publish it, unless the same key was written before."""
    return conductor.store.note(key, noted) and tell(conductor, key, noted)


def leftovers(conductor: Conductor, told: Mapping[str, Mapping[str, Any]]) -> int:
    """Publish what others wrote down and did not come to publish. How many were."""
    before = conductor.now() - PATIENCE
    left = [(key, one) for key, one in told.items() if one.get("pending") and from_iso(one["noted_at"]) <= before]
    return sum(tell(conductor, key, one) for key, one in left)


def tell_recovery(conductor: Conductor, key: str, title: str, facts: Facts, now: datetime, thread: str) -> bool:
    """Put the recovery in the place of what was told: once it is told too, nothing is left."""
    news = note("recovered", title, facts, now, thread=thread)
    conductor.store.renote(key, news)
    return tell(conductor, key, news)
