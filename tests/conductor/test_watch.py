from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from cluster_fake import ON_DEMAND, SPOT, START, Cluster
from gate import Crash, Gate

from transload.conductor import watch
from transload.conductor.runs import LEASE
from transload.conductor.table import serialize

RUN = "nightly-20261123T180000Z"
NIGHTLY = {"expressions": ["cron(0 18 * * ? *)"], "schedule": "0 18 * * *"}


def look(cluster: Cluster, **later: float) -> dict[str, Any]:
    cluster.later(**later)
    return watch.watch(cluster.process())


def titles(cluster: Cluster) -> list[str]:
    return [mail.splitlines()[0] for mail in cluster.mails()]


# Missed


def test_a_run_that_did_not_start_is_told_once_and_once_more_when_the_schedule_works_again(cluster: Cluster):
    cluster.time = START - timedelta(hours=1)
    cluster.job(**NIGHTLY)
    look(cluster)
    look(cluster, hours=1, minutes=9)
    assert titles(cluster) == [], "the grace is ten minutes"
    look(cluster, minutes=2)
    assert titles(cluster) == ["nightly did not start at 2026-11-23 18:00 UTC"]
    look(cluster, minutes=5)
    look(cluster, minutes=5)
    assert len(titles(cluster)) == 1
    cluster.time = START + timedelta(days=1)
    cluster.schedule(at=cluster.time)
    look(cluster, minutes=1)
    look(cluster, minutes=5)
    assert titles(cluster)[1:] == ["nightly starts by its schedule again"]


def test_a_run_that_comes_late_is_the_recovery(cluster: Cluster):
    cluster.time = START - timedelta(hours=1)
    cluster.job(**NIGHTLY)
    look(cluster)
    look(cluster, hours=1, minutes=20)
    cluster.schedule(at=START)
    look(cluster, minutes=5)
    assert titles(cluster) == ["nightly did not start at 2026-11-23 18:00 UTC", "nightly starts by its schedule again"]


def test_a_run_that_started_is_not_missed_whatever_became_of_it(cluster: Cluster):
    cluster.time = START - timedelta(hours=1)
    cluster.job(**NIGHTLY)
    look(cluster)
    cluster.time = START
    cluster.store.disable("nightly", "ana", cluster.time)
    cluster.schedule()
    cluster.store.enable("nightly")
    look(cluster, minutes=20)
    assert titles(cluster) == []


def test_a_run_by_hand_in_the_same_minute_is_not_the_scheduled_one(cluster: Cluster):
    cluster.time = START - timedelta(hours=1)
    cluster.job(**NIGHTLY)
    look(cluster)
    cluster.time = START
    cluster.batch.succeed(cluster.only(cluster.run()["run_id"]))
    look(cluster, minutes=20)
    assert titles(cluster) == ["nightly did not start at 2026-11-23 18:00 UTC"]


def test_the_schedule_is_read_in_its_own_time_zone(cluster: Cluster):
    cluster.time = START - timedelta(hours=1)
    cluster.job(expressions=["cron(0 3 * * ? *)"], schedule="0 3 * * *", timezone="Asia/Tokyo")
    look(cluster)
    look(cluster, hours=1, minutes=11)
    assert titles(cluster) == ["nightly did not start at 2026-11-24 03:00 Asia/Tokyo"]


def test_a_monthly_job_works_like_a_daily_one(cluster: Cluster):
    cluster.time = datetime(2026, 11, 2, tzinfo=UTC)
    cluster.job(expressions=["cron(30 6 1 * ? *)"], schedule="30 6 1 * *")
    for _ in range(32):
        look(cluster, days=1)
    assert titles(cluster) == ["nightly did not start at 2026-12-01 06:30 UTC"]


def test_a_new_job_is_not_missed_for_times_before_it_was_there(cluster: Cluster):
    look(cluster)
    cluster.time = START + timedelta(minutes=5)
    cluster.job(**NIGHTLY)
    for _ in range(4):
        look(cluster, minutes=5)
    assert titles(cluster) == []


