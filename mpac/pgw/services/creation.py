"""Creating a payment intent, the readable way. The hot path of the API writes the same rows in one statement."""

import datetime as dt
import uuid
from dataclasses import dataclass, field
from typing import Any

from kernel.idempotency import KeyReused
from kernel.ids import created_at_of, uuid7
from kernel.money import Money
from kernel.scrubbing import CARD, scrub_text
from kernel.tenancy import TenantScope
from mpac.pgw import conf
from mpac.pgw.db import atomic, db
from mpac.pgw.domain.card_details import is_return_url
from mpac.pgw.domain.intents import IntentStatus
from mpac.pgw.domain.lateness import Source
from mpac.pgw.domain.methods import CaptureMethod, PaymentMethodCode, method_code
from mpac.pgw.errors import (
    AmountTooLarge,
    AmountTooSmall,
    CardNumberRefused,
    CurrencyNotAccepted,
    ExpiryOutOfRange,
    MethodNotSupported,
    ReturnUrlRefused,
    StoreNotUsable,
)
from mpac.pgw.events import PaymentIntentCreated
from mpac.pgw.models import PaymentIntent
from mpac.pgw.selectors.intents import find_intent_by_key
from mpac.pgw.services.announcements import announce
from mpac.pgw.services.steps import record


@dataclass(frozen=True, slots=True, kw_only=True)
class NewIntent:
    """A wish to take money, as its caller words it."""

    merchant_id: int
    store_id: int
    amount: Money
    method: str | None
    provider: str | None
    idempotency_key: str
    source: Source
    livemode: bool
    device_id: uuid.UUID | None = None
    capture_method: CaptureMethod = CaptureMethod.AUTOMATIC
    reference: str | None = None
    description: str | None = None
    return_url: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    expires_in_s: int | None = None


def create_intent(*, scope: TenantScope, wanted: NewIntent, now: dt.datetime) -> PaymentIntent:
    """A new intent, or the one that this idempotency key made before. Publishes PaymentIntentCreated.

    Raises KeyReused when that one was for other money, StoreNotUsable, CurrencyNotAccepted, MethodNotSupported,
    AmountTooSmall, AmountTooLarge, ExpiryOutOfRange, CardNumberRefused and ReturnUrlRefused.
    """
    with atomic(scope):
        made = find_intent_by_key(
            psp_id=scope.psp_id, merchant_id=wanted.merchant_id, idempotency_key=wanted.idempotency_key
        )
        if made is not None:
            return _as_wanted(made, wanted)
        intent = build_intent(psp_id=scope.psp_id, wanted=wanted, now=now)
        if not store_is_usable(scope.psp_id, wanted.merchant_id, wanted.store_id):
            raise StoreNotUsable
        check_lookups(currency=wanted.amount.currency, method=intent.method)
        PaymentIntent.objects.bulk_create([intent], ignore_conflicts=True)
        made = find_intent_by_key(
            psp_id=scope.psp_id, merchant_id=wanted.merchant_id, idempotency_key=wanted.idempotency_key
        )
        if made is not None and made.pk != intent.pk:
            return _as_wanted(made, wanted)
        record(intent, history=[(None, None, intent.status, intent.version, "")], actor=intent.source)
        announce(PaymentIntentCreated, intent, now=now)
    return intent


def build_intent(*, psp_id: int, wanted: NewIntent, now: dt.datetime) -> PaymentIntent:
    """The row of a new intent, checked against everything that needs no database.

    Raises MethodNotSupported, AmountTooSmall, AmountTooLarge, ExpiryOutOfRange, CardNumberRefused and ReturnUrlRefused.
    """
    method = check_method(wanted.method)
    check_amount(wanted.amount, method=method)
    refuse_card_numbers(wanted)
    check_return_url(wanted.return_url)
    intent_id = uuid7()
    return PaymentIntent(
        id=intent_id,
        created_at=created_at_of(intent_id),
        updated_at=now,
        psp_id=psp_id,
        merchant_id=wanted.merchant_id,
        store_id=wanted.store_id,
        status=IntentStatus.REQUIRES_CONFIRMATION if method else IntentStatus.REQUIRES_PAYMENT_METHOD,
        amount_minor=wanted.amount.amount_minor,
        currency=wanted.amount.currency,
        method=method,
        provider=wanted.provider,
        capture_method=wanted.capture_method,
        source=wanted.source,
        device_id=wanted.device_id,
        livemode=wanted.livemode,
        reference=wanted.reference,
        description=wanted.description,
        return_url=wanted.return_url,
        metadata=wanted.metadata,
        idempotency_key=wanted.idempotency_key,
        expires_at=now + _lifetime(wanted.expires_in_s),
    )


