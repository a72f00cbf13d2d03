"""Sizes that AWS Fargate runs, and the nearest one to a size it refuses."""

# AWS Batch API reference, ResourceRequirement: memory in MiB that goes with each number of vCPUs.
MEMORY_MIB: dict[float, tuple[int, ...]] = {
    0.25: (512, 1024, 2048),
    0.5: tuple(range(1024, 4096 + 1, 1024)),
    1: tuple(range(2048, 8192 + 1, 1024)),
    2: tuple(range(4096, 16384 + 1, 1024)),
    4: tuple(range(8192, 30720 + 1, 1024)),
    8: tuple(range(16384, 61440 + 1, 4096)),
    16: tuple(range(32768, 122880 + 1, 8192)),
    32: (61440, 122880, 249856),
}


def smallest_memory(vcpu: float) -> int | None:
    """The least memory in MiB that goes with `vcpu`, or None where Fargate does not have that many."""
    return MEMORY_MIB.get(vcpu, (None,))[0]


def problem_with_size(vcpu: float, memory_mib: int) -> str | None:
    """Why Fargate refuses this size, with what it takes instead; None if it runs it."""
    if vcpu not in MEMORY_MIB:
        near = min(MEMORY_MIB, key=lambda known: abs(known - vcpu))
        return f"vcpu must be one of {', '.join(f'{known:g}' for known in MEMORY_MIB)}, got {vcpu:g}; nearest is {near:g}"
    sizes = MEMORY_MIB[vcpu]
    if memory_mib in sizes:
        return None
    return f"memory_mib must be {_words(sizes)} for {vcpu:g} vCPU, got {memory_mib}{_enough(vcpu, memory_mib)}"


def _words(sizes: tuple[int, ...]) -> str:
    if len(sizes) <= 4:
        return f"one of {', '.join(map(str, sizes))}"
    return f"{sizes[0]} to {sizes[-1]} in steps of {sizes[1] - sizes[0]}"


def _enough(vcpu: float, memory_mib: int) -> str:
    """The next size up holds what was asked for; where this vCPU has none, the first larger vCPU that does."""
    for known, sizes in MEMORY_MIB.items():
        if known < vcpu:
            continue
        larger = next((size for size in sizes if size >= memory_mib), None)
        if larger is not None:
            return f"; nearest is {larger}" if known == vcpu else f"; {known:g} vCPU with {larger} would hold it"
    return ""
