"""What callers send: strict, so that a misspelled field is refused and not ignored."""

import uuid
from typing import Annotated, Literal

import msgspec

from kernel.ids import decode
from kernel.money import Money
from kernel.rest import Body, CurrencyCode, PageQuery
from kernel.rest.moments import Moment, moment_if_any
from mpac.pgw import conf
from mpac.pgw.domain.card_details import MAX_RETURN_URL, MAX_TOKEN
from mpac.pgw.domain.intents import IntentStatus
from mpac.pgw.domain.lateness import Source
from mpac.pgw.domain.methods import CaptureMethod
from mpac.pgw.selectors.intents import IntentFilters
from mpac.pgw.services.captures import NewCapture
from mpac.pgw.services.creation import NewIntent
from mpac.pgw.services.refunds import NewRefund

MAX_ID = 2**31 - 1
MAX_AMOUNT = 10**15
Id = Annotated[int, msgspec.Meta(ge=1, le=MAX_ID)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
Metadata = Annotated[dict[Name, Annotated[str, msgspec.Meta(max_length=500)]], msgspec.Meta(max_length=50)]
Token = Annotated[
    str, msgspec.Meta(min_length=1, max_length=MAX_TOKEN, extra_json_schema={"writeOnly": True})
]
ReturnUrl = Annotated[
    str, msgspec.Meta(min_length=1, max_length=MAX_RETURN_URL, extra_json_schema={"format": "uri"})
]
MethodName = Literal["qr_code", "promptpay", "credit_card", "card", "e_wallet", "bank_transfer", "crypto"]


class CreateIntent(Body, kw_only=True):
    """A wish to take money; with `confirm` it is tried at once, with a `payment_token` of the provider if it needs one."""

    amount: Annotated[int, msgspec.Meta(ge=1, le=MAX_AMOUNT)]
    currency: CurrencyCode
    merchant_id: Id
    store_id: Id
    method: MethodName | None = None
    provider: Name | None = None
    capture_method: Literal["automatic", "manual"] = "automatic"
    confirm: bool = False
    payment_token: Token | None = None
    return_url: ReturnUrl | None = None
    reference: Text | None = None
    description: Annotated[str, msgspec.Meta(max_length=1000)] | None = None
    metadata: Metadata = {}
    expires_in: Annotated[int, msgspec.Meta(ge=conf.MIN_EXPIRES_IN_S, le=conf.MAX_EXPIRES_IN_S)] | None = None

    def wanted(self, *, idempotency_key: str, device_id: uuid.UUID | None, livemode: bool) -> NewIntent:
        """The same for the service."""
        return NewIntent(
            merchant_id=self.merchant_id,
            store_id=self.store_id,
            amount=Money(self.amount, self.currency),
            method=self.method,
            provider=self.provider,
            idempotency_key=idempotency_key,
            source=Source.API,
            device_id=device_id,
            livemode=livemode,
            capture_method=CaptureMethod(self.capture_method),
            reference=self.reference,
            description=self.description,
            return_url=self.return_url,
            metadata=self.metadata,
            expires_in_s=self.expires_in,
        )


class ConfirmIntent(Body, kw_only=True):
    """How to take the money, where the intent does not say it yet.

    A `payment_token` is the provider's own for a card, saved or for once; `return_url` is where the customer comes back to.
    """

    method: MethodName | None = None
    provider: Name | None = None
    payment_token: Token | None = None
    return_url: ReturnUrl | None = None


class CaptureIntent(Body, kw_only=True):
    """Held money to take; without an amount it is all that is left. What a `final` capture leaves is let go."""

    amount: Annotated[int, msgspec.Meta(ge=1, le=MAX_AMOUNT)] | None = None
    final: bool = True

    def wanted(self, *, intent_id: uuid.UUID, idempotency_key: str, requested_by: str) -> NewCapture:
        """The same for the service."""
        return NewCapture(
            intent_id=intent_id,
            amount_minor=self.amount,
            final=self.final,
            idempotency_key=idempotency_key,
            requested_by=requested_by,
        )


class CreateRefund(Body, kw_only=True):
    """Money to give back; without an amount it is all that is left. `retry_of` names a refund that failed."""

    amount: Annotated[int, msgspec.Meta(ge=1, le=MAX_AMOUNT)] | None = None
    reason: Text
    retry_of: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None

    def wanted(self, *, intent_id: uuid.UUID, idempotency_key: str, requested_by: str) -> NewRefund:
        """The same for the service. Raises NotFound for a `retry_of` that names nothing."""
        return NewRefund(
            intent_id=intent_id,
            amount_minor=self.amount,
            reason=self.reason,
            retry_of=None if self.retry_of is None else decode("re", self.retry_of),
            idempotency_key=idempotency_key,
            requested_by=requested_by,
        )


class ListIntents(PageQuery, kw_only=True):
    """How the list may be narrowed."""

    status: IntentStatus | None = None
    merchant_id: Id | None = None
    store_id: Id | None = None
    reference: Text | None = None
    created_from: Moment | None = None
    created_before: Moment | None = None

    def filters(self) -> IntentFilters:
        """The same for the selector."""
        return IntentFilters(
            status=self.status,
            merchant_id=self.merchant_id,
            store_id=self.store_id,
            reference=self.reference,
            created_from=moment_if_any("created_from", self.created_from),
            created_before=moment_if_any("created_before", self.created_before),
        )


Version = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
Sealed = Annotated[str, msgspec.Meta(min_length=1, max_length=20_000)]


class SyncProviderConfig(Body, kw_only=True):
    """A store's account at a provider; `merchant_id` is the provider's own id of the store."""

    provider_name: Name
    merchant_id: Text
    api_key_encrypted: Sealed
    enabled: bool
    version: Version
    deleted: bool = False


class SyncStore(Body, kw_only=True):
    """A store with those of its accounts that changed."""

    store_id: Id
    store_code: Text
    name: Text
    version: Version
    deleted: bool = False
    provider_configs: Annotated[list[SyncProviderConfig], msgspec.Meta(max_length=50)] = []


class SyncMerchant(Body, kw_only=True):
    """A merchant with those of its stores that changed."""

    merchant_id: Id
    merchant_code: Text
    name: Text
    version: Version
    deleted: bool = False
    stores: Annotated[list[SyncStore], msgspec.Meta(max_length=2000)] = []


class SyncMerchants(Body, kw_only=True):
    """Merchants of one payment service provider."""

    client_partner_id: Id
    merchants: Annotated[list[SyncMerchant], msgspec.Meta(max_length=500)]
