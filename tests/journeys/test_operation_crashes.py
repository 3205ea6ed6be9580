"""A process dies by SIGKILL at every crash point of a refund, a capture, a void, a notice and a call to a partner.

A partner's server behaves as a real one: it repeats what was not answered under the same idempotency key. All payments are
interrupted before the first is taken up again, so that they recover side by side.
"""

import uuid

import httpx2
import pytest

from tests.journeys.conftest import until
from tests.journeys.test_crashes import RECOVERY_S, WHILE_THE_BANK_CONFIRMS
from tests.pgw.services.test_crashes import OF_CAPTURES, OF_REFUNDS, OF_VOIDS
from tests.pgw.services.test_partner_calls import POINTS as OF_PARTNERS

AMOUNT, PART = 10000, 6000
# Stripe gives back; PayPay holds what a customer has paid by its code.
TAKEN = {"provider": "stripe", "currency": "THB", "capture_method": "automatic"}
HELD = {"provider": "paypay", "currency": "JPY", "capture_method": "manual"}


class Partner:
    """A partner's server, whose calls may be cut off."""

    def __init__(self, platform) -> None:
        self.platform = platform
        self.http = httpx2.Client(
            base_url=platform.demo["base_url"],
            headers={"Authorization": f"Bearer {platform.demo['psp']['api_key']}"},
            timeout=30,
            trust_env=False,
        )

    def ask(self, path, body, *, key):
        """The object that was made, or None when the call was cut off or is still running."""
        try:
            answer = self.http.post(path, json=body, headers={"Idempotency-Key": key})
        except httpx2.TransportError:
            return None
        assert answer.is_success or answer.status_code in (409, 503), answer.text
        return answer.json() if answer.is_success else None

    def get(self, path):
        """What stands there, or None while nobody answers."""
        try:
            answer = self.http.get(path)
        except httpx2.TransportError:
            return None
        return answer.json() if answer.is_success else None


class Payment:
    """One payment and the keys that make every repetition the same request."""

    def __init__(self, partner, kind) -> None:
        self.partner, self.platform = partner, partner.platform
        self.keys = {name: str(uuid.uuid4()) for name in ("create", "operation")}
        demo = self.platform.demo
        body = {
            "amount": AMOUNT,
            "merchant_id": demo["merchant_id"],
            "store_id": demo["providers"]["store_id"],
            "method": "qr_code",
            "confirm": True,
            **kind,
        }
        made = until(
            lambda: partner.ask("/v1/payment-intents", body, key=self.keys["create"]), timeout_s=RECOVERY_S
        )
        self.path = f"/v1/payment-intents/{made['id']}"

    def reaches(self, *statuses):
        """The intent as soon as it has one of these statuses."""
        return until(
            lambda: (found := self.partner.get(self.path)) and found["status"] in statuses and found,
            timeout_s=RECOVERY_S,
        )

    def is_paid(self, *, becomes):
        self.customer_pays()
        self.reaches(becomes)
        return self

    def customer_pays(self):
        action = self.reaches("requires_action")["next_action"]
        self.platform.simulator("/__pay", {"qr_payload": action["qr_payload"]})

    def operate(self, what, **body):
        """Capture, cancel or give back, once."""
        return self.partner.ask(f"{self.path}/{what}", body, key=self.keys["operation"])

    def operated(self, what, **body):
        return until(lambda: self.operate(what, **body), timeout_s=RECOVERY_S)


@pytest.fixture
def partner(platform):
    found = Partner(platform)
    yield found
    found.http.close()


@pytest.fixture
def told(platform, partner, receiver):
    """The events that the partner's server is told of."""
    endpoint = until(
        lambda: partner.ask("/v1/webhook-endpoints", {"url": receiver.url()}, key=str(uuid.uuid4())),
        timeout_s=RECOVERY_S,
    )
    since = len(receiver.received)
    yield lambda: [httpx2.Response(200, content=call.body).json() for call in receiver.received[since:]]
    until(lambda: _removed(partner, endpoint["id"]), timeout_s=RECOVERY_S)


def _removed(partner, endpoint_id) -> bool:
    try:
        return partner.http.delete(f"/v1/webhook-endpoints/{endpoint_id}").status_code < 500
    except httpx2.TransportError:
        return False


def interrupted(platform, partner, point) -> Payment:
    """A payment whose process died at this point."""
    until(platform.is_ready, timeout_s=RECOVERY_S)
    payment = Payment(partner, HELD if point in (*OF_CAPTURES, *OF_VOIDS) else TAKEN)
    if point in (*WHILE_THE_BANK_CONFIRMS, *OF_PARTNERS):
        payment.reaches("requires_action")
        with platform.crash_at(point):
            payment.customer_pays()
        return payment
    payment.is_paid(becomes="succeeded" if point in OF_REFUNDS else "requires_capture")
    with platform.crash_at(point):
        operate(payment, point, payment.operate)
    return payment


def operate(payment, point, call):
    if point in OF_REFUNDS:
        return call("refunds", amount=PART, reason="requested_by_customer")
    return call("cancel") if point in OF_VOIDS else call("capture")


def end_of(payment, point):
    """Go on with what was interrupted; the intent's last state and what of it was given back."""
    if point in (*OF_REFUNDS, *OF_CAPTURES, *OF_VOIDS):
        operate(payment, point, payment.operated)
    intent = payment.reaches("cancelled" if point in OF_VOIDS else "succeeded")
    if point in OF_REFUNDS:
        until(lambda: payment.reaches("succeeded")["amount_refunded"] == PART, timeout_s=RECOVERY_S)
    return intent["status"], intent["amount_received"]


def test_everything_ends_as_if_nobody_had_died(platform, partner, told):
    points = (*OF_REFUNDS, *OF_CAPTURES, *OF_VOIDS, *WHILE_THE_BANK_CONFIRMS, *OF_PARTNERS)
    payments = {point: interrupted(platform, partner, point) for point in points}
    until(platform.is_ready, timeout_s=RECOVERY_S)
    ends = {point: end_of(payment, point) for point, payment in payments.items()}
    assert ends == {
        point: ("cancelled", 0) if point in OF_VOIDS else ("succeeded", AMOUNT) for point in points
    }
    truth = platform.simulator("/__truth")
    assert sorted(charge["status"] for charge in truth["charges"]) == sorted(
        "voided" if point in OF_VOIDS else "paid" for point in points
    )
    given = [(refund["amount"], refund["status"]) for refund in truth["refunds"]]
    assert given == [(PART, "done")] * len(OF_REFUNDS)
    intents = {payment.path.rpartition("/")[2] for payment in payments.values()}
    until(lambda: heard_of(told(), intents), timeout_s=RECOVERY_S)
    until(lambda: platform.invariants().returncode == 0, timeout_s=RECOVERY_S)


def heard_of(events, intents) -> bool:
    """Whether the partner knows the end of all of them, without a gap in what happened to each."""
    for intent in intents:
        known = {event["sequence"]: event["type"] for event in events if event["object_id"] == intent}
        ended = {"payment_intent.succeeded", "payment_intent.cancelled"} & set(known.values())
        if not ended or sorted(known) != list(range(1, len(known) + 1)):
            return False
    return True
