"""The invariants of disputes and of reconciliation, as queries that return the rows which break them."""

from collections.abc import Iterator, Mapping
from typing import Any

from kernel.invariants import Invariant
from mpac.pgw.db import db
from mpac.pgw.domain import disputes, reconciliation

ILLEGAL_STEP = """
    SELECT id, {key}, from_status, to_status FROM {events}
    WHERE from_status IS NOT NULL AND from_status <> to_status
      AND from_status || '>' || to_status <> ALL (%(edges)s) LIMIT 20
"""
HISTORY_DISAGREES = """
    SELECT i.id, i.status FROM {table} i
    WHERE NOT EXISTS (
        SELECT 1 FROM {events} e
        WHERE e.psp_id = i.psp_id AND e.merchant_id = i.merchant_id AND e.{key} = i.id
          AND e.sequence = i.version AND e.to_status = i.status
    ) LIMIT 20
"""
# What does not agree is never dropped: it has its exception.
LINE_WITHOUT_EXCEPTION = """
    SELECT s.id, s.number, s.outcome FROM statement_lines s
    JOIN statement_files f ON f.id = s.file_id AND f.created_at = s.created_at AND f.status = 'reconciled'
    WHERE s.outcome = ANY(%(outcomes)s) AND NOT EXISTS (
        SELECT 1 FROM reconciliation_exceptions e
        WHERE e.psp_id = s.psp_id AND e.merchant_id = s.merchant_id AND e.line_id = s.id
    ) LIMIT 20
"""
TOLD_TWICE = """
    SELECT psp_id, merchant_id, movement_id, count(*) FROM statement_references WHERE movement_id IS NOT NULL
    GROUP BY psp_id, merchant_id, movement_id HAVING count(*) > 1 LIMIT 20
"""
HISTORIES: tuple[tuple[str, str, str, Mapping[Any, frozenset[Any]]], ...] = (
    ("disputes", "dispute_events", "dispute_id", disputes.TRANSITIONS),
    (
        "reconciliation_exceptions",
        "exception_events",
        "exception_id",
        reconciliation.EXCEPTION_TRANSITIONS,
    ),
)


def list_case_invariants() -> Iterator[Invariant]:
    """All of them, under the numbers of the list of guarantees."""
    for table, events, key, transitions in HISTORIES:
        what = table.replace("_", " ")
        names = {"table": table, "events": events, "key": key}
        edges = {
            "edges": [f"{source}>{target}" for source, targets in transitions.items() for target in targets]
        }
        step = ILLEGAL_STEP.format(**names)
        yield Invariant("I6", f"no illegal step in the history of {what}", db, step, edges)
        present = HISTORY_DISAGREES.format(**names)
        yield Invariant("I6", f"the history of {what} ends in their present state", db, present)
    outcomes = {"outcomes": [str(outcome) for outcome in reconciliation.EXCEPTIONS]}
    name = "a statement's line that does not agree has its exception"
    yield Invariant("I7", name, db, LINE_WITHOUT_EXCEPTION, outcomes)
    yield Invariant("I7", "a movement of money is told once by statements", db, TOLD_TWICE)
