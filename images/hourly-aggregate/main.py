"""Counts the log records of today and yesterday by hour, application and level, and keeps the sums in S3, a file a day.

Each run counts both days anew: a record that arrives late is in the next sum, and a run may be repeated.

RECORDS      s3://bucket/folder/ with JSON lines in dt=yyyy-MM-dd/ folders, plain or gzipped
DESTINATION  s3://bucket/folder/ of the sums
TIMEZONE     zone of the day folders. Default: UTC
"""

import collections
import datetime
import gzip
import json
import os
import signal
import sys
import zoneinfo
from collections.abc import Iterator

import boto3


def main() -> int:
    """Count, store, and answer the exit code."""
    s3 = boto3.client("s3")
    zone = zoneinfo.ZoneInfo(os.environ.get("TIMEZONE", "UTC"))
    source, folder = split(os.environ["RECORDS"])
    bucket, target = split(os.environ["DESTINATION"])
    today = datetime.datetime.now(zone).date()
    for day in (today - datetime.timedelta(days=1), today):
        counts: collections.Counter[tuple[str, str, str]] = collections.Counter()
        broken = 0
        for line in lines(s3, source, f"{folder}dt={day.isoformat()}/"):
            try:
                record = json.loads(line)
                hour = datetime.datetime.fromisoformat(record["time"]).astimezone(zone).strftime("%Y-%m-%dT%H")
                counts[hour, str(record.get("app", "")), str(record.get("level", ""))] += 1
            except (ValueError, KeyError, TypeError):
                broken += 1
        sums = [
            {"hour": hour, "app": app, "level": level, "records": count} for (hour, app, level), count in sorted(counts.items())
        ]
        body = "".join(json.dumps(entry) + "\n" for entry in sums).encode()
        s3.put_object(Bucket=bucket, Key=f"{target}dt={day.isoformat()}/sums.json", Body=body, ContentType="application/x-ndjson")
        print(
            f"{day.isoformat()}: {counts.total()} records in {len(sums)} sums"
            + (f", {broken} lines not understood" if broken else "")
        )
    return 0


def lines(s3, bucket: str, prefix: str) -> Iterator[bytes]:
    """Every line of every object below the prefix."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for entry in page.get("Contents", []):
            body = s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
            yield from filter(None, (gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body).splitlines())


def split(url: str) -> tuple[str, str]:
    """Bucket and key of s3://bucket/key."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return bucket, key


def stopped(*_: object) -> None:
    """Spot takes the machine back: an exit code other than 0 lets AWS Batch try again."""
    sys.exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stopped)
    sys.exit(main())
