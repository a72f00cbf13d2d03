"""The move of the live name from the legacy load balancer to the new one."""

import pulumi_aws as aws

from settings import Settings
from transload import WeightedCutover


def deploy(settings: Settings) -> WeightedCutover:
    """Weigh the two load balancers by the configured percent."""
    zone_id = (
        settings.dns_zone_id or aws.route53.Zone("cutover", name=settings.dns_name, comment="Of this environment alone").zone_id
    )
    return WeightedCutover(
        "shop",
        {
            "zone_id": zone_id,
            "record_name": settings.dns_name,
            "old": {"dns_name": settings.legacy_dns_name, "zone_id": settings.load_balancer_zone_id},
            "new": {"dns_name": settings.new_dns_name, "zone_id": settings.load_balancer_zone_id},
            "percent": settings.cutover_percent,
            "health_check_path": "/healthz",
            **({"old_record_import_id": settings.dns_import_id} if settings.dns_import_id else {}),
        },
    )
