"""A Batch job of the local cloud is a process on this machine, and describe_jobs tells the truth about it."""

from collections.abc import Iterator

import pytest

from ._jobs import JobCloud, started

pytestmark = pytest.mark.xdist_group("local")


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobCloud]:
    with started(tmp_path_factory.mktemp("jobs")) as cloud:
        yield cloud


def test_a_job_runs_its_images_command_and_its_output_is_in_its_log_stream(jobs: JobCloud) -> None:
    image = jobs.image("hello", "import sys\nprint('hello', *sys.argv[1:])\nprint('to stderr', file=sys.stderr, flush=True)\n")
    job = jobs.ended(jobs.submit(jobs.define("hello", image, command=["there"], prefix="greeting")))
    assert (job["status"], job["statusReason"]) == ("SUCCEEDED", "Essential container in task exited")
    assert job["container"]["exitCode"] == 0
    assert job["startedAt"] <= job["stoppedAt"]
    stream = job["container"]["logStreamName"]
    assert stream == f"greeting/default/{job['container']['taskArn'].rsplit('/')[-1]}"
    assert sorted(jobs.lines(stream)) == ["hello there", "to stderr"]
