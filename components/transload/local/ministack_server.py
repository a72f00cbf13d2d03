"""The MiniStack process: S3, Firehose, Glue, Athena and CloudWatch Logs, on 127.0.0.1 only."""

import asyncio
import os

from transload.local._serve import arguments
from transload.local._servers import ACCOUNT


def main() -> None:
    given = arguments(__doc__)
    # MiniStack reads these while it is imported.
    os.environ.update(
        GATEWAY_PORT=str(given.ministack_port),
        MINISTACK_HOST="127.0.0.1",
        MINISTACK_ACCOUNT_ID=ACCOUNT,
        MINISTACK_REGION=os.environ["AWS_DEFAULT_REGION"],
        S3_DATA_DIR=str(given.home / "tmp" / "s3"),
        STATE_DIR=str(given.home / "tmp" / "state"),
        SFTP_ENABLED="0",
        IOT_MTLS_ENABLED="0",
        LOG_LEVEL="WARNING",
        # At its start MiniStack removes the containers of any earlier MiniStack: not of one that is none of our business.
        DOCKER_HOST="unix:///nonexistent",
    )
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app

    config = Config()
    config.bind = [f"fd://{given.fd}"]
    config.keep_alive_timeout = 75
    config.backlog = 512
    config.loglevel = "WARNING"
    config.accesslog = None
    asyncio.run(serve(app, config))


if __name__ == "__main__":
    main()
