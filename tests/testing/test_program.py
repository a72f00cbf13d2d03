"""Running a program: isolation, errors, hangs, threads."""

import asyncio
import gc
import threading
from pathlib import Path

import pulumi
import pulumi_aws as aws
import pytest

from transload import BatchCluster, Network, ScheduledJob, ScheduledJobArgs
from transload.testing import _program, run_program
from transload.testing._errors import user_line
from transload.testing._monitor import Monitor

HERE = __file__


def line_of(text: str) -> int:
    """The line of this file that ends with a marker."""
    return next(number for number, line in enumerate(Path(HERE).read_text().splitlines(), 1) if line.rstrip().endswith(f"# {text}"))


def test_programs_may_be_asynchronous():
    async def program():
        queue = aws.sqs.Queue("orders")
        await asyncio.sleep(0)
        pulumi.export("name", queue.name)

    assert run_program(program).exports["name"].startswith("orders-")


def test_a_program_may_be_run_from_asynchronous_code():
    async def test():
        return run_program(lambda: aws.sqs.Queue("orders"))

    assert asyncio.run(test()).one("aws:sqs/queue:Queue").name == "orders"


def test_runs_do_not_see_each_other():
    def program():
        pulumi.export("stack", f"{pulumi.get_project()}/{pulumi.get_stack()}")
        pulumi.export("key", pulumi.Config().get("key"))

    assert run_program(program, project="a", stack="one", config={"key": "x"}).exports == {"stack": "a/one", "key": "x"}
    assert run_program(program, project="b", stack="two").exports == {"stack": "b/two"}


def test_a_run_leaves_the_sdk_and_the_collector_as_they_were():
    before = (pulumi.log.debug, pulumi.Output.apply, pulumi.runtime.stack.wait_for_rpcs, pulumi.runtime.resource._get_stack_trace)

    run_program(lambda: aws.sqs.Queue("orders"))
    with pytest.raises(ZeroDivisionError):
        run_program(lambda: 1 / 0)

    after = (pulumi.log.debug, pulumi.Output.apply, pulumi.runtime.stack.wait_for_rpcs, pulumi.runtime.resource._get_stack_trace)
    assert after == before
    assert gc.isenabled()


def test_two_runs_of_one_program_record_the_same():
    def program():
        role = aws.iam.Role("job", assume_role_policy="{}", tags={"b": "2", "a": "1"})
        aws.iam.RolePolicy("job", role=role.id, policy="{}")
        pulumi.export("both", {"name": role.name, "arn": role.arn})

    first, second = run_program(program), run_program(program)

    assert first.resources == second.resources
    assert list(first.resources[1].inputs) == list(second.resources[1].inputs)
    assert first.exports == second.exports


def unused():
    aws.sqs.Queue("orders").arn.apply(lambda arn: int(arn))  # unused


def exported():
    pulumi.export("arn", aws.sqs.Queue("orders").arn.apply(lambda arn: int(arn)))  # exported


def used():
    aws.sqs.Queue("copy", delay_seconds=aws.sqs.Queue("orders").arn.apply(lambda arn: int(arn)))  # used


@pytest.mark.parametrize("program", [unused, exported, used])
def test_an_error_in_an_apply_ends_the_run_and_names_its_line(program):
    with pytest.raises(ValueError, match=r"^invalid literal for int\(\) with base 10: 'arn:aws:sqs:") as error:
        run_program(program)

    assert user_line(error.value) == (HERE, line_of(program.__name__))


def test_an_error_inside_a_component_names_the_line_that_made_the_component():
    def program():
        cluster = BatchCluster("shop", {"vpc_id": "vpc-1", "subnet_ids": ["subnet-1"], "no_alerts_because": "a test"})
        plugged: ScheduledJobArgs = {"cluster": cluster.ref, "image": "orders:1", "secrets": {"KEY": "/elsewhere/key"}}
        ScheduledJob("orders", plugged)  # component

    with pytest.raises(ValueError, match="secrets: KEY names /elsewhere/key, which the jobs of shop-test may not read") as error:
        run_program(program)

    assert user_line(error.value) == (HERE, line_of("component"))


