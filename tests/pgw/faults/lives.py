"""What callers and customers do in the life of a payment, and how it must end whatever its provider does."""

import datetime as dt
import uuid
from dataclasses import dataclass, field
from typing import Any, Literal

from mpac.pgw.adapters import registry
from mpac.pgw.adapters.port import Adapter, RefundSupport
from mpac.pgw.errors import IllegalIntentTransition
from mpac.pgw.models import PaymentIntent
from mpac.pgw.services.cancellation import cancel_intent
from mpac.pgw.services.captures import NewCapture, capture_intent
from mpac.pgw.services.manual_refunds import Evidence, approve_refund, file_evidence
from mpac.pgw.services.refunds import NewRefund, refund_intent
from tests.pgw.adapters.contract import HURRY_S, PATIENCE_S, Kit, Way
from tests.pgw.conftest import SCOPE
from tests.pgw.faults.world import Facts, World

WITHIN = dt.timedelta(seconds=120)
PART = 5000
TRIES = 4
# Nobody can ask this provider: what it neither answers nor tells stays open until it tells it after all.
UNASKED = "adyen"
# What the customer does when the sale is called off.
Customer = Literal["pays", "waits", "pays first", "pays then"]


@dataclass(frozen=True, kw_only=True)
class Offer:
    """One way of paying at one provider, taken at once or held."""

    kit: Kit
    way: Way
    held: bool = False

    @property
    def adapter(self) -> Adapter:
        found = registry.find_adapter(self.kit.name)
        assert found is not None
        return found

    @property
    def is_shown(self) -> bool:
        return self.way.token is None

    def __str__(self) -> str:
        return f"{self.kit.name}-{self.way.method}{'-held' if self.held else ''}"


@dataclass(kw_only=True)
class Life:
    """A sale from its beginning to its end, under one behaviour of its provider."""

    world: World
    offer: Offer
    behaviour: str
    customer: Customer = "pays"
    tries: int = 0
    has_paid: bool = False
    intent: PaymentIntent = field(init=False)

    def __post_init__(self) -> None:
        self.world.begin()
        hangs = self.behaviour.startswith("hang")
        self.timeout_s = HURRY_S if hangs else PATIENCE_S
        self.world.settings.MPAC_PROVIDER_TIMEOUT_S = self.timeout_s
        self.intent = self.world.intent(self.offer.kit, self.offer.way, held=self.offer.held)

    # --- what the provider does ---

    def strike(self, operation: str) -> None:
        """The provider begins to behave badly. Two behaviours show only after an answer was lost."""
        name = self.offer.kit.name
        match self.behaviour:
            case "lie_pending":
                self.world.town.strike(name, operation, "500_after", times=1)
                self.world.town.strike(name, "probe", "lie_pending", times=2)
            case "ignores_idempotency":
                self.world.town.strike(name, operation, "500_after", times=1)
            case "webhook_twice" | "webhook_shuffled" | "no_webhook":
                self.world.town.strike(name, operation, self.behaviour)
                self.world.town.strike(name, "webhook", self.behaviour)
            case _:
                self.world.town.strike(name, operation, self.behaviour, times=2 if operation == "*" else 1)

    def strike_again(self, operation: str) -> None:
        """What comes after the call that was struck."""
        if self.behaviour == "ignores_idempotency":
            self.world.town.strike(self.offer.kit.name, operation, self.behaviour)

    # --- what its people do ---

    def confirm(self) -> None:
        self.tries += 1
        self.world.confirm(self.intent, self.offer.way)
        self.world.arrive()

    def sell(self) -> None:
        """The sale as its caller wants it to be, before anything goes wrong."""
        if self.behaviour == "webhook_first":
            self.strike("create")
        self.confirm()
        self.react()
        self.world.arrive()
        wanted = {"requires_action"} if self.customer == "waits" else {"succeeded", "requires_capture"}
        if self.status not in wanted:
            for _ in self.world.dues(until=self.world.later(60)):
                self.react()
                if self.status in wanted:
                    break
        self.world.started_at = self.world.now

    def react(self, *, tries: int = TRIES) -> None:
        """Caller and customer do what they are asked to."""
        if self.status == "requires_payment_method" and self.tries < tries:
            self.confirm()
        if self.customer == "pays" and self.status == "requires_action":
            self.pay()

    def pay(self) -> None:
        """The customer pays what is shown, until the app says that it is done."""
        if self.has_paid:
            return
        shown = self.facts.intent.next_action or {}
        code = shown.get("qr_payload") or shown.get("image_url") or shown.get("url")
        if code:
            answer = self.world.town.scan(code, timeout_s=self.timeout_s)
            self.has_paid = answer in (200, 409, 500)
        self.world.arrive()

    def hear_at_last(self) -> None:
        """A provider that cannot be asked tells what it has not told so far."""
        self.world.town.tell_everything(self.offer.kit.name)
        for _ in self.world.dues(until=self.world.now + WITHIN):
            pass

    def settle_by_hand(self) -> None:
        """People send back what the provider has no call for, or refused to."""
        for refund in (each for each in self.facts.refunds if each.status == "pending"):
            refund_id = uuid.UUID(refund.id)
            shown = Evidence(reference=f"SLIP-{refund_id}", note="sent", sent_at=self.world.now)
            by = {"scope": SCOPE, "refund_id": refund_id, "now": self.world.now}
            file_evidence(**by, evidence=shown, person="one")
            approve_refund(**by, reference=shown.reference, person="two")

    def live_on(self, *, tries: int = TRIES) -> None:
        """Two minutes pass."""
        for _ in self.world.dues(until=self.world.started_at + WITHIN):
            self.react(tries=tries)
            self.settle_by_hand()
        self.settle_by_hand()

    @property
    def status(self) -> str:
        return self.world.status_of(self.intent)

    @property
    def facts(self) -> Facts:
        return self.world.facts_of(self.intent)

    # --- how it must have ended ---

    def differences(self) -> list[str]:
        """What the gateway's and the provider's books do not agree on, and what is still open."""
        facts, books = self.facts, self.world.town.books()
        intent, late = facts.intent, [each for each in facts.late if each.status != "accepted"]
        keys = {attempt.provider_key for attempt in facts.attempts}
        charges = [each for each in books["charges"] if each["status"] in ("paid", "authorized")]
        bank = {
            "paid": sum(each["amount"] for each in charges if each["status"] == "paid"),
            "held": sum(each["amount"] for each in charges if each["status"] == "authorized"),
            "returned": sum(each["amount"] for each in books["refunds"] if each["status"] == "done"),
            "on the way": sum(each["amount"] for each in books["refunds"] if each["status"] == "pending"),
        }
        done = [refund for refund in facts.refunds if refund.status == "completed"]
        ours = {
            "paid": intent.captured_minor + sum(each.amount_minor for each in late),
            "held": intent.authorized_minor - intent.captured_minor,
            "returned": sum(refund.amount_minor for refund in done if not refund.manual),
            "on the way": 0,
        }
        found = [
            f"{what}: bank {bank[what]}, gateway {ours[what]}" for what in ours if bank[what] != ours[what]
        ]
        found += [f"charge of nobody: {each['reference']}" for each in charges if _key(each) not in keys]
        kept = len(charges) - sum(1 for each in late if each.status == "returned")
        found += [f"{kept} charges are kept"] if kept > 1 else []
        found += [f"{name} is open: {row.status}" for name, row in _open(facts)]
        if intent.status == "processing" or intent.refunding_minor or intent.capturing_minor:
            found.append(f"the intent is open: {intent.status}")
        return found


