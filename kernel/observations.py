"""Figures that are measured in the databases when somebody asks for them.

A gauge that a process sets stands still when that process dies, just when it would have something to say. What waits,
what was set aside and what is missing is therefore counted where it lies, by whichever process shows the figures.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError
from prometheus_client.core import GaugeMetricFamily
from psycopg_pool import PoolTimeout

from kernel import handlers, metrics
from kernel.db import ContextDb
from kernel.invariants import PARTITIONS_AHEAD
from kernel.logs import get_logger
from kernel.tenancy import SystemScope

logger = get_logger(__name__)

SCOPE = SystemScope("metrics")

OUTBOX_LAG = """
    SELECT coalesce(extract(epoch FROM %(now)s::timestamptz - min(created_at)), 0) FROM outbox
    WHERE delivered_at IS NULL AND parked_at IS NULL AND type = ANY(%(types)s)
"""
OUTBOX_PENDING = """
    SELECT count(*) FROM outbox WHERE delivered_at IS NULL AND parked_at IS NULL AND type = ANY(%(types)s)
"""
OUTBOX_PARKED = "SELECT count(*) FROM outbox WHERE parked_at IS NOT NULL AND delivered_at IS NULL"
FEWEST_PARTITIONS_AHEAD = f"SELECT min(ahead) FROM ({PARTITIONS_AHEAD}) AS tables"


@dataclass(frozen=True, slots=True)
class Observation:
    """One figure of one context: the value that a query returns, which may ask for `now`, `types` and `schema`.

    With `labels` it returns as many rows as there are values, each with the labels' texts before it. Labels are small
    closed sets; no label names a tenant.
    """

    name: str
    what: str
    db: ContextDb
    sql: str
    labels: tuple[str, ...] = ()


def common(db: ContextDb) -> Iterable[Observation]:
    """What is measured in every context."""
    yield Observation("mpac_outbox_lag_seconds", "Age of the oldest event that waits.", db, OUTBOX_LAG)
    yield Observation("mpac_outbox_pending_events", "Events that wait for delivery.", db, OUTBOX_PENDING)
    yield Observation(
        "mpac_outbox_parked_events",
        "Events set aside after too many failures; each needs a person.",
        db,
        OUTBOX_PARKED,
    )
    yield Observation(
        "mpac_partitions_ahead",
        "Months beyond this one that every partitioned table has a partition for.",
        db,
        FEWEST_PARTITIONS_AHEAD,
    )


def render(observations: Sequence[Observation], *, now: dt.datetime) -> bytes:
    """All figures in the Prometheus text format.

    Contexts are asked at once. One whose database is away shows nothing but that.
    """
    asked: dict[str, list[Observation]] = defaultdict(list)
    for each in observations:
        asked[each.db.name].append(each)
    figures = {
        each.name: GaugeMetricFamily(each.name, each.what, labels=["context", *each.labels])
        for each in observations
    }
    is_up = GaugeMetricFamily("mpac_database_up", "Whether a context's database answers.", labels=["context"])
    with ThreadPoolExecutor(max_workers=len(asked)) as threads:
        answers = threads.map(lambda of_one: _measure(of_one, now=now), asked.values())
        for context, values in zip(asked, answers, strict=True):
            is_up.add_metric([context], 0 if values is None else 1)
            for name, rows in (values or {}).items():
                for *labels, value in rows:
                    figures[name].add_metric([context, *labels], float(value))
    return metrics.text_of([is_up, *figures.values()])


def _measure(observations: Sequence[Observation], *, now: dt.datetime) -> dict[str, list[Any]] | None:
    """The rows of one context by name, or None when its database cannot be asked."""
    db = observations[0].db
    parameters = {"now": now, "types": handlers.handled_types(), "schema": db.name}
    try:
        with db.atomic(SCOPE):
            return {each.name: db.execute(each.sql, parameters) for each in observations}
    except (DatabaseError, PoolTimeout) as error:
        logger.warning("figures could not be measured", context=db.name, error=str(error))
        return None
    finally:
        db.connection.close()
