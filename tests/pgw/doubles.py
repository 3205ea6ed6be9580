"""A provider of our own port: it books, hangs, lies and repeats itself as a test tells it to."""

import datetime as dt
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import msgspec

from kernel.money import Money
from mpac.pgw.adapters import registry
from mpac.pgw.adapters.base import ChargesOnly
from mpac.pgw.adapters.port import (
    Accepted,
    ActionRequired,
    Approved,
    Authorized,
    Capabilities,
    CaptureRequest,
    ChargeRequest,
    Declined,
    Done,
    NeverHeard,
    OperationOutcome,
    Outcome,
    Pending,
    ProviderAccount,
    ProviderPayment,
    RefundNews,
    RefundRequest,
    RefundSupport,
    Reversed,
    Unknown,
    Voided,
    WebhookHint,
    WebhookTrust,
)
from mpac.pgw.errors import WebhookMalformed

Behaviour = Callable[[ChargeRequest], Outcome]
Operation = Callable[[RefundRequest], OperationOutcome] | Callable[[CaptureRequest], OperationOutcome]
TIMEOUT = Unknown(code="timeout", message="")


class FakeAdapter(ChargesOnly):
    """Keeps a bank's own truth in `payments`, and answers by its rules unless a behaviour is queued."""

    name = "fake"
    capabilities = Capabilities(
        methods=frozenset({"qr_code"}),
        currencies=frozenset({"THB"}),
        manual_capture=False,
        probe=True,
        reissue=True,
        customer_initiated=True,
        webhook_trust=WebhookTrust.HINT,
        max_amount_minor=10**12,
    )

    def __init__(self) -> None:
        self.payments: dict[str, list[ProviderPayment]] = defaultdict(list)
        self.created: list[ChargeRequest] = []
        self.probed: list[ChargeRequest] = []
        self.on_create: list[Behaviour] = []
        self.on_probe: list[Behaviour] = []
        self._lock = threading.Lock()
        self._count = 0

    def create(self, request: ChargeRequest) -> Outcome:
        with self._lock:
            self.created.append(request)
            behaviour = self.on_create.pop(0) if self.on_create else show_qr
        return behaviour(request)

    def probe(self, request: ChargeRequest) -> Outcome:
        with self._lock:
            self.probed.append(request)
            behaviour = self.on_probe.pop(0) if self.on_probe else self.tell
        return behaviour(request)

    def read_webhook(
        self, *, headers: Mapping[str, str], body: bytes, account: ProviderAccount | None, now: dt.datetime
    ) -> WebhookHint:
        try:
            notice = msgspec.json.decode(body, type=dict[str, str])
            key, reference = notice["key"], notice["reference"]
        except (msgspec.DecodeError, KeyError):
            raise WebhookMalformed from None
        return WebhookHint(
            dedupe_key=f"{reference}:{key}",
            provider_key=key,
            provider_reference=reference,
            answer={"received": reference},
        )

    def tell(self, request: ChargeRequest) -> Outcome:
        """The bank's truth."""
        payments = self.payments.get(request.provider_key)
        return Approved(payments=tuple(payments)) if payments else Pending()

    def pay(self, provider_key: str, amount: Money, *, reference: str | None = None) -> str:
        """A customer pays; returns the bank's reference."""
        self._count += 1
        reference = reference or f"BANK{self._count:06}"
        self.payments[provider_key].append(ProviderPayment(reference=reference, amount=amount))
        return reference

    def notice(self, provider_key: str, reference: str) -> bytes:
        """The bank's notice of a payment."""
        return msgspec.json.encode({"key": provider_key, "reference": reference})


@contextmanager
def registered() -> Iterator[FakeAdapter]:
    """A fake provider that the gateway knows for the length of the block."""
    adapter = FakeAdapter()
    registry.register(adapter)
    try:
        yield adapter
    finally:
        registry._adapters.pop(adapter.name)


def show_qr(request: ChargeRequest) -> Outcome:
    """The usual answer."""
    return ActionRequired(next_action={"type": "display_qr", "qr_payload": f"QR:{request.provider_key}"})


def answers(outcome: Outcome) -> Behaviour:
    """A behaviour that gives one fixed answer."""
    return lambda _request: outcome