def test_a_changed_schedule_is_not_missed_for_times_before_the_change(cluster: Cluster):
    cluster.time = START - timedelta(hours=6)
    cluster.job(expressions=["cron(0 23 * * ? *)"])
    look(cluster)
    cluster.time = START + timedelta(minutes=5)
    cluster.job(**NIGHTLY)
    look(cluster)
    look(cluster, minutes=10)
    assert titles(cluster) == []


def test_a_job_that_was_removed_and_declared_again_is_a_new_one(cluster: Cluster):
    cluster.time = START - timedelta(hours=2)
    cluster.job(**NIGHTLY)
    look(cluster)
    cluster.dynamodb.delete_item(TableName=cluster.jobs_table, Key={"job": {"S": "nightly"}})
    for _ in range(24):
        look(cluster, minutes=5)
    cluster.later(minutes=3)
    cluster.job(**NIGHTLY)
    for _ in range(4):
        look(cluster, minutes=5)
    assert titles(cluster) == []


@pytest.mark.parametrize(
    ("schedule", "day", "missed"),
    [
        ("cron(30 2 * * ? *)", datetime(2027, 3, 28, tzinfo=UTC), []),
        ("cron(30 2 * * ? *)", datetime(2027, 10, 31, tzinfo=UTC), ["2027-10-31 02:30"]),
        ("cron(30 3 * * ? *)", datetime(2027, 3, 28, tzinfo=UTC), ["2027-03-28 03:30"]),
        ("cron(0 6 1 1 ? *)", datetime(2027, 1, 1, tzinfo=UTC), ["2027-01-01 06:00"]),
        ("cron(0 6 L * ? *)", datetime(2027, 2, 28, tzinfo=UTC), ["2027-02-28 06:00"]),
    ],
    ids=["skipped in spring", "once in autumn", "after the gap", "yearly", "the last of the month"],
)
def test_a_day_has_the_times_that_its_clock_shows(cluster: Cluster, schedule: str, day: datetime, missed: list[str]):
    cluster.time = day - timedelta(hours=3)
    cluster.job(expressions=[schedule], schedule=schedule, timezone="Europe/Berlin")
    for _ in range(40):
        look(cluster, minutes=30)
    assert titles(cluster) == [f"nightly did not start at {time} Europe/Berlin" for time in missed]


@pytest.mark.parametrize("how", ["control", "declared"])
def test_a_job_that_is_enabled_again_is_not_missed_for_the_time_it_was_not(cluster: Cluster, how: str):
    cluster.time = START - timedelta(hours=6)
    cluster.job(**NIGHTLY, enabled=how != "declared")
    if how == "control":
        cluster.store.disable("nightly", "ana", cluster.time)
    look(cluster)
    look(cluster, hours=6, minutes=20)
    cluster.job(**NIGHTLY)
    cluster.store.enable("nightly")
    look(cluster, minutes=5)
    look(cluster, minutes=5)
    assert titles(cluster) == []
    look(cluster, days=1)
    assert titles(cluster) == ["nightly did not start at 2026-11-24 18:00 UTC"]


def test_a_job_of_every_five_minutes_is_told_once_a_day_and_not_every_five_minutes(cluster: Cluster):
    cluster.job("sender", expressions=["cron(*/5 * * * ? *)"], schedule="*/5 * * * *")
    look(cluster)
    for _ in range(30):
        look(cluster, minutes=5)
    assert len(titles(cluster)) == 1
    cluster.schedule("sender", at=cluster.time)
    look(cluster, minutes=1)
    assert titles(cluster)[1] == "sender starts by its schedule again"
    assert "missed in all: 28" in cluster.mails()[1]


def test_a_daily_job_that_is_missed_again_is_told_again(cluster: Cluster):
    cluster.time = START - timedelta(hours=1)
    cluster.job(**NIGHTLY)
    look(cluster)
    look(cluster, days=1)
    look(cluster, days=1)
    assert titles(cluster) == [f"nightly did not start at 2026-11-{day} 18:00 UTC" for day in (23, 24)]


def test_several_times_that_watch_itself_slept_through_are_one_message(cluster: Cluster):
    cluster.time = START - timedelta(hours=1)
    cluster.job(**NIGHTLY)
    look(cluster)
    look(cluster, days=3)
    (mail,) = cluster.mails()
    assert "missed: 2026-11-23 18:00 UTC (2026-11-23T18:00:00Z), 2026-11-24 18:00 UTC" in mail


