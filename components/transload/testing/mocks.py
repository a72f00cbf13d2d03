"""Ready answers for those who test with Pulumi's own mocks."""

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi.runtime
from pulumi.runtime import mocks, rpc, settings
from pulumi.runtime.proto import resource_pb2

from transload.testing import _awsx
from transload.testing._fit import fit
from transload.testing._invokes import Invokes
from transload.testing._monitor import Monitor
from transload.testing._placeholders import ACCOUNT, REGION, Placeholders
from transload.testing._values import to_plain, to_struct


class Mocks(pulumi.runtime.Mocks):
    """A `pulumi.runtime.Mocks` that answers with ids, ARNs and outputs of the right type, and with the outputs of awsx components.

        pulumi.runtime.set_mocks(Mocks(), project="shop", stack="test", preview=False)

        @pulumi.runtime.test
        def test_the_queue_is_encrypted():
            queue = aws.sqs.Queue("orders", sqs_managed_sse_enabled=True)
            return queue.arn.apply(check)

    `invokes` maps a function's token to its answer, as in `run_program`. Subclass it and override `new_resource` or `call` for
    answers of your own. Pulumi's mocks see no parents, dependencies or options, and their URNs are not the engine's: that is
    what `run_program` is for.
    """

    registered: list[mocks.MockResourceArgs]
    """What the program registered, in the order in which it arrived."""

    def __init__(self, account: str = ACCOUNT, region: str = REGION, invokes: Mapping[str, Any] | None = None):
        self.account, self.region = account, region
        self.registered = []
        self._placeholders = Placeholders(account, region)
        self._invokes = Invokes(account, region, invokes)

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        """Id and outputs of a resource, of a component of awsx, or of something read by its id."""
        self.registered.append(args)
        inputs = _clear(args.inputs)
        if args.typ.startswith("pulumi:providers:"):
            return f"{args.name}-id", {}
        if args.typ.startswith("awsx:") and not args.custom:
            return "", self._expanded(args, inputs)
        if not args.custom and not args.resource_id:
            return "", {}
        given = {**inputs, "id": args.resource_id} if args.resource_id else inputs
        identity, outputs = self._placeholders.create(args.typ, args.name, given, f"{args.typ}::{args.name}")
        return args.resource_id or identity, outputs

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        """The answer of a provider function. Raises LookupError for one that is neither known nor given."""
        return self._invokes(args.token, _clear(args.args)), []

    def _expanded(self, args: mocks.MockResourceArgs, inputs: dict[str, Any]) -> dict[str, Any]:
        """Expand on a monitor of its own, and make the children known to Pulumi's, which is asked for them when they are used."""
        shadow = Monitor(pulumi.get_project(), pulumi.get_stack(), invoke=self._invokes, account=self.account, region=self.region)
        request = resource_pb2.RegisterResourceRequest(type=args.typ, name=args.name, object=to_struct(inputs), remote=True)
        outputs = _awsx.expand(shadow, request, shadow.urn("", args.typ, args.name), inputs)
        known = getattr(settings.get_monitor(), "resources", None)
        if known is not None:
            for child in shadow.recording().resources:
                state = fit(child.type, dict(child.outputs))
                known[child.urn] = mocks.MockMonitor.ResourceRegistration(child.urn, child.id, state)
        return {name: to_plain(value) for name, value in outputs.items()}


def _clear(value: Any) -> Any:
    """Inputs as Pulumi's mocks see them, without the wrapping of secrets."""
    if isinstance(value, dict):
        if rpc._special_sig_key in value and "value" in value:
            return _clear(value["value"])
        return {name: _clear(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_clear(item) for item in value]
    return value
