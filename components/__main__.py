"""The components as a package for every language that Pulumi speaks: `pulumi package add <this folder>`."""

import pulumi
from pulumi.provider.experimental import component_provider_host

from transload import BatchCluster, JobFlow, LogPipeline, Network, ScheduledJob, WeightedCutover

COMPONENTS: list[type[pulumi.ComponentResource]] = [BatchCluster, JobFlow, LogPipeline, Network, ScheduledJob, WeightedCutover]

if __name__ == "__main__":
    component_provider_host(name="transload", components=COMPONENTS)
