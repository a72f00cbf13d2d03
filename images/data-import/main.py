"""Imports every CSV file of a folder: checks its rows and writes them as JSON lines, one file for one file.

As an array job each child takes every n-th file, so that the size of the array is how far the work is spread. A file that has been
imported before, from the same bytes, is skipped: after a Spot reclaim the next try goes on where the last one stopped.

SOURCE       s3://bucket/folder/ with CSV files, the first row being the names
DESTINATION  s3://bucket/folder/ of the results
THREADS      files that are worked on at once in this container, 1 to 64. Default: 4
REQUIRED     columns that every row must have a value in, separated by commas. Default: id
AWS_BATCH_JOB_ARRAY_INDEX, AWS_BATCH_JOB_ARRAY_SIZE  set by AWS Batch in an array job
"""

import concurrent.futures
import csv
import io
import json
import os
import signal
import sys

import boto3
from botocore.exceptions import ClientError


def main() -> int:
    """Import this child's share, and answer the exit code."""
    s3 = boto3.client("s3")
    bucket, folder = split(os.environ["SOURCE"])
    target, results = split(os.environ["DESTINATION"])
    index, size = int(os.environ.get("AWS_BATCH_JOB_ARRAY_INDEX", "0")), int(os.environ.get("AWS_BATCH_JOB_ARRAY_SIZE", "1"))
    required = os.environ.get("REQUIRED", "id").split(",")
    threads = min(64, max(1, int(os.environ.get("THREADS", "4"))))

    files = [entry for entry in listing(s3, bucket, folder) if entry["Key"].endswith(".csv")]
    share = files[index::size]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        try:
            work = {
                pool.submit(import_file, s3, bucket, entry, target, results + name(entry, folder), required): entry
                for entry in share
            }
            for done in concurrent.futures.as_completed(work):
                problem = done.exception()
                failed += problem is not None
                print(f"{work[done]['Key']}: {problem or done.result()}", file=sys.stderr if problem else sys.stdout, flush=True)
        except SystemExit:
            # Stopped: what is under way ends in time or is done again, what has not begun must not begin.
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    print(f"child {index} of {size}: {len(share) - failed} of {len(share)} files imported, {len(files)} in all")
    return 1 if failed else 0


def import_file(s3, bucket: str, entry: dict, target: str, key: str, required: list[str]) -> str:
    """Import one file; says what was done. `ValueError` for a row that lacks a required value."""
    if imported(s3, target, key) == entry["ETag"]:
        return "imported before"
    text = s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read().decode("utf-8-sig")
    rows = []
    for row in csv.DictReader(io.StringIO(text, newline="")):
        missing = [column for column in required if not row.get(column)]
        if missing:
            raise ValueError(f"row {len(rows) + 1} has no {missing[0]}")
        rows.append(row)
    body = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    s3.put_object(Bucket=target, Key=key, Body=body, ContentType="application/x-ndjson", Metadata={"source-etag": entry["ETag"]})
    return f"{len(rows)} rows"


def imported(s3, bucket: str, key: str) -> str | None:
    """ETag of the file that this result was made from, if there is a result."""
    try:
        return s3.head_object(Bucket=bucket, Key=key)["Metadata"].get("source-etag")
    except ClientError as problem:
        if problem.response["Error"]["Code"] in ("404", "NoSuchKey"):
            return None
        raise


def listing(s3, bucket: str, folder: str) -> list[dict]:
    """What is in the folder, in the order of the names: every child sees the same."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=folder)
    return sorted((entry for page in pages for entry in page.get("Contents", [])), key=lambda entry: entry["Key"])


def name(entry: dict, folder: str) -> str:
    """Name of the result, below the destination."""
    return entry["Key"].removeprefix(folder).removesuffix(".csv") + ".jsonl"


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