class RefundingAdapter(FakeAdapter):
    """A provider that gives money back, in parts, under our keys; `refunds` is its truth.

    `on_refund` and `on_probe_refund` queue behaviours as `on_create` does.
    """

    capabilities = replace(FakeAdapter.capabilities, refund=RefundSupport.PARTIAL)

    def __init__(self) -> None:
        super().__init__()
        self.refunds: dict[str, OperationOutcome] = {}
        self.refunded: list[RefundRequest] = []
        self.probed_refunds: list[RefundRequest] = []
        self.on_refund: list[Operation] = []
        self.on_probe_refund: list[Operation] = []

    def refund(self, request: RefundRequest) -> OperationOutcome:
        with self._lock:
            self.refunded.append(request)
            behaviour = self.on_refund.pop(0) if self.on_refund else self.give_back
        return behaviour(request)

    def probe_refund(self, request: RefundRequest) -> OperationOutcome:
        with self._lock:
            self.probed_refunds.append(request)
            behaviour = self.on_probe_refund.pop(0) if self.on_probe_refund else self.tell_refund
        return behaviour(request)

    def give_back(self, request: RefundRequest) -> OperationOutcome:
        """Book the refund, once under its key."""
        with self._lock:
            known = self.refunds.get(request.operation_key)
            if known is None:
                known = Done(reference=self._reference("BACK"), amount=request.amount)
                self.refunds[request.operation_key] = known
        return known

    def give_back_and_hang(self, request: RefundRequest) -> OperationOutcome:
        """Book it, and never answer."""
        self.give_back(request)
        return TIMEOUT

    def take_up(self, request: RefundRequest) -> OperationOutcome:
        """Carry it out some day."""
        with self._lock:
            accepted = Accepted(reference=self._reference("TAKEN"))
            return self.refunds.setdefault(request.operation_key, accepted)

    def return_refund(self, operation_key: str) -> Reversed:
        """The payer's bank sends it back."""
        done = self.refunds[operation_key]
        assert isinstance(done, Done)
        back = Reversed(reference=done.reference, code="account_closed", message="The account is closed.")
        self.refunds[operation_key] = back
        return back

    def tell_refund(self, request: RefundRequest) -> OperationOutcome:
        return self.refunds.get(request.operation_key, NeverHeard())

    def read_webhook(
        self, *, headers: Mapping[str, str], body: bytes, account: ProviderAccount | None, now: dt.datetime
    ) -> WebhookHint:
        """A notice of a refund tells what the provider's books say; anybody can send one while `webhook_trust` is HINT."""
        hint = super().read_webhook(headers=headers, body=body, account=account, now=now)
        key = msgspec.json.decode(body, type=dict[str, str]).get("refund", "")
        news = RefundNews(operation_key=key, outcome=self.refunds.get(key, NeverHeard())) if key else None
        return replace(hint, refund=news)

    def refund_notice(self, operation_key: str, about: str = "news") -> bytes:
        """The provider's notice of what became of a refund."""
        return msgspec.json.encode(
            {"key": "", "reference": f"{operation_key}:{about}", "refund": operation_key}
        )

    def given_back(self) -> int:
        """What payers really have back, in minor units."""
        return sum(done.amount.amount_minor for done in self.refunds.values() if isinstance(done, Done))

    def _reference(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}{self._count:06}"


