"""Finishing what a payer has agreed to, at providers where nothing moves before we say so.

That word is committed before the provider is called, with no transaction open, and its answer after that, as with every call
that moves money. An intent that was called off, or is over, is never finished: the wish to end it and the word to finish it
take the same lock, so that one of them comes first. Nothing is concluded from what the provider does not know while a call
may still be on its way, so that no intent ends as cancelled and is charged by a call that was slower.
"""

import datetime as dt
import uuid

from kernel.crashpoints import crashpoint, declare
from kernel.tenancy import TenantScope
from mpac.pgw.db import atomic
from mpac.pgw.domain.attempts import AttemptStatus
from mpac.pgw.domain.intents import IntentStatus
from mpac.pgw.domain.probing import STALE_SENT_AFTER
from mpac.pgw.events import PaymentIntentProcessing
from mpac.pgw.models import PaymentAttempt, PaymentIntent
from mpac.pgw.selectors.locks import lock_attempt_with_intent
from mpac.pgw.services.announcements import announce
from mpac.pgw.services.asking import Question, prepare_question
from mpac.pgw.services.evidence import LearnedFrom
from mpac.pgw.services.steps import move_attempt, move_intent
from mpac.pgw.services.tries import is_finish_under_way, is_finish_wanted, is_finishable
from mpac.pgw.services.truth import apply_provider_truth

declare("pgw.finish_sent", "pgw.finish_answered", "pgw.finish_committed")

ACTOR = LearnedFrom.ANSWER


def finish_attempt(
    *, scope: TenantScope, attempt_id: uuid.UUID, now: dt.datetime, timeout_s: float | None = None
) -> None:
    """Finish a charge whose payer is known to have agreed, as far as `begin_finish` lets us. Raises NotFound."""
    question = prepare_question(scope=scope, attempt_id=attempt_id, now=now, timeout_s=timeout_s)
    if not begin_finish(question, now=now):
        return
    outcome = question.finish()
    crashpoint("pgw.finish_answered")
    apply_provider_truth(
        scope=scope, attempt_id=attempt_id, outcome=outcome, learned_from=LearnedFrom.ANSWER, now=now
    )
    crashpoint("pgw.finish_committed")


def begin_finish(question: Question, *, now: dt.datetime) -> bool:
    """Commit the word to finish a charge, for a call that is made at once.

    False, with nothing changed, unless its payer is known to have agreed, it is still wanted, and nobody else is at it.
    """
    if question.attempt.agreed_at is None:
        return False
    with atomic(question.scope):
        intent, attempt = lock_attempt_with_intent(question.attempt.pk)
        attempt.intent = intent
        is_free = attempt.agreed_at is not None and not is_finish_under_way(attempt, now=now)
        if not is_free or not is_finishable(attempt) or not is_finish_wanted(intent, now=now):
            return False
        _begin(intent, attempt, now=now)
    crashpoint("pgw.finish_sent")
    return True


def _begin(intent: PaymentIntent, attempt: PaymentAttempt, *, now: dt.datetime) -> None:
    if attempt.status == AttemptStatus.REQUIRES_ACTION:
        move_attempt(attempt, AttemptStatus.UNKNOWN, actor=ACTOR, now=now, reason="payer agreed")
    if intent.status == IntentStatus.REQUIRES_ACTION:
        move_intent(intent, IntentStatus.PROCESSING, actor=ACTOR, now=now)
        announce(PaymentIntentProcessing, intent, now=now)
    PaymentAttempt.objects.filter(pk=attempt.pk).update(
        agreed_at=None, finish_sent_at=now, next_probe_at=now + STALE_SENT_AFTER
    )
