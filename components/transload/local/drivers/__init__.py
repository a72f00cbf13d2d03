"""One driver for each resource type, by Pulumi token."""

import difflib
import functools
from collections.abc import Mapping

from transload._errors import Problem
from transload.local.drivers._driver import Driver


@functools.cache
def all_drivers() -> Mapping[str, Driver]:
    """Every driver by its type token, such as `aws:sqs/queue:Queue`."""
    from transload.local.drivers import (
        analytics,
        batch,
        compute,
        ec2,
        edge,
        iam,
        keys,
        messaging,
        observe,
        s3,
        tables,
    )

    tables_of = (ec2, iam, batch, compute, messaging, tables, keys, observe, analytics, s3, edge)
    return {driver.type: driver for module in tables_of for driver in module.DRIVERS}


def driver_for(token: str) -> Driver:
    """The driver of a type. `Problem` for a type that has none: it would seem to exist and would not."""
    drivers = all_drivers()
    if token not in drivers:
        near = difflib.get_close_matches(token, drivers, 1)
        hint = f"; the nearest it knows is {near[0]}" if near else ""
        raise Problem(f"the local cloud has no driver for {token}{hint}; docs/local.md says how to add one")
    return drivers[token]
