"""The port: what the gateway asks of a provider and the answers it understands.

An answer is one of a closed set. The line that matters is between `NotProcessed`, proof that no charge exists, and
`Unknown`, which proves nothing; an adapter that is in doubt says `Unknown`. Adapters never raise for what a provider or
the network does, except `read_webhook`.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from kernel.money import Money


class WebhookTrust(StrEnum):
    """What a provider's callback is worth."""

    SIGNED = "signed"  # checked on its raw bytes; may be applied as it is
    HINT = "hint"  # anybody could have sent it; ask the provider before believing it


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What an adapter can do; callers read this instead of the provider's name."""

    methods: frozenset[str]
    currencies: frozenset[str]
    manual_capture: bool
    probe: bool
    reissue: bool  # creating again under the same key cannot charge twice
    customer_initiated: bool  # no money moves before the customer acts on what we showed them
    webhook_trust: WebhookTrust
    max_amount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderAccount:
    """A store's account at a provider, opened for one call. Credentials never show in a representation."""

    fields: Mapping[str, str]
    credentials: Mapping[str, str] = field(repr=False)
    livemode: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeRequest:
    """A charge to create or to ask about. The same `provider_key` always means the same charge."""

    provider_key: str
    amount: Money
    account: ProviderAccount
    store_id: int
    opened_at: dt.datetime
    now: dt.datetime
    expires_at: dt.datetime
    provider_reference: str | None = None
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderPayment:
    """Money that the provider says has moved, under the provider's own unique reference."""

    reference: str
    amount: Money
    paid_at: dt.datetime | None = None
    reversed: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """Money was taken: every movement that the provider knows for this charge."""

    payments: tuple[ProviderPayment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRequired:
    """The customer has to act; `next_action` is what to show them."""

    next_action: Mapping[str, Any]
    provider_reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """The provider was reached and knows of no money for this charge so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Voided:
    """The provider was reached and the charge can no longer be paid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    """The provider processed the charge and refused it."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotProcessed:
    """Proof that no charge exists: never connected, or refused before processing."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """No proof of anything: a timeout, a reset, a server error, an answer that cannot be read."""

    code: str
    message: str


Outcome = Approved | ActionRequired | Pending | Voided | Declined | NotProcessed | Unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookHint:
    """What a callback is about. `payments` is empty unless the callback proves them by its signature."""

    dedupe_key: str
    provider_key: str
    provider_reference: str
    answer: Mapping[str, Any]
    payments: tuple[ProviderPayment, ...] = ()


class Adapter(Protocol):
    """One provider."""

    name: str
    capabilities: Capabilities

    def create(self, request: ChargeRequest) -> Outcome:
        """Create the charge, or find it again under its key."""

    def probe(self, request: ChargeRequest) -> Outcome:
        """Ask what became of the charge; changes nothing at the provider."""

    def read_webhook(self, *, headers: Mapping[str, str], body: bytes, now: dt.datetime) -> WebhookHint:
        """What a callback is about, checked as far as the provider makes possible.

        Raises WebhookMalformed, and WebhookRefused where callbacks are signed and this signature does not hold.
        """
