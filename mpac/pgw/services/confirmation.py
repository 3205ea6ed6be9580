"""Confirming an intent: commit the attempt as sent, call the provider outside any transaction, commit the answer."""

import datetime as dt
import uuid
from typing import Any

from kernel.crashpoints import crashpoint, declare
from kernel.crypto import CryptoError
from kernel.ids import created_at_of, uuid7
from kernel.money import Money
from kernel.tenancy import Scope
from mpac.pgw.adapters.port import NotProcessed, Outcome
from mpac.pgw.adapters.registry import find_adapter
from mpac.pgw.db import atomic
from mpac.pgw.domain.attempts import AttemptStatus
from mpac.pgw.domain.intents import IntentStatus
from mpac.pgw.domain.keys import provider_key
from mpac.pgw.domain.probing import next_probe_at
from mpac.pgw.errors import MethodNotSupported
from mpac.pgw.events import PaymentIntentProcessing
from mpac.pgw.models import PaymentAttempt, PaymentIntent
from mpac.pgw.selectors.intents import get_attempt, get_intent
from mpac.pgw.selectors.locks import lock_intent
from mpac.pgw.services.accounts import charge_request, choose_account
from mpac.pgw.services.announcements import announce
from mpac.pgw.services.creation import check_amount, check_lookups, check_method
from mpac.pgw.services.steps import illegal, move_intent, record
from mpac.pgw.services.truth import LearnedFrom, apply_provider_truth

declare("pgw.attempt_sent", "pgw.provider_answered", "pgw.answer_committed")

CONFIRMABLE = frozenset({IntentStatus.REQUIRES_PAYMENT_METHOD, IntentStatus.REQUIRES_CONFIRMATION})


def confirm_intent(
    *,
    scope: Scope,
    intent_id: uuid.UUID,
    method: str | None = None,
    provider: str | None = None,
    now: dt.datetime,
) -> PaymentIntent:
    """Try to take the money. Raises IllegalIntentTransition when the intent does not wait for that, and what
    `begin_confirmation` raises.
    """
    with atomic(scope):
        attempt_id = begin_confirmation(intent_id=intent_id, method=method, provider=provider, now=now)
    return dispatch_attempt(scope=scope, attempt_id=attempt_id, now=now)


def begin_confirmation(
    *, intent_id: uuid.UUID, method: str | None, provider: str | None, now: dt.datetime
) -> uuid.UUID:
    """Open an attempt in the caller's transaction and return its id; the provider is not called yet.

    Raises NotFound, IllegalIntentTransition, CurrencyNotAccepted, MethodNotSupported, AmountTooLarge, ProviderNotUsable
    and CaptureNotSupported.
    """
    intent = lock_intent(intent_id)
    if intent.status not in CONFIRMABLE or intent.expires_at <= now:
        raise illegal(intent)
    wanted_method = check_method(method) or intent.method
    if wanted_method is None:
        raise MethodNotSupported
    if wanted_method != intent.method:
        check_lookups(currency=intent.currency, method=wanted_method)
        check_amount(Money(intent.amount_minor, intent.currency), method=wanted_method)
    adapter, config = choose_account(intent, method=wanted_method, provider=provider or intent.provider)
    chosen: dict[str, Any] = {
        "method": wanted_method,
        "provider": adapter.name,
        "error_code": None,
        "error_message": None,
    }
    if intent.status == IntentStatus.REQUIRES_PAYMENT_METHOD:
        move_intent(intent, IntentStatus.REQUIRES_CONFIRMATION, actor="caller", now=now)
    move_intent(intent, IntentStatus.PROCESSING, actor="caller", now=now, **chosen)
    attempt = _open_attempt(intent, provider=adapter.name, account=config.account, now=now)
    announce(PaymentIntentProcessing, intent, now=now)
    return attempt.pk


def dispatch_attempt(*, scope: Scope, attempt_id: uuid.UUID, now: dt.datetime) -> PaymentIntent:
    """Call the provider for an attempt that has just been committed as sent, and commit its answer.

    Only the caller that opened the attempt may do this; whoever comes later leaves it to the resolver.
    """
    crashpoint("pgw.attempt_sent")
    outcome = _call(scope=scope, attempt_id=attempt_id, now=now)
    crashpoint("pgw.provider_answered")
    intent = apply_provider_truth(
        scope=scope, attempt_id=attempt_id, outcome=outcome, learned_from=LearnedFrom.ANSWER, now=now
    )
    crashpoint("pgw.answer_committed")
    return intent


def current_intent(*, scope: Scope, intent_id: uuid.UUID) -> PaymentIntent:
    """The intent as it stands. Raises NotFound."""
    with atomic(scope):
        return get_intent(intent_id)


def _call(*, scope: Scope, attempt_id: uuid.UUID, now: dt.datetime) -> Outcome:
    """One call to the provider, with no transaction open."""
    with atomic(scope):
        attempt = get_attempt(attempt_id)
        adapter = find_adapter(attempt.provider)
        try:
            request = charge_request(attempt, now=now)
        except CryptoError:
            return NotProcessed(
                code="credentials_unreadable", message="The account's credentials cannot be opened."
            )
    if adapter is None:
        return NotProcessed(code="provider_unknown", message="This provider is not supported.")
    return adapter.create(request)


def _open_attempt(
    intent: PaymentIntent, *, provider: str, account: dict[str, str], now: dt.datetime
) -> PaymentAttempt:
    """The next attempt of a locked intent, stored as sent with both of its first steps in the history."""
    attempt_id = uuid7()
    attempt = PaymentAttempt(
        id=attempt_id,
        created_at=created_at_of(attempt_id),
        psp_id=intent.psp_id,
        merchant_id=intent.merchant_id,
        store_id=intent.store_id,
        intent=intent,
        number=PaymentAttempt.objects.filter(intent=intent).count() + 1,
        status=AttemptStatus.SENT,
        status_at=now,
        version=2,
        provider=provider,
        account=account,
        provider_key=provider_key(attempt_id),
        amount_minor=intent.amount_minor,
        currency=intent.currency,
        livemode=intent.livemode,
        next_probe_at=next_probe_at(status=AttemptStatus.SENT, probes=0, opened_at=now, now=now),
    )
    attempt.save(force_insert=True)
    history = [
        (attempt_id, None, AttemptStatus.CREATED, 1, ""),
        (attempt_id, AttemptStatus.CREATED, AttemptStatus.SENT, 2, ""),
    ]
    record(intent, history=history, actor="caller")
    return attempt
