"""The jobs of programs/jobs/, and the bucket they keep their data in."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi

import job_files
from foundation import Foundation
from settings import Settings
from transload import LogPipeline, ScheduledJob
from transload._bucket import private_bucket

_PROJECT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Work:
    """What the other parts need of it."""

    data_bucket: pulumi.Output[str]
    names: list[str]


def read() -> list[job_files.JobFile]:
    """The job files. `ValueError` with file and line for what is wrong with one."""
    return job_files.load(_PROJECT / "programs" / "jobs", _PROJECT)


def deploy(settings: Settings, files: list[job_files.JobFile], foundation: Foundation, logs: LogPipeline) -> Work:
    """Declare a job for each file. `ValueError` with file and line for what AWS could not run."""
    # An export is wanted for a month. Imports are kept by those who sent them.
    expire_days = {"exports/": 30, "feeds/": 90, "aggregates/": settings.log_retention_days, "imports/": 14}
    data = private_bucket("data", expire_days, protect=settings.protect_data, child=pulumi.ResourceOptions())
    values = {
        "stage": settings.stage,
        "timezone": settings.timezone,
        "product_feed_url": settings.product_feed_url,
        "data_bucket": data.bucket,
        "data_bucket_arn": data.arn,
        "log_bucket": logs.bucket_name,
        "log_bucket_arn": pulumi.Output.concat("arn:aws:s3:::", logs.bucket_name),
        "log_prefix": logs.ref.apply(lambda ref: ref["prefix"]),
        "log_stream": logs.stream_name,
        "log_stream_arn": logs.stream_arn,
    }
    for file in files:
        _declare(file, settings, foundation, file.filled(values, _joined))
    return Work(data.bucket, [file.name for file in files])


def _declare(file: job_files.JobFile, settings: Settings, foundation: Foundation, arguments: dict[str, Any]) -> None:
    defaults = {"timezone": settings.timezone} if "schedule" in arguments else {}
    own: Any = {
        **defaults,
        **arguments,
        "cluster": foundation.cluster.ref,
        "image": settings.image(file.arguments["image"]),
    }
    try:
        ScheduledJob(file.name, own)
    except ValueError as problem:
        raise ValueError(file.placed(str(problem))) from None


def _joined(*pieces: Any) -> Any:
    """Text where all of it is known, else an Output of it."""
    return "".join(pieces) if all(isinstance(piece, str) for piece in pieces) else pulumi.Output.concat(*pieces)