def test_a_rate_is_missed_when_a_whole_interval_went_by_without_a_run(cluster: Cluster):
    cluster.job("poller", expressions=["rate(1 hour)"], schedule="rate(1 hour)")
    look(cluster)
    for minutes in range(0, 180, 30):
        if minutes % 60 == 30:
            cluster.batch.succeed(cluster.only(cluster.schedule("poller", at=cluster.time)["run_id"]))
        look(cluster, minutes=30)
    assert titles(cluster) == []
    look(cluster, hours=2)
    (title,) = titles(cluster)
    assert title.startswith("poller did not start at")


def test_the_time_of_the_event_is_the_time_schedules_are_checked_for(cluster: Cluster):
    cluster.time = START - timedelta(hours=1)
    cluster.job(**NIGHTLY)
    watch.watch(cluster.process(), {"now": "2026-11-23T17:00:00Z"})
    watch.watch(cluster.process(), {"now": "2026-11-23T18:15:00Z"})
    assert titles(cluster) == ["nightly did not start at 2026-11-23 18:00 UTC"]


def test_missed_times_are_not_lost_with_a_crash(cluster: Cluster):
    cluster.time = START - timedelta(hours=1)
    cluster.job(**NIGHTLY)
    look(cluster)
    cluster.later(hours=1, minutes=20)

    def crash(operation: str) -> None:
        raise Crash

    for number in (1, 2):
        with Gate(cluster.clients).at(number, "before", crash), pytest.raises(Crash):
            watch.watch(cluster.process())
    look(cluster, minutes=5)
    look(cluster, minutes=5)
    assert titles(cluster) == ["nightly did not start at 2026-11-23 18:00 UTC"]


# Stuck


class Aws:
    """The queues, compute environments, subnets, quotas and images that a stuck run stands before."""

    def __init__(self, cluster: Cluster):
        self.cluster = cluster
        batch = cluster.batch
        batch.queues = [self._queue(SPOT, "spot"), self._queue(ON_DEMAND, "on-demand")]
        batch.environments = [
            {
                "computeEnvironmentArn": "arn:ce",
                "computeEnvironmentName": "fargate-spot",
                "state": "ENABLED",
                "status": "VALID",
                "computeResources": {"type": "FARGATE_SPOT", "maxvCpus": 64, "subnets": ["subnet-1"]},
            }
        ]
        self.free, self.quota = 250, 100.0
        cluster.declare("#cluster", **{**cluster.store.cluster(), "job": "#cluster", "subnets": ["subnet-1"]})
        cluster.clients |= {
            "ec2": self._client("ec2"),
            "service-quotas": self._client("service-quotas"),
            "ecr": self._client("ecr"),
        }

    def _queue(self, arn: str, name: str) -> dict[str, Any]:
        order = [{"order": 1, "computeEnvironment": "arn:ce"}]
        return {
            "jobQueueArn": arn,
            "jobQueueName": name,
            "state": "ENABLED",
            "status": "VALID",
            "priority": 1,
            "computeEnvironmentOrder": order,
        }

    def _client(self, service: str) -> Any:
        client = boto3.client(service, "eu-west-1", aws_access_key_id="test", aws_secret_access_key="test")
        self.stubs = getattr(self, "stubs", {}) | {service: Stubber(client)}
        self.stubs[service].activate()
        return client

    def answer(self) -> None:
        """The answers for one look."""
        subnets = {"Subnets": [{"SubnetId": "subnet-1", "AvailableIpAddressCount": self.free}]}
        self.stubs["ec2"].add_response("describe_subnets", subnets)
        self.stubs["service-quotas"].add_response("get_service_quota", {"Quota": {"Value": self.quota}})


@pytest.fixture
def account(cluster: Cluster) -> Aws:
    return Aws(cluster)


def stuck(cluster: Cluster, account: Aws, **job: Any) -> str:
    """The mail about a run that waits in RUNNABLE."""
    cluster.job(**{"capacity": "fargate_spot", "vcpu": 2, **job})
    cluster.schedule()
    cluster.batch.advance(cluster.only(RUN))
    cluster.deliver()
    account.answer()
    look(cluster, minutes=11)
    (mail,) = cluster.mails()
    return mail


