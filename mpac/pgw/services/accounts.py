"""Which provider a store uses, and opening its sealed credentials for one call."""

import datetime as dt

import msgspec
from django.db.models import Q

from kernel.crypto import CryptoError, open_sealed
from kernel.money import Money
from mpac.pgw.adapters.port import Adapter, ChargeRequest, ProviderAccount
from mpac.pgw.adapters.registry import find_adapter
from mpac.pgw.domain.methods import CaptureMethod
from mpac.pgw.errors import CaptureNotSupported, ProviderNotUsable, StoreNotUsable
from mpac.pgw.models import PaymentAttempt, PaymentIntent, StoreProviderConfig
from mpac.pgw.services.creation import store_is_usable


def choose_account(
    intent: PaymentIntent, *, method: str, provider: str | None
) -> tuple[Adapter, StoreProviderConfig]:
    """The store's enabled account for this method, currency and amount, at `provider` when one is named.

    An intent outlives its store's good standing; money is taken only while that lasts.

    Raises StoreNotUsable, ProviderNotUsable and CaptureNotSupported.
    """
    if not store_is_usable(intent.psp_id, intent.merchant_id, intent.store_id):
        raise StoreNotUsable
    configs = (
        StoreProviderConfig.objects.filter(
            psp_id=intent.psp_id,
            merchant_id=intent.merchant_id,
            store_id=intent.store_id,
            enabled=True,
            deleted_at=None,
        )
        .filter(Q(livemode=None) | Q(livemode=intent.livemode))
        .order_by("provider_name")
    )
    for config in configs:
        adapter = find_adapter(config.provider_name)
        if adapter is None or provider not in (None, config.provider_name):
            continue
        can = adapter.capabilities
        if (
            method in can.methods
            and intent.currency in can.currencies
            and intent.amount_minor <= can.max_amount_minor
        ):
            if intent.capture_method == CaptureMethod.MANUAL and not can.manual_capture:
                raise CaptureNotSupported
            return adapter, config
    raise ProviderNotUsable


def charge_request(
    attempt: PaymentAttempt, *, now: dt.datetime, timeout_s: float | None = None
) -> ChargeRequest:
    """What an adapter needs to create or to probe this attempt. Raises CryptoError when the credentials do not open."""
    intent = attempt.intent
    return ChargeRequest(
        provider_key=attempt.provider_key,
        amount=Money(attempt.amount_minor, attempt.currency),
        account=_open(attempt),
        store_id=attempt.store_id,
        opened_at=attempt.created_at,
        now=now,
        expires_at=intent.expires_at,
        provider_reference=attempt.provider_reference,
        timeout_s=timeout_s,
    )


def _open(attempt: PaymentAttempt) -> ProviderAccount:
    """The attempt's account. A disabled or deleted one still answers questions about what it was used for."""
    config = StoreProviderConfig.objects.filter(
        psp_id=attempt.psp_id,
        merchant_id=attempt.merchant_id,
        store_id=attempt.store_id,
        provider_name=attempt.provider,
    ).first()
    if config is None:
        message = "the provider account is gone"
        raise CryptoError(message)
    try:
        opened = open_sealed(config.api_key_encrypted, aad=config.sealed_for())
        credentials = msgspec.json.decode(opened, type=dict[str, str])
    except msgspec.DecodeError:
        message = "the credentials are not a JSON object of texts"
        raise CryptoError(message) from None
    return ProviderAccount(fields=attempt.account, credentials=credentials, livemode=attempt.livemode)
