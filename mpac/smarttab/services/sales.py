"""Quick service: order, bill and payment in one go, by the same rules as one by one."""

import datetime as dt

from mpac.smarttab.db import atomic
from mpac.smarttab.domain.drafts import OrderDraft
from mpac.smarttab.domain.states import PaymentMethod
from mpac.smarttab.dto import Caller
from mpac.smarttab.models import Bill, Order, Payment
from mpac.smarttab.services.bills import open_bill
from mpac.smarttab.services.keys import one_effect_per_key
from mpac.smarttab.services.orders import create_order
from mpac.smarttab.services.payments import Tender, start, take_cash


def make_sale(
    *, caller: Caller, draft: OrderDraft, tender: Tender, idempotency_key: str | None, now: dt.datetime
) -> tuple[Order, Bill, Payment]:
    """Take up an order, bill it and take cash for it, or begin a gateway payment, in one transaction.

    A gateway payment is processing then; `gateway_payments.finish_gateway_payment` goes on after the commit.

    Raises what create_order, create_bill and the payments raise.
    """
    with atomic(caller.scope), one_effect_per_key():
        order = create_order(caller=caller, draft=draft, idempotency_key=idempotency_key, now=now)
        bill = open_bill(order, caller=caller, idempotency_key=idempotency_key, now=now)
        take = take_cash if tender.method is PaymentMethod.CASH else start
        payment = take(order, bill, caller=caller, tender=tender, idempotency_key=idempotency_key, now=now)
    return order, bill, payment
