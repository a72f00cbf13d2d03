"""Reusable Pulumi components that move cron batches and web apps from EC2 servers to containers on AWS."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transload.batch_cluster import AlertsArgs, BatchCluster, BatchClusterArgs, BatchClusterRef
    from transload.job_flow import FlowStepArgs, JobFlow, JobFlowArgs
    from transload.log_pipeline import ColumnArgs, LogPipeline, LogPipelineArgs
    from transload.network import Network, NetworkArgs
    from transload.scheduled_job import PermissionArgs, RetryArgs, ScheduledJob, ScheduledJobArgs, StartRetryArgs
    from transload.weighted_cutover import CutoverSideArgs, WeightedCutover, WeightedCutoverArgs

__all__ = [
    "AlertsArgs",
    "BatchCluster",
    "BatchClusterArgs",
    "BatchClusterRef",
    "ColumnArgs",
    "CutoverSideArgs",
    "FlowStepArgs",
    "JobFlow",
    "JobFlowArgs",
    "LogPipeline",
    "LogPipelineArgs",
    "Network",
    "NetworkArgs",
    "PermissionArgs",
    "RetryArgs",
    "ScheduledJob",
    "ScheduledJobArgs",
    "StartRetryArgs",
    "WeightedCutover",
    "WeightedCutoverArgs",
]

# A name is imported when it is first asked for: the command line and the conductor live in this package too, and must not pay for
# Pulumi (0.5 s) before they need it.
_MODULES = {
    "AlertsArgs": "batch_cluster",
    "BatchCluster": "batch_cluster",
    "BatchClusterArgs": "batch_cluster",
    "BatchClusterRef": "batch_cluster",
    "ColumnArgs": "log_pipeline",
    "CutoverSideArgs": "weighted_cutover",
    "FlowStepArgs": "job_flow",
    "JobFlow": "job_flow",
    "JobFlowArgs": "job_flow",
    "LogPipeline": "log_pipeline",
    "LogPipelineArgs": "log_pipeline",
    "Network": "network",
    "NetworkArgs": "network",
    "PermissionArgs": "scheduled_job",
    "RetryArgs": "scheduled_job",
    "ScheduledJob": "scheduled_job",
    "ScheduledJobArgs": "scheduled_job",
    "StartRetryArgs": "scheduled_job",
    "WeightedCutover": "weighted_cutover",
    "WeightedCutoverArgs": "weighted_cutover",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(importlib.import_module(f"transload.{_MODULES[name]}"), name)
    raise AttributeError(f"module 'transload' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
