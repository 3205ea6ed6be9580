"""Taking up, changing and moving orders."""

import datetime as dt

import pytest
from django.db import IntegrityError

from kernel import ids
from kernel.errors import NotFound
from kernel.money import CurrencyUnknown
from kernel.tenancy import SystemScope, TenantScope
from mpac.smarttab.db import atomic, db
from mpac.smarttab.domain.states import Channel, OrderStatus
from mpac.smarttab.domain.totals import Line, Modifier, Portion
from mpac.smarttab.dto import Caller
from mpac.smarttab.errors import (
    BillHasPayments,
    IdempotencyKeySpent,
    IllegalTransition,
    NoStore,
    OrderIsBilled,
    OrderNotComputable,
    OrderNotEditable,
    VersionMismatch,
)
from mpac.smarttab.models import Bill, DeviceEvent, Order, OrderLine, OutboxMessage, StateChange, TaxRate
from mpac.smarttab.selectors.orders import get_draft, list_lines
from mpac.smarttab.services import bills, orders
from tests.smarttab.conftest import draft, open_shop, pay_cash


def take(caller, *prices, key=None, now, **more):
    return orders.create_order(caller=caller, draft=draft(*prices, **more), idempotency_key=key, now=now)


def test_an_order_keeps_what_was_asked_and_what_it_costs(caller, now):
    asked = draft(
        6000,
        table_name="7",
        client_reference="till-1",
        channel=Channel.DINE_IN,
        discounts=(Portion(basis_points=1000, name="Friday"),),
        service_charge=Portion(amount_minor=100),
        tip_minor=50,
    )
    order = orders.create_order(caller=caller, draft=asked, idempotency_key="k", now=now)
    assert (order.subtotal_minor, order.discount_minor, order.total_minor) == (6000, 600, 5550)
    assert (order.status, order.payment_state, order.version) == ("draft", "unpaid", 1)
    assert (order.device_id, order.created_at) == (caller.device_id, now)
    with atomic(caller.scope):
        assert get_draft(order) == asked
        change = StateChange.objects.get()
        assert (change.subject, change.from_status, change.to_status, change.actor) == (
            "order",
            "",
            "draft",
            "device:test",
        )
        assert [message.type for message in OutboxMessage.objects.all()] == ["smarttab.order_created"]
        assert not DeviceEvent.objects.exists()


def test_orders_are_numbered_by_store_and_business_day(shop, now):
    caller = shop.caller()
    noon = dt.datetime(2026, 11, 21, 5, tzinfo=dt.UTC)
    assert [take(caller, 1, now=noon).number for _ in range(3)] == [1, 2, 3]
    evening = take(
        caller, 1, now=dt.datetime(2026, 11, 21, 17, tzinfo=dt.UTC)
    )  # 00:00 of the next day in Bangkok
    assert (evening.business_date, evening.number) == (dt.date(2026, 11, 22), 1)


def test_the_business_day_is_that_of_the_stores_time_zone(shop):
    caller = open_shop("TOKYO", time_zone="Asia/Tokyo").caller()
    order = take(caller, 1, now=dt.datetime(2026, 11, 21, 15, tzinfo=dt.UTC))
    assert order.business_date == dt.date(2026, 11, 22)


@pytest.mark.parametrize(
    ("minute", "day"), [(29, dt.date(2026, 11, 21)), (30, dt.date(2026, 11, 22))], ids=["before", "after"]
)
def test_the_business_day_begins_when_the_store_says(shop, minute, day):
    """What a bar sells after midnight is still its evening's business."""
    caller = open_shop("BAR", details={"business_day_starts_at": dt.time(4, 30)}).caller()
    order = take(caller, 1, now=dt.datetime(2026, 11, 21, 21, minute, tzinfo=dt.UTC))
    assert order.business_date == day


def test_a_key_has_one_effect_for_ever(caller, now):
    take(caller, 1, key="once", now=now)
    with pytest.raises(IdempotencyKeySpent):
        take(caller, 1, key="once", now=now)
    with atomic(caller.scope):
        assert Order.objects.count() == 1


