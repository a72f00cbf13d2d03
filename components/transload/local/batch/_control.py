"""Knobs of the local cloud that AWS does not have, under /transload of the moto server: reclaim, disorder, quiet."""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from transload.local.batch._api import jobs
from transload.local.batch._events import Disorder, Events
from transload.local.batch._placement import Placement, RefusedError

PREFIX = "/transload/"


def replace(placement: Placement, events: Events) -> None:
    """Answer the paths under `PREFIX` before moto sees them. All are POST with a JSON object in and out; 409 is {"problem"}."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication

    def reclaim(job: str, grace: float = 120.0) -> dict[str, Any]:
        """`job`: id or name; of several with one name the newest that has capacity."""
        named = [one for one in jobs() if job in (one.job_id, one.name)]
        if not named:
            raise RefusedError(f"no job {job}")
        found = next((one for one in reversed(named) if one.attempt), named[-1])
        placement.reclaim(found, grace)
        return {"job_id": found.job_id, "attempt": len(found.attempts) + 1}

    def disorder(**wanted: int) -> dict[str, Any]:
        events.disorder = Disorder(**wanted)
        return asdict(events.disorder)

    def quiet(timeout: float = 60.0) -> dict[str, Any]:
        return {"quiet": events.quiet(timeout)}

    knobs: dict[str, Callable[..., dict[str, Any]]] = {"reclaim": reclaim, "disorder": disorder, "quiet": quiet}
    serve = DomainDispatcherApplication.__call__

    def dispatch(self: Any, environ: dict[str, Any], start_response: Any) -> Any:
        path = environ.get("PATH_INFO", "")
        if not path.startswith(PREFIX):
            return serve(self, environ, start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        status, answer = "200 OK", {}
        try:
            answer = knobs[path.removeprefix(PREFIX)](**json.loads(body or b"{}"))
        except KeyError:
            status, answer = "404 Not Found", {"problem": f"no {path}"}
        except (RefusedError, TypeError, ValueError) as error:
            status, answer = "409 Conflict", {"problem": str(error)}
        text = json.dumps(answer).encode()
        start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(text)))])
        return [text]

    DomainDispatcherApplication.__call__ = dispatch
