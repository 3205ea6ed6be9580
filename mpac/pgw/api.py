"""What other contexts may ask of the payment gateway. Ids are TypeIDs, amounts are Money, `now` is the caller's instant."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from kernel.ids import decode
from kernel.invariants import Invariant
from kernel.money import Money
from kernel.observations import Observation
from kernel.tenancy import TenantScope
from mpac.pgw.db import atomic
from mpac.pgw.domain.lateness import Source
from mpac.pgw.dto import (
    MerchantSnapshot,
    PartnerSnapshot,
    PaymentIntentDTO,
    ProviderConfigSnapshot,
    RefundDTO,
    StoreSnapshot,
    SyncItem,
    SyncResult,
)
from mpac.pgw.errors import (
    AccountsBusy,
    AmountTooLarge,
    AmountTooSmall,
    CaptureNotSupported,
    CurrencyNotAccepted,
    IllegalIntentTransition,
    LatePaymentDecided,
    MethodNotSupported,
    PartialRefundNotSupported,
    PaymentTokenRequired,
    ProviderNotUsable,
    RefundExceedsCapture,
    RefundNotRetriable,
    RefundSpansCaptures,
    StoreNotUsable,
)
from mpac.pgw.selectors import intents, mirror, refunds
from mpac.pgw.selectors.invariants import list_bank_differences, list_invariants
from mpac.pgw.selectors.observations import list_observations
from mpac.pgw.services import cancellation, confirmation, creation, late_money, mirroring
from mpac.pgw.services import refunds as refunding

__all__ = [
    "AccountsBusy",
    "AmountTooLarge",
    "AmountTooSmall",
    "CaptureNotSupported",
    "CurrencyNotAccepted",
    "IllegalIntentTransition",
    "LatePaymentDecided",
    "MerchantSnapshot",
    "MethodNotSupported",
    "PartialRefundNotSupported",
    "PartnerSnapshot",
    "PaymentIntentDTO",
    "PaymentTokenRequired",
    "ProviderConfigSnapshot",
    "ProviderNotUsable",
    "RefundDTO",
    "RefundExceedsCapture",
    "RefundNotRetriable",
    "RefundSpansCaptures",
    "StoreNotUsable",
    "StoreSnapshot",
    "SyncItem",
    "SyncResult",
    "accept_late_payment",
    "apply_merchant_snapshot",
    "apply_partner_snapshot",
    "bank_differences",
    "cancel_payment_intent",
    "confirm_payment_intent",
    "create_payment_intent",
    "get_payment_intent",
    "get_refund",
    "invariants",
    "mirror_checksums",
    "notice_urls",
    "observations",
    "refund_payment_intent",
    "return_late_payment",
]


def create_payment_intent(
    *,
    scope: TenantScope,
    merchant_id: int,
    store_id: int,
    amount: Money,
    method: str,
    provider: str | None = None,
    idempotency_key: str,
    source: str,
    device_id: uuid.UUID | None = None,
    reference: str | None = None,
    livemode: bool = False,
    expires_in_s: int | None = None,
    now: dt.datetime,
) -> PaymentIntentDTO:
    """A new intent, or the one that this key made before for this merchant. Nothing is charged yet.

    `device_id` is the terminal that wants it, if it is one.

    Raises StoreNotUsable, CurrencyNotAccepted, MethodNotSupported, AmountTooSmall and AmountTooLarge.
    """
    wanted = creation.NewIntent(
        merchant_id=merchant_id,
        store_id=store_id,
        amount=amount,
        method=method,
        provider=provider,
        idempotency_key=idempotency_key,
        source=Source(source),
        device_id=device_id,
        livemode=livemode,
        reference=reference,
        expires_in_s=expires_in_s,
    )
    return intents.intent_dto(creation.create_intent(scope=scope, wanted=wanted, now=now))


def confirm_payment_intent(*, scope: TenantScope, intent_id: str, now: dt.datetime) -> PaymentIntentDTO:
    """Try to take the money. An intent that is past its confirmation is returned as it stands.

    Calls the provider, so it must not be called inside a transaction. Raises NotFound, CurrencyNotAccepted,
    MethodNotSupported, ProviderNotUsable and CaptureNotSupported.
    """
    key = decode("pi", intent_id)
    try:
        return intents.intent_dto(confirmation.confirm_intent(scope=scope, intent_id=key, now=now))
    except IllegalIntentTransition:
        return intents.intent_dto(confirmation.current_intent(scope=scope, intent_id=key))


def cancel_payment_intent(*, scope: TenantScope, intent_id: str, now: dt.datetime) -> PaymentIntentDTO:
    """Call the intent off. While an outcome is open the wish is noted and the status stays as it is until there is proof.

    Asks the provider, so it must not be called inside a transaction. Raises NotFound, and IllegalIntentTransition when
    the money is there or the intent ended otherwise.
    """
    return intents.intent_dto(
        cancellation.cancel_intent(scope=scope, intent_id=decode("pi", intent_id), now=now)
    )


def get_payment_intent(*, scope: TenantScope, intent_id: str) -> PaymentIntentDTO:
    """The intent as it stands. Raises NotFound."""
    with atomic(scope):
        return intents.intent_dto(intents.get_intent(decode("pi", intent_id)))


def refund_payment_intent(
    *,
    scope: TenantScope,
    intent_id: str,
    amount: Money | None = None,
    reason: str,
    idempotency_key: str,
    requested_by: str,
    retry_of: str | None = None,
    now: dt.datetime,
) -> RefundDTO:
    """Give captured money back, all that is left of it without an amount; or the refund that this key opened before.

    `retry_of` names a failed refund to replace. The answer's status tells how far it came: `completed`, `failed`,
    `processing` while its outcome is open, or `pending` when it waits for people. Calls the provider, so it must not be
    called inside a transaction. Raises NotFound, CurrencyNotAccepted, RefundExceedsCapture, RefundSpansCaptures,
    RefundNotRetriable, PartialRefundNotSupported and AccountsBusy.
    """
    wanted = refunding.NewRefund(
        intent_id=decode("pi", intent_id),
        amount_minor=None if amount is None else amount.amount_minor,
        currency=None if amount is None else amount.currency,
        reason=reason,
        retry_of=None if retry_of is None else decode("re", retry_of),
        idempotency_key=idempotency_key,
        requested_by=requested_by,
    )
    return refunds.refund_dto(refunding.refund_intent(scope=scope, wanted=wanted, now=now))


def get_refund(*, scope: TenantScope, refund_id: str) -> RefundDTO:
    """The refund as it stands. Raises NotFound."""
    with atomic(scope):
        return refunds.refund_dto(refunds.get_refund(decode("re", refund_id)))


def accept_late_payment(*, scope: TenantScope, intent_id: str, now: dt.datetime) -> PaymentIntentDTO:
    """The claim is still open: late money completes the intent. Accepting again changes nothing.

    Raises NotFound and LatePaymentDecided.
    """
    return intents.intent_dto(late_money.accept_late(scope=scope, intent_id=decode("pi", intent_id), now=now))


def return_late_payment(
    *, scope: TenantScope, intent_id: str, reason: str, now: dt.datetime
) -> PaymentIntentDTO:
    """The claim is gone: late money has to go back to its payer. Returning again changes nothing.

    Raises NotFound and LatePaymentDecided.
    """
    return intents.intent_dto(
        late_money.return_late(scope=scope, intent_id=decode("pi", intent_id), reason=reason, now=now)
    )


def apply_merchant_snapshot(snapshot: MerchantSnapshot, *, now: dt.datetime) -> SyncResult:
    """Bring the mirror of one merchant to `snapshot`; older versions and other owners' rows are left alone."""
    return mirroring.apply_merchant_snapshot(snapshot, now=now)


