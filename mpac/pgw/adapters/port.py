"""The port: what the gateway asks of a provider and the answers it understands.

An answer is one of a closed set. The line that matters is between `NotProcessed`, proof that no charge exists, and
`Unknown`, which proves nothing; an adapter that is in doubt says `Unknown`. Adapters never raise for what a provider or
the network does, except `read_webhook`.
"""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from kernel.money import Money
from mpac.pgw.domain.keys import KEY_LENGTH


class WebhookTrust(StrEnum):
    """What a provider's callback is worth."""

    SIGNED = "signed"  # checked on its raw bytes; may be applied as it is
    HINT = "hint"  # anybody could have sent it; ask the provider before believing it


class RefundSupport(StrEnum):
    """What a provider gives back on our call."""

    NONE = "none"  # it has no call; people send the money back, with evidence
    FULL = "full"  # the whole sum, once
    PARTIAL = "partial"  # any part, several times


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
    partial_capture: bool = False
    multiple_capture: bool = False
    void: bool = False
    refund: RefundSupport = RefundSupport.NONE
    disputes: bool = False
    statement: str | None = None  # the profile that reads its settlement files
    key_length: int = KEY_LENGTH  # what our keys may have there
    # Methods that take fewer currencies than the others.
    method_currencies: Mapping[str, frozenset[str]] = field(default_factory=dict)
    token_methods: frozenset[str] = frozenset()  # what is only charged with a token that the provider issued
    # Tokens of cards that a shop keeps: nobody else may charge those.
    saved_card: re.Pattern[str] | None = None

    def accepts(self, *, method: str, currency: str) -> bool:
        """Whether the provider takes this currency in this way."""
        currencies = self.method_currencies.get(method, self.currencies)
        return method in self.methods and currency in currencies


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
    method: str = "qr_code"
    capture: bool = True  # False holds the money until it is captured
    payment_token: str | None = field(default=None, repr=False)
    return_url: str | None = None  # where the provider sends the customer back to, else the account's
    description: str | None = None
    notice_url: str | None = None  # where the provider may call us, if it is told with each charge


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureRequest:
    """Taking held money, all of it or a part. The same `operation_key` always means the same capture."""

    charge: ChargeRequest
    operation_key: str
    amount: Money
    final: bool = True  # what is not captured now is let go
    provider_reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequest:
    """Giving money back, all of it or a part. The same `operation_key` always means the same refund."""

    charge: ChargeRequest
    operation_key: str
    amount: Money
    reason: str
    payment_reference: str  # the movement of money that is given back
    opened_at: dt.datetime
    provider_reference: str | None = None


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
class Authorized:
    """The money is held under the provider's reference, and waits to be captured."""

    reference: str
    amount: Money
    expires_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRequired:
    """The customer has to act; `next_action` is what to show them."""

    next_action: Mapping[str, Any]
    provider_reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """The payer has agreed at the provider, and nothing moves until we `finish` the charge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """The provider was reached and knows of no money for this charge so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Voided:
    """The provider was reached and the charge can no longer be paid.

    `reference` names the payment that was let go, where the same payment may still be announced by an older notice.
    """

    reference: str | None = None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The capture or refund was carried out, under the provider's own unique reference."""

    reference: str
    amount: Money
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The provider took the capture or refund up and will tell its outcome later."""

    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NeverHeard:
    """The provider was reached and knows of nothing under this key.

    To ask again for a capture or refund is safe then; of a charge it is proof only while no call for it is under way.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversed:
    """The refund had been carried out and came back, because the payer's bank could not book it."""

    reference: str
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ByHand:
    """The provider gave nothing back, and no call will make it: people have to send this payment's money."""

    code: str
    message: str


Outcome = (
    Approved
    | Authorized
    | ActionRequired
    | Agreed
    | Pending
    | Voided
    | NeverHeard
    | Declined
    | NotProcessed
    | Unknown
)
OperationOutcome = Done | Accepted | NeverHeard | Reversed | ByHand | Declined | NotProcessed | Unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundNews:
    """What a signed callback proves about a refund."""

    operation_key: str
    outcome: OperationOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureNews:
    """What a signed callback proves about the capture of this amount that is under way."""

    amount: Money
    outcome: OperationOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeNews:
    """What a signed callback or a statement proves about a dispute. `status` is opened, under_review, won or lost.

    `withdrawn` and `reinstated` are all that was taken from the merchant and given back so far, as far as it is told.
    """

    reference: str
    status: str
    amount: Money
    reason: str
    evidence_due_at: dt.datetime | None = None
    withdrawn: Money | None = None
    reinstated: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookHint:
    """What a callback is about. What it proves by its signature comes with it; without that it only makes us ask."""

    dedupe_key: str
    provider_key: str
    provider_reference: str
    answer: Mapping[str, Any] | str
    payments: tuple[ProviderPayment, ...] = ()
    state: Outcome | None = None  # what else it proves about the charge, where the provider cannot be asked
    capture: CaptureNews | None = None
    refund: RefundNews | None = None
    dispute: DisputeNews | None = None


class Adapter(Protocol):
    """One provider."""

    name: str
    capabilities: Capabilities

    def create(self, request: ChargeRequest) -> Outcome:
        """Create the charge, or find it again under its key."""

    def probe(self, request: ChargeRequest) -> Outcome:
        """Ask what became of the charge; changes nothing at the provider."""

    def finish(self, request: ChargeRequest) -> Outcome:
        """Take or hold what its payer has agreed to. Repeating it moves nothing twice.

        Only for charges that were found `Agreed`; where payers agree and pay at once there are none.
        """

    def capture(self, request: CaptureRequest) -> OperationOutcome:
        """Take held money, or find out that it was taken under this key."""

    def probe_capture(self, request: CaptureRequest) -> OperationOutcome:
        """Ask what became of the capture; changes nothing at the provider."""

    def void(self, request: ChargeRequest) -> Outcome:
        """Let held money go: Voided, or what it turned out to be instead. Repeating it is harmless.

        Where the provider cannot be asked, a charge of which nothing is known but our key is called off by that.
        """

    def refund(self, request: RefundRequest) -> OperationOutcome:
        """Give money back, or find out that it was given back under this key."""

    def probe_refund(self, request: RefundRequest) -> OperationOutcome:
        """Ask what became of the refund; changes nothing at the provider."""

    def read_webhook(
        self, *, headers: Mapping[str, str], body: bytes, account: ProviderAccount | None, now: dt.datetime
    ) -> WebhookHint:
        """What a callback is about, checked as far as the provider makes possible.

        `account` is the one named in the callback's address. Its credentials may hold two secrets, `webhook_secret` and
        `webhook_secret_previous`, while they are rotated.

        Raises WebhookMalformed, and WebhookRefused where callbacks are signed and this signature does not hold.
        """