class HoldingAdapter(RefundingAdapter):
    """A provider of cards: it takes money at once or holds it, to be captured in parts or let go; `holds` is its truth.

    `on_capture`, `on_probe_capture` and `on_void` queue behaviours as `on_create` does.
    """

    capabilities = replace(
        RefundingAdapter.capabilities,
        manual_capture=True,
        partial_capture=True,
        multiple_capture=True,
        void=True,
        customer_initiated=False,
    )

    def __init__(self) -> None:
        super().__init__()
        self.holds: dict[str, Hold] = {}
        self.captured: list[CaptureRequest] = []
        self.voided: list[ChargeRequest] = []
        self.on_capture: list[Operation] = []
        self.on_probe_capture: list[Operation] = []
        self.on_void: list[Behaviour] = []

    def create(self, request: ChargeRequest) -> Outcome:
        if request.capture or self.on_create:
            return super().create(request)
        with self._lock:
            self.created.append(request)
        return self.hold(request)

    def hold(self, request: ChargeRequest) -> Outcome:
        """Hold the money, once under its key."""
        with self._lock:
            self.holds.setdefault(request.provider_key, Hold(request.amount))
        return self.tell(request)

    def hold_and_hang(self, request: ChargeRequest) -> Outcome:
        self.hold(request)
        return TIMEOUT

    def tell(self, request: ChargeRequest) -> Outcome:
        hold = self.holds.get(request.provider_key)
        if hold is None or request.provider_key in self.payments:
            return super().tell(request)
        if hold.captures:
            return Approved(payments=tuple(_payment(done) for done in hold.captures.values()))
        held = Authorized(reference=f"HOLD-{request.provider_key}", amount=hold.amount)
        return Voided() if hold.released else held

    def capture(self, request: CaptureRequest) -> OperationOutcome:
        with self._lock:
            self.captured.append(request)
            behaviour = self.on_capture.pop(0) if self.on_capture else self.take
        return behaviour(request)

    def probe_capture(self, request: CaptureRequest) -> OperationOutcome:
        behaviour = self.on_probe_capture.pop(0) if self.on_probe_capture else self.tell_capture
        return behaviour(request)

    def take(self, request: CaptureRequest) -> OperationOutcome:
        """Take held money, once under its key."""
        with self._lock:
            hold = self.holds[request.charge.provider_key]
            known = hold.captures.get(request.operation_key)
            if known is None and (hold.released or request.amount.amount_minor > hold.left):
                return Declined(code="not_held", message="That much is not held.")
            if known is None:
                known = Done(reference=self._reference("TOOK"), amount=request.amount)
                hold.captures[request.operation_key] = known
                hold.released = request.final or not hold.left
        return known

    def take_and_hang(self, request: CaptureRequest) -> OperationOutcome:
        self.take(request)
        return TIMEOUT

    def tell_capture(self, request: CaptureRequest) -> OperationOutcome:
        hold = self.holds[request.charge.provider_key]
        return hold.captures.get(request.operation_key, NeverHeard())

    def void(self, request: ChargeRequest) -> Outcome:
        with self._lock:
            self.voided.append(request)
            behaviour = self.on_void.pop(0) if self.on_void else self.let_go
        return behaviour(request)

    def let_go(self, request: ChargeRequest) -> Outcome:
        """Let go what is left of a hold, if anything is."""
        with self._lock:
            hold = self.holds.get(request.provider_key)
            if hold is None:
                return self.tell(request) if request.provider_key in self.payments else Voided()
            if not hold.left and hold.captures:
                return Approved(payments=tuple(_payment(done) for done in hold.captures.values()))
            hold.released = True
        return Voided()

    def let_go_and_hang(self, request: ChargeRequest) -> Outcome:
        self.let_go(request)
        return TIMEOUT

    def taken(self) -> int:
        """What payers have really paid, in minor units."""
        held = sum(hold.taken for hold in self.holds.values())
        paid = [payment for payments in self.payments.values() for payment in payments]
        return held + sum(payment.amount.amount_minor for payment in paid)


class TokenAdapter(FakeAdapter):
    """A provider that charges cards by tokens of its own, and shows codes, too."""

    capabilities = replace(
        FakeAdapter.capabilities,
        methods=frozenset({"credit_card", "qr_code"}),
        token_methods=frozenset({"credit_card"}),
        customer_initiated=False,
    )

    def create(self, request: ChargeRequest) -> Outcome:
        if request.method == "credit_card" and not self.on_create:
            self.on_create.append(self.charge)
        return super().create(request)

    def charge(self, request: ChargeRequest) -> Outcome:
        """Take the money, once under its key."""
        if request.provider_key not in self.payments:
            self.pay(request.provider_key, request.amount)
        return self.tell(request)

    def charge_and_hang(self, request: ChargeRequest) -> Outcome:
        self.charge(request)
        return TIMEOUT


@dataclass
class Hold:
    """Held money, what was taken of it under which key, and whether the rest was let go."""

    amount: Money
    captures: dict[str, Done] = field(default_factory=dict)
    released: bool = False

    @property
    def taken(self) -> int:
        return sum(done.amount.amount_minor for done in self.captures.values())

    @property
    def left(self) -> int:
        return 0 if self.released else self.amount.amount_minor - self.taken


def _payment(done: Done) -> ProviderPayment:
    return ProviderPayment(reference=done.reference, amount=done.amount)
