"""Which provider a store uses, and opening its sealed credentials for one call."""

import datetime as dt

import msgspec

from kernel.crypto import CryptoError, open_sealed
from kernel.money import Money
from mpac.pgw.adapters.port import CaptureRequest, ChargeRequest, ProviderAccount, RefundRequest
from mpac.pgw.domain.methods import CaptureMethod, PaymentMethodCode
from mpac.pgw.models import Capture, PaymentAttempt, Refund, StoreProviderConfig
from mpac.pgw.selectors.mirror import find_named_account, notice_url


def charge_request(
    attempt: PaymentAttempt, *, now: dt.datetime, timeout_s: float | None = None
) -> ChargeRequest:
    """What an adapter needs to create or to probe this attempt. Raises CryptoError when a secret does not open."""
    intent, config = attempt.intent, _find_config(attempt)
    return ChargeRequest(
        provider_key=attempt.provider_key,
        amount=Money(attempt.amount_minor, attempt.currency),
        account=_opened(config, fields=attempt.account, livemode=attempt.livemode),
        store_id=attempt.store_id,
        opened_at=attempt.created_at,
        now=now,
        expires_at=intent.expires_at,
        provider_reference=attempt.provider_reference,
        timeout_s=timeout_s,
        method=intent.method or PaymentMethodCode.QR_CODE,
        capture=intent.capture_method == CaptureMethod.AUTOMATIC,
        payment_token=_open_token(attempt),
        return_url=intent.return_url,
        description=intent.description,
        notice_url=notice_url(config),
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


def open_named_account(*, provider: str, account_id: str) -> ProviderAccount | None:
    """The account that `account_id` (`pca_…`) names, or None when there is none. Runs in a system scope.

    A disabled account still reads notices about what it was used for.
    """
    config = find_named_account(provider=provider, account_id=account_id)
    if config is None:
        return None
    try:
        return _opened(config, fields=config.account, livemode=bool(config.livemode))
    except CryptoError:
        return None


def _find_config(attempt: PaymentAttempt) -> StoreProviderConfig:
    """The attempt's account. A disabled or deleted one still answers questions about what it was used for."""
    config: StoreProviderConfig | None = StoreProviderConfig.objects.filter(
        psp_id=attempt.psp_id,
        merchant_id=attempt.merchant_id,
        store_id=attempt.store_id,
        provider_name=attempt.provider,
    ).first()
    if config is None:
        message = "the provider account is gone"
        raise CryptoError(message)
    return config


def _open_token(attempt: PaymentAttempt) -> str | None:
    sealed = attempt.payment_token_sealed
    return None if sealed is None else open_sealed(sealed, aad=attempt.sealed_for()).decode()


def _opened(config: StoreProviderConfig, *, fields: dict[str, str], livemode: bool) -> ProviderAccount:
    try:
        opened = open_sealed(config.api_key_encrypted, aad=config.sealed_for())
        credentials = msgspec.json.decode(opened, type=dict[str, str])
    except msgspec.DecodeError:
        message = "the credentials are not a JSON object of texts"
        raise CryptoError(message) from None
    return ProviderAccount(fields=fields, credentials=credentials, livemode=livemode)
