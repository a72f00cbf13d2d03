"""Runs one SQL query and keeps its result in S3 as CSV, a file a day.

DATABASE     s3://bucket/key of a SQLite file, or a file of SQL statements beside this program. Default: seed.sql
QUERY        file with the query. Default: export.sql
DESTINATION  s3://bucket/folder/ of the files
TIMEZONE     zone whose date names the file. Default: UTC
"""

import csv
import datetime
import io
import os
import pathlib
import signal
import sqlite3
import sys
import zoneinfo

import boto3

HERE = pathlib.Path(__file__).parent


def main() -> int:
    """Export, and answer the exit code."""
    s3 = boto3.client("s3")
    today = datetime.datetime.now(zoneinfo.ZoneInfo(os.environ.get("TIMEZONE", "UTC"))).date()
    bucket, folder = split(os.environ["DESTINATION"])
    key = f"{folder}orders-{today.isoformat()}.csv"

    database = connect(s3, os.environ.get("DATABASE", "seed.sql"))
    cursor = database.execute((HERE / os.environ.get("QUERY", "export.sql")).read_text("utf-8"))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(column[0] for column in cursor.description)
    rows = 0
    for row in cursor:
        writer.writerow(row)
        rows += 1
    if rows == 0:
        print("the query found no rows: nothing is written, the export of yesterday stays the newest", file=sys.stderr)
        return 1
    s3.put_object(Bucket=bucket, Key=key, Body=text.getvalue().encode(), ContentType="text/csv; charset=utf-8")
    print(f"{rows} rows are in s3://{bucket}/{key}")
    return 0


def connect(s3, source: str) -> sqlite3.Connection:
    """The database in memory: the file system of a container may be read-only."""
    database = sqlite3.connect(":memory:")
    if source.startswith("s3://"):
        bucket, key = split(source)
        database.deserialize(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    else:
        database.executescript((HERE / source).read_text("utf-8"))
    return database


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
