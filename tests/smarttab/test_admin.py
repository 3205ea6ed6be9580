"""Smarttab in the console: every page, for those who may, with as many queries for many rows as for few."""

import pytest

from mpac.smarttab.models import Order
from mpac.smarttab.services import gateway_payments
from tests import consoles
from tests.smarttab.conftest import open_bill, pay_cash, start_qr

PAGES = consoles.pages_of("smarttab")


def sell(caller, now):
    pay_cash(caller, open_bill(caller, 14550, now=now), 14550, now=now)
    payment = start_qr(caller, open_bill(caller, 100, now=now), 100, now=now)
    gateway_payments.finish_gateway_payment(scope=caller.scope, payment_id=payment.id, now=now)


@pytest.fixture
def operator(shop):
    return consoles.operator()


def test_every_model_has_a_page():
    assert consoles.tables_of("smarttab") == PAGES


@pytest.mark.parametrize("model", PAGES, ids=lambda model: model.__name__)
def test_shows_every_table_and_lets_nobody_write(operator, caller, gateway, now, model):
    sell(caller, now)
    consoles.look_through(operator, model)


@pytest.mark.parametrize("model", PAGES, ids=lambda model: model.__name__)
def test_lists_many_rows_with_as_many_queries_as_few(operator, caller, gateway, now, model):
    sell(caller, now)
    few = consoles.count_queries(operator, model)
    for _ in range(3):
        sell(caller, now)
    assert consoles.count_queries(operator, model) <= few


def test_shows_money_and_states_in_words(operator, caller, gateway, now):
    sell(caller, now)
    page = consoles.read(operator, consoles.change_list(Order))
    assert "145.50 THB" in page
    assert "unpaid" in page


def test_keeps_staff_within_their_own_tenant(caller, gateway, other_shop, now):
    sell(caller, now)
    own, foreign = consoles.staff_of(caller.scope.psp_id), consoles.staff_of(other_shop.psp_id)
    shown = consoles.rows_in(consoles.read(own, consoles.change_list(Order)), Order)
    assert len(shown) == 2
    assert consoles.rows_in(consoles.read(foreign, consoles.change_list(Order)), Order) == []
    assert [foreign.get(row).status_code for row in shown] == [302, 302]
