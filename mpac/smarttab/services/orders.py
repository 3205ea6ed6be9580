"""Taking up orders, changing them and moving them through the kitchen."""

import dataclasses
import datetime as dt
import uuid
from typing import Any

from django.db.models import F

from kernel import ids
from kernel.errors import FieldError
from kernel.money import exponent
from kernel.scrubbing import holds_card_number
from mpac.smarttab.db import atomic, db
from mpac.smarttab.domain.drafts import OrderDraft
from mpac.smarttab.domain.states import BILL_TRANSITIONS, ORDER_TRANSITIONS, BillStatus, OrderStatus
from mpac.smarttab.domain.totals import Totals, TotalsError
from mpac.smarttab.dto import Caller
from mpac.smarttab.errors import (
    BillHasPayments,
    CardNumberRefused,
    NoStore,
    OrderIsBilled,
    OrderNotComputable,
    OrderNotEditable,
    VersionMismatch,
)
from mpac.smarttab.models import Bill, Order, OrderLine
from mpac.smarttab.selectors.locks import lock_order
from mpac.smarttab.selectors.orders import get_draft
from mpac.smarttab.selectors.stores import get_calendar
from mpac.smarttab.selectors.taxes import list_rates_ppm
from mpac.smarttab.services import announce
from mpac.smarttab.services.history import change_status, record
from mpac.smarttab.services.keys import one_effect_per_key

EDITABLE = frozenset({OrderStatus.DRAFT.value, OrderStatus.OPEN.value})

_NEXT_NUMBER = """
    INSERT INTO order_counters (psp_id, merchant_id, store_id, business_date, last_number)
    VALUES (%s, %s, %s, %s, 1)
    ON CONFLICT (psp_id, merchant_id, store_id, business_date) DO UPDATE
    SET last_number = order_counters.last_number + 1
    RETURNING last_number
"""


def create_order(
    *, caller: Caller, draft: OrderDraft, idempotency_key: str | None, now: dt.datetime
) -> Order:
    """Take up an order as a draft; the server computes every total and gives it the store's next number.

    Raises NoStore, NotFound (no such store), CurrencyUnknown, CardNumberRefused, OrderNotComputable,
    IdempotencyKeySpent.
    """
    exponent(draft.currency)
    _refuse_card_numbers(draft)
    psp_id, merchant_id, store_id = _store_of(caller)
    with atomic(caller.scope), one_effect_per_key():
        calendar = get_calendar(psp_id=psp_id, merchant_id=merchant_id, store_id=store_id, now=now)
        business_date = calendar.business_date(now)
        totals = _totals(draft, country=calendar.country, on=business_date)
        number = db.execute(_NEXT_NUMBER, [psp_id, merchant_id, store_id, business_date])[0][0]
        order_id = ids.uuid7(at=now)
        order = Order(
            id=order_id,
            psp_id=psp_id,
            merchant_id=merchant_id,
            store_id=store_id,
            device_id=caller.device_id,
            number=number,
            business_date=business_date,
            status=OrderStatus.DRAFT.value,
            livemode=caller.livemode,
            idempotency_key=idempotency_key,
            **_computed_columns(draft, totals, now=now),
        )
        order.save(force_insert=True)
        _insert_lines(order, draft, totals)
        record(order, before="", after=order.status, actor=caller.actor, now=now)
        announce.publish_order_created(order, now=now)
    return order


def patch_order(
    *, caller: Caller, order_id: uuid.UUID, version: int, changes: dict[str, Any], now: dt.datetime
) -> Order:
    """Change a draft or open order that stands on no bill, and compute it anew.

    `changes` are fields of `OrderDraft`. `version` is the one the caller has seen.

    Raises NotFound, VersionMismatch, OrderNotEditable, OrderIsBilled, CardNumberRefused, OrderNotComputable.
    """
    with atomic(caller.scope):
        order = lock_order(order_id)
        if order.version != version:
            raise VersionMismatch(version=order.version)
        if order.status not in EDITABLE:
            raise OrderNotEditable
        if order.paid_minor or Bill.objects.filter(order=order, status=BillStatus.OPEN.value).exists():
            raise OrderIsBilled
        draft = dataclasses.replace(get_draft(order), **changes)
        _refuse_card_numbers(draft)
        calendar = get_calendar(
            psp_id=order.psp_id, merchant_id=order.merchant_id, store_id=order.store_id, now=now
        )
        totals = _totals(draft, country=calendar.country, on=order.business_date)
        columns = _computed_columns(draft, totals, now=now) | {"revision": order.revision + 1}
        Order.objects.filter(pk=order.pk).update(version=F("version") + 1, **columns)
        for name, value in columns.items():
            setattr(order, name, value)
        order.version += 1
        _insert_lines(order, draft, totals)
        announce.announce_order(order, now=now)
    return order


