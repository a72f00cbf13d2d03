"""A job or a flow plugged into its cluster, with as few Outputs as that takes: a stack holds thousands of jobs."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import pulumi

from transload._args import fail

QUEUES = {"fargate_spot": "spot_queue_arn", "fargate": "on_demand_queue_arn", "ec2": "ec2_queue_arn"}
"""capacity -> where a cluster's `ref` has its queue."""

_T = TypeVar("_T")


def queue_arn(ref: Any, capacity: str) -> str:
    """The cluster's queue for `capacity`. ValueError where it has none: that is known only when the cluster is, so it is found when
    the program runs offline or in `pulumi preview` of a cluster that exists."""
    arn = ref[QUEUES[capacity]]
    if not arn:
        raise ValueError(f"capacity {capacity} is not in the cluster {ref['name']}: add it to the cluster's capacity")
    return arn


def region_of(ref: Any) -> str:
    """The cluster's region."""
    return ref["submit_function_arn"].split(":")[3]


def account_of(ref: Any) -> str:
    """The cluster's account."""
    return ref["submit_function_arn"].split(":")[4]


class Plugged:
    """Values that may be Outputs, together with the cluster's ref. What is plain text already is not made an Output."""

    def __init__(self, component: pulumi.Resource, cluster: pulumi.Input[Any], **values: Any):
        self.cluster: pulumi.Output[Any] = cluster if isinstance(cluster, pulumi.Output) else pulumi.Output.from_input(cluster)
        self.values = values
        self._component = component
        self._plain = {key: value for key, value in values.items() if _is_plain(value)}
        self._lifted = {key: value for key, value in values.items() if key not in self._plain}

    def also(self, **values: Any) -> "Plugged":
        """The same with further values, or others."""
        return Plugged(self._component, self.cluster, **{**self.values, **values})

    def of_cluster(self, build: Callable[[Any], _T]) -> pulumi.Output[_T]:
        """What `build` makes of the ref alone."""
        return self.cluster.apply(lambda ref: self._named(lambda ref, _: build(ref), ref, {}))

    def apply(self, build: Callable[[Any, dict[str, Any]], _T]) -> pulumi.Output[_T]:
        """What `build` makes of the ref and the values. Its ValueErrors name the component."""
        if not self._lifted:
            return self.cluster.apply(lambda ref: self._named(build, ref, self._plain))
        # Not Output.all of both: that takes the ref apart again, into an Output for each of its entries, for every job.
        known: Any = pulumi.Output.all(**self._lifted)
        return known.apply(lambda lifted: self.cluster.apply(lambda ref: self._named(build, ref, {**self._plain, **lifted})))

    def _named(self, build: Callable[[Any, dict[str, Any]], _T], ref: Any, values: dict[str, Any]) -> _T:
        if not isinstance(ref, Mapping):
            fail(self._component, f"cluster must be a BatchCluster's ref, got {type(ref).__name__}")
        try:
            return build(ref, values)
        except (KeyError, ValueError) as error:
            lacking = f"cluster must be a BatchCluster's ref, this one has no {error}"
            problem = lacking if isinstance(error, KeyError) else str(error)
            raise ValueError(f"{type(self._component).__name__} '{self._component._name}': {problem}") from None


def _is_plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(map(_is_plain, value.values()))
    return value is None or isinstance(value, str | int | float)