def test_a_run_that_waits_in_runnable_is_told_once_and_once_more_when_it_starts(cluster: Cluster, account: Aws):
    mail = stuck(cluster, account)
    assert "state: RUNNABLE for 11 min" in mail
    assert "likely cause: none found: AWS may be short of capacity" in mail
    look(cluster, minutes=5)
    cluster.batch.advance(cluster.only(RUN), "RUNNING")
    cluster.deliver()
    look(cluster, minutes=5)
    look(cluster, minutes=5)
    assert titles(cluster)[1:] == ["nightly: the run that did not start has started"]


def test_a_stuck_run_that_fails_is_told_with_its_end(cluster: Cluster, account: Aws):
    stuck(cluster, account)
    cluster.batch.fail(cluster.only(RUN), None, "", "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY")
    cluster.deliver()
    look(cluster, minutes=5)
    assert titles(cluster)[2] == "nightly: the run that did not start ended FAILED"


def test_the_cause_is_what_batch_says(cluster: Cluster, account: Aws):
    cluster.job()
    cluster.schedule()
    cluster.batch.jobs[cluster.only(RUN)]["statusReason"] = "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE"
    assert "max_vcpus of the cluster is too small for it" in stuck(cluster, account)


def test_the_cause_is_a_quota(cluster: Cluster, account: Aws):
    account.quota = 1.0
    assert "the account may use 1 vCPUs of Fargate Spot, 0 are used and it wants 2: ask for a higher quota" in stuck(
        cluster, account
    )


def test_the_cause_is_no_free_address(cluster: Cluster, account: Aws):
    account.free = 0
    assert "likely cause: no free address in the subnets subnet-1" in stuck(cluster, account)


def test_the_cause_is_a_full_queue(cluster: Cluster, account: Aws):
    cluster.job("import", vcpu=63, queue=SPOT)
    cluster.batch.advance(cluster.only(cluster.schedule("import")["run_id"]), "RUNNING")
    assert "other runs use 63 of the 64 vCPUs of its queue" in stuck(cluster, account)


def test_the_cause_is_a_job_larger_than_its_queue(cluster: Cluster, account: Aws):
    assert "it asks for 65 vCPUs, its queue has 64" in stuck(cluster, account, vcpu=65)


def test_the_cause_is_a_disabled_queue_or_an_invalid_environment(cluster: Cluster, account: Aws):
    cluster.batch.queues[0]["state"] = "DISABLED"
    cluster.batch.environments[0] |= {"status": "INVALID", "statusReason": "CLIENT_ERROR - no role"}
    mail = stuck(cluster, account)
    assert "the queue spot is disabled" in mail
    assert "the compute environment fargate-spot is invalid: CLIENT_ERROR - no role" in mail


def test_the_cause_is_an_image_that_is_not_there(cluster: Cluster, account: Aws):
    account.stubs["ecr"].add_client_error("describe_images", "ImageNotFoundException")
    image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/nightly:v9"
    cluster.batch.image = image
    assert f"there is no image {image}" in stuck(cluster, account)


def test_a_run_that_spot_took_waits_for_the_quota_of_on_demand(cluster: Cluster, account: Aws):
    account.quota = 1.0
    cluster.job(capacity="fargate_spot", vcpu=2)
    cluster.schedule()
    cluster.batch.reclaim(cluster.only(RUN))
    cluster.deliver()
    account.answer()
    look(cluster, minutes=11)
    assert "the account may use 1 vCPUs of Fargate On-Demand" in cluster.mails()[0]


def test_aws_is_asked_once_for_all_runs_that_wait_for_the_same(cluster: Cluster, account: Aws):
    names = [f"job-{number}" for number in range(30)]
    for name in names:
        cluster.job(name, capacity="fargate_spot", vcpu=1)
        cluster.batch.advance(cluster.only(cluster.schedule(name)["run_id"]))
    cluster.deliver()
    account.answer()
    before = len(cluster.batch.asked)
    look(cluster, minutes=11)
    assert len(cluster.mails()) == 30
    assert all("likely cause: none found" in mail for mail in cluster.mails())
    asked = [operation for operation, _ in cluster.batch.asked[before:]]
    assert asked == ["describejobs", "describejobqueues", "describecomputeenvironments"]


