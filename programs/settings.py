"""The configuration of a stack, read in one place."""

import dataclasses
import difflib
from dataclasses import dataclass

import pulumi
from pulumi.runtime.config import CONFIG


@dataclass(frozen=True)
class Settings:
    """Every key of Pulumi.yaml, which describes them."""

    stage: str
    timezone: str
    cidr_block: str
    zones: int
    nat: str
    capacity: list[str]
    max_vcpus: int
    alert_emails: list[str]
    slack_workspace_id: str
    slack_channel_id: str
    no_alerts_because: str
    protect_data: bool
    log_retention_days: int
    log_compression: str
    image_registry: str
    image_release: str
    product_feed_url: str
    dns_zone_id: str
    dns_name: str
    dns_import_id: str
    legacy_dns_name: str
    new_dns_name: str
    load_balancer_zone_id: str
    cutover_percent: int

    def image(self, name: str) -> str:
        """What to run: `name` itself when it is a full reference, else the image of that name in our registry."""
        if "/" in name or ":" in name:
            return name
        mark = "@" if self.image_release.startswith("sha256:") else ":"
        return f"{self.image_registry}/{name}{mark}{self.image_release}"


def load() -> Settings:
    """The settings of the stack that is running. Pulumi.yaml holds the defaults, so every key is there."""
    config = pulumi.Config()
    _refuse_unknown_keys(config.name)
    return Settings(
        stage=pulumi.get_stack(),
        timezone=config.require("timezone"),
        cidr_block=config.require("cidr_block"),
        zones=config.require_int("zones"),
        nat=config.require("nat"),
        capacity=config.require_object("capacity"),
        max_vcpus=config.require_int("max_vcpus"),
        alert_emails=config.require_object("alert_emails"),
        slack_workspace_id=config.require("slack_workspace_id"),
        slack_channel_id=config.require("slack_channel_id"),
        no_alerts_because=config.require("no_alerts_because"),
        protect_data=config.require_bool("protect_data"),
        log_retention_days=config.require_int("log_retention_days"),
        log_compression=config.require("log_compression"),
        image_registry=config.require("image_registry"),
        image_release=config.require("image_release"),
        product_feed_url=config.require("product_feed_url"),
        dns_zone_id=config.require("dns_zone_id"),
        dns_name=config.require("dns_name"),
        dns_import_id=config.require("dns_import_id"),
        legacy_dns_name=config.require("legacy_dns_name"),
        new_dns_name=config.require("new_dns_name"),
        load_balancer_zone_id=config.require("load_balancer_zone_id"),
        cutover_percent=config.require_int("cutover_percent"),
    )


def _refuse_unknown_keys(project: str) -> None:
    """`ValueError` for a key that is none of ours: Pulumi takes it, and then the default of the one that was meant."""
    known = {field.name for field in dataclasses.fields(Settings)} - {"stage"}
    given = {key.removeprefix(f"{project}:") for key in CONFIG.get() if key.startswith(f"{project}:")}
    if given <= known:
        return
    unknown = min(given - known)
    near = difflib.get_close_matches(unknown, known, 1)
    raise ValueError(
        f"unknown configuration {project}:{unknown}, " + (f"did you mean {near[0]}?" if near else "Pulumi.yaml lists what there is")
    )
