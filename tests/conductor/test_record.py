from cluster_fake import Cluster


def test_a_failed_run_keeps_its_exit_code_and_its_reason_in_words(cluster: Cluster):
    cluster.job()
    run_id = cluster.schedule()["run_id"]
    job_id = cluster.only(run_id)
    cluster.batch.advance(job_id, "RUNNING")
    cluster.later(minutes=3)
    cluster.batch.fail(job_id, 3)
    cluster.deliver()
    run = cluster.store.get(run_id)
    assert (run["status"], run["exit_code"], run["cause"], run["reason"]) == ("FAILED", 3, "application", "exited with code 3")
    assert (run["started_at"], run["ended_at"]) == ("2026-11-23T18:00:00Z", "2026-11-23T18:03:00Z")
    assert run["image_digest"] == "sha256:" + "a" * 64
    assert "exit code: 3" in cluster.mails()[0]
