"""Opening an attempt, and going on to another account when the one before provably did nothing."""

import datetime as dt
import uuid

from kernel import metrics
from kernel.crypto import seal
from kernel.errors import DomainError
from kernel.ids import created_at_of
from kernel.tenancy import Scope
from mpac.pgw import conf
from mpac.pgw.adapters.port import NotProcessed
from mpac.pgw.adapters.registry import key_at
from mpac.pgw.db import atomic
from mpac.pgw.domain.attempts import AttemptStatus
from mpac.pgw.domain.intents import IntentStatus
from mpac.pgw.domain.probing import next_probe_at
from mpac.pgw.models import PaymentAttempt, PaymentIntent, RoutingDecision
from mpac.pgw.selectors.locks import lock_attempt_with_intent
from mpac.pgw.selectors.routing import list_decisions_of_try
from mpac.pgw.services.evidence import LearnedFrom, remember
from mpac.pgw.services.routing import Route, choose_route, keep_decision
from mpac.pgw.services.steps import move_attempt, record
from mpac.pgw.services.tries import was_called_once


def open_attempt(
    intent: PaymentIntent,
    route: Route,
    *,
    failover: bool = False,
    payment_token: str | None = None,
    now: dt.datetime,
) -> PaymentAttempt:
    """The next attempt of a locked intent, stored as sent with both of its first steps and the reason for its account.

    Its token is sealed for this attempt at this provider; a failover has none to hand on.
    """
    attempt = PaymentAttempt(
        id=route.attempt_id,
        created_at=created_at_of(route.attempt_id),
        psp_id=intent.psp_id,
        merchant_id=intent.merchant_id,
        store_id=intent.store_id,
        intent=intent,
        number=PaymentAttempt.objects.filter(intent=intent).count() + 1,
        status=AttemptStatus.SENT,
        status_at=now,
        version=2,
        provider=route.provider,
        account=route.config.account,
        provider_key=key_at(route.provider, route.attempt_id),
        amount_minor=intent.amount_minor,
        currency=intent.currency,
        livemode=intent.livemode,
        next_probe_at=next_probe_at(status=AttemptStatus.SENT, probes=0, opened_at=now, now=now),
    )
    if payment_token is not None:
        attempt.payment_token_sealed = seal(payment_token.encode(), aad=attempt.sealed_for())
    attempt.save(force_insert=True)
    actor = "failover" if failover else "caller"
    history = [
        (attempt.pk, None, AttemptStatus.CREATED, 1, ""),
        (attempt.pk, AttemptStatus.CREATED, AttemptStatus.SENT, 2, ""),
    ]
    record(intent, history=history, actor=actor)
    keep_decision(route, attempt, failover=failover)
    return attempt


def fail_over(
    *, scope: Scope, attempt_id: uuid.UUID, outcome: NotProcessed, now: dt.datetime
) -> uuid.UUID | None:
    """Close an attempt that provably did nothing and open the next in the same transaction; returns the new one's id.

    None, with nothing changed, when the attempt was settled otherwise or its call may have been repeated meanwhile, when
    nobody wants the money any more, or when there is no other account to try.
    """
    with atomic(scope):
        intent, attempt = lock_attempt_with_intent(attempt_id)
        attempt.intent = intent
        is_proof = attempt.status == AttemptStatus.SENT and was_called_once(attempt)
        if not is_proof or not _is_wanted(intent, now=now):
            return None
        route = _next_route(intent, now=now)
        if route is None:
            return None
        remember(
            attempt, learned_from=LearnedFrom.ANSWER, status=AttemptStatus.ERROR, error_code=outcome.code
        )
        move_attempt(
            attempt,
            AttemptStatus.ERROR,
            actor=LearnedFrom.ANSWER,
            now=now,
            reason=outcome.code,
            error_code=outcome.code,
            error_message=outcome.message,
        )
        PaymentIntent.objects.filter(pk=intent.pk).update(provider=route.provider, updated_at=now)
        intent.provider = route.provider
        following = open_attempt(intent, route, failover=True, now=now)
    metrics.failovers.labels(attempt.provider).inc()
    return following.pk


def _is_wanted(intent: PaymentIntent, *, now: dt.datetime) -> bool:
    return (
        intent.status == IntentStatus.PROCESSING
        and intent.cancel_requested_at is None
        and intent.expires_at > now
    )


def _next_route(intent: PaymentIntent, *, now: dt.datetime) -> Route | None:
    decisions: list[RoutingDecision] = list_decisions_of_try(intent)
    if not decisions or len(decisions) > conf.MAX_FAILOVERS:
        return None
    try:
        return choose_route(
            intent,
            method=decisions[0].method,
            wanted=decisions[0].wanted_provider,
            tried={decision.provider for decision in decisions},
            now=now,
        )
    except DomainError:
        return None
