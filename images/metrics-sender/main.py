"""Sends figures about the exports as log records: how many there are, how large, and how old the newest is.

A thread of its own sends what has been gathered, and gets some seconds after the work for what is still waiting - also when the job
is told to stop, which is why the job asks for a stop timeout.

SOURCE         s3://bucket/folder/ that is measured
STREAM         Firehose stream of the log records
DRAIN_SECONDS  longest time that sending may take after the work. Default: 15
"""

import datetime
import json
import os
import queue
import signal
import sys
import threading

import boto3

BATCH = 500
"""The most that one PutRecordBatch call takes (Amazon Data Firehose API reference)."""
PAUSE_SECONDS = 0.5
"""Before what Firehose refused is sent again: it refuses single records when a stream is over its quota."""

stop = threading.Event()


def main() -> int:
    """Measure, send, and answer the exit code."""
    bucket, folder = split(os.environ["SOURCE"])
    sender = Sender(os.environ["STREAM"])
    sender.start()
    measure(boto3.client("s3"), bucket, folder, sender)
    sender.finish(float(os.environ.get("DRAIN_SECONDS", "15")))
    if sender.problem is not None:
        print(f"Firehose took {sender.sent} figures and then refused: {sender.problem}", file=sys.stderr)
        return 1
    if sender.sent < sender.gathered:
        print(f"{sender.gathered - sender.sent} figures were not sent in time", file=sys.stderr)
        return 1
    print(f"{sender.sent} figures sent" + (", told to stop before the end" if stop.is_set() else ""))
    return 128 + signal.SIGTERM if stop.is_set() else 0


def measure(s3, bucket: str, folder: str, sender: "Sender") -> None:
    """Hand the figures of the folder to the sender, until all are there or the job is told to stop."""
    now = datetime.datetime.now(datetime.UTC)
    count = size = 0
    newest = None
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=folder):
        for entry in page.get("Contents", []):
            count, size = count + 1, size + entry["Size"]
            newest = entry["LastModified"] if newest is None else max(newest, entry["LastModified"])
        if stop.is_set():
            return
    sender.add(now, "exports.objects", count)
    sender.add(now, "exports.bytes", size)
    # Without an export there is no age. A made-up number would look like one.
    if newest is not None:
        sender.add(now, "exports.newest_age_seconds", (now - newest).total_seconds())


class Sender(threading.Thread):
    """Takes figures off its queue and sends them in batches until it is told that there are no more."""

    def __init__(self, stream: str):
        super().__init__(daemon=True)
        self.gathered = 0
        self.sent = 0
        self.problem: Exception | None = None
        self._stream = stream
        self._waiting: queue.Queue[bytes | None] = queue.Queue()
        self._firehose = boto3.client("firehose")

    def add(self, at: datetime.datetime, metric: str, value: float) -> None:
        """Have this figure sent."""
        record = {"time": at.isoformat(), "app": "metrics-sender", "level": "info", "metric": metric, "value": value}
        self.gathered += 1
        self._waiting.put(json.dumps(record).encode())

    def finish(self, seconds: float) -> None:
        """Wait until everything is sent, and no longer than this."""
        self._waiting.put(None)
        self.join(seconds)

    def run(self) -> None:
        """Send what comes, in as few calls as there is waiting."""
        try:
            more = True
            while more:
                batch = [self._waiting.get()]
                while batch[-1] is not None and len(batch) < BATCH and not self._waiting.empty():
                    batch.append(self._waiting.get())
                more = batch[-1] is not None
                self._send([record for record in batch if record is not None])
        except Exception as problem:
            self.problem = problem

    def _send(self, records: list[bytes]) -> None:
        while records:
            answer = self._firehose.put_record_batch(
                DeliveryStreamName=self._stream, Records=[{"Data": record} for record in records]
            )
            # The call succeeds also when Firehose took only some of them.
            refused = [record for record, taken in zip(records, answer["RequestResponses"], strict=True) if taken.get("ErrorCode")]
            self.sent += len(records) - len(refused)
            records = refused
            if records:
                threading.Event().wait(PAUSE_SECONDS)


def split(url: str) -> tuple[str, str]:
    """Bucket and key of s3://bucket/key."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return bucket, key


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    sys.exit(main())
