"""What smarttab does when the gateway has learned something, each time twice and in any order."""

import datetime as dt
import itertools

import pytest

from kernel import ids
from kernel.handlers import handlers_of
from mpac.pgw import events as gateway_events
from mpac.portal.events import DeviceKilled
from mpac.smarttab.db import atomic, db
from mpac.smarttab.events import LatePaymentDecided
from mpac.smarttab.models import Bill, DeviceEvent, Order, OutboxMessage, Payment, StateChange
from mpac.smarttab.services import gateway_payments
from tests.smarttab.conftest import open_bill, pay_cash, start_qr


@pytest.fixture
def payment(caller, gateway, now):
    begun = start_qr(caller, open_bill(caller, 100, now=now), 100, now=now)
    return gateway_payments.finish_gateway_payment(scope=caller.scope, payment_id=begun.id, now=now)


def event(cls, payment, **more):
    fields = {
        "aggregate_id": payment.payment_intent_id,
        "psp_id": payment.psp_id,
        "merchant_id": payment.merchant_id,
        "store_id": payment.store_id,
        "intent_id": payment.payment_intent_id,
        "status": "x",
        "amount_minor": payment.amount_minor,
        "currency": payment.currency,
        "source": "smarttab",
        "reference": ids.encode("pay", payment.id),
    }
    return cls(**(fields | more))


def deliver(happened, *, now, event_id=None):
    """Hand an event to smarttab's handlers, as the relay does. Returns whether any of them ran."""
    event_id = event_id or ids.uuid7()
    ours = [handler for handler in handlers_of(happened.type) if handler.db.name == db.name]
    assert ours
    return [handler.handle(happened, event_id=event_id, now=now) for handler in ours]


def state(caller):
    with atomic(caller.scope):
        payment, bill, order = Payment.objects.get(), Bill.objects.get(), Order.objects.get()
        return payment.status, bill.status, bill.paid_minor, bill.reserved_minor, order.payment_state.value


def told(caller):
    with atomic(caller.scope):
        return [event.type for event in DeviceEvent.objects.order_by("seq")][2:]


PAID = ("completed", "closed", 100, 0, "paid")
OPEN_AGAIN = ("open", 0, 0, "unpaid")


def test_money_that_is_there_completes_everything_and_tells_the_terminal(caller, payment, now):
    deliver(event(gateway_events.PaymentIntentSucceeded, payment), now=now)
    assert state(caller) == PAID
    assert told(caller) == ["payment.completed", "bill.updated", "order.updated"]


@pytest.mark.parametrize(
    ("cls", "reason"),
    [
        (gateway_events.PaymentIntentFailed, ("failed", "no_funds")),
        (gateway_events.PaymentIntentDeclined, ("failed", "declined")),
        (gateway_events.PaymentIntentExpired, ("failed", "expired")),
        (gateway_events.PaymentIntentCancelled, ("cancelled", "cancelled")),
    ],
)
def test_no_money_frees_the_bill_and_tells_the_terminal_why(caller, payment, now, cls, reason):
    more = {"error_code": "no_funds"} if cls is gateway_events.PaymentIntentFailed else {}
    deliver(event(cls, payment, **more), now=now)
    assert state(caller) == (reason[0], *OPEN_AGAIN)
    assert told(caller) == ["payment.failed", "bill.updated"]
    with atomic(caller.scope):
        assert DeviceEvent.objects.get(seq=3).data["failure"]["code"] == reason[1]


ALL = [
    gateway_events.PaymentIntentSucceeded,
    gateway_events.PaymentIntentFailed,
    gateway_events.PaymentIntentDeclined,
    gateway_events.PaymentIntentExpired,
    gateway_events.PaymentIntentCancelled,
    gateway_events.PaymentIntentActionRequired,
    gateway_events.LatePaymentReceived,
]


@pytest.mark.parametrize("cls", ALL)
def test_the_same_event_twice_has_one_effect(caller, payment, now, cls):
    happened, event_id = event(cls, payment), ids.uuid7()
    assert deliver(happened, event_id=event_id, now=now) == [True]
    before = (state(caller), told(caller))
    assert deliver(happened, event_id=event_id, now=now) == [False]
    assert (state(caller), told(caller)) == before


@pytest.mark.parametrize("cls", ALL)
def test_the_same_news_under_another_id_changes_nothing_more(caller, payment, now, cls):
    deliver(event(cls, payment), now=now)
    before = (state(caller), told(caller))
    deliver(event(cls, payment), now=now)
    assert (state(caller), told(caller)) == before


@pytest.mark.parametrize("cls", ALL)
def test_what_partners_asked_for_is_none_of_smarttabs_business(caller, payment, now, cls):
    before = state(caller)
    deliver(event(cls, payment, source="api", reference=None), now=now)
    assert state(caller) == before


@pytest.mark.parametrize(("first", "second"), list(itertools.permutations(ALL[:6], 2)))
def test_whatever_the_order_money_that_came_is_never_denied(caller, payment, now, first, second):
    deliver(event(first, payment), now=now)
    deliver(event(second, payment), now=now)
    status, bill_status, paid, reserved, _ = state(caller)
    if gateway_events.PaymentIntentSucceeded in (first, second):
        assert (status, bill_status, paid, reserved) == ("completed", "closed", 100, 0)
    else:
        assert status in {"failed", "cancelled"}
        assert (bill_status, paid, reserved) == ("open", 0, 0)


