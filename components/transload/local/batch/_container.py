"""What a job definition and the overrides of one submission ask for, in one shape."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from transload.local.batch._host import pairs

# AWS Batch User Guide, "Job timeouts": a container that does not end on SIGTERM is killed after 30 seconds.
STOP_TIMEOUT = 30
DEFAULT_LOG_GROUP = "/aws/batch/job"


@dataclass(frozen=True)
class Container:
    """One container of one job."""

    properties: Mapping[str, Any]
    """containerProperties with the overrides applied, as describe_jobs shows them."""
    stop_timeout: int = STOP_TIMEOUT
    parameters: Mapping[str, str] = field(default_factory=dict)
    name: str = "default"
    """As in the log stream; AWS Batch calls the container of containerProperties so."""
    task: Mapping[str, Any] | None = None
    """The task of ecsProperties around it, if the definition has that form."""

    @property
    def image(self) -> str:
        return self.properties["image"]

    @property
    def command(self) -> list[str]:
        """The command with its `Ref::name` parts replaced by the parameters of the job."""
        return [_filled(part, self.parameters) for part in self.properties.get("command") or []]

    @property
    def environment(self) -> dict[str, str]:
        return pairs(self.properties.get("environment"))

    @property
    def secrets(self) -> dict[str, str]:
        """Variable name -> ARN or parameter name."""
        return {row["name"]: row["valueFrom"] for row in self.properties.get("secrets") or []}

    @property
    def role(self) -> str | None:
        return self.properties.get("jobRoleArn")

    @property
    def vcpu(self) -> float:
        return float(self._resource("VCPU", self.properties.get("vcpus", 1)))

    @property
    def memory_mib(self) -> int:
        return int(self._resource("MEMORY", self.properties.get("memory", 512)))

    @property
    def log_options(self) -> dict[str, str]:
        """Options of the awslogs driver. Other drivers keep their output to themselves: then the default group is used."""
        configuration = self.properties.get("logConfiguration") or {}
        return dict(configuration.get("options") or {}) if configuration.get("logDriver", "awslogs") == "awslogs" else {}

    def _resource(self, kind: str, default: Any) -> Any:
        return next((row["value"] for row in self.properties.get("resourceRequirements") or [] if row["type"] == kind), default)


def container_of(
    definition: Any, overrides: Mapping[str, Any], ecs_overrides: Mapping[str, Any], parameters: Mapping[str, str]
) -> Container:
    """The container of a submission of moto's job `definition` with containerOverrides or ecsPropertiesOverride."""
    properties = dict(definition.container_properties)
    ecs = getattr(definition, "ecs_properties", None)
    if ecs:
        task = (ecs_overrides.get("taskProperties") or [{}])[0]
        overrides = (task.get("containers") or [{}])[0]
    return Container(
        _overridden(properties, overrides),
        **_form(ecs),
        parameters=parameters,
    )


def _form(ecs: Mapping[str, Any] | None) -> dict[str, Any]:
    """What only ecsProperties say."""
    if not ecs:
        return {}
    task = ecs["taskProperties"][0]
    own = task["containers"][0]
    return {"stop_timeout": int(own.get("stopTimeout", STOP_TIMEOUT)), "name": own.get("name", "default"), "task": task}


def from_ecs(ecs: Mapping[str, Any]) -> dict[str, Any]:
    """The containerProperties that say the same as ecsProperties with one container."""
    task = ecs["taskProperties"][0]
    properties = {
        key: value for key, value in task["containers"][0].items() if key not in ("name", "essential", "stopTimeout", "dependsOn")
    }
    roles = {"jobRoleArn": task.get("taskRoleArn"), "executionRoleArn": task.get("executionRoleArn")}
    platform = {key: task[key] for key in ("networkConfiguration", "runtimePlatform", "ephemeralStorage", "volumes") if key in task}
    return properties | {key: value for key, value in roles.items() if value} | platform


def _overridden(properties: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(properties)
    if overrides.get("command"):
        merged["command"] = overrides["command"]
    environment = pairs(properties.get("environment")) | pairs(overrides.get("environment"))
    merged["environment"] = [{"name": name, "value": value} for name, value in environment.items()]
    resources = {row["type"]: row["value"] for row in properties.get("resourceRequirements") or []}
    resources |= {row["type"]: row["value"] for row in overrides.get("resourceRequirements") or []}
    # The older way to say it, still taken by the API.
    resources |= {kind: str(overrides[key]) for key, kind in (("vcpus", "VCPU"), ("memory", "MEMORY")) if overrides.get(key)}
    merged["resourceRequirements"] = [{"type": kind, "value": value} for kind, value in resources.items()]
    return merged


def _filled(part: str, parameters: Mapping[str, str]) -> str:
    for name in sorted(parameters, key=len, reverse=True):
        part = part.replace(f"Ref::{name}", parameters[name])
    return part
