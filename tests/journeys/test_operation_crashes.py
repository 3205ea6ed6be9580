"""A process dies by SIGKILL at every crash point of a refund, a capture, a void, a notice and a call to a partner.

A partner's server behaves as a real one: it repeats what was not answered under the same idempotency key. All payments are
interrupted before the first is taken up again, so that they recover side by side.
"""

import uuid
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from tests.journeys.conftest import until
from tests.journeys.partners import INTENTS, Partner
from tests.journeys.test_crashes import RECOVERY_S, WHILE_THE_BANK_CONFIRMS
from tests.pgw.services.test_crashes import OF_CAPTURES, OF_REFUNDS, OF_VOIDS
from tests.pgw.services.test_partner_calls import POINTS as OF_PARTNERS

AMOUNT, PART = 10000, 6000
# Stripe gives back; PayPay holds what a customer has paid by its code.
TAKEN = {"provider": "stripe", "currency": "THB", "capture_method": "automatic"}
HELD = {"provider": "paypay", "currency": "JPY", "capture_method": "manual"}
WHEN_PAID = (*WHILE_THE_BANK_CONFIRMS, *OF_PARTNERS)
# An operation is repeated in vain until the hold of its dead caller ends; the others die meanwhile.
POINTS = (*OF_REFUNDS, *OF_CAPTURES, *OF_VOIDS, *WHEN_PAID)
AT_ONCE = 4


class Payment:
    """The payment that meets one crash point, and the key that makes every repetition the same request."""

    def __init__(self, partner, point) -> None:
        self.partner, self.platform, self.point = partner, partner.platform, point
        self.key = str(uuid.uuid4())
        kind = HELD if point in (*OF_CAPTURES, *OF_VOIDS) else TAKEN
        made = partner.make(INTENTS, partner.wanted(AMOUNT, **kind))
        self.path = f"{INTENTS}/{made['id']}"

    def reaches(self, *statuses):
        """The intent as soon as it has one of these statuses."""
        return until(
            lambda: (found := self.partner.get(self.path)) and found["status"] in statuses and found,
            timeout_s=RECOVERY_S,
        )

    def customer_pays(self) -> None:
        action = self.reaches("requires_action")["next_action"]
        self.platform.simulator("/__pay", {"qr_payload": action["qr_payload"]})

    def comes_to_its_point(self):
        """The payment just before what is interrupted."""
        self.reaches("requires_action")
        if self.point not in WHEN_PAID:
            self.customer_pays()
            self.reaches("succeeded" if self.point in OF_REFUNDS else "requires_capture")
        return self

    def is_interrupted(self) -> None:
        until(self.platform.is_ready, timeout_s=RECOVERY_S)
        with self.platform.crash_at(self.point):
            if self.point in WHEN_PAID:
                self.customer_pays()
            else:  # a connection may have died with a process that another payment met
                until(lambda: self.operate() or not self.platform.crashpoint.exists(), timeout_s=RECOVERY_S)

    def operate(self):
        """Capture, cancel or give back, once."""
        if self.point in OF_REFUNDS:
            body = {"amount": PART, "reason": "requested_by_customer"}
            return self.partner.ask(f"{self.path}/refunds", body, key=self.key)
        what = "cancel" if self.point in OF_VOIDS else "capture"
        return self.partner.ask(f"{self.path}/{what}", {}, key=self.key)

    def end(self):
        """Go on with what was interrupted; the intent's last state and what was received."""
        if self.point not in WHEN_PAID:
            until(self.operate, timeout_s=RECOVERY_S)
        intent = self.reaches("cancelled" if self.point in OF_VOIDS else "succeeded")
        if self.point in OF_REFUNDS:
            until(lambda: self.reaches("succeeded")["amount_refunded"] == PART, timeout_s=RECOVERY_S)
        return intent["status"], intent["amount_received"]


@pytest.fixture
def partner(platform):
    with Partner(platform) as found:
        yield found


@pytest.fixture
def told(partner, receiver):
    """The events that the partner's server is told of."""
    endpoint = partner.make("/v1/webhook-endpoints", {"url": receiver.url()})
    since = len(receiver.received)
    yield lambda: [httpx2.Response(200, content=call.body).json() for call in receiver.received[since:]]
    until(lambda: _removed(partner, endpoint["id"]), timeout_s=RECOVERY_S)


def _removed(partner, endpoint_id) -> bool:
    try:
        return partner.http.delete(f"/v1/webhook-endpoints/{endpoint_id}").status_code < 500
    except httpx2.TransportError:
        return False


def test_everything_ends_as_if_nobody_had_died(platform, partner, told):
    with ThreadPoolExecutor(AT_ONCE) as threads:
        payments = list(threads.map(lambda point: Payment(partner, point).comes_to_its_point(), POINTS))
    for payment in payments:
        payment.is_interrupted()
    until(platform.is_ready, timeout_s=RECOVERY_S)
    ends = {payment.point: payment.end() for payment in payments}
    assert ends == {
        point: ("cancelled", 0) if point in OF_VOIDS else ("succeeded", AMOUNT) for point in POINTS
    }
    truth = platform.simulator("/__truth")
    assert sorted(charge["status"] for charge in truth["charges"]) == sorted(
        "voided" if point in OF_VOIDS else "paid" for point in POINTS
    )
    given = [(refund["amount"], refund["status"]) for refund in truth["refunds"]]
    assert given == [(PART, "done")] * len(OF_REFUNDS)
    intents = {payment.path.rpartition("/")[2] for payment in payments}
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