@pytest.mark.parametrize(
    "shown",
    [
        {"type": "display_qr", "qr_payload": "1", "expires_at": "2026-11-21T07:00:00.000Z"},
        {"type": "display_image", "image_url": "https://h/1.svg", "expires_at": "2026-11-21T07:00:00.000Z"},
        {"type": "redirect_to_url", "url": "https://bank.example/3ds"},
    ],
    ids=lambda shown: shown["type"],
)
def test_what_the_payer_has_to_do_is_kept_and_told_once(caller, gateway, now, shown):
    begun = start_qr(caller, open_bill(caller, 100, now=now), 100, now=now)
    begun.payment_intent_id = ids.encode("pi", ids.uuid7())
    for _ in range(2):
        deliver(event(gateway_events.PaymentIntentActionRequired, begun, next_action=shown), now=now)
    assert told(caller) == []
    with atomic(caller.scope):
        assert Payment.objects.get().next_action == shown
        assert [e.type for e in DeviceEvent.objects.order_by("seq")] == [
            "order.updated",
            "payment.processing",
        ]
        assert DeviceEvent.objects.order_by("seq").last().data["next_action"] == shown


def test_another_sum_than_was_asked_for_is_refused_loudly(caller, payment, now):
    with pytest.raises(ValueError, match="reports 99"):
        deliver(event(gateway_events.PaymentIntentSucceeded, payment, amount_minor=99), now=now)
    assert state(caller) == ("processing", "open", 0, 100, "unpaid")


def late(caller, payment, *, now):
    deliver(event(gateway_events.PaymentIntentExpired, payment), now=now)
    deliver(event(gateway_events.LatePaymentReceived, payment, received_minor=100), now=now)


def decisions(caller):
    with atomic(caller.scope):
        rows = OutboxMessage.objects.filter(type=LatePaymentDecided.type).order_by("position")
        return [row.payload["decision"] for row in rows]


def test_late_money_is_taken_when_the_bill_is_still_due(caller, payment, now):
    late(caller, payment, now=now)
    assert state(caller) == PAID
    assert decisions(caller) == ["accepted"]
    with atomic(caller.scope):
        history = StateChange.objects.filter(subject="payment").order_by("id")
        assert [(c.from_status, c.to_status) for c in history][-2:] == [
            ("processing", "failed"),
            ("failed", "completed"),
        ]


def test_late_money_goes_back_when_the_bill_was_paid_otherwise(caller, payment, now):
    deliver(event(gateway_events.PaymentIntentExpired, payment), now=now)
    with atomic(caller.scope):
        bill = Bill.objects.get()
    pay_cash(caller, bill, 100, now=now)
    deliver(event(gateway_events.LatePaymentReceived, payment), now=now)
    assert decisions(caller) == ["returned"]
    with atomic(caller.scope):
        assert Bill.objects.get().paid_minor == 100
        assert Payment.objects.get(pk=payment.pk).status == "failed"


def test_late_money_goes_back_when_part_of_the_bill_was_paid_otherwise(caller, payment, now):
    deliver(event(gateway_events.PaymentIntentExpired, payment), now=now)
    with atomic(caller.scope):
        bill = Bill.objects.get()
    pay_cash(caller, bill, 1, now=now)
    deliver(event(gateway_events.LatePaymentReceived, payment), now=now)
    assert decisions(caller) == ["returned"]


def test_what_the_gateway_decided_itself_is_not_decided_again(caller, payment, now):
    deliver(event(gateway_events.LatePaymentReceived, payment, decision="return"), now=now)
    assert decisions(caller) == []


@pytest.mark.parametrize(("decision", "call"), [("accepted", "accept"), ("returned", "return")])
def test_the_decision_is_carried_to_the_gateway_once(payment, gateway, now, decision, call):
    decided = LatePaymentDecided(
        aggregate_id=ids.encode("pay", payment.id),
        psp_id=payment.psp_id,
        merchant_id=payment.merchant_id,
        payment_id=ids.encode("pay", payment.id),
        payment_intent_id=payment.payment_intent_id,
        decision=decision,
        reason="x",
    )
    event_id = ids.uuid7()
    deliver(decided, event_id=event_id, now=now)
    deliver(decided, event_id=event_id, now=now)
    assert [name for name, _ in gateway.calls if name == call] == [call]


def killed(caller, payment):
    return DeviceKilled(
        aggregate_id="dev",
        psp_id=payment.psp_id,
        merchant_id=payment.merchant_id,
        store_id=payment.store_id,
        device_id=ids.encode("dev", caller.device_id),
        reason="stolen",
        is_repeated=False,
    )


def test_what_a_killed_terminal_had_under_way_is_called_off(caller, gateway, payment, now):
    for _ in range(2):
        deliver(killed(caller, payment), now=now)
    assert state(caller) == ("cancelled", *OPEN_AGAIN)
    assert [name for name, _ in gateway.calls if name == "cancel"] == ["cancel"]


def test_what_was_paid_at_a_killed_terminal_meanwhile_stays(caller, gateway, payment, now):
    gateway.cancelled = "succeeded"
    deliver(killed(caller, payment), now=now)
    assert state(caller) == PAID


def test_what_another_terminal_has_under_way_goes_on(shop, caller, gateway, payment, now):
    deliver(killed(shop.caller(), payment), now=now)
    assert state(caller)[0] == "processing"


def test_a_gateway_that_is_away_leaves_the_calling_off_to_the_resuming_job(caller, gateway, payment, now):
    gateway.create_error = RuntimeError("away")
    deliver(killed(caller, payment), now=now)
    assert state(caller)[0] == "processing"
    gateway.create_error = None
    later = now + dt.timedelta(seconds=60)
    assert gateway_payments.resume_payments(older_than=later, now=later) == 1
    assert state(caller) == ("cancelled", *OPEN_AGAIN)
