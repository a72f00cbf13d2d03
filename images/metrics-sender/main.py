"""Sends figures about the exports to CloudWatch: how many there are, how large, and how old the newest is.

A thread of its own sends what has been gathered, and gets a few seconds after the work for what is still waiting - also when the
job is told to stop, which is why the job asks for a stop timeout.

SOURCE         s3://bucket/folder/ that is measured
NAMESPACE      CloudWatch namespace of the figures
DRAIN_SECONDS  longest time that sending may take after the work. Default: 15
"""

import datetime
import os
import queue
import signal
import sys
import threading

import boto3

BATCH = 1000
"""The most that one PutMetricData call takes (Amazon CloudWatch API reference)."""

stop = threading.Event()


def main() -> int:
    """Measure, send, and answer the exit code."""
    bucket, folder = split(os.environ["SOURCE"])
    sender = Sender(os.environ["NAMESPACE"])
    sender.start()
    measure(boto3.client("s3"), bucket, folder, sender.waiting)
    left = sender.finish(float(os.environ.get("DRAIN_SECONDS", "15")))
    if sender.problem is not None:
        print(f"CloudWatch took {sender.sent} figures and then refused: {sender.problem}", file=sys.stderr)
        return 1
    if left:
        print(f"{left} figures were not sent in time", file=sys.stderr)
        return 1
    print(f"{sender.sent} figures sent" + (", stopped before the end" if stop.is_set() else ""))
    return 128 + signal.SIGTERM if stop.is_set() else 0


def measure(s3, bucket: str, folder: str, figures: "queue.Queue[dict | None]") -> None:
    """Put the figures of every folder below `folder` on the queue, until all are there or the job is stopped."""
    now = datetime.datetime.now(datetime.UTC)
    count = size = 0
    newest = None
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=folder):
        if stop.is_set():
            return
        for entry in page.get("Contents", []):
            count, size = count + 1, size + entry["Size"]
            newest = entry["LastModified"] if newest is None else max(newest, entry["LastModified"])
    dimensions = [{"Name": "Folder", "Value": folder.rstrip("/")}]
    for name, value, unit in (
        ("Objects", count, "Count"),
        ("Size", size, "Bytes"),
        # Without an export there is no age: an alarm on missing data says so, a made-up number would not.
        *([("NewestAge", (now - newest).total_seconds(), "Seconds")] if newest else []),
    ):
        figures.put({"MetricName": name, "Value": value, "Unit": unit, "Timestamp": now, "Dimensions": dimensions})


class Sender(threading.Thread):
    """Takes figures off its queue and sends them in batches until it is told that there are no more."""

    def __init__(self, namespace: str):
        super().__init__(daemon=True)
        self.waiting: queue.Queue[dict | None] = queue.Queue()
        self.sent = 0
        self.problem: Exception | None = None
        self._namespace = namespace
        self._cloudwatch = boto3.client("cloudwatch")

    def run(self) -> None:
        """Send what comes, in as few calls as there is waiting."""
        while (first := self.waiting.get()) is not None:
            batch = [first]
            while len(batch) < BATCH and not self.waiting.empty() and self.waiting.queue[0] is not None:
                batch.append(self.waiting.get())
            try:
                self._cloudwatch.put_metric_data(Namespace=self._namespace, MetricData=batch)
            except Exception as problem:
                self.problem = problem
                return
            self.sent += len(batch)

    def finish(self, seconds: float) -> int:
        """Wait for what is still to be sent. Returns how many figures were left over."""
        self.waiting.put(None)
        self.join(seconds)
        return max(0, self.waiting.qsize() - 1) if self.is_alive() else 0


def split(url: str) -> tuple[str, str]:
    """Bucket and key of s3://bucket/key."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return bucket, key


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    sys.exit(main())
