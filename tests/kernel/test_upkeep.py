"""Upkeep keeps partitions ahead of time, and what fell beside them is put back and reported."""

from datetime import timedelta

import pytest
from django.conf import settings
from structlog.testing import capture_logs

from kernel import clock, ids
from kernel.db import ContextDb
from kernel.tenancy import SystemScope
from kernel.upkeep import PARTITIONS_AHEAD, ensure_partitions, remove_expired

CONTEXTS = sorted(settings.MPAC_CONTEXTS.items())
PUT = """
    INSERT INTO outbox (id, created_at, psp_id, type, version, aggregate_id, payload, request_id, tries, last_error)
    VALUES (%s, %s, 1, 'test.nobody_handles_this', 1, 'x', '{}', '', 0, '')
"""


@pytest.mark.parametrize(("name", "alias"), CONTEXTS)
def test_every_context_has_its_partitions_ahead(database, superuser, name, alias):
    ensure_partitions(name, alias, now=clock.now())
    assert ensure_partitions(name, alias, now=clock.now()) == 0
    counts = superuser.execute(
        "SELECT p.relname, count(*) FROM pg_inherits JOIN pg_class p ON p.oid = inhparent AND p.relkind = 'p'"
        " JOIN pg_namespace n ON n.oid = p.relnamespace WHERE n.nspname = %s GROUP BY 1",
        [name],
    ).fetchall()
    assert "outbox" in dict(counts)
    assert all(count >= PARTITIONS_AHEAD + 2 for _, count in counts)


def test_a_row_without_a_partition_is_moved_and_reported(database, superuser):
    far = clock.now() + timedelta(days=800)
    db = ContextDb("pgw", alias="pgw")
    with db.atomic(SystemScope("upkeep")):
        db.execute(PUT, [ids.uuid7(at=far), far])
    assert superuser.execute("SELECT count(*) FROM pgw.outbox_default").fetchone()[0] == 1
    with capture_logs() as records:
        ensure_partitions("pgw", "pgw", now=clock.now())
    assert [(record["log_level"], record["table"], record["rows"]) for record in records] == [
        ("error", "outbox", 1)
    ]
    assert superuser.execute("SELECT count(*) FROM pgw.outbox_default").fetchone()[0] == 0
    assert superuser.execute(f"SELECT count(*) FROM pgw.outbox_{far:%Y_%m}").fetchone()[0] == 1
    superuser.execute(f"DROP TABLE pgw.outbox_{far:%Y_%m}")


def test_what_has_expired_goes_in_small_transactions(database, superuser, monkeypatch):
    monkeypatch.setattr("kernel.upkeep.BATCH", 2)
    now, db = clock.now(), ContextDb("pgw", alias="pgw")
    superuser.execute(
        "INSERT INTO pgw.nonces (key_id, nonce, expires_at)"
        " SELECT 'k', n::text, %s + n * interval '1 second' FROM generate_series(-5, 1) n",
        [now],
    )
    transactions = []
    atomic = db.atomic
    monkeypatch.setattr(db, "atomic", lambda scope: transactions.append(scope) or atomic(scope))
    assert remove_expired(db, now=now) == 5
    assert len(transactions) == 3 + 3
    assert superuser.execute("SELECT count(*) FROM pgw.nonces").fetchone() == (2,)
