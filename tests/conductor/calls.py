"""A stand-in for a boto3 client: plain calls, with the events that gate.py listens to."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any


class Client:
    """`client.put_item(...)` calls `_do_put_item(...)`."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[Callable[..., None]]] = {"before-call": [], "after-call": []}
        self.meta = SimpleNamespace(events=SimpleNamespace(register=lambda name, listener: self._listeners[name].append(listener)))

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        method = object.__getattribute__(self, f"_do_{operation}")
        model = SimpleNamespace(name="".join(word.capitalize() for word in operation.split("_")))

        def call(**asked: Any) -> Any:
            for listener in self._listeners["before-call"]:
                listener(model=model)
            try:
                return method(**asked)
            finally:
                for listener in self._listeners["after-call"]:
                    listener(model=model)

        setattr(self, operation, call)
        return call

    def get_paginator(self, operation: str) -> Any:
        """All of it is one page."""

        def pages(**asked: Any) -> Iterator[Any]:
            yield getattr(self, operation)(**asked)

        return SimpleNamespace(paginate=pages)
