"""A tenant's chain of records ..."""

import datetime as dt
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import DatabaseError, connections

from kernel import clock, ids
from kernel.tenancy import TenantScope
from kernel.upkeep import owner_connection
from mpac.audit.db import atomic, db
from mpac.audit.domain.chain import GENESIS, digest_of
from mpac.audit.models import AuditEvent
from mpac.audit.services.verification import list_chains, verify_chain
from tests.audit.conftest import ALL, OTHER, PSP, deliver, events, head, recorded, write

ROUNDS = int(os.environ.get("MPAC_TEST_ROUNDS", "6"))

pytestmark = pytest.mark.usefixtures("database")


def test_links_every_record_to_the_one_before():
    write(3)
    first, second, third = events()
    assert [event.sequence for event in (first, second, third)] == [1, 2, 3]
    assert (first.previous_digest, second.previous_digest) == (GENESIS, first.digest)
    assert third.digest == digest_of(third.covered(), previous=second.digest)
    assert (head().sequence, head().digest) == (3, third.digest)


def test_is_of_one_tenant_and_the_platform_has_its_own():
    write(2)
    write(1, OTHER)
    write(1, None)
    assert list_chains() == [0, PSP, OTHER]
    assert [len(events(psp_id)) for psp_id in (PSP, OTHER, None)] == [2, 1, 1]
    with atomic(TenantScope(OTHER)):
        assert list(AuditEvent.objects.values_list("psp_id", flat=True)) == [OTHER]
        assert db.execute("SELECT psp_id FROM audit_events") == [(OTHER,)]
        assert db.execute("SELECT psp_id FROM audit_chains") == [(OTHER,)]


def test_shows_a_store_nothing_of_other_stores_or_of_the_levels_above():
    deliver(recorded(merchant_id=1, store_id=1))
    deliver(recorded(merchant_id=1, store_id=2))
    deliver(recorded(merchant_id=1))
    deliver(recorded())
    with atomic(TenantScope(PSP, 1, (2,))):
        assert db.execute("SELECT store_id FROM audit_events") == [(2,)]
    with atomic(TenantScope(PSP, 1)):
        assert len(db.execute("SELECT store_id FROM audit_events")) == 3


def test_counts_an_event_that_is_delivered_twice_once():
    event, event_id = recorded(), ids.uuid7()
    assert [deliver(event, event_id=event_id) for _ in range(3)] == [True, False, False]
    assert [held.event_id for held in events()] == [event_id]


def test_grows_in_one_line_however_many_write_at_once():
    """Two hot tenants, deliveries that come twice, four relays: no gap, no fork, no deadlock."""
    work = [(recorded(psp_id), ids.uuid7()) for psp_id in (PSP, OTHER) for _ in range(ROUNDS)] * 2

    def one(item):
        try:
            return deliver(item[0], event_id=item[1])
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(one, work)) == 2 * ROUNDS
    for psp_id in (PSP, OTHER):
        assert [event.sequence for event in events(psp_id)] == list(range(1, ROUNDS + 1))
        assert verify_chain(psp_id=psp_id, now=clock.now()).fault is None


def test_does_not_go_back_in_time_when_a_machines_clock_does():
    deliver(recorded(), now=clock.now())
    deliver(recorded(), now=clock.now() - dt.timedelta(days=40))
    first, second = events()
    assert first.created_at <= second.created_at


def test_writes_nothing_when_the_delivery_fails(monkeypatch):
    def fail(*_, **__):
        raise RuntimeError

    monkeypatch.setattr("mpac.audit.services.appending.digest_of", fail)
    with pytest.raises(RuntimeError):
        deliver(recorded())
    assert (events(), list_chains()) == ([], [])


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_events SET reason = ''", "DELETE FROM audit_events", "TRUNCATE audit_events"]
)
def test_cannot_be_changed_by_the_role_that_writes_it(statement):
    write(1)
    with pytest.raises(DatabaseError, match="permission denied"), atomic(ALL):
        db.execute(statement)
    assert len(events()) == 1


@pytest.mark.parametrize("statement", ["UPDATE audit_events SET reason = ''", "DELETE FROM audit_events"])
def test_cannot_be_changed_by_its_owner_either(statement):
    write(1)
    with owner_connection("audit") as connection:
        connection.execute("SET app.system = 'upkeep'")
        with pytest.raises(Exception, match="append-only"):
            connection.execute(statement)
    assert len(events()) == 1
