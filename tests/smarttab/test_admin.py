"""Smarttab in the console: every page, for those who may, with as many queries for many rows as for few."""

import pytest
from django.contrib import admin
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from mpac.portal.domain.roles import Role
from mpac.smarttab.models import Order
from mpac.smarttab.services import gateway_payments
from tests.portal.test_admin import make_person, sign_in
from tests.smarttab.conftest import open_bill, pay_cash, start_qr

PAGES = sorted(
    (model for model in admin.site._registry if model._meta.app_label == "smarttab"), key=lambda m: m.__name__
)


def change_list(model):
    return reverse(f"admin:smarttab_{model._meta.model_name}_changelist")


def sell(caller, now):
    pay_cash(caller, open_bill(caller, 14550, now=now), 14550, now=now)
    payment = start_qr(caller, open_bill(caller, 100, now=now), 100, now=now)
    gateway_payments.finish_gateway_payment(scope=caller.scope, payment_id=payment.id, now=now)


@pytest.fixture
def operator(shop):
    return sign_in(*make_person(Role.PLATFORM_OPERATOR))[0]


def test_every_model_has_a_page():
    assert len(PAGES) == 14


@pytest.mark.parametrize("model", PAGES, ids=lambda model: model.__name__)
def test_lists_and_shows_what_there_is(operator, caller, gateway, now, model):
    sell(caller, now)
    page = operator.get(change_list(model))
    assert page.status_code == 200
    with connections["smarttab"].cursor() as cursor:
        cursor.execute("SELECT set_config('app.system', 'console', false)")
        row = model._base_manager.order_by("-pk").first()
        cursor.execute("SELECT set_config('app.system', '', false)")
    if row is not None:
        shown = operator.get(reverse(f"admin:smarttab_{model._meta.model_name}_change", args=[row.pk]))
        assert shown.status_code == 200


@pytest.mark.parametrize("model", PAGES, ids=lambda model: model.__name__)
def test_lists_many_rows_with_as_many_queries_as_few(operator, caller, gateway, now, model):
    def queries():
        with CaptureQueriesContext(connections["smarttab"]) as captured:
            assert operator.get(change_list(model)).status_code == 200
        return len(captured)

    sell(caller, now)
    few = queries()
    for _ in range(3):
        sell(caller, now)
    assert queries() == few


def test_shows_money_and_states_in_words(operator, caller, gateway, now):
    sell(caller, now)
    page = operator.get(change_list(Order)).content.decode()
    assert "145.50 THB" in page
    assert "unpaid" in page


def test_keeps_staff_within_their_own_tenant(caller, gateway, shop, other_shop, now):
    sell(caller, now)
    own = sign_in(*make_person(Role.PSP_ADMIN, psp_id=shop.psp_id))[0]
    page = own.get(change_list(Order)).content.decode()
    assert "145.50 THB" in page


def test_hides_other_tenants_from_staff(caller, gateway, other_shop, now):
    sell(caller, now)
    foreign = sign_in(*make_person(Role.PSP_ADMIN, psp_id=other_shop.psp_id))[0]
    page = foreign.get(change_list(Order)).content.decode()
    assert "145.50 THB" not in page
