"""Delivering events in tests, as the relay does, until nothing is due."""

import datetime as dt
from collections.abc import Callable, Sequence

from kernel import clock
from kernel.db import ContextDb
from kernel.relay import deliver_due


def deliver_all(databases: Sequence[ContextDb], *, now: Callable[[], dt.datetime] = clock.now) -> int:
    """Deliver also what the handlers themselves publish; returns how many events were delivered."""
    total = 0
    while delivered := sum(deliver_due(db, now=now()) for db in databases):
        total += delivered
    return total
