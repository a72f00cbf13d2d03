"""Sizes: what Fargate runs, and what it says to what it does not."""

import pytest

from transload._fargate import MEMORY_MIB, problem_with_size, smallest_memory


def test_every_size_of_the_table_is_taken():
    assert [problem_with_size(vcpu, memory) for vcpu, sizes in MEMORY_MIB.items() for memory in sizes] == [None] * sum(
        map(len, MEMORY_MIB.values())
    )


def test_the_table_has_as_many_sizes_as_aws_lists():
    assert {vcpu: len(sizes) for vcpu, sizes in MEMORY_MIB.items()} == {0.25: 3, 0.5: 4, 1: 7, 2: 13, 4: 23, 8: 12, 16: 12, 32: 3}
    assert [sizes[-1] for sizes in MEMORY_MIB.values()] == [2048, 4096, 8192, 16384, 30720, 61440, 122880, 249856]


@pytest.mark.parametrize(
    ("vcpu", "memory_mib", "message"),
    [
        (0.25, 700, "memory_mib must be one of 512, 1024, 2048 for 0.25 vCPU, got 700; nearest is 1024"),
        (0.25, 3000, "memory_mib must be one of 512, 1024, 2048 for 0.25 vCPU, got 3000; 0.5 vCPU with 3072 would hold it"),
        (1, 512, "memory_mib must be 2048 to 8192 in steps of 1024 for 1 vCPU, got 512; nearest is 2048"),
        (8, 20000, "memory_mib must be 16384 to 61440 in steps of 4096 for 8 vCPU, got 20000; nearest is 20480"),
        (32, 300000, "memory_mib must be one of 61440, 122880, 249856 for 32 vCPU, got 300000"),
        (3, 8192, "vcpu must be one of 0.25, 0.5, 1, 2, 4, 8, 16, 32, got 3; nearest is 2"),
        (0.3, 512, "vcpu must be one of 0.25, 0.5, 1, 2, 4, 8, 16, 32, got 0.3; nearest is 0.25"),
    ],
)
def test_a_wrong_size_is_answered_with_the_sizes_that_would_do(vcpu, memory_mib, message):
    assert problem_with_size(vcpu, memory_mib) == message


def test_the_least_memory_goes_with_the_vcpus():
    assert [smallest_memory(0.25), smallest_memory(4), smallest_memory(3)] == [512, 8192, None]