def test_what_may_not_be_looked_at_keeps_nothing_else_from_being_told(cluster: Cluster, account: Aws):
    cluster.batch.errors.append(("describejobqueues", 403, "AccessDeniedException", "no"))
    account.free = 0
    assert "no free address" in stuck(cluster, account)


# Longer than usual


def history(cluster: Cluster, minutes: list[int]) -> None:
    """Runs that succeeded and took so long."""
    for took in minutes:
        run_id = cluster.schedule(at=cluster.time)["run_id"]
        cluster.batch.advance(cluster.only(run_id), "RUNNING")
        cluster.later(minutes=took)
        cluster.batch.succeed(cluster.only(run_id))
        cluster.deliver()
        cluster.later(hours=1)


def long(cluster: Cluster) -> str:
    run_id = cluster.schedule(at=cluster.time)["run_id"]
    cluster.batch.advance(cluster.only(run_id), "RUNNING")
    cluster.deliver()
    return run_id


def test_a_run_over_twice_its_usual_length_is_told_once_and_once_more_when_it_ends(cluster: Cluster):
    cluster.job()
    history(cluster, [10, 10, 10, 10, 20])
    run_id = long(cluster)
    look(cluster, minutes=40)
    assert titles(cluster) == []
    look(cluster, minutes=1)
    look(cluster, minutes=5)
    assert titles(cluster) == ["nightly runs longer than usual: 41 min"]
    assert "usually done within: 20 min" in cluster.mails()[0]
    cluster.batch.succeed(cluster.only(run_id))
    cluster.deliver()
    look(cluster, minutes=5)
    look(cluster, minutes=5)
    assert titles(cluster)[1:] == ["nightly: the run that took longer than usual ended SUCCEEDED"]
    assert "took: 46 min" in cluster.mails()[1]


def test_four_runs_say_nothing_about_what_is_usual(cluster: Cluster):
    cluster.job()
    history(cluster, [1, 1, 1, 1])
    long(cluster)
    look(cluster, hours=5)
    assert titles(cluster) == []


def test_the_usual_length_is_the_90th_percentile_of_the_last_20(cluster: Cluster):
    def run(minutes: int) -> dict[str, str]:
        return {"started_at": "2026-11-23T18:00:00Z", "ended_at": f"2026-11-23T18:{minutes:02}:00Z"}

    assert watch.usual_seconds(run(minutes) for minutes in range(1, 21)) == 18 * 60
    assert watch.usual_seconds(run(5) for _ in range(5)) == 5 * 60
    cluster.job()
    history(cluster, [59] + [2] * 20)
    long(cluster)
    look(cluster, minutes=5)
    assert len(titles(cluster)) == 1, "the one of 59 minutes was the 21st"


def test_a_job_that_always_fails_does_not_have_its_whole_history_read(cluster: Cluster):
    cluster.job()
    history(cluster, [1] * 5)
    for number in range(200):
        failed = {"job": "nightly", "run": f"2027{number:04}T000000Z", "status": "FAILED"}
        cluster.dynamodb.put_item(TableName=cluster.runs_table, Item=serialize(failed))
    assert cluster.store.history("nightly", status="SUCCEEDED", limit=20, among=200) == []
    assert len(cluster.store.history("nightly", status="SUCCEEDED", limit=20, among=202)) == 2
    assert len(cluster.store.history("nightly", status="SUCCEEDED", limit=20)) == 5


# Making good


def test_runs_whose_events_were_lost_are_brought_up_to_date(cluster: Cluster):
    names = [f"job-{number}" for number in range(130)]
    for name in names:
        cluster.job(name)
        cluster.batch.succeed(cluster.only(cluster.schedule(name)["run_id"]))
    cluster.batch.events.clear()
    before = len(cluster.batch.asked)
    look(cluster, minutes=5)
    assert {run["status"] for run in cluster.store.last_of_all().values()} == {"SUCCEEDED"}
    assert [operation for operation, _ in cluster.batch.asked[before:]] == ["describejobs"] * 2
    assert cluster.store.live() == []
    assert cluster.store.locks() == {}


