"""Which provider a store uses, and opening its sealed credentials for one call."""

import datetime as dt

import msgspec
from django.db.models import Q

from kernel import ids
from kernel.crypto import CryptoError, open_sealed
from kernel.errors import NotFound
from kernel.money import Money
from mpac.pgw.adapters.port import Adapter, CaptureRequest, ChargeRequest, ProviderAccount, RefundRequest
from mpac.pgw.adapters.registry import find_adapter
from mpac.pgw.domain.methods import CaptureMethod, PaymentMethodCode
from mpac.pgw.errors import CaptureNotSupported, ProviderNotUsable, StoreNotUsable
from mpac.pgw.models import Capture, PaymentAttempt, PaymentIntent, Refund, StoreProviderConfig
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
        method=intent.method or PaymentMethodCode.QR_CODE,
        capture=intent.capture_method == CaptureMethod.AUTOMATIC,
        description=intent.description,
    )


def refund_request(refund: Refund, *, now: dt.datetime, timeout_s: float | None = None) -> RefundRequest:
    """What an adapter needs to carry out this refund or to ask about it. Raises CryptoError."""
    return RefundRequest(
        charge=charge_request(refund.attempt, now=now, timeout_s=timeout_s),
        operation_key=refund.operation_key,
        amount=Money(refund.amount_minor, refund.currency),
        reason=refund.reason,
        payment_reference=refund.payment_reference,
        opened_at=refund.created_at,
        provider_reference=refund.provider_reference,
    )


def capture_request(capture: Capture, *, now: dt.datetime, timeout_s: float | None = None) -> CaptureRequest:
    """What an adapter needs to carry out this capture or to ask about it. Raises CryptoError."""
    return CaptureRequest(
        charge=charge_request(capture.attempt, now=now, timeout_s=timeout_s),
        operation_key=capture.operation_key,
        amount=Money(capture.amount_minor, capture.currency),
        final=capture.final,
        provider_reference=capture.provider_reference,
    )


def credentials_aad(*, psp_id: int, merchant_id: int, store_id: int, provider: str) -> str:
    """What binds sealed credentials to their place: another row's secret does not open here."""
    return f"provider-config:{psp_id}:{merchant_id}:{store_id}:{provider}"


def open_named_account(*, provider: str, account_id: str) -> ProviderAccount | None:
    """The account that `account_id` (`pca_…`) names, or None when there is none. Runs in a system scope.

    A disabled account still reads notices about what it was used for.
    """
    try:
        config_id = ids.decode("pca", account_id)
    except NotFound:
        return None
    config = StoreProviderConfig.objects.filter(pk=config_id, provider_name=provider).first()
    if config is None:
        return None
    try:
        return _opened(config, fields=config.account, livemode=bool(config.livemode))
    except CryptoError:
        return None


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
    return _opened(config, fields=attempt.account, livemode=attempt.livemode)


def _opened(config: StoreProviderConfig, *, fields: dict[str, str], livemode: bool) -> ProviderAccount:
    aad = credentials_aad(
        psp_id=config.psp_id,
        merchant_id=config.merchant_id,
        store_id=config.store_id,
        provider=config.provider_name,
    )
    try:
        credentials = msgspec.json.decode(open_sealed(config.api_key_encrypted, aad=aad), type=dict[str, str])
    except msgspec.DecodeError:
        message = "the credentials are not a JSON object of texts"
        raise CryptoError(message) from None
    return ProviderAccount(fields=fields, credentials=credentials, livemode=livemode)
