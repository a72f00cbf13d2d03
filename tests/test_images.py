"""The programs that the jobs run: started as processes, against S3 and Firehose over HTTP, and stopped as Spot stops them."""

import gzip
import json
import os
import runpy
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path
from zoneinfo import ZoneInfo

import boto3
import pytest
import yaml
from moto.server import ThreadedMotoServer

ROOT = Path(__file__).parent.parent
IMAGES = ROOT / "images"
NAMES = sorted(path.name for path in IMAGES.iterdir() if path.is_dir())
PRODUCTS = [{"id": "A", "name": "Kettle", "price_yen": 4980}, {"id": "B", "name": "Tray", "price_yen": 1500}]


@pytest.fixture(scope="module")
def aws():
    """Environment of a program in a cloud of its own."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "ap-northeast-1",
        "AWS_DEFAULT_REGION": "ap-northeast-1",
    }
    server.stop()


@pytest.fixture
def s3(aws):
    """S3 with two empty buckets: data and logs."""
    client = boto3.client(
        "s3",
        endpoint_url=aws["AWS_ENDPOINT_URL"],
        region_name=aws["AWS_REGION"],
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    for bucket in ("data", "logs"):
        client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"})
    yield client
    for bucket in ("data", "logs"):
        for entry in client.list_objects_v2(Bucket=bucket).get("Contents", []):
            client.delete_object(Bucket=bucket, Key=entry["Key"])
        client.delete_bucket(Bucket=bucket)
    client.close()


def start(name, aws, **environment):
    """The image's command as a process."""
    return subprocess.Popen(
        [sys.executable, "main.py"],
        cwd=IMAGES / name,
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1", **aws, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(name, aws, **environment):
    """Exit code and output of the image's command."""
    process = start(name, aws, **environment)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def keys(s3, bucket="data"):
    return [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def body(s3, key, bucket="data"):
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()


class Answering(BaseHTTPRequestHandler):
    """Answers each request with the next of `answers`, the last one for ever."""

    answers: list[tuple[int, bytes]]

    def do_GET(self):
        code, content = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self.send_response(code)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format, *args):  # noqa: A002
        """Quiet."""


@pytest.fixture
def supplier():
    """Serves the feed: `supplier(code, body, ...)` answers the URL."""
    servers = []

    def serve(*answers):
        handler = type("Handler", (Answering,), {"answers": list(answers)})
        server = HTTPServer(("127.0.0.1", 0), handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}/products.json"

    yield serve
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


def test_the_export_is_the_query_s_result_under_the_day_of_the_zone(aws, s3):
    code, out, err = run("nightly-export", aws, DESTINATION="s3://data/exports/", TIMEZONE="Pacific/Kiritimati")

    assert (code, err) == (0, "")
    (key,) = keys(s3)
    # The day may have changed while it ran: both are right.
    assert key.startswith("exports/orders-")
    assert out == f"4 rows are in s3://data/{key}\n"
    assert body(s3, key).splitlines()[:3] == [
        "id,ordered_at,region,items,total_yen",
        "1001,2026-11-21T23:58:10+09:00,Kanto,2,2880",
        "1002,2026-11-22T00:03:44+09:00,Kansai,1,9800",
    ]


def test_the_export_reads_a_database_file_from_s3(aws, s3, tmp_path):
    import sqlite3

    with sqlite3.connect(tmp_path / "shop.db") as database:
        database.executescript((IMAGES / "nightly-export" / "seed.sql").read_text())
        database.execute("DELETE FROM orders WHERE id > 1001")
    database.close()
    s3.put_object(Bucket="data", Key="db/shop.db", Body=(tmp_path / "shop.db").read_bytes())

    code, out, _ = run("nightly-export", aws, DATABASE="s3://data/db/shop.db", DESTINATION="s3://data/exports/")

    assert code == 0
    assert out.startswith("1 rows are in")


def test_an_export_without_rows_is_a_failure_and_leaves_the_old_one(aws, s3):
    s3.put_object(Bucket="data", Key="db/empty.db", Body=empty_database())

    code, _, err = run("nightly-export", aws, DATABASE="s3://data/db/empty.db", DESTINATION="s3://data/exports/")

    assert code == 1
    assert "no rows" in err
    assert keys(s3) == ["db/empty.db"]


def empty_database():
    import contextlib
    import sqlite3

    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        database.executescript((IMAGES / "nightly-export" / "seed.sql").read_text())
        database.execute("DELETE FROM orders")
        database.commit()
        return database.serialize()


def test_the_feed_is_kept_by_day_and_as_the_latest(aws, s3, supplier):
    url = supplier((200, json.dumps(PRODUCTS).encode()))

    code, out, err = run("product-feed", aws, FEED_URL=url, DESTINATION="s3://data/feeds/", TIMEZONE="Asia/Tokyo")

    assert (code, err) == (0, "")
    assert out == "2 products are in s3://data/feeds/latest.json\n"
    day, latest = keys(s3)
    assert day.endswith("/products.json")
    assert json.loads(body(s3, day)) == json.loads(body(s3, latest)) == PRODUCTS


def test_the_feed_is_asked_for_again_when_the_supplier_stumbles(aws, s3, supplier):
    url = supplier((503, b""), (503, b""), (200, json.dumps(PRODUCTS).encode()))

    code, _, _ = run("product-feed", aws, FEED_URL=url, DESTINATION="s3://data/feeds/", RETRY_PAUSE_SECONDS="0")

    assert code == 0


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((404, b""), "HTTP Error 404"),
        ((500, b""), "HTTP Error 500"),
        ((200, b"<html>"), "Expecting value"),
        ((200, b"[]"), "0 products are fewer than the 1 expected; the latest feed stays as it is"),
    ],
)
def test_a_broken_feed_never_replaces_a_good_one(aws, s3, supplier, answer, reason):
    s3.put_object(Bucket="data", Key="feeds/latest.json", Body=b"good")

    code, _, err = run("product-feed", aws, FEED_URL=supplier(answer), DESTINATION="s3://data/feeds/", RETRY_PAUSE_SECONDS="0")

    assert code == 1
    assert reason in err
    assert body(s3, "feeds/latest.json") == "good"


