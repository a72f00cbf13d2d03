"""Replace moto's Batch jobs, function calls and rule targets by ones that work. In the server process of the local cloud only."""

import atexit
from pathlib import Path
from typing import Any

from transload.local.batch import _api, _control, _tables
from transload.local.batch._engine import remove_leftovers
from transload.local.batch._events import BLOCKED, Events, send_to_function
from transload.local.batch._functions import Functions
from transload.local.batch._host import Host
from transload.local.batch._placement import Placement


def install(home: Path, *, moto_port: int, ministack_port: int, processes: int = 32) -> None:
    """Mend moto so that jobs run. Call once in the server process, before its first request.

    `home`: folder of the local cloud (`.transload` of the project, whose `images` folder holds the jobs' images).
    `processes`: jobs that run at once at most.
    """
    if _api.replaced():
        raise RuntimeError("installed already: a second time every event would be delivered twice")
    host = Host(home.resolve(), moto_port, ministack_port, processes)
    remove_leftovers(host.home)
    functions = Functions(host)
    events = Events(functions)
    placement = Placement(host, events.publish, lambda job: events.publish(job, BLOCKED))
    atexit.register(placement.kill_all)
    _tables.replace()
    _api.replace(placement)
    _replace_calls(functions)
    _replace_targets(functions)
    _control.replace(placement, events)


def _replace_calls(functions: Functions) -> None:
    from moto.awslambda.models import LambdaBackend
    from moto.awslambda_simple.models import LambdaSimpleBackend

    def invoke(self: Any, function_name: str, qualifier: str | None, body: Any, headers: Any, response_headers: Any) -> bytes:
        arn = self.get_function(function_name, qualifier).function_arn
        payload = (body.decode() if isinstance(body, bytes) else body) or "{}"
        if headers.get("X-Amz-Invocation-Type") == "Event":
            functions.later(arn, payload)
            return b""
        answer = functions.call(arn, payload)
        if answer.error:
            response_headers["x-amz-function-error"] = answer.error
        return answer.payload.encode()

    LambdaBackend.invoke = LambdaSimpleBackend.invoke = invoke


def _replace_targets(functions: Functions) -> None:
    from moto.events.models import EventTemplateParser, Rule

    send = Rule.send_to_targets

    def send_to_targets(self: Any, original_event: Any, transform_input: bool = True) -> None:
        # moto wants to know when an event arrived, and takes its own mark for it.
        timed: Any = {"ingestion-time": original_event["time"], **original_event}
        mine = [target for target in self.targets if ":lambda:" in target["Arn"]]
        if mine and self.event_pattern.matches_event(original_event):
            for target in mine:
                transformer = target.get("InputTransformer")
                event = original_event
                if transformer:
                    event = EventTemplateParser.parse(transformer.get("InputTemplate"), transformer.get("InputPathsMap", {}), timed)
                send_to_function(functions, target, event)
        others = [target for target in self.targets if target not in mine]
        if others:
            whole, self.targets = self.targets, others
            try:
                send(self, timed, transform_input)
            finally:
                self.targets = whole

    Rule.send_to_targets = send_to_targets