def apply_partner_snapshot(snapshot: PartnerSnapshot, *, now: dt.datetime) -> SyncResult:
    """Bring the mirror of one payment service provider to `snapshot`."""
    return mirroring.apply_partner_snapshot(snapshot, now=now)


def mirror_checksums() -> dict[tuple[int, int], str]:
    """A digest of the mirrored versions for each merchant, by provider and merchant id; compare with the source's."""
    return mirror.mirror_checksums()


def notice_urls(*, scope: TenantScope) -> dict[int, dict[str, str]]:
    """Where providers send their notices about a tenant's accounts, by store and provider."""
    return mirror.list_notice_urls(scope=scope)


def bank_differences(
    *, charges: Sequence[Mapping[str, Any]], refunds: Sequence[Mapping[str, Any]]
) -> list[tuple[Any, ...]]:
    """What a bank's own books, where they can be read, and the gateway's do not agree on; none when all is well.

    Each charge has provider, reference, provider_reference, amount, currency, status, created_at and paid_at, and in
    `paid_as` the capture's reference where the money was taken under one of its own; each refund has provider,
    charge_reference, amount, status and created_at.
    """
    return list_bank_differences(charges, refunds)


def invariants() -> list[Invariant]:
    """Queries for rows that must not exist."""
    return list_invariants()


def observations() -> list[Observation]:
    """Figures about the gateway, for those who watch it."""
    return list_observations()
