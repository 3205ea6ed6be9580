"""Taking money through the gateway, also when something is interrupted."""

import datetime as dt

import pytest

from kernel import ids
from kernel.errors import Unavailable
from kernel.tenancy import SystemScope
from mpac.pgw.api import IllegalIntentTransition, ProviderNotUsable, StoreNotUsable
from mpac.smarttab import tasks
from mpac.smarttab.db import atomic
from mpac.smarttab.domain.states import PaymentMethod
from mpac.smarttab.errors import AmountExceedsDue, BillHasPayments, PaymentNotCancellable
from mpac.smarttab.models import Bill, DeviceEvent, Order, Payment
from mpac.smarttab.selectors.orders import get_payment
from mpac.smarttab.services import bills, gateway_payments, orders, sales
from mpac.smarttab.services.payments import Tender
from tests.smarttab.conftest import draft, open_bill, pay_cash, start_qr


def finish(caller, payment, *, now):
    return gateway_payments.finish_gateway_payment(scope=caller.scope, payment_id=payment.id, now=now)


def cancel(caller, payment, *, now):
    gateway_payments.request_cancellation(caller=caller, payment_id=payment.id, now=now)
    return gateway_payments.finish_cancellation(scope=caller.scope, payment_id=payment.id, now=now)


def reserved(caller):
    with atomic(caller.scope):
        return Bill.objects.get().reserved_minor


def test_a_payment_is_set_aside_before_anybody_is_asked(caller, gateway, now):
    bill = open_bill(caller, 100, now=now)
    payment = start_qr(caller, bill, 100, now=now)
    assert (payment.status, payment.payment_intent_id) == ("processing", None)
    assert reserved(caller) == 100
    assert gateway.calls == []


def test_the_intent_carries_the_payments_identity(caller, gateway, now):
    payment = finish(caller, start_qr(caller, open_bill(caller, 100, now=now), 100, now=now), now=now)
    key = ids.encode("pay", payment.id)
    intent = gateway.intents[key]
    assert (intent.source, intent.reference, intent.amount_minor) == ("smarttab", key, 100)
    assert payment.payment_intent_id == intent.id
    assert payment.next_action["type"] == "display_qr"


def test_the_terminal_hears_once_that_there_is_something_to_show(caller, gateway, now):
    payment = start_qr(caller, open_bill(caller, 100, now=now), 100, now=now)
    finish(caller, payment, now=now)
    finish(caller, payment, now=now)
    with atomic(caller.scope):
        assert [event.type for event in DeviceEvent.objects.order_by("seq")] == [
            "order.updated",
            "payment.processing",
        ]
    assert [name for name, _ in gateway.calls] == ["create", "confirm"]


def test_what_is_under_way_is_taken_by_nobody_else(caller, gateway, now):
    bill = open_bill(caller, 100, now=now)
    start_qr(caller, bill, 70, now=now)
    for take in (pay_cash, start_qr):
        with pytest.raises(AmountExceedsDue):
            take(caller, bill, 31, now=now)
    pay_cash(caller, bill, 30, now=now)
    with pytest.raises(BillHasPayments):
        bills.void_bill(caller=caller, bill_id=bill.id, now=now)
    with pytest.raises(BillHasPayments):
        orders.cancel_order(caller=caller, order_id=bill.order_id, now=now)


def test_a_refusal_of_the_gateway_fails_the_payment_and_frees_the_bill(caller, gateway, now):
    gateway.confirm_error = ProviderNotUsable()
    payment = finish(caller, start_qr(caller, open_bill(caller, 100, now=now), 100, now=now), now=now)
    assert (payment.status, payment.failure_code) == ("failed", "provider_not_usable")
    assert reserved(caller) == 0
    with atomic(caller.scope):
        assert [event.type for event in DeviceEvent.objects.order_by("seq")][-2:] == [
            "payment.failed",
            "bill.updated",
        ]


def test_a_payment_that_the_gateway_refuses_can_be_called_off_before_it_got_there(caller, gateway, now):
    """The process died after the payment was begun; then the store was suspended, and the guest left."""
    begun = start_qr(caller, open_bill(caller, 100, now=now), 100, now=now)
    gateway.create_error = StoreNotUsable()
    payment = cancel(caller, begun, now=now)
    assert (payment.status, reserved(caller)) == ("cancelled", 0)


def test_an_outage_is_no_answer(caller, gateway, now):
    gateway.create_error = Unavailable()
    payment = finish(caller, start_qr(caller, open_bill(caller, 100, now=now), 100, now=now), now=now)
    assert (payment.status, payment.payment_intent_id) == ("processing", None)
    assert reserved(caller) == 100


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("succeeded", ("completed", "closed", 0)),
        ("processing", ("processing", "open", 100)),
        ("requires_capture", ("processing", "open", 100)),
        ("failed", ("failed", "open", 0)),
        ("expired", ("failed", "open", 0)),
        ("requires_payment_method", ("failed", "open", 0)),
        ("cancelled", ("cancelled", "open", 0)),
    ],
)
def test_the_answer_decides(caller, gateway, now, answer, outcome):
    gateway.confirmed = answer
    payment = finish(caller, start_qr(caller, open_bill(caller, 100, now=now), 100, now=now), now=now)
    with atomic(caller.scope):
        bill = Bill.objects.get()
    assert (payment.status, bill.status, bill.reserved_minor) == outcome