@pytest.mark.parametrize(
    ("products", "reason"),
    [
        ({"id": 1}, "the feed is not a list of products"),
        ([{"id": "A", "name": "Kettle"}], "product 0 has no price_yen"),
        ([PRODUCTS[0], {**PRODUCTS[1], "name": ""}], "product 1 has no name"),
        ([PRODUCTS[0], PRODUCTS[0]], "two products have the same id"),
        (PRODUCTS, None),
    ],
)
def test_a_feed_is_a_list_of_different_whole_products(products, reason):
    problem_with = runpy.run_path(str(IMAGES / "product-feed" / "main.py"), run_name="product_feed")["problem_with"]

    assert problem_with(products, 1) == reason


@pytest.mark.parametrize("url", ["file:sample.json", "s3://data/incoming.json"])
def test_the_feed_may_lie_in_the_image_or_in_s3(aws, s3, url):
    s3.put_object(Bucket="data", Key="incoming.json", Body=json.dumps(PRODUCTS))

    code, _, err = run("product-feed", aws, FEED_URL=url, DESTINATION="s3://data/feeds/")

    assert (code, err) == (0, "")


def test_records_are_counted_by_hour_of_the_zone_whether_gzipped_or_not(aws, s3):
    import datetime

    now = datetime.datetime.now(ZoneInfo("Asia/Tokyo"))
    today = now.date().isoformat()
    record = {"time": f"{today}T00:30:00+09:00", "app": "shop", "level": "info"}
    # The same hour, written by a host in UTC, on the day before there.
    utc = datetime.datetime.fromisoformat(record["time"]).astimezone(datetime.UTC).isoformat()
    lines = [json.dumps(record), json.dumps({**record, "time": utc}), "not json", json.dumps({"app": "no time"})]
    s3.put_object(Bucket="logs", Key=f"records/dt={today}/a.json", Body="\n".join(lines))
    s3.put_object(
        Bucket="logs", Key=f"records/dt={today}/b.json.gz", Body=gzip.compress(json.dumps({**record, "level": "error"}).encode())
    )

    code, out, err = run(
        "hourly-aggregate", aws, RECORDS="s3://logs/records/", DESTINATION="s3://data/aggregates/", TIMEZONE="Asia/Tokyo"
    )

    assert (code, err) == (0, "")
    assert f"{today}: 3 records in 2 sums, 2 lines not understood" in out
    assert [json.loads(line) for line in body(s3, f"aggregates/dt={today}/sums.json").splitlines()] == [
        {"hour": f"{today}T00", "app": "shop", "level": "error", "records": 1},
        {"hour": f"{today}T00", "app": "shop", "level": "info", "records": 2},
    ]


