"""Calling an intent off. With a provider involved that is only ever done on proof that no money was taken."""

import datetime as dt
import uuid
from contextlib import suppress

from kernel.tenancy import TenantScope
from mpac.pgw.db import atomic
from mpac.pgw.domain.attempts import OPEN, AttemptStatus
from mpac.pgw.domain.intents import IntentStatus
from mpac.pgw.domain.probing import STALE_SENT_AFTER
from mpac.pgw.errors import IllegalIntentTransition
from mpac.pgw.events import PaymentIntentCancelled
from mpac.pgw.models import PaymentAttempt, PaymentIntent
from mpac.pgw.selectors.intents import get_intent, list_unended_of_device
from mpac.pgw.selectors.locks import lock_intent
from mpac.pgw.services.announcements import announce
from mpac.pgw.services.asking import void_hold, withdraw_shown
from mpac.pgw.services.steps import illegal, move_intent

UNTRIED = frozenset({IntentStatus.REQUIRES_PAYMENT_METHOD, IntentStatus.REQUIRES_CONFIRMATION})
WITH_PROVIDER = frozenset(
    {IntentStatus.PROCESSING, IntentStatus.REQUIRES_ACTION, IntentStatus.REQUIRES_CAPTURE}
)
TAKEN_UP = (AttemptStatus.UNKNOWN, AttemptStatus.AUTHORIZED)


def cancel_intent(*, scope: TenantScope, intent_id: uuid.UUID, now: dt.datetime) -> PaymentIntent:
    """Call the intent off, now or, while an outcome is open, as soon as there is proof of no charge.

    The answer's status tells which: `cancelled`, or unchanged with the wish noted. Cancelling again changes nothing.
    Raises NotFound, and IllegalIntentTransition when the money is there or the intent ended otherwise.
    """
    with atomic(scope):
        begin_cancellation(intent_id=intent_id, now=now)
    return finish_cancellation(scope=scope, intent_id=intent_id, now=now)


def begin_cancellation(*, intent_id: uuid.UUID, actor: str = "caller", now: dt.datetime) -> None:
    """Cancel what no provider knows about; otherwise note the wish. Runs in the caller's transaction.

    Raises NotFound and IllegalIntentTransition.
    """
    intent = lock_intent(intent_id)
    if intent.status in UNTRIED:
        move_intent(intent, IntentStatus.CANCELLED, actor=actor, now=now)
        announce(PaymentIntentCancelled, intent, now=now)
    elif intent.status in WITH_PROVIDER and not intent.captured_minor:
        taken_up = PaymentAttempt.objects.filter(intent=intent, status__in=TAKEN_UP)
        shown = PaymentAttempt.objects.filter(intent=intent, status=AttemptStatus.REQUIRES_ACTION)
        # The resolver takes it up if the call below does not settle it.
        if intent.cancel_requested_at is None:
            PaymentIntent.objects.filter(pk=intent.pk).update(cancel_requested_at=now, updated_at=now)
            taken_up.update(next_probe_at=now, probes=0)
            shown.update(next_probe_at=now + STALE_SENT_AFTER, probes=0)
        else:
            taken_up.update(next_probe_at=now)
    elif intent.status != IntentStatus.CANCELLED:
        raise illegal(intent)


def finish_cancellation(*, scope: TenantScope, intent_id: uuid.UUID, now: dt.datetime) -> PaymentIntent:
    """Settle the intent by the provider's word: have what was shown withdrawn, or held money let go, if it was not paid.

    Raises IllegalIntentTransition when the money turned out to be there.
    """
    with atomic(scope):
        intent = get_intent(intent_id)
        attempt_id = _open_attempt(intent)
    if attempt_id is not None and intent.status == IntentStatus.REQUIRES_ACTION:
        intent = withdraw_shown(scope=scope, attempt_id=attempt_id, now=now)
    elif attempt_id is not None and intent.status == IntentStatus.REQUIRES_CAPTURE:
        intent = void_hold(scope=scope, attempt_id=attempt_id, now=now)
    if intent.status == IntentStatus.SUCCEEDED:
        raise illegal(intent)
    return intent


def cancel_intents_of_device(*, scope: TenantScope, device_id: uuid.UUID, now: dt.datetime) -> int:
    """Call off what a terminal has under way, each intent in a transaction of its own; returns how many had no end yet.

    No provider is called here: the resolver takes up at once what one knows about, so that whoever dies here, or is called
    again, has nothing to make good. Money that was taken stays: such an intent is left as it is.
    """
    with atomic(scope):
        intent_ids = list_unended_of_device(device_id)
    for intent_id in intent_ids:
        with atomic(scope), suppress(IllegalIntentTransition):
            begin_cancellation(intent_id=intent_id, actor="kill", now=now)
            PaymentAttempt.objects.filter(intent_id=intent_id, status=AttemptStatus.REQUIRES_ACTION).update(
                next_probe_at=now
            )
    return len(intent_ids)


def _open_attempt(intent: PaymentIntent) -> uuid.UUID | None:
    """The attempt whose QR a customer may be looking at, or which holds money."""
    found: uuid.UUID | None = (
        PaymentAttempt.objects.filter(intent=intent, status__in=OPEN).values_list("pk", flat=True).first()
    )
    return found
