"""Records put into a pipeline are found by SQL, under the day of the pipeline's time zone."""

import datetime
import json
import time
from zoneinfo import ZoneInfo

import pulumi
import pytest

from transload import ColumnArgs, LogPipeline
from transload.local import running

COLUMNS: list[ColumnArgs] = [{"name": "app", "type": "string"}, {"name": "n", "type": "int"}]


def pipeline(cloud, name, timezone):
    """What an application and a reader know of a pipeline that was just built."""

    def program():
        pulumi.export("logs", LogPipeline(name, {"columns": COLUMNS, "timezone": timezone, "compression": "none"}).ref)

    return cloud.run(program).recording.exports["logs"]


def put(cloud, logs, *records):
    entries = [{"Data": json.dumps(record).encode()} for record in records]
    answer = cloud.client("firehose").put_record_batch(DeliveryStreamName=logs["stream_name"], Records=entries)
    assert answer["FailedPutCount"] == 0


def folders(cloud, logs, expected):
    """The day folders that hold something, once `expected` records have arrived."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        found = cloud.client("s3").list_objects_v2(Bucket=logs["bucket"], Prefix=logs["prefix"]).get("Contents", [])
        if len(found) >= expected:
            return [entry["Key"].split("/")[1] for entry in found]
    raise AssertionError(f"{expected} records were put, {len(found)} objects arrived")


def ask(cloud, logs, query):
    """Rows of the answer, by column."""
    athena = cloud.client("athena")
    execution = athena.start_query_execution(
        QueryString=query, WorkGroup=logs["workgroup"], QueryExecutionContext={"Database": logs["database"]}
    )["QueryExecutionId"]
    status = {"State": "QUEUED"}
    while status["State"] in ("QUEUED", "RUNNING"):
        status = athena.get_query_execution(QueryExecutionId=execution)["QueryExecution"]["Status"]
    assert status["State"] == "SUCCEEDED", status
    names, *rows = (
        [cell.get("VarCharValue") for cell in row["Data"]]
        for row in athena.get_query_results(QueryExecutionId=execution)["ResultSet"]["Rows"]
    )
    return [dict(zip(names, row, strict=True)) for row in rows]


def named_query(cloud, logs):
    return cloud.client("athena").get_named_query(NamedQueryId=logs["query_id"])["NamedQuery"]["QueryString"]


def test_a_record_lies_under_the_day_of_the_zone_when_utc_has_another(cloud):
    # There is always a zone that has another day than UTC: east of it after 10:00, west of it before 11:00.
    utc = datetime.datetime.now(datetime.UTC)
    timezone = "Pacific/Kiritimati" if utc.hour * 60 + utc.minute >= 630 else "Pacific/Pago_Pago"
    logs = pipeline(cloud, "far-logs", timezone)
    days = {utc.astimezone(ZoneInfo(timezone)).date().isoformat()}

    put(cloud, logs, {"app": "shop", "n": 1})
    (folder,) = folders(cloud, logs, 1)
    days.add(datetime.datetime.now(ZoneInfo(timezone)).date().isoformat())

    assert folder in {f"dt={day}" for day in days}
    assert folder != f"dt={utc.date().isoformat()}"
    assert ask(cloud, logs, named_query(cloud, logs)) == [{"app": "shop", "n": "1", "dt": folder.removeprefix("dt=")}]


def test_sql_sums_what_several_records_say(cloud):
    logs = pipeline(cloud, "sum-logs", "Asia/Tokyo")
    put(cloud, logs, {"app": "shop", "n": 1}, {"app": "shop", "n": 2}, {"app": "batch", "n": 5})
    folders(cloud, logs, 3)

    rows = ask(cloud, logs, f"SELECT app, sum(n) AS total FROM {logs['table']} WHERE dt >= '2020-01-01' GROUP BY app ORDER BY app")

    assert [(row["app"], int(row["total"])) for row in rows] == [("batch", 5), ("shop", 3)]


@pytest.fixture
def movable_clock(tmp_path, monkeypatch):
    """Moves the clock of the MiniStack that is started under it: `movable_clock(timedelta)`."""
    offset = tmp_path / "offset"
    offset.write_text("0")
    (tmp_path / "sitecustomize.py").write_text(
        f"""
import datetime, pathlib, sys
if any("ministack_server" in word for word in sys.orig_argv):
    real, offset = datetime.datetime, pathlib.Path({str(offset)!r})

    class Kind(type):
        def __instancecheck__(cls, value):
            return isinstance(value, real)

    class Moved(real, metaclass=Kind):
        @classmethod
        def now(cls, tz=None):
            return real.now(tz) + datetime.timedelta(seconds=float(offset.read_text()))

    datetime.datetime = Moved
"""
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return lambda by: offset.write_text(str(by.total_seconds()))


def test_midnight_in_tokyo_parts_the_days_and_the_query_finds_both(movable_clock):
    tokyo = ZoneInfo("Asia/Tokyo")
    now = datetime.datetime.now(tokyo)
    midnight = datetime.datetime.combine(now.date() + datetime.timedelta(days=1), datetime.time(), tokyo)
    with running() as late:
        logs = pipeline(late, "night-logs", "Asia/Tokyo")
        movable_clock(midnight - now - datetime.timedelta(seconds=60))
        put(late, logs, {"app": "before midnight", "n": 1})
        folders(late, logs, 1)
        movable_clock(midnight - now + datetime.timedelta(seconds=60))
        put(late, logs, {"app": "after midnight", "n": 2})
        folders(late, logs, 2)

        assert ask(late, logs, named_query(late, logs)) == [
            {"app": "after midnight", "n": "2", "dt": midnight.date().isoformat()},
            {"app": "before midnight", "n": "1", "dt": now.date().isoformat()},
        ]
