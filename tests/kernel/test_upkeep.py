"""Upkeep keeps partitions ahead of time, and what fell beside them is put back and reported."""

from contextlib import closing
from datetime import timedelta

import pytest
from django.conf import settings
from structlog.testing import capture_logs

from kernel import clock, ids
from kernel.db import ContextDb
from kernel.partitions import Partitions
from kernel.tenancy import SystemScope
from kernel.upkeep import (
    PARTITIONS_AHEAD,
    drop_expired_partitions,
    ensure_partitions,
    owner_connection,
    remove_expired,
)
from tests.plugin import admin_connection

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


EVENT = """
    INSERT INTO pgw.webhook_events (id, created_at, provider, account, dedupe_key, headers, body, remote_address)
    VALUES (gen_random_uuid(), %s, 'scb', '', 'x', '{}', 'x', '')
"""


PAST = ("webhook_events", "outbox", "payment_transactions")


@pytest.fixture
def past(database, superuser):
    """Partitions as they were made two years ago; gives that instant."""
    now = clock.now()
    then = now - timedelta(days=730)
    with closing(owner_connection("pgw")) as connection:
        for table in PAST:
            Partitions(connection, table).ensure(ahead=0, now=then)
            Partitions(connection, table).ensure(ahead=0, now=now - timedelta(days=70))
    yield then
    for table in PAST:
        for month in (then, now - timedelta(days=70)):
            superuser.execute(f"DROP TABLE IF EXISTS pgw.{table}_{month:%Y_%m}")


def parts(superuser, table):
    found = superuser.execute(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass", [f"pgw.{table}"]
    ).fetchall()
    return {name.removeprefix(f"pgw.{table}_") for (name,) in found}


def test_what_is_too_old_is_dropped_and_what_tells_of_money_is_not(past, superuser):
    now = clock.now()
    superuser.execute(EVENT, [past])
    superuser.execute(EVENT, [now - timedelta(days=70)])
    assert drop_expired_partitions("pgw", "pgw", now=now) == 2
    assert drop_expired_partitions("pgw", "pgw", now=now) == 0
    old, young = f"{past:%Y_%m}", f"{now - timedelta(days=70):%Y_%m}"
    assert {old, young} & parts(superuser, "webhook_events") == {young}
    assert {old, young} & parts(superuser, "outbox") == {young}
    assert {old, young} & parts(superuser, "payment_transactions") == {old, young}
    assert superuser.execute("SELECT count(*) FROM pgw.webhook_events").fetchone() == (1,)


def test_what_somebody_still_works_on_is_not_dropped_however_old(past, superuser):
    superuser.execute(PUT.replace("INTO outbox", "INTO pgw.outbox"), [ids.uuid7(at=past), past])
    assert drop_expired_partitions("pgw", "pgw", now=clock.now()) == 1
    assert f"{past:%Y_%m}" in parts(superuser, "outbox")
    superuser.execute("UPDATE pgw.outbox SET delivered_at = now()")
    assert drop_expired_partitions("pgw", "pgw", now=clock.now()) == 1


def test_what_is_in_use_is_dropped_another_time(past, database, superuser, monkeypatch):
    monkeypatch.setattr("kernel.partitions.LOCK_TIMEOUT", "50ms")
    with admin_connection(database) as reader, reader.transaction():
        reader.execute("SELECT count(*) FROM pgw.webhook_events")
        assert drop_expired_partitions("pgw", "pgw", now=clock.now()) == 1
    assert f"{past:%Y_%m}" in parts(superuser, "webhook_events")
    assert drop_expired_partitions("pgw", "pgw", now=clock.now()) == 1
