"""A partner takes, holds, captures and gives back money at every provider while they misbehave; books and API end equal."""

import uuid
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests.journeys.conftest import until
from tests.journeys.partners import INTENTS, Partner

SETTLE_S = 120
CARD = "credit_card"
HELD = "-hold"  # what Adyen's references of held money end in


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One payment: how it is taken, what of it is captured where it is held, and what is given back."""

    provider: str
    amount: int
    method: str = "qr_code"
    currency: str = "THB"
    token: str | None = None
    later: bool = False  # confirmed in a call of its own
    capture: int | None = None
    refund: int | None = None  # the whole of it

    @property
    def hears(self) -> list[str]:
        """The events of such a payment in their order, without those that say that an outcome is awaited."""
        shown = [] if self.token else ["payment_intent.action_required"]
        held = ["payment_intent.amount_capturable"] if self.capture else []
        paid = ["payment_intent.succeeded", "refund.created", "refund.completed"]
        return ["payment_intent.created", *shown, *held, *paid]

    @property
    def received(self) -> int:
        return self.capture or self.amount

    @property
    def given_back(self) -> int:
        return self.refund or self.received

    def body(self) -> dict:
        held = "manual" if self.capture else "automatic"
        token = {"payment_token": self.token} if self.token and not self.later else {}
        return {
            "provider": self.provider,
            "method": self.method,
            "currency": self.currency,
            "capture_method": held,
            "confirm": not self.later,
            **token,
        }


PLANS = (
    Plan(provider="stripe", amount=10100, method=CARD, token="pm_card_visa", refund=4000),
    Plan(provider="stripe", amount=10200, method=CARD, token="pm_card_visa", later=True, capture=7000),
    Plan(provider="stripe", amount=10300, refund=1),
    Plan(provider="omise", amount=10400, method=CARD, token="tokn_test_1", later=True, capture=10400),
    Plan(provider="omise", amount=10500, refund=5000),
    Plan(provider="kbank", amount=10600),
    Plan(provider="paypay", amount=10700, currency="JPY", capture=10700, refund=700),
    Plan(provider="paypay", amount=10800, currency="JPY", method="e_wallet"),
    Plan(provider="paypal", amount=10900, method="e_wallet", refund=900),
    Plan(provider="adyen", amount=11000, method=CARD, token="shopper-7/8416038790273850", refund=3000),
    Plan(provider="adyen", amount=11100, method=CARD, token="shopper-7/8416038790273850", capture=5000),
)
# What each provider does once. Whichever payment meets it, all of them end as planned.
MISBEHAVIOURS = (
    ("stripe", "refund", "500_after"),
    ("stripe", "pay", "no_webhook"),
    ("omise", "create", "hang_after"),
    ("omise", "capture", "rst_after"),
    ("kbank", "pay", "no_webhook"),
    ("paypay", "pay", "webhook_twice"),
    ("paypay", "refund", "hang_after"),
    ("paypal", "finish", "500_after"),
    ("paypal", "refund", "webhook_twice"),
    ("adyen", "create", "500_after"),
    ("adyen", "capture", "webhook_twice"),
)


class Till:
    """Takes the plans' payments forward, all at once, each as soon as it can go on."""

    def __init__(self, partner) -> None:
        self.partner, self.platform = partner, partner.platform
        self.reference = f"till-{uuid.uuid4()}"
        self.done: set[tuple[str, str]] = set()

    def serve(self) -> None:
        """Until all that was to be given back is."""
        with ThreadPoolExecutor(len(PLANS)) as threads:
            list(threads.map(self.open, PLANS))

            def is_over() -> bool:
                intents = self.intents()
                list(threads.map(self.go_on, intents))
                return all(intent["amount_refunded"] == plan_of(intent).given_back for intent in intents)

            until(is_over, timeout_s=SETTLE_S)

    def open(self, plan) -> None:
        body = self.partner.wanted(plan.amount, reference=self.reference, **plan.body())
        intent = self.partner.make(INTENTS, body)
        if plan.later:
            self.partner.make(f"{path_of(intent)}/confirm", {"payment_token": plan.token})

    def intents(self) -> list[dict]:
        return self.partner.list(INTENTS, reference=self.reference)

    def go_on(self, intent) -> None:
        """Take the step that this status allows, once."""
        steps = {
            "requires_action": self.pay,
            "requires_capture": self.capture,
            "succeeded": self.give_back,
        }
        step = (intent["id"], intent["status"])
        if step not in self.done and intent["status"] in steps:
            self.done.add(step)
            steps[intent["status"]](intent, plan_of(intent))

    def pay(self, intent, _plan) -> None:
        action = intent["next_action"]
        code = next(action[name] for name in ("qr_payload", "image_url", "url") if name in action)
        self.platform.simulator("/__pay", {"qr_payload": code})

    def capture(self, intent, plan) -> None:
        self.partner.make(f"{path_of(intent)}/capture", {"amount": plan.capture})

    def give_back(self, intent, plan) -> None:
        part = {"amount": plan.refund} if plan.refund else {}
        body = {"reason": "requested_by_customer", **part}
        self.partner.make(f"{path_of(intent)}/refunds", body)


