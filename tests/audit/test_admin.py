"""Audit in the console ..."""

import pytest

from kernel import jobs
from mpac.audit.models import AuditEvent, IdempotencyKey, Nonce, OutboxMessage
from mpac.portal.db import db as portal_db
from tests import consoles
from tests.audit.conftest import write
from tests.delivery import deliver_all
from tests.portal.factories import make_tenant

PAGES = consoles.pages_of("audit")
# Audit announces nothing and takes no writing calls.
EMPTY = {IdempotencyKey, Nonce, OutboxMessage}


@pytest.fixture
def tenant(database, now):
    found = make_tenant()
    deliver_all([portal_db])
    jobs.run_slot("audit.set_aside_old_months", now=now)
    return found


def test_has_a_page_for_every_table():
    assert consoles.tables_of("audit") == PAGES


@pytest.mark.parametrize("model", PAGES, ids=lambda model: model.__name__)
def test_shows_every_table_and_lets_nobody_write(tenant, model):
    operator = consoles.operator()
    consoles.look_through(operator, model)
    shown = consoles.rows_in(consoles.read(operator, consoles.change_list(model)), model)
    assert bool(shown) is (model not in EMPTY)


def test_asks_as_often_for_many_records_as_for_few(tenant):
    operator = consoles.operator()
    few = consoles.count_queries(operator, AuditEvent)
    write(5, tenant.psp.id)
    assert consoles.count_queries(operator, AuditEvent) <= few


def test_shows_staff_the_records_of_their_own_tenant(tenant):
    other = make_tenant()
    deliver_all([portal_db])
    staff = consoles.staff_of(tenant.psp.id)
    text = consoles.look_through(staff, AuditEvent)
    assert tenant.store.code in text
    assert other.store.code not in text
    others = [model for model in PAGES if model is not AuditEvent]
    assert {staff.get(consoles.change_list(model)).status_code for model in others} == {403}


def test_finds_what_was_done_to_a_thing(tenant):
    write(2, tenant.psp.id)
    text = consoles.read(consoles.operator(), consoles.change_list(AuditEvent, q="dev_1"))
    assert len(consoles.rows_in(text, AuditEvent)) == 1