def test_a_pass_over_many_runs_that_go_on_writes_their_leases_and_reads_by_the_hundred(cluster: Cluster):
    for number in range(250):
        cluster.job(f"job-{number}")
        cluster.batch.advance(cluster.only(cluster.schedule(f"job-{number}")["run_id"]), "RUNNING")
    cluster.deliver()
    look(cluster, minutes=5)
    calls: list[str] = []
    cluster.dynamodb.meta.events.register("before-call", lambda model: calls.append(model.name))
    look(cluster, minutes=5)
    assert calls.count("UpdateItem") == 250
    assert len([name for name in calls if name == "BatchGetItem"]) == 3 * 3
    # What is usual for a run that goes on takes a query each, everything else a few.
    assert len([name for name in calls if name not in ("UpdateItem", "BatchGetItem")]) < 250 + 20


def test_a_run_that_cannot_be_brought_up_to_date_keeps_the_others_from_nothing(cluster: Cluster):
    for name in ("broken", "nightly"):
        cluster.job(name)
    broken = cluster.schedule("broken")["run_id"]
    cluster.schedule()
    cluster.store.amend(cluster.store.get(broken), {"stop": {"by": "ana", "at": "", "cause": "stopped", "reason": "why"}})
    cluster.batch.succeed(cluster.only(RUN))
    cluster.batch.events.clear()
    cluster.batch.errors.append(("terminatejob", 403, "AccessDeniedException", "no"))
    with pytest.raises(ClientError, match="AccessDeniedException"):
        look(cluster, minutes=5)
    assert cluster.store.get(RUN)["status"] == "SUCCEEDED"


def test_without_an_answer_of_batch_schedules_are_looked_at_and_no_run_is_given_up(cluster: Cluster):
    cluster.time = START - timedelta(hours=1)
    cluster.job(**NIGHTLY)
    cluster.job("other")
    other = cluster.run("other")["run_id"]
    look(cluster)
    cluster.batch.errors.append(("describejobs", 403, "AccessDeniedException", "no"))
    with pytest.raises(ClientError, match="AccessDeniedException"):
        look(cluster, hours=1, minutes=20)
    assert "nightly did not start at 2026-11-23 18:00 UTC" in titles(cluster)
    assert cluster.store.get(other)["status"] == "SUBMITTED"


def test_a_lock_whose_run_is_gone_is_freed_for_the_run_that_waits(cluster: Cluster):
    cluster.job(concurrency="queue")
    cluster.schedule()
    cluster.later(minutes=1)
    waiting = cluster.schedule(at=cluster.time)["run_id"]
    for key in (("nightly", "20261123T180000Z"), ("#live", RUN)):
        cluster.dynamodb.delete_item(TableName=cluster.runs_table, Key={"job": {"S": key[0]}, "run": {"S": key[1]}})
    look(cluster, minutes=5)
    assert cluster.store.get(waiting)["status"] == "SUBMITTED"
    assert cluster.store.lock("nightly")["holder"] == waiting


def test_a_lock_is_renewed_while_its_run_goes_on_and_gone_within_the_lease_after_it(cluster: Cluster):
    cluster.job()
    cluster.schedule()
    cluster.batch.advance(cluster.only(RUN), "RUNNING")
    for _ in range(12):
        look(cluster, minutes=5)
        assert datetime.fromisoformat(cluster.store.lock("nightly")["lease_until"]) == cluster.time + LEASE
    cluster.batch.succeed(cluster.only(RUN))
    cluster.batch.events.clear()
    look(cluster, minutes=5)
    assert cluster.store.lock("nightly") is None


def test_one_part_that_fails_does_not_keep_the_others_from_their_work(cluster: Cluster):
    cluster.job()
    cluster.schedule()
    cluster.batch.fail(cluster.only(RUN), 1)
    cluster.batch.events.clear()
    cluster.job("broken", expressions="no list", enabled=True)
    cluster.later(minutes=5)
    watch.watch(cluster.process())
    cluster.later(minutes=30)
    watch.watch(cluster.process())
    assert cluster.store.get(RUN)["status"] == "FAILED"