def test_a_payment_without_an_intent_is_taken_up_after_a_while_and_asked_once(caller, gateway, now):
    payment = start_qr(caller, open_bill(caller, 100, now=now), 100, now=now)
    assert tasks.resume_payments(now=now + dt.timedelta(seconds=19)) == 0
    assert tasks.resume_payments(now=now + dt.timedelta(seconds=21)) == 1
    assert tasks.resume_payments(now=now + dt.timedelta(seconds=26)) == 0
    assert [name for name, _ in gateway.calls] == ["create", "confirm"]
    with atomic(caller.scope):
        assert get_payment(payment.id).payment_intent_id is not None


def test_a_crash_after_the_intent_was_made_makes_no_second_one(caller, gateway, now):
    payment = start_qr(caller, open_bill(caller, 100, now=now), 100, now=now)
    gateway.confirm_error = Unavailable()
    finish(caller, payment, now=now)
    gateway.confirm_error = None
    tasks.resume_payments(now=now + dt.timedelta(seconds=21))
    assert len(gateway.intents) == 1
    assert finish(caller, payment, now=now).next_action["type"] == "display_qr"


def test_one_payment_that_cannot_go_on_does_not_keep_the_others_waiting(caller, shop, gateway, now):
    broken = start_qr(caller, open_bill(caller, 100, now=now), 100, now=now)
    whole = start_qr(caller, open_bill(caller, 200, now=now), 200, now=now)
    real = gateway.create_payment_intent

    def create(*, idempotency_key, **rest):
        if idempotency_key == ids.encode("pay", broken.id):
            raise RuntimeError
        return real(idempotency_key=idempotency_key, **rest)

    gateway.create_payment_intent = create
    assert tasks.resume_payments(now=now + dt.timedelta(seconds=21)) == 2
    with atomic(shop.tenant):
        assert get_payment(whole.id).payment_intent_id is not None
        assert get_payment(broken.id).payment_intent_id is None


def test_a_payment_that_cannot_go_on_is_taken_up_again_later_and_not_at_once(caller, gateway, now):
    start_qr(caller, open_bill(caller, 100, now=now), 100, now=now)
    gateway.create_error = Unavailable()
    tried = [tasks.resume_payments(now=now + dt.timedelta(seconds=seconds)) for seconds in (21, 26, 41, 42)]
    assert tried == [1, 0, 0, 1]


def test_a_called_off_payment_frees_the_bill(caller, gateway, now):
    bill = open_bill(caller, 100, now=now)
    payment = finish(caller, start_qr(caller, bill, 100, now=now), now=now)
    assert cancel(caller, payment, now=now).status == "cancelled"
    pay_cash(caller, bill, 100, now=now)


def test_a_payment_whose_outcome_is_open_stays_processing_until_there_is_proof(caller, gateway, now):
    payment = finish(caller, start_qr(caller, open_bill(caller, 100, now=now), 100, now=now), now=now)
    gateway.cancelled = "processing"
    assert cancel(caller, payment, now=now).status == "processing"
    assert reserved(caller) == 100
    gateway.cancelled = "cancelled"
    assert tasks.resume_payments(now=now + dt.timedelta(seconds=21)) == 1
    with atomic(caller.scope):
        assert get_payment(payment.id).status == "cancelled"


def test_calling_off_before_the_gateway_knew_leaves_nothing_behind(caller, gateway, now):
    payment = start_qr(caller, open_bill(caller, 100, now=now), 100, now=now)
    assert cancel(caller, payment, now=now).status == "cancelled"
    assert finish(caller, payment, now=now).status == "cancelled"
    assert [name for name, _ in gateway.calls] == ["create", "cancel"]


def test_a_payment_that_turned_out_paid_is_completed_instead_of_called_off(caller, gateway, now):
    payment = finish(caller, start_qr(caller, open_bill(caller, 100, now=now), 100, now=now), now=now)
    gateway.change(payment.payment_intent_id, status="succeeded")

    def refuse(*, scope, intent_id, now):
        raise IllegalIntentTransition

    gateway.cancel_payment_intent = refuse
    assert cancel(caller, payment, now=now).status == "completed"
    with atomic(caller.scope):
        assert (Bill.objects.get().status, Order.objects.get().payment_state) == ("closed", "paid")


def test_a_decided_payment_is_not_called_off(caller, gateway, now):
    payment = pay_cash(caller, open_bill(caller, 100, now=now), 100, now=now)
    with pytest.raises(PaymentNotCancellable):
        gateway_payments.request_cancellation(caller=caller, payment_id=payment.id, now=now)


def test_a_cash_sale_is_one_transaction_over_the_whole_amount(caller, now):
    tender = Tender(method=PaymentMethod.CASH, tendered_minor=500)
    order, bill, payment = sales.make_sale(
        caller=caller, draft=draft(300), tender=tender, idempotency_key="s", now=now
    )
    assert (order.payment_state, bill.status, payment.change_minor) == ("paid", "closed", 200)


def test_a_sale_that_cannot_be_paid_leaves_no_order(caller, now):
    with pytest.raises(AmountExceedsDue):
        sales.make_sale(
            caller=caller,
            draft=draft(300),
            tender=Tender(method=PaymentMethod.CASH, amount_minor=301),
            idempotency_key="s",
            now=now,
        )
    with atomic(SystemScope("invariants")):
        assert not Order.objects.exists()
        assert not Payment.objects.exists()


def test_a_sale_through_the_gateway_is_begun_in_one_transaction(caller, gateway, now):
    tender = Tender(method=PaymentMethod.QR_CODE)
    _order, bill, payment = sales.make_sale(
        caller=caller, draft=draft(300), tender=tender, idempotency_key="s", now=now
    )
    assert (bill.reserved_minor, payment.status, payment.amount_minor) == (300, "processing", 300)