def create(life: Life) -> None:
    """The whole service behaves badly from the first call on."""
    life.strike("*")
    life.confirm()
    life.strike_again("*")
    life.react()
    life.live_on()


def confirm(life: Life) -> None:
    """The call that charges goes badly."""
    life.strike("create")
    life.confirm()
    life.strike_again("create")
    life.react()
    life.live_on()


def capture(life: Life) -> None:
    """The call that takes held money goes badly; its caller tries again when it was refused."""
    life.sell()
    amount = PART if life.offer.adapter.capabilities.partial_capture else None
    life.strike("capture")

    def take() -> None:
        wanted = NewCapture(
            intent_id=life.intent.pk,
            amount_minor=amount,
            idempotency_key=life.world.key(),
            requested_by="partner:1",
        )
        capture_intent(scope=SCOPE, wanted=wanted, now=life.world.now)
        life.world.arrive()

    take()
    life.strike_again("capture")
    if life.status == "requires_capture":
        take()
    for _ in life.world.dues(until=life.world.started_at + WITHIN):
        if life.status == "requires_capture":
            take()


def cancel(life: Life) -> None:
    """The sale is called off: while its code is shown, its money held, or the outcome of its charge unknown.

    A customer who is looking at the code may pay before that, or afterwards.
    """
    customer, shown = life.customer, life.offer.is_shown and not life.offer.held
    operation = "void" if life.offer.held else "probe" if shown else "create"
    if shown:
        life.customer = "waits"
    if operation == "create":
        life.strike(operation)
        life.confirm()
    else:
        life.sell()
        life.strike(operation)
    if customer == "pays first":
        life.pay()
    try:
        cancel_intent(scope=SCOPE, intent_id=life.intent.pk, now=life.world.now)
    except IllegalIntentTransition:
        assert life.status in {"succeeded", "requires_payment_method"}
    life.strike_again(operation)
    if customer == "pays then":
        life.pay()
    life.world.arrive()
    life.live_on(tries=0)


def refund(life: Life) -> None:
    """The call that gives money back goes badly; its caller tries again when it failed."""
    life.sell()
    whole = life.offer.adapter.capabilities.refund is RefundSupport.FULL
    life.strike("refund")

    def give(retry_of: Any = None) -> None:
        wanted = NewRefund(
            intent_id=life.intent.pk,
            reason="requested_by_customer",
            idempotency_key=life.world.key(),
            requested_by="partner:1",
            amount_minor=None if whole or retry_of else PART,
            retry_of=uuid.UUID(retry_of.id) if retry_of else None,
        )
        refund_intent(scope=SCOPE, wanted=wanted, now=life.world.now)
        life.world.arrive()

    def give_again() -> None:
        last = life.facts.refunds[-1]
        if last.status == "failed" and last.retry_of_id is None:
            give(last)

    give()
    life.strike_again("refund")
    life.settle_by_hand()
    give_again()
    for _ in life.world.dues(until=life.world.started_at + WITHIN):
        give_again()
        life.settle_by_hand()
    life.settle_by_hand()


def _key(charge: dict[str, Any]) -> str:
    """Our key of a charge; a held one has a word behind it at one of the providers."""
    return str(charge["reference"]).removesuffix("-hold")


def _open(facts: Facts) -> list[tuple[str, Any]]:
    open_attempts = [row for row in facts.attempts if row.status in ("created", "sent", "unknown")]
    return [
        *(("an attempt", row) for row in open_attempts),
        *(("a capture", row) for row in facts.captures if row.status == "processing"),
        *(("a refund", row) for row in facts.refunds if row.status in ("pending", "processing")),
        *(("late money", row) for row in facts.late if row.status not in ("accepted", "returned")),
    ]
