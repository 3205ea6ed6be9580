"""Invariants: queries that return the rows which break a promise. A healthy system returns none.

Contexts contribute their own; those that hold for every context (delivery, isolation, partitions) are made here.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.apps import apps

from kernel import handlers
from kernel.db import ContextDb
from kernel.schema import TENANT_COLUMNS, rules_of
from kernel.tenancy import SystemScope

SHOWN = 20

UNDELIVERED = """
    SELECT id, type, tries, last_error FROM outbox
    WHERE delivered_at IS NULL AND parked_at IS NULL AND created_at < now() - interval '60 seconds'
      AND type = ANY(%(types)s) LIMIT 20
"""
PARKED = (
    "SELECT id, type, last_error FROM outbox WHERE parked_at IS NOT NULL AND delivered_at IS NULL LIMIT 20"
)
UNPROTECTED = """
    SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %(schema)s AND c.relkind IN ('r', 'p') AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
      AND EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND NOT a.attisdropped AND a.attname = ANY(%(columns)s))
"""
PARTITIONS_AHEAD = """
    SELECT p.relname, count(c.oid) AS ahead FROM pg_class p JOIN pg_namespace n ON n.oid = p.relnamespace
    LEFT JOIN pg_inherits i ON i.inhparent = p.oid
    LEFT JOIN pg_class c ON c.oid = i.inhrelid AND c.relname > p.relname || to_char(now() AT TIME ZONE 'UTC', '_YYYY_MM')
      AND c.relname NOT LIKE '%%_default'
    WHERE n.nspname = %(schema)s AND p.relkind = 'p' GROUP BY p.relname
"""
TOO_FEW_PARTITIONS = f"SELECT relname, ahead FROM ({PARTITIONS_AHEAD}) AS tables WHERE ahead < 3"


@dataclass(frozen=True, slots=True)
class Invariant:
    """One promise as a query, or as a function where the rows lie in more than one context.

    `code` is its number in the list of guarantees' invariants, such as `I10`.
    """

    code: str
    name: str
    db: ContextDb
    sql: str | Callable[[], list[tuple[Any, ...]]]
    parameters: dict[str, Any] | None = None

    def offending(self) -> list[tuple[Any, ...]]:
        """The rows that break the promise, at most a screenful."""
        if callable(self.sql):
            return self.sql()[:SHOWN]
        with self.db.atomic(SystemScope("invariants")):
            return self.db.execute(self.sql, self.parameters or ())[:SHOWN]


def edges_of(transitions: Mapping[Any, frozenset[Any]]) -> list[str]:
    """The steps of a table of states as `from>to`, for queries that look for others."""
    return [
        f"{source}>{target}"
        for source, targets in transitions.items()
        for target in sorted(map(str, targets))
    ]


def common(db: ContextDb) -> Iterable[Invariant]:
    """What holds in every context."""
    schema = {"schema": db.name}
    yield Invariant(
        "I10", "no event waits longer than a minute", db, UNDELIVERED, {"types": handlers.handled_types()}
    )
    yield Invariant("I10", "no event is parked", db, PARKED)
    yield Invariant(
        "I14",
        "row-level security is forced everywhere",
        db,
        UNPROTECTED,
        {**schema, "columns": list(TENANT_COLUMNS)},
    )
    yield Invariant("I16", "three partitions are ahead", db, TOO_FEW_PARTITIONS, schema)
    for model in apps.get_app_config(db.name).get_models():
        rules = rules_of(model)
        if rules and rules.partitioned:
            table = model._meta.db_table
            sql = f"SELECT id, created_at FROM {table} WHERE tableoid = '{db.name}.{table}_default'::regclass LIMIT 20"
            yield Invariant("I16", f"{table} has no row in its default partition", db, sql)