def plan_of(intent) -> Plan:
    return next(plan for plan in PLANS if plan.amount == intent["amount"])


def path_of(intent) -> str:
    return f"{INTENTS}/{intent['id']}"


@pytest.fixture
def till(platform):
    with Partner(platform) as partner:
        yield Till(partner)


def test_what_providers_did_is_what_the_partner_is_told(platform, till):
    for provider, operation, behaviour in MISBEHAVIOURS:
        script = {"provider": provider, "operation": operation, "behaviour": behaviour, "times": 1}
        platform.simulator("/__script", script)
    till.serve()
    assert platform.simulator("/__script")["scripts"] == []
    intents = till.intents()
    assert sorted(intent["amount"] for intent in intents) == [plan.amount for plan in PLANS]
    charges, refunds = books_of(platform, till.partner, intents)
    for intent in intents:
        plan = plan_of(intent)
        assert (intent["status"], intent["amount_received"]) == ("succeeded", plan.received)
        [refund] = till.partner.list(f"{path_of(intent)}/refunds")
        assert (refund["amount"], refund["status"]) == (plan.given_back, "completed")
        assert charges[intent["id"]] == [(plan.received, plan.currency)]
        assert refunds[intent["id"]] == [(plan.given_back, plan.currency)]
    until(lambda: all(is_told(till.partner, intent) for intent in intents), timeout_s=SETTLE_S)
    until(lambda: platform.invariants().returncode == 0, timeout_s=SETTLE_S)


def books_of(platform, partner, intents) -> tuple[dict, dict]:
    """What the providers took and gave back, by intent; every line of their books belongs to one of these."""
    keys = {
        attempt["provider_key"]: intent["id"]
        for intent in intents
        for attempt in partner.list(f"{path_of(intent)}/attempts")
    }
    charges, refunds = defaultdict(list), defaultdict(list)
    truth = platform.simulator("/__truth")
    for charge in truth["charges"]:
        intent = keys[charge["reference"].removesuffix(HELD)]
        if charge["status"] not in ("failed", "voided"):
            assert charge["status"] == "paid"
            charges[intent].append((charge["amount"], charge["currency"]))
    for refund in truth["refunds"]:
        intent = keys[refund["charge_reference"].removesuffix(HELD)]
        assert refund["status"] == "done"
        refunds[intent].append((refund["amount"], refund["currency"]))
    return charges, refunds


def is_told(partner, intent) -> bool:
    """Whether the partner knows the end of a payment; then it knows everything before, without a gap."""
    events = partner.list("/v1/events", object_id=intent["id"])
    types = {event["sequence"]: event["type"] for event in events}
    if "refund.completed" not in types.values():
        return False
    assert sorted(types) == list(range(1, len(events) + 1))
    said = [types[number] for number in sorted(types)]
    assert [kind for kind in said if kind != "payment_intent.processing"] == plan_of(intent).hears
    return True
