"""The network and the cluster that everything else stands on."""

from dataclasses import dataclass

from settings import Settings
from transload import AlertsArgs, BatchCluster, BatchClusterArgs, Network


@dataclass(frozen=True)
class Foundation:
    """What the other parts need of it."""

    network: Network
    cluster: BatchCluster


def deploy(settings: Settings) -> Foundation:
    """Build the network and the cluster in it: in its private subnets, or without a NAT in the public ones."""
    network = Network("platform", {"cidr_block": settings.cidr_block, "zones": settings.zones, "nat": settings.nat})
    alerts: AlertsArgs = {"emails": settings.alert_emails}
    if settings.slack_workspace_id or settings.slack_channel_id:
        alerts |= {"slack_workspace_id": settings.slack_workspace_id, "slack_channel_id": settings.slack_channel_id}
    told: BatchClusterArgs | dict = (
        {"alerts": alerts} if any(alerts.values()) else {"no_alerts_because": settings.no_alerts_because}
    )
    cluster = BatchCluster(
        "platform",
        {
            "vpc_id": network.vpc_id,
            "subnet_ids": network.public_subnet_ids if settings.nat == "none" else network.private_subnet_ids,
            "assign_public_ip": settings.nat == "none",
            "capacity": settings.capacity,
            "max_vcpus": settings.max_vcpus,
            "log_retention_days": settings.log_retention_days,
            "protect_data": settings.protect_data,
            **told,
        },
    )
    return Foundation(network, cluster)
