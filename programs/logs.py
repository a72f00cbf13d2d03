"""Where applications put their log records, and where people ask about them."""

from settings import Settings
from transload import LogPipeline


def deploy(settings: Settings) -> LogPipeline:
    """Build the pipeline of the application logs."""
    return LogPipeline(
        "app-logs",
        {
            "timezone": settings.timezone,
            "compression": settings.log_compression,
            "retention_days": settings.log_retention_days,
            "protect_data": settings.protect_data,
            "columns": [
                {"name": "time", "type": "string", "description": "ISO 8601, with offset"},
                {"name": "app", "type": "string", "description": "Who wrote it"},
                {"name": "level", "type": "string", "description": "debug, info, warning or error"},
                {"name": "message", "type": "string"},
                {"name": "duration_ms", "type": "double", "description": "How long it took, where that has a meaning"},
                {"name": "metric", "type": "string", "description": "Name of a figure, such as exports.objects"},
                {"name": "value", "type": "double", "description": "The figure"},
            ],
        },
    )