def check_amount(amount: Money, *, method: str | None) -> None:
    """Raise AmountTooSmall or AmountTooLarge for what is beyond the limits of its currency and method."""
    least, most = conf.amount_limits(amount.currency, method)
    if amount.amount_minor < least:
        raise AmountTooSmall
    if amount.amount_minor > most:
        raise AmountTooLarge


def check_method(text: str | None) -> PaymentMethodCode | None:
    """The code of a method's name or alias; None stays None. Raises MethodNotSupported."""
    if text is None:
        return None
    code = method_code(text)
    if code is None:
        raise MethodNotSupported
    return code


def check_return_url(url: str | None) -> None:
    """Raise ReturnUrlRefused for what customers are not sent to."""
    if url is not None and not is_return_url(url):
        raise ReturnUrlRefused


def store_is_usable(psp_id: int, merchant_id: int, store_id: int) -> bool:
    """Whether the mirror has this store, under this merchant and provider, with none of the three deleted or stopped."""
    rows = db.execute(USABLE_STORE, [psp_id, merchant_id, store_id])
    return bool(rows)


USABLE_STORE = """
    SELECT 1 FROM stores s
    JOIN merchants m ON m.psp_id = s.psp_id AND m.merchant_id = s.merchant_id AND m.deleted_at IS NULL AND m.is_active
    JOIN client_partners p ON p.psp_id = s.psp_id AND p.deleted_at IS NULL AND p.is_active
    WHERE s.psp_id = %s AND s.merchant_id = %s AND s.store_id = %s AND s.deleted_at IS NULL AND s.is_active
"""


def check_lookups(*, currency: str, method: str | None) -> None:
    """Raise CurrencyNotAccepted or MethodNotSupported for what the operators have not switched on."""
    accepts_currency, accepts_method = db.execute(ACCEPTED, {"currency": currency, "method": method})[0]
    if not accepts_currency:
        raise CurrencyNotAccepted
    if not accepts_method:
        raise MethodNotSupported


ACCEPTED = """
    SELECT EXISTS (SELECT 1 FROM currencies WHERE code = %(currency)s AND is_active),
           %(method)s::text IS NULL
           OR EXISTS (SELECT 1 FROM payment_methods WHERE code = %(method)s AND is_active)
"""


def _as_wanted(made: PaymentIntent, wanted: NewIntent) -> PaymentIntent:
    """The intent that the key made before, when it is for the same money. Raises KeyReused."""
    if (made.store_id, made.amount_minor, made.currency) != (
        wanted.store_id,
        wanted.amount.amount_minor,
        wanted.amount.currency,
    ):
        raise KeyReused
    return made


def _lifetime(expires_in_s: int | None) -> dt.timedelta:
    seconds = conf.DEFAULT_EXPIRES_IN_S if expires_in_s is None else expires_in_s
    if not conf.MIN_EXPIRES_IN_S <= seconds <= conf.MAX_EXPIRES_IN_S:
        raise ExpiryOutOfRange
    return dt.timedelta(seconds=seconds)


def refuse_card_numbers(wanted: NewIntent) -> None:
    """Free text must not carry a card number into the database. Raises CardNumberRefused."""
    texts = [
        wanted.provider or "",
        wanted.reference or "",
        wanted.description or "",
        *wanted.metadata,
        *map(str, wanted.metadata.values()),
    ]
    if any(CARD in scrub_text(text) and CARD not in text for text in texts):
        raise CardNumberRefused
