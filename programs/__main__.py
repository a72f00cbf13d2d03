"""The platform of one stack: `pulumi up -s staging`, or `transload local up`."""

import pulumi

import cutover
import foundation
import jobs
import logs
import settings as configuration


def main() -> None:
    """Wire the parts and export what other stacks and people need."""
    settings = configuration.load()
    files = jobs.read()
    base = foundation.deploy(settings)
    pipeline = logs.deploy(settings)
    work = jobs.deploy(settings, files, base, pipeline)
    move = cutover.deploy(settings)

    pulumi.export("cluster", base.cluster.ref)
    pulumi.export("vpc_id", base.network.vpc_id)
    pulumi.export("logs", pipeline.ref)
    pulumi.export("data_bucket", work.data_bucket)
    pulumi.export("jobs", work.names)
    pulumi.export("cutover", {"name": move.record_name, "zone_id": move.zone_id, "percent": move.percent})


try:
    main()
except ValueError as problem:
    # A mistake in the configuration or in a job file: the message says which. A traceback of ours would bury it.
    raise pulumi.RunError(str(problem)) from None
