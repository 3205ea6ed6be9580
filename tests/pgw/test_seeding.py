"""The payments that a benchmark fills a database with ..."""

import datetime as dt
from itertools import pairwise

import pytest

from bench.rows import COLUMNS, Place, Rows, Span
from bench.seed import MONTHS, Plan
from kernel import ids
from kernel.tenancy import TenantScope
from mpac.pgw.db import atomic
from mpac.pgw.models import PaymentAttempt, PaymentIntent
from mpac.pgw.selectors.invariants import list_invariants

INTENTS = 120


def milliseconds(instant: dt.datetime) -> int:
    return round(instant.timestamp() * 1000)


@pytest.fixture
def span(now):
    return Span(
        starts_ms=milliseconds(now - dt.timedelta(hours=3)), ends_ms=milliseconds(now), intents=INTENTS
    )


@pytest.fixture
def seeded(mirrored, superuser, span):
    for _, lines in Rows(span, places=[Place(1, 11, 111)], recent_from_ms=span.starts_ms).blocks(size=50):
        for table, text in lines.items():
            with (
                superuser.cursor() as cursor,
                cursor.copy(f"COPY pgw.{table} ({COLUMNS[table]}) FROM STDIN") as copy,
            ):
                copy.write(text)


def test_break_no_invariant_and_no_reference(seeded):
    assert {each.name: each.offending() for each in list_invariants() if each.offending()} == {}


def test_are_of_every_kind_and_as_old_as_their_ids_say(seeded, span):
    with atomic(TenantScope(1)):
        intents, attempts = list(PaymentIntent.objects.all()), list(PaymentAttempt.objects.all())
    assert len(intents) == INTENTS
    assert {intent.status for intent in intents} >= {"succeeded", "expired", "failed", "cancelled"}
    assert {intent.source for intent in intents} == {"api", "smarttab"}
    assert all(each.created_at == ids.created_at_of(each.pk) for each in (*intents, *attempts))
    assert all(span.starts_ms <= milliseconds(intent.created_at) < span.ends_ms for intent in intents)


def test_fill_every_table(seeded, superuser):
    empty = [
        table
        for table in COLUMNS
        if not superuser.execute(f"SELECT EXISTS (SELECT 1 FROM pgw.{table})").fetchone()[0]
    ]
    assert empty == []


def test_are_the_same_whenever_they_are_made(span):
    first, second = (
        list(Rows(span, places=[Place(1, 11, 111)], recent_from_ms=0).blocks(size=50)) for _ in range(2)
    )
    assert first == second


def test_are_spread_over_whole_months_without_a_gap():
    ends_at = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
    spans = Plan(10_000_000, ends_at).spans()
    assert sum(span.intents for span in spans) == 10_000_000
    assert all(earlier.ends_ms == later.starts_ms for earlier, later in pairwise(spans))
    assert (len(spans), spans[-1].ends_ms) == (MONTHS + 1, milliseconds(ends_at))
