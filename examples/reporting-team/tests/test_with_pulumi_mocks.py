"""The same stack under Pulumi's own mocks, for a team whose tests are written that way."""

import json
import runpy
from pathlib import Path

import pulumi

from transload.testing import Mocks

PROJECT = Path(__file__).parent.parent


class Platform(Mocks):
    """Answers the stack reference, and leaves the rest to transload's mocks."""

    def __init__(self, cluster):
        super().__init__()
        self.cluster = cluster

    def new_resource(self, args):
        if args.typ == "pulumi:pulumi:StackReference":
            self.registered.append(args)
            return args.name, {"name": args.name, "outputs": {"cluster": self.cluster}, "secretOutputNames": []}
        return super().new_resource(args)


def test_the_definition_runs_our_image_with_its_memory(cluster):
    mocks = Platform(cluster)
    pulumi.runtime.set_mocks(mocks, project="reporting", stack="prod")
    pulumi.runtime.set_all_config(
        {"reporting:platform_stack": "organization/transload/prod", "reporting:image": "reporting@sha256:0"}
    )

    @pulumi.runtime.test
    def program():
        runpy.run_path(str(PROJECT / "__main__.py"))

    program()

    definition = next(made for made in mocks.registered if made.typ.endswith("JobDefinition") and made.name == "monthly-report")
    container = json.loads(definition.inputs["containerProperties"])
    assert container["image"] == "reporting@sha256:0"
    assert {"type": "MEMORY", "value": "4096"} in container["resourceRequirements"]