class Firehose(BaseHTTPRequestHandler):
    """PutRecordBatch that refuses every record of the first `refusals` calls."""

    refusals = 0
    taken: list[dict]
    called: threading.Event
    released: threading.Event

    def do_POST(self):
        import base64

        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.called.set()
        self.released.wait(30)
        refuse = type(self).refusals > 0
        type(self).refusals -= 1
        if not refuse:
            self.taken.extend(json.loads(base64.b64decode(record["Data"])) for record in request["Records"])
        answers = [{"ErrorCode": "ServiceUnavailableException"} if refuse else {"RecordId": "1"} for _ in request["Records"]]
        content = json.dumps({"FailedPutCount": len(answers) if refuse else 0, "RequestResponses": answers}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format, *args):  # noqa: A002
        """Quiet."""


@pytest.fixture
def firehose():
    """A Firehose whose handler a test sets up, and its URL."""
    handler = type("Handler", (Firehose,), {"taken": [], "called": threading.Event(), "released": threading.Event()})
    handler.released.set()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield handler, {"AWS_ENDPOINT_URL_FIREHOSE": f"http://127.0.0.1:{server.server_port}"}
    handler.released.set()
    server.shutdown()
    server.server_close()
    thread.join()


def test_figures_reach_the_stream_also_those_it_refused_at_first(aws, s3, firehose):
    handler, endpoint = firehose
    handler.refusals = 1
    s3.put_object(Bucket="data", Key="exports/a.csv", Body=b"12345")

    code, out, err = run("metrics-sender", {**aws, **endpoint}, SOURCE="s3://data/exports/", STREAM="logs")

    assert (code, out, err) == (0, "3 figures sent\n", "")
    figures = {record["metric"]: record["value"] for record in handler.taken}
    assert (figures["exports.objects"], figures["exports.bytes"]) == (1, 5)
    assert 0 <= figures["exports.newest_age_seconds"] < 60


def test_there_is_no_age_without_an_export(aws, s3, firehose):
    handler, endpoint = firehose

    code, _, _ = run("metrics-sender", {**aws, **endpoint}, SOURCE="s3://data/exports/", STREAM="logs")

    assert code == 0
    assert {record["metric"] for record in handler.taken} == {"exports.objects", "exports.bytes"}


def test_figures_that_cannot_be_sent_are_a_failure(aws, s3, firehose):
    handler, endpoint = firehose
    handler.refusals = 1_000_000

    code, _, err = run("metrics-sender", {**aws, **endpoint}, SOURCE="s3://data/exports/", STREAM="logs", DRAIN_SECONDS="0.2")

    assert code == 1
    assert err == "2 figures were not sent in time\n"


def test_a_stop_leaves_the_time_to_send_what_was_gathered(aws, s3, firehose):
    handler, endpoint = firehose
    handler.released.clear()
    process = start("metrics-sender", {**aws, **endpoint}, SOURCE="s3://data/exports/", STREAM="logs")
    assert handler.called.wait(30)

    process.send_signal(signal.SIGTERM)
    handler.released.set()
    out, _ = process.communicate(timeout=30)

    assert process.returncode == 128 + signal.SIGTERM
    assert out == "2 figures sent, told to stop before the end\n"
    assert len(handler.taken) == 2


