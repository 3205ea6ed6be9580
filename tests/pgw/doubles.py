"""A provider of our own port: it books, hangs, lies and repeats itself as a test tells it to."""

import datetime as dt
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import msgspec

from kernel.money import Money
from mpac.pgw.adapters import registry
from mpac.pgw.adapters.port import (
    ActionRequired,
    Approved,
    Capabilities,
    ChargeRequest,
    Outcome,
    Pending,
    ProviderPayment,
    WebhookHint,
    WebhookTrust,
)
from mpac.pgw.errors import WebhookMalformed

Behaviour = Callable[[ChargeRequest], Outcome]


class FakeAdapter:
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

    def read_webhook(self, *, headers: Mapping[str, str], body: bytes, now: dt.datetime) -> WebhookHint:
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
