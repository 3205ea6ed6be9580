"""Sync in the console ..."""

import pytest

from kernel import jobs
from mpac.sync.models import IdempotencyKey, OutboxMessage
from tests import consoles

PAGES = consoles.pages_of("sync")
# Sync announces nothing, and its one POST is not keyed.
EMPTY = {IdempotencyKey, OutboxMessage}


@pytest.fixture
def busy(copied, service, now):
    """Handled events, a job's slot and a spent nonce."""
    jobs.run_slot("sync.reconcile", now=now)
    assert service.get("/v1/sync/status").status_code == 200


def test_has_a_page_for_every_table():
    assert consoles.tables_of("sync") == PAGES


@pytest.mark.parametrize("model", PAGES, ids=lambda model: model.__name__)
def test_shows_every_table_and_lets_nobody_write(busy, model):
    operator = consoles.operator()
    consoles.look_through(operator, model)
    shown = consoles.rows_in(consoles.read(operator, consoles.change_list(model)), model)
    assert bool(shown) is (model not in EMPTY)


@pytest.mark.parametrize("model", PAGES, ids=lambda model: model.__name__)
def test_asks_as_often_for_many_rows_as_for_few(busy, stranger, service, model):
    operator = consoles.operator()
    few = consoles.count_queries(operator, model)
    for _ in range(3):
        service.get("/v1/sync/status")
    assert consoles.count_queries(operator, model) <= few


def test_shows_no_nonce(copied, service):
    nonce = "b1946ac92492d2347c6235b4d2611184"
    service.get("/v1/sync/status", nonce=nonce)
    operator = consoles.operator()
    assert not any(nonce in consoles.look_through(operator, model) for model in PAGES)


def test_is_for_the_platforms_operators_alone(copied):
    staff = consoles.staff_of(copied.psp.id)
    for model in PAGES:
        assert staff.get(consoles.change_list(model)).status_code == 403
