"""Ending intents that nobody paid in time. What a provider may still be working on never expires here.

An intent whose QR is on a screen is expired by the resolver, after it has asked the provider a last time.
"""

import datetime as dt

from kernel.tenancy import SystemScope
from mpac.pgw import conf
from mpac.pgw.db import atomic
from mpac.pgw.domain.intents import IntentStatus
from mpac.pgw.events import PaymentIntentExpired
from mpac.pgw.models import PaymentIntent
from mpac.pgw.services.announcements import announce
from mpac.pgw.services.steps import move_intent

UNTRIED = (IntentStatus.REQUIRES_PAYMENT_METHOD, IntentStatus.REQUIRES_CONFIRMATION)


def expire_untried(*, now: dt.datetime) -> int:
    """Expire a batch of overdue intents that wait for their caller, and return how many it were."""
    with atomic(SystemScope("expiry")):
        overdue = list(
            PaymentIntent.objects.select_for_update(skip_locked=True)
            .filter(status__in=UNTRIED, expires_at__lte=now)
            .order_by("expires_at")[: conf.SWEEP_BATCH]
        )
        for intent in overdue:
            move_intent(intent, IntentStatus.EXPIRED, actor="expiry", now=now)
            announce(PaymentIntentExpired, intent, now=now)
    return len(overdue)