def test_keys_of_two_merchants_do_not_meet(shop, other_shop, now):
    take(shop.caller(), 1, key="same", now=now)
    take(other_shop.caller(), 1, key="same", now=now)


def test_only_a_caller_with_one_store_sells(shop, now):
    for scope in (shop.tenant, TenantScope(shop.psp_id), TenantScope(shop.psp_id, shop.merchant_id, (1, 2))):
        with pytest.raises(NoStore):
            take(Caller(scope=scope, actor="partner:test"), 1, now=now)


def test_a_currency_that_does_not_exist_is_refused(caller, now):
    with pytest.raises(CurrencyUnknown):
        take(caller, 1, currency="ZZZ", now=now)


def test_a_tax_code_without_a_rate_is_refused_and_never_taxed_at_nothing(caller, now):
    taxed = (Line(name="Tea", unit_price_minor=10700, tax_code="vat"),)
    with pytest.raises(OrderNotComputable) as refused:
        take(caller, lines=taxed, now=now)
    assert [error.field for error in refused.value.errors] == ["items[0].tax_code"]
    with atomic(caller.scope):
        assert not Order.objects.exists()


def test_tax_follows_the_rate_of_the_business_day(caller):
    with atomic(SystemScope("seed")):
        TaxRate.objects.create(
            country="TH",
            code="vat",
            rate_ppm=70_000,
            valid_from=dt.date(2026, 1, 1),
            valid_to=dt.date(2026, 10, 1),
        )
        TaxRate.objects.create(country="TH", code="vat", rate_ppm=100_000, valid_from=dt.date(2026, 10, 1))
    taxed = (Line(name="Tea", unit_price_minor=10700, tax_code="vat"),)
    before = take(caller, lines=taxed, now=dt.datetime(2026, 9, 30, 16, 59, tzinfo=dt.UTC))
    after = take(caller, lines=taxed, now=dt.datetime(2026, 9, 30, 17, tzinfo=dt.UTC))
    assert (before.tax_minor, after.tax_minor) == (700, 973)


def test_a_patched_order_is_computed_anew_and_keeps_its_old_lines(caller, now):
    order = take(caller, 100, 200, now=now, tip_minor=7)
    lines = (Line(name="Soup", unit_price_minor=500, modifiers=(Modifier(name="Egg", price_minor=50),)),)
    patched = orders.patch_order(
        caller=caller, order_id=order.id, version=1, changes={"lines": lines, "table_name": "4"}, now=now
    )
    assert (patched.total_minor, patched.table_name, patched.version, patched.tip_minor) == (557, "4", 2, 7)
    with atomic(caller.scope):
        assert [line.name for line in list_lines(order.id, revision=patched.revision)] == ["Soup"]
        assert OrderLine.objects.count() == 3
        assert [event.type for event in DeviceEvent.objects.all()] == ["order.updated"]


def test_a_version_that_is_not_the_present_one_changes_nothing(caller, now):
    order = take(caller, 100, now=now)
    orders.patch_order(caller=caller, order_id=order.id, version=1, changes={"tip_minor": 1}, now=now)
    with pytest.raises(VersionMismatch) as refused:
        orders.patch_order(caller=caller, order_id=order.id, version=1, changes={"tip_minor": 2}, now=now)
    assert refused.value.extra == {"version": 2}


def test_a_billed_or_prepared_order_is_not_changed(caller, now):
    billed, prepared = take(caller, 100, now=now), take(caller, 100, now=now)
    bills.create_bill(caller=caller, order_id=billed.id, idempotency_key=None, now=now)
    with pytest.raises(OrderIsBilled):
        orders.patch_order(caller=caller, order_id=billed.id, version=2, changes={"tip_minor": 1}, now=now)
    for step in (OrderStatus.OPEN, OrderStatus.PREPARING):
        orders.advance_order(caller=caller, order_id=prepared.id, to=step, now=now)
    with pytest.raises(OrderNotEditable):
        orders.patch_order(caller=caller, order_id=prepared.id, version=3, changes={"tip_minor": 1}, now=now)


