"""Fetches the product feed, refuses a broken one, and keeps it in S3 by day and as the latest.

FEED_URL      https, http, s3 or file URL of a JSON list of products; a file URL without a slash is beside this program
DESTINATION   s3://bucket/folder/ of the feeds
MIN_PRODUCTS  fewest products of a feed that is believed. Default: 1
TIMEZONE      zone whose date names the folder. Default: UTC
"""

import datetime
import json
import os
import pathlib
import signal
import sys
import time
import urllib.error
import urllib.request
import zoneinfo

import boto3

TRIES = 3


def main() -> int:
    """Fetch, check, store, and answer the exit code."""
    s3 = boto3.client("s3")
    source = os.environ["FEED_URL"]
    bucket, folder = split(os.environ["DESTINATION"])
    today = datetime.datetime.now(zoneinfo.ZoneInfo(os.environ.get("TIMEZONE", "UTC"))).date()

    try:
        body = fetch(s3, source)
        products = json.loads(body)
    except (OSError, ValueError) as problem:
        print(f"{source}: {problem}", file=sys.stderr)
        return 1
    problem = problem_with(products, int(os.environ.get("MIN_PRODUCTS", "1")))
    if problem:
        print(f"{source}: {problem}; the latest feed stays as it is", file=sys.stderr)
        return 1
    # The day's file first: whoever reads the latest finds the same one under its date.
    for key in (f"{folder}{today.isoformat()}/products.json", f"{folder}latest.json"):
        s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json")
    print(f"{len(products)} products are in s3://{bucket}/{folder}latest.json")
    return 0


def fetch(s3, source: str) -> bytes:
    """The feed's bytes. What a server answers with 5xx, or not at all, is asked for again."""
    if source.startswith("s3://"):
        bucket, key = split(source)
        return s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    if source.startswith("file:") and "/" not in source:
        return (pathlib.Path(__file__).parent / source.removeprefix("file:")).read_bytes()
    if not source.startswith(("https://", "http://", "file:///")):
        raise ValueError("FEED_URL must be an https, http, s3 or file URL")
    for left in reversed(range(TRIES)):
        try:
            with urllib.request.urlopen(source, timeout=60) as answer:  # noqa: S310 - the schemes are checked above
                return answer.read()
        except urllib.error.HTTPError as problem:
            if problem.code < 500 or not left:
                raise
        except urllib.error.URLError:
            if not left:
                raise
        time.sleep(2 ** (TRIES - left) * float(os.environ.get("RETRY_PAUSE_SECONDS", "1")))
    raise AssertionError("the last try returns or raises")


def problem_with(products: object, fewest: int) -> str | None:
    """Why this is no feed to serve, or None."""
    if not isinstance(products, list) or not all(isinstance(product, dict) for product in products):
        return "the feed is not a list of products"
    if len(products) < fewest:
        return f"{len(products)} products are fewer than the {fewest} expected"
    for number, product in enumerate(products):
        missing = [key for key in ("id", "name", "price_yen") if product.get(key) in (None, "")]
        if missing:
            return f"product {number} has no {missing[0]}"
    if len({product["id"] for product in products}) != len(products):
        return "two products have the same id"
    return None


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
