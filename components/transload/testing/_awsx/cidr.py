"""How awsx divides a VPC's addresses among its subnets (its subnet distributors, Legacy and Auto)."""

import ipaddress
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Network = ipaddress.IPv4Network


@dataclass(frozen=True)
class Subnet:
    """One subnet that awsx makes."""

    kind: str
    name: str
    zone: str
    block: Network
    tags: dict[str, str] = field(default_factory=dict)


def subnets(name: str, inputs: dict[str, Any], vpc: Network, zones: Sequence[str]) -> list[Subnet]:
    """The subnets of the VPC `name` under the component's inputs, zone by zone. Raises ValueError when they do not fit."""
    strategy = inputs.get("subnetStrategy") or "Legacy"
    specs = inputs.get("subnetSpecs")
    mask = int(inputs.get("availabilityZoneCidrMask") or 0)
    if strategy == "Legacy":
        blocks = _legacy(vpc, zones, specs, mask)
    elif specs and specs[0].get("cidrBlocks"):
        blocks = [[(spec, Network(spec["cidrBlocks"][index])) for spec in specs] for index in range(len(zones))]
    else:
        blocks = _auto(vpc, zones, _merged(specs, vpc, zones, mask) if strategy == "AutoMerge" else specs, mask)
    made = [
        Subnet(
            spec["type"].capitalize(),
            f"{name}-{spec.get('name') or spec['type'].lower()}-{index + 1}",
            zones[index],
            block,
            dict(spec.get("tags") or {}),
        )
        for index, zone in enumerate(blocks)
        for spec, block in zone
        if spec["type"].lower() != "unused"
    ]
    _check(made, vpc)
    return made


_Specs = list[dict[str, Any]]
_Zones = list[list[tuple[dict[str, Any], Network]]]


def _zone_mask(vpc: Network, zones: Sequence[str], mask: int) -> int:
    return mask or vpc.prefixlen + math.ceil(math.log2(len(zones)))


def _mask_of(spec: dict[str, Any], default: int) -> int:
    if spec.get("cidrMask"):
        return int(spec["cidrMask"])
    return 32 - int(math.log2(spec["size"])) if spec.get("size") else default


def _default_specs(zone_mask: int) -> _Specs:
    """Half of a zone is private, a quarter public, the rest is left free; nothing wider than /17 is used."""
    if zone_mask > 26:
        raise ValueError(f"automatic subnets need at least /26 in each zone, and only /{zone_mask} is there")
    wide = max(zone_mask, 16)
    return [{"type": "Private", "cidrMask": wide + 1}, {"type": "Public", "cidrMask": wide + 2}]


def _merged(specs: _Specs | None, vpc: Network, zones: Sequence[str], mask: int) -> _Specs:
    """AutoMerge: what is given overrides the defaults of its type, named ones come on top."""
    given = {spec["type"].lower(): spec for spec in specs or [] if not spec.get("name")}
    defaults = _default_specs(_zone_mask(vpc, zones, mask))
    merged = [{**default, **given.pop(default["type"].lower(), {})} for default in defaults]
    return merged + [spec for spec in specs or [] if spec.get("name")] + list(given.values())


def _auto(vpc: Network, zones: Sequence[str], specs: _Specs | None, mask: int) -> _Zones:
    """Auto: in the order given, each at the next address its size allows."""
    zone_mask = _zone_mask(vpc, zones, mask)
    specs = specs or _default_specs(zone_mask)
    default = zone_mask + math.ceil(math.log2(len(specs)))
    found: _Zones = []
    for zone in _slices(vpc, zone_mask, len(zones)):
        start = int(zone.network_address)
        row = []
        for spec in specs:
            block = _block_at(start, _mask_of(spec, default))
            row.append((spec, block))
            start = int(block.broadcast_address) + 1
        found.append(row)
    return found


def _legacy(vpc: Network, zones: Sequence[str], specs: _Specs | None, mask: int) -> _Zones:
    """Legacy: private, then public, then isolated in each zone, with default sizes of their own."""
    zone_mask = _zone_mask(vpc, zones, mask)
    bases = _slices(vpc, zone_mask, len(zones))
    if not specs:
        return [_legacy_default(base) for base in bases]
    split = 0 if len(specs) == 1 else 1
    found: _Zones = []
    for base in bases:
        row: list[tuple[dict[str, Any], Network]] = []
        end = int(base.network_address) - 1
        for kind, widest in (("private", 19), ("public", 20), ("isolated", 24)):
            first = row[-1][1] if row else None
            splitting = int(first.broadcast_address) + 1 if first else int(base.network_address)
            for index, spec in enumerate(one for one in specs if one["type"].lower() == kind):
                width = _mask_of(spec, max(base.prefixlen + split, widest))
                # The n-th block of this size from where this type begins, or, where that overlaps, the next free one.
                start = splitting + index * 2 ** (32 - width)
                block = _block_at(start if start > end else end + 1, width)
                row.append((spec, block))
                end = int(block.broadcast_address)
        found.append(row)
    return found


def _legacy_default(base: Network) -> list[tuple[dict[str, Any], Network]]:
    private, rest = base.subnets(prefixlen_diff=1)
    return [({"type": "Private"}, private), ({"type": "Public"}, next(rest.subnets(prefixlen_diff=1)))]


def _slices(vpc: Network, mask: int, count: int) -> list[Network]:
    start = int(vpc.network_address)
    return [Network((start + index * 2 ** (32 - mask), mask)) for index in range(count)]


def _block_at(start: int, mask: int) -> Network:
    """The first block of this size at or after an address."""
    size = 2 ** (32 - mask)
    return Network((-(-start // size) * size, mask))


def _check(made: list[Subnet], vpc: Network) -> None:
    for one in made:
        if not one.block.subnet_of(vpc):
            raise ValueError(f"subnet {one.name} {one.block} does not fit into the VPC {vpc}: use fewer zones or smaller subnets")
    for before, after in itertools.pairwise(sorted(made, key=lambda one: one.block)):
        if before.block.overlaps(after.block):
            raise ValueError(f"subnets {before.name} {before.block} and {after.name} {after.block} overlap")


def layout(made: Sequence[Subnet], zones: int) -> list[dict[str, Any]]:
    """The `subnetLayout` output: the first zone's subnets in order of address, with what lies unused between them."""
    found: list[dict[str, Any]] = []
    before: Subnet | None = None
    for one in made[: len(made) // zones]:
        if before is not None and int(before.block.broadcast_address) + 1 < int(one.block.network_address):
            gap = ipaddress.summarize_address_range(before.block.broadcast_address + 1, one.block.network_address - 1)
            found += [{"type": "Unused", "cidrMask": block.prefixlen} for block in gap]
        found.append({"type": one.kind, "cidrMask": one.block.prefixlen})
        before = one
    return found