def test_an_order_goes_through_the_kitchen_and_its_terminal_hears_of_it(caller, now):
    order = take(caller, 100, now=now)
    for step in (OrderStatus.OPEN, OrderStatus.PREPARING, OrderStatus.READY, OrderStatus.COMPLETED):
        order = orders.advance_order(caller=caller, order_id=order.id, to=step, now=now)
    with pytest.raises(IllegalTransition) as refused:
        orders.cancel_order(caller=caller, order_id=order.id, now=now)
    assert refused.value.allowed == []
    with atomic(caller.scope):
        seen = [(event.seq, event.data["status"]) for event in DeviceEvent.objects.order_by("seq")]
    assert seen == [(1, "open"), (2, "preparing"), (3, "ready"), (4, "completed")]


def test_what_a_step_would_allow_is_said(caller, now):
    order = take(caller, 100, now=now)
    with pytest.raises(IllegalTransition) as refused:
        orders.advance_order(caller=caller, order_id=order.id, to=OrderStatus.READY, now=now)
    assert refused.value.allowed == ["cancelled", "open"]


def test_a_cancelled_order_takes_its_unpaid_bill_with_it(caller, now):
    order = take(caller, 100, now=now)
    _, bill = bills.create_bill(caller=caller, order_id=order.id, idempotency_key=None, now=now)
    orders.cancel_order(caller=caller, order_id=order.id, now=now)
    with atomic(caller.scope):
        assert Bill.objects.get(pk=bill.pk).status == "voided"


def test_an_order_with_money_is_not_cancelled(caller, now):
    order = take(caller, 100, now=now)
    _, bill = bills.create_bill(caller=caller, order_id=order.id, idempotency_key=None, now=now)
    pay_cash(caller, bill, 40, now=now)
    with pytest.raises(BillHasPayments):
        orders.cancel_order(caller=caller, order_id=order.id, now=now)
    with atomic(caller.scope):
        assert Order.objects.get().status == "open"


def test_another_merchants_order_is_missing(shop, other_shop, now):
    order = take(shop.caller(), 100, now=now)
    for stranger in (
        other_shop.caller(),
        Caller(scope=TenantScope(shop.psp_id, shop.merchant_id, (99,)), actor="x"),
    ):
        with pytest.raises(NotFound):
            orders.advance_order(caller=stranger, order_id=order.id, to=OrderStatus.OPEN, now=now)
    with pytest.raises(NotFound):
        orders.cancel_order(caller=shop.caller(), order_id=ids.uuid7(), now=now)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE orders SET status = 'completed'", "not a legal transition"),
        ("UPDATE orders SET total_minor = total_minor + 1", "order_total_adds_up"),
        ("UPDATE orders SET paid_minor = total_minor + 1", "order_paid_range"),
        ("UPDATE order_lines SET name = 'x'", "permission denied"),
        ("DELETE FROM orders", "permission denied"),
        ("DELETE FROM state_changes", "permission denied"),
    ],
)
def test_the_database_itself_refuses_what_must_not_be(caller, now, statement, message):
    take(caller, 100, now=now)
    with pytest.raises(Exception, match=message), atomic(caller.scope):
        db.execute(statement)


def test_an_order_of_a_foreign_store_is_refused_by_the_database(shop, now):
    order = take(shop.caller(), 100, now=now)
    line = OrderLine(
        psp_id=shop.psp_id, merchant_id=shop.merchant_id, store_id=shop.store_id + 1, order=order, revision=1, position=9,
        name="x", quantity=1, unit_price_minor=0, gross_minor=0, discount_minor=0, total_minor=0,
    )  # fmt: skip
    with pytest.raises(IntegrityError), atomic(shop.tenant):
        line.save(force_insert=True)
