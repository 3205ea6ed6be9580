"""Confirming an intent: commit the attempt as sent, call the provider outside any transaction, commit the answer."""

import datetime as dt
import uuid
from functools import partial
from typing import Any

from kernel.crashpoints import crashpoint, declare
from kernel.crypto import CryptoError
from kernel.money import Money
from kernel.tenancy import Scope
from mpac.pgw.adapters.port import NotProcessed, Outcome
from mpac.pgw.adapters.registry import find_adapter
from mpac.pgw.db import atomic
from mpac.pgw.domain.card_details import is_payment_token
from mpac.pgw.domain.intents import IntentStatus
from mpac.pgw.errors import (
    MethodNotSupported,
    PaymentTokenNotTaken,
    PaymentTokenRefused,
    PaymentTokenUnbound,
)
from mpac.pgw.events import PaymentIntentProcessing
from mpac.pgw.models import PaymentIntent
from mpac.pgw.selectors.intents import get_attempt, get_intent
from mpac.pgw.selectors.locks import lock_intent
from mpac.pgw.services.accounts import charge_request
from mpac.pgw.services.announcements import announce
from mpac.pgw.services.attempts import fail_over, open_attempt
from mpac.pgw.services.breakers import report
from mpac.pgw.services.calls import Answer, timed
from mpac.pgw.services.creation import check_amount, check_lookups, check_method, check_return_url
from mpac.pgw.services.evidence import LearnedFrom
from mpac.pgw.services.routing import choose_route, wanted_provider
from mpac.pgw.services.slots import AccountKey, slots
from mpac.pgw.services.steps import illegal, move_intent
from mpac.pgw.services.truth import apply_provider_truth

declare("pgw.attempt_sent", "pgw.provider_answered", "pgw.answer_committed")

ACCOUNT_UNREADABLE = NotProcessed(
    code="account_unreadable", message="There is no account that we could call the provider with."
)
CONFIRMABLE = frozenset({IntentStatus.REQUIRES_PAYMENT_METHOD, IntentStatus.REQUIRES_CONFIRMATION})


def confirm_intent(
    *,
    scope: Scope,
    intent_id: uuid.UUID,
    method: str | None = None,
    provider: str | None = None,
    payment_token: str | None = None,
    return_url: str | None = None,
    now: dt.datetime,
) -> PaymentIntent:
    """Try to take the money. Raises IllegalIntentTransition when the intent does not wait for that, and what
    `begin_confirmation` raises.
    """
    with atomic(scope):
        attempt_id = begin_confirmation(
            intent_id=intent_id,
            method=method,
            provider=provider,
            payment_token=payment_token,
            return_url=return_url,
            now=now,
        )
    return dispatch_attempt(scope=scope, attempt_id=attempt_id, now=now)


def begin_confirmation(
    *,
    intent_id: uuid.UUID,
    method: str | None,
    provider: str | None,
    payment_token: str | None = None,
    return_url: str | None = None,
    by_payer: bool = False,
    now: dt.datetime,
) -> uuid.UUID:
    """Open an attempt in the caller's transaction and return its id; the provider is not called yet.

    `by_payer` says that whoever pays has called, with the intent's client secret.

    Raises NotFound, IllegalIntentTransition, CurrencyNotAccepted, MethodNotSupported, AmountTooSmall, AmountTooLarge,
    ProviderNotUsable, CaptureNotSupported, ReturnUrlRefused, PaymentTokenRequired, PaymentTokenRefused,
    PaymentTokenUnbound, PaymentTokenNotTaken, AccountsBusy and AccountsResting.
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
    wanted = wanted_provider(intent, provider)
    check_return_url(return_url)
    check_payment_token(payment_token, provider=wanted, method=wanted_method, by_payer=by_payer)
    route = choose_route(
        intent, method=wanted_method, wanted=wanted, has_token=payment_token is not None, now=now
    )
    chosen: dict[str, Any] = {
        "method": wanted_method,
        "provider": route.provider,
        "error_code": None,
        "error_message": None,
        "return_url": return_url or intent.return_url,
    }
    if intent.status == IntentStatus.REQUIRES_PAYMENT_METHOD:
        move_intent(intent, IntentStatus.REQUIRES_CONFIRMATION, actor="caller", now=now)
    move_intent(intent, IntentStatus.PROCESSING, actor="caller", now=now, **chosen)
    attempt = open_attempt(intent, route, payment_token=payment_token, now=now)
    announce(PaymentIntentProcessing, intent, now=now)
    return attempt.pk


def check_payment_token(
    token: str | None, *, provider: str | None, method: str, by_payer: bool = False
) -> None:
    """A token is one provider's, and for methods that need one. Where it is missing, the routing says so. A payer brings
    the card that is paid with, and cannot name one that the shop has kept of somebody.

    Raises PaymentTokenRefused, PaymentTokenUnbound and PaymentTokenNotTaken.
    """
    if token is None:
        return
    if not is_payment_token(token):
        raise PaymentTokenRefused
    if provider is None:
        raise PaymentTokenUnbound
    adapter = find_adapter(provider)
    if adapter is None:
        return
    if method not in adapter.capabilities.token_methods:
        raise PaymentTokenNotTaken
    saved = adapter.capabilities.saved_card
    if by_payer and saved is not None and saved.fullmatch(token):
        raise PaymentTokenRefused


def dispatch_attempt(*, scope: Scope, attempt_id: uuid.UUID, now: dt.datetime) -> PaymentIntent:
    """Call the provider for an attempt that has just been committed as sent, and commit its answer.

    Where the provider provably did nothing, the next account is called. Only the caller that opened the attempt may do
    this; whoever comes later leaves it to the resolver.
    """
    following: uuid.UUID | None = attempt_id
    while following is not None:
        attempt_id = following
        crashpoint("pgw.attempt_sent")
        answer = _call(scope=scope, attempt_id=attempt_id, now=now)
        crashpoint("pgw.provider_answered")
        following = None
        if isinstance(answer.outcome, NotProcessed):
            now += dt.timedelta(seconds=answer.took_s)
            following = fail_over(scope=scope, attempt_id=attempt_id, outcome=answer.outcome, now=now)
    intent = apply_provider_truth(
        scope=scope, attempt_id=attempt_id, outcome=answer.outcome, learned_from=LearnedFrom.ANSWER, now=now
    )
    crashpoint("pgw.answer_committed")
    return intent


def current_intent(*, scope: Scope, intent_id: uuid.UUID) -> PaymentIntent:
    """The intent as it stands. Raises NotFound."""
    with atomic(scope):
        return get_intent(intent_id)


def _call(*, scope: Scope, attempt_id: uuid.UUID, now: dt.datetime) -> Answer[Outcome]:
    """One call to the provider, with no transaction open and in the slot that was taken for it."""
    with slots.held(attempt_id):
        with atomic(scope):
            attempt = get_attempt(attempt_id)
            adapter, token = find_adapter(attempt.provider), None
            try:
                request = charge_request(attempt, now=now)
                token = request.payment_token
            except CryptoError:
                adapter = None
        create = partial(adapter.create, request) if adapter is not None else lambda: ACCOUNT_UNREADABLE
        answer: Answer[Outcome] = timed(attempt.provider, "create", create, token=token)
    account = AccountKey.of(attempt)
    report(scope=scope, account=account, failed=answer.failed, took_s=answer.took_s, now=now)
    return answer