def test_the_source_of_what_a_component_made_is_the_line_that_made_the_component():
    def program():
        Network("office", {"zones": 2})  # network

    recording = run_program(program)

    assert {one.source for one in recording.resources if one.kind != "stack"} == {(HERE, line_of("network"))}


def test_an_assertion_in_an_apply_that_nobody_uses_fails_the_run():
    def program():
        def check(arn):
            assert arn == "something else"

        aws.sqs.Queue("orders").arn.apply(check)

    with pytest.raises(AssertionError):
        run_program(program)


def test_two_resources_with_one_urn_are_refused_with_both_lines():
    def program():
        aws.sqs.Queue("orders")  # first
        aws.sqs.Queue("orders")  # second

    with pytest.raises(ValueError, match=r"^duplicate resource aws:sqs/queue:Queue 'orders': ") as error:
        run_program(program)

    assert f"{HERE}:{line_of('first')} and {HERE}:{line_of('second')}; give one of the two another name" in str(error.value)


def test_an_input_that_never_resolves_is_named_when_the_time_is_up():
    def program():
        aws.sqs.Queue("orders")
        aws.sqs.Queue("stuck", name=pulumi.Output.from_input(asyncio.Future()))  # stuck

    with pytest.raises(TimeoutError) as error:
        run_program(program, timeout=0.2)

    assert str(error.value) == (
        "the program did not end within 0.2 s: it was waiting for the inputs of aws:sqs/queue:Queue 'stuck' "
        f"({HERE}:{line_of('stuck')})"
    )


def test_an_export_that_never_resolves_ends_the_run_too():
    with pytest.raises(TimeoutError, match=r"it was waiting for an output that never resolves$"):
        run_program(lambda: pulumi.export("never", pulumi.Output.from_input(asyncio.Future())), timeout=0.2)


def test_a_program_that_goes_round_in_circles_is_stopped_at_its_line():
    def program():
        while True:  # circle
            pass

    with pytest.raises(TimeoutError, match=r"^the program did not end within 0.2 s: it was at ") as error:
        run_program(program, timeout=0.2)

    assert f"{HERE}:" in str(error.value)


def test_an_error_of_a_driver_surfaces_as_it_is_with_the_line_of_the_resource():
    def create(token, name, inputs, urn):
        raise PermissionError(f"no driver for {token}")

    monitor = Monitor("shop", "local", create=create)

    with pytest.raises(PermissionError, match=r"^no driver for aws:sqs/queue:Queue") as error:
        _program.run(lambda: aws.sqs.Queue("orders"), monitor)  # driver

    assert user_line(error.value) == (HERE, line_of("driver"))


def test_with_threads_slow_creations_overlap_and_the_recording_keeps_program_order():
    together = threading.Barrier(3, timeout=20)

    def create(token, name, inputs, urn):
        together.wait()
        return f"{name}-id", {"arn": f"arn:{name}"}

    def program():
        for name in ("first", "second", "third"):
            aws.sqs.Queue(name)

    monitor = Monitor("shop", "local", create=create)
    _program.run(program, monitor, threads=3)

    assert [one.id for one in monitor.recording().resources[1:]] == ["first-id", "second-id", "third-id"]


def test_long_chains_of_dependencies_are_no_problem():
    def program():
        before: pulumi.Output[str] | None = None
        for index in range(1050):
            before = aws.sns.Topic(f"t{index}", display_name=before).arn

    assert len(run_program(program).resources) == 1051


def test_what_the_program_logs_can_be_had():
    logged = []

    _program.run(lambda: pulumi.log.warn("careful"), Monitor("shop", "test"), on_log=lambda *entry: logged.append(entry))

    assert logged == [("warning", "careful", "")]