def advance_order(*, caller: Caller, order_id: uuid.UUID, to: OrderStatus, now: dt.datetime) -> Order:
    """Submit, prepare, make ready or complete an order. Raises NotFound, IllegalTransition."""
    with atomic(caller.scope):
        order = lock_order(order_id)
        change_status(order, to=to, transitions=ORDER_TRANSITIONS, actor=caller.actor, now=now)
        announce.announce_order(order, now=now)
    return order


def cancel_order(*, caller: Caller, order_id: uuid.UUID, now: dt.datetime) -> Order:
    """Cancel an order; an open bill without money is voided with it.

    Raises NotFound, IllegalTransition, BillHasPayments.
    """
    with atomic(caller.scope):
        order = lock_order(order_id)
        change_status(
            order, to=OrderStatus.CANCELLED, transitions=ORDER_TRANSITIONS, actor=caller.actor, now=now
        )
        if order.paid_minor:
            raise BillHasPayments
        bill = Bill.objects.select_for_update().filter(order=order, status=BillStatus.OPEN.value).first()
        if bill is None:
            announce.announce_order(order, now=now)
            return order
        void_open_bill(bill, actor=caller.actor, now=now)
        announce.announce_bill(order, bill, now=now, with_order=True)
    return order


def submit_draft(order: Order, *, actor: str, now: dt.datetime) -> bool:
    """Submit a locked order if it is a draft still; returns whether it was."""
    if order.status != OrderStatus.DRAFT.value:
        return False
    change_status(order, to=OrderStatus.OPEN, transitions=ORDER_TRANSITIONS, actor=actor, now=now)
    return True


def void_open_bill(bill: Bill, *, actor: str, now: dt.datetime) -> None:
    """Void a locked bill. Raises IllegalTransition, BillHasPayments."""
    if bill.paid_minor or bill.reserved_minor:
        raise BillHasPayments
    change_status(
        bill, to=BillStatus.VOIDED, transitions=BILL_TRANSITIONS, actor=actor, now=now, voided_at=now
    )


def _refuse_card_numbers(draft: OrderDraft) -> None:
    """What is typed into an order is kept for years; a card number must not be. Raises CardNumberRefused."""
    if any(holds_card_number(text) for text in draft.texts):
        raise CardNumberRefused


def _store_of(caller: Caller) -> tuple[int, int, int]:
    scope = caller.scope
    if scope.merchant_id is None or not scope.store_ids or len(scope.store_ids) != 1:
        raise NoStore
    return scope.psp_id, scope.merchant_id, scope.store_ids[0]


def _totals(draft: OrderDraft, *, country: str, on: dt.date) -> Totals:
    try:
        return draft.totals(rates_ppm=list_rates_ppm(country=country, codes=draft.tax_codes, on=on))
    except TotalsError as error:
        raise OrderNotComputable(errors=[FieldError(error.field, error.code, str(error))]) from None


def _computed_columns(draft: OrderDraft, totals: Totals, *, now: dt.datetime) -> dict[str, Any]:
    charge = draft.service_charge
    return {
        "channel": draft.channel.value,
        "table_name": draft.table_name,
        "customer_id": draft.customer_id,
        "client_reference": draft.client_reference,
        "currency": draft.currency,
        "subtotal_minor": totals.subtotal_minor,
        "discount_minor": totals.discount_minor,
        "service_charge_minor": totals.service_charge_minor,
        "tip_minor": totals.tip_minor,
        "tax_minor": totals.tax_minor,
        "total_minor": totals.total_minor,
        "details": {
            "discounts": [dataclasses.asdict(each) for each in draft.discounts],
            "service_charge": dataclasses.asdict(charge) if charge else None,
            "service_charge_tax_code": draft.service_charge_tax_code,
            "taxes": [
                {
                    "rate_ppm": tax.rate_ppm,
                    "tax_codes": list(tax.tax_codes),
                    "gross": tax.gross_minor,
                    "tax": tax.tax_minor,
                }
                for tax in totals.taxes
            ],
        },
        "updated_at": now,
    }


def _insert_lines(order: Order, draft: OrderDraft, totals: Totals) -> None:
    OrderLine.objects.bulk_create(
        OrderLine(
            psp_id=order.psp_id,
            merchant_id=order.merchant_id,
            store_id=order.store_id,
            created_at=order.updated_at,
            order_id=order.id,
            revision=order.revision,
            position=position,
            name=line.name,
            sku=line.sku,
            product_id=line.product_id,
            quantity=line.quantity,
            unit_price_minor=line.unit_price_minor,
            tax_code=line.tax_code or "",
            modifiers=[dataclasses.asdict(each) for each in line.modifiers],
            discount=dataclasses.asdict(line.discount) if line.discount else None,
            gross_minor=total.gross_minor,
            discount_minor=total.discount_minor,
            total_minor=total.total_minor,
        )
        for position, (line, total) in enumerate(zip(draft.lines, totals.lines, strict=True), start=1)
    )