def test_the_children_of_an_array_share_the_files(aws, s3):
    for number in range(5):
        s3.put_object(Bucket="data", Key=f"imports/incoming/{number}.csv", Body=f"id,name\n{number},x\n")
    environment = {"SOURCE": "s3://data/imports/incoming/", "DESTINATION": "s3://data/imports/done/"}

    for index, share in ((0, 3), (1, 2)):
        code, out, _ = run("data-import", aws, **environment, AWS_BATCH_JOB_ARRAY_INDEX=str(index), AWS_BATCH_JOB_ARRAY_SIZE="2")
        assert code == 0
        assert f"child {index} of 2: {share} of {share} files imported, 5 in all" in out

    assert [key for key in keys(s3) if "done" in key] == [f"imports/done/{number}.jsonl" for number in range(5)]
    assert json.loads(body(s3, "imports/done/3.jsonl")) == {"id": "3", "name": "x"}


def test_an_import_goes_on_where_the_last_one_stopped(aws, s3):
    s3.put_object(Bucket="data", Key="in/a.csv", Body="id\n1\n")
    s3.put_object(Bucket="data", Key="in/b.csv", Body="id\n\n2\n")
    environment = {"SOURCE": "s3://data/in/", "DESTINATION": "s3://data/done/"}
    assert run("data-import", aws, **environment)[0] == 0
    s3.put_object(Bucket="data", Key="in/b.csv", Body="id\n3\n")

    code, out, _ = run("data-import", aws, **environment)

    assert code == 0
    assert "in/a.csv: imported before" in out
    assert "in/b.csv: 1 rows" in out
    assert json.loads(body(s3, "done/b.jsonl")) == {"id": "3"}


def test_one_bad_file_fails_the_import_and_no_other_file(aws, s3):
    s3.put_object(Bucket="data", Key="in/bad.csv", Body="id,name\n,x\n")
    s3.put_object(Bucket="data", Key="in/good.csv", Body="id,name\n1,x\n")

    code, out, err = run("data-import", aws, SOURCE="s3://data/in/", DESTINATION="s3://data/done/")

    assert code == 1
    assert "in/bad.csv: row 1 has no id" in err
    assert "1 of 2 files imported" in out
    assert [key for key in keys(s3) if key.startswith("done/")] == ["done/good.jsonl"]


@pytest.mark.parametrize(
    ("name", "environment"),
    [
        ("nightly-export", {"DATABASE": "s3://data/x.db", "DESTINATION": "s3://data/exports/"}),
        ("product-feed", {"FEED_URL": "s3://data/x.json", "DESTINATION": "s3://data/feeds/"}),
        ("hourly-aggregate", {"RECORDS": "s3://logs/records/", "DESTINATION": "s3://data/aggregates/"}),
        ("data-import", {"SOURCE": "s3://data/in/", "DESTINATION": "s3://data/done/"}),
    ],
)
def test_a_reclaimed_program_ends_with_another_code_than_0(aws, name, environment):
    called, released = threading.Event(), threading.Event()

    class Slow(BaseHTTPRequestHandler):
        def do_GET(self):
            called.set()
            released.wait(30)

        def log_message(self, format, *args):  # noqa: A002
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        process = start(name, {**aws, "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{server.server_port}"}, **environment)
        assert called.wait(30)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    finally:
        released.set()
        server.shutdown()
        server.server_close()
        thread.join()

    assert process.returncode == 128 + signal.SIGTERM


@pytest.mark.parametrize("name", NAMES)
def test_an_image_runs_as_nobody_and_stops_when_it_is_told(name):
    lines = (IMAGES / name / "Dockerfile").read_text().splitlines()

    assert "ARG PYTHON=public.ecr.aws/docker/library/python:3.13-slim" in lines
    assert "FROM ${PYTHON}" in lines
    assert "USER 10001:10001" in lines
    # A shell in front would take the signal and not pass it on.
    assert lines[-1] == 'CMD ["python", "main.py"]'
    copied = {word for line in lines if line.startswith("COPY") for word in line.split()[1:-1]}
    assert copied == {path.name for path in (IMAGES / name).iterdir() if path.is_file()} - {"Dockerfile"}


def test_every_image_has_its_job():
    used = {yaml.safe_load(path.read_text())["image"] for path in (ROOT / "programs" / "jobs").glob("*.yaml")}

    assert used == set(NAMES)
