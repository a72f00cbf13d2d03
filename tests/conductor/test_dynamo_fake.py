"""The dictionary that stands for DynamoDB in test_interleavings.py does what moto's DynamoDB does."""

from typing import Any

from cluster_fake import Cluster

from transload.conductor import lifecycle, watch


def _history(cluster: Cluster) -> list[Any]:
    """A few days with everything that writes: claims, yields, stops, failures, a fall-back, recoveries."""
    cluster.job()
    cluster.job("queued", concurrency="queue")
    cluster.batch.reclaim(cluster.only(cluster.schedule()["run_id"]))
    cluster.deliver()
    cluster.later(days=1)
    cluster.schedule(at=cluster.time)
    for name in ("queued", "queued", "queued"):
        cluster.schedule(name, at=cluster.time)
        cluster.later(minutes=1)
    lifecycle.stop(cluster.conductor, "queued-20261124T180000Z", "ana")
    cluster.deliver()
    for job in cluster.batch.live():
        cluster.batch.advance(job["jobId"], "RUNNING")
        cluster.batch.fail(job["jobId"], 2)
    cluster.deliver()
    cluster.store.disable("nightly", "ana", cluster.time, why="repairs")
    cluster.schedule(at=cluster.time)
    watch.watch(cluster.conductor)
    store = cluster.store
    seen = [store.history("nightly"), store.history("queued"), store.live(), store.locks(), store.last_of_all(), store.told()]
    return [seen, store.controls(cluster.time), store.present([("nightly", "20261123T180000Z"), ("nightly", "none")]), store.jobs()]


def test_the_dictionary_ends_up_with_the_same_items_as_moto(cluster: Cluster, moto_cluster: Cluster):
    assert _history(cluster) == _history(moto_cluster)
