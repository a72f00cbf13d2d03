"""What all parts of a cluster know."""

from dataclasses import dataclass

import pulumi


@dataclass(frozen=True)
class Site:
    """Where a cluster stands and what it is called."""

    component: str
    """Name of the component, for the names of its children in Pulumi."""
    cluster: str
    """Name of the cluster, for the physical names."""
    region: pulumi.Output[str]
    account: pulumi.Output[str]
    log_retention_days: int
    permissions_boundary: pulumi.Input[str] | None
    child: pulumi.ResourceOptions

    def arn(self, service: str, resource: str) -> pulumi.Output[str]:
        """The ARN of something of `service` in this account and region."""
        return pulumi.Output.concat(f"arn:aws:{service}:", self.region, ":", self.account, ":", resource)

    def after(self, *resources: pulumi.Resource) -> pulumi.ResourceOptions:
        """Options of a child that is made after `resources`."""
        return pulumi.ResourceOptions.merge(self.child, pulumi.ResourceOptions(depends_on=list(resources)))

    def kept(self, protect: bool) -> pulumi.ResourceOptions:
        """Options of a child that holds data: with `protect` Pulumi refuses to delete it."""
        return pulumi.ResourceOptions.merge(self.child, pulumi.ResourceOptions(protect=protect or None))
