from cluster_fake import Cluster


def test_a_scheduled_run_is_submitted_under_its_run_id(cluster: Cluster):
    cluster.job()
    answer = cluster.schedule()
    assert answer["run_id"] == "nightly-20261123T180000Z"
    assert answer["status"] == "SUBMITTED"
    assert answer["batch_job_id"] == cluster.only("nightly-20261123T180000Z")


def test_a_schedule_that_is_delivered_twice_submits_once(cluster: Cluster):
    cluster.job()
    first, second = cluster.schedule(), cluster.schedule()
    assert first == second
    assert len(cluster.batch.jobs) == 1


def test_the_next_run_yields_while_the_one_before_runs(cluster: Cluster):
    cluster.job()
    first = cluster.schedule()
    cluster.later(days=1)
    second = cluster.schedule(at=cluster.time)
    assert (second["status"], second["yielded_to"]) == ("SKIPPED", first["run_id"])
    assert len(cluster.batch.jobs) == 1


def test_the_lock_is_free_after_the_end(cluster: Cluster):
    cluster.job()
    cluster.batch.succeed(cluster.only(cluster.schedule()["run_id"]))
    cluster.deliver()
    assert cluster.store.lock("nightly") is None
    assert cluster.store.live() == []
    cluster.later(days=1)
    assert cluster.schedule(at=cluster.time)["status"] == "SUBMITTED"
