"""Ending intents that nobody paid in time. What a provider may still be working on never expires here.

An intent whose QR is on a screen is expired by the resolver, after it has asked the provider a last time.
"""

import datetime as dt

from kernel.tenancy import SystemScope
from mpac.pgw import conf
from mpac.pgw.db import atomic, db
from mpac.pgw.domain.intents import IntentStatus
from mpac.pgw.events import PaymentIntentExpired
from mpac.pgw.models import PaymentIntent
from mpac.pgw.services.announcements import announce
from mpac.pgw.services.steps import move_intent

UNTRIED = (IntentStatus.REQUIRES_PAYMENT_METHOD, IntentStatus.REQUIRES_CONFIRMATION)


# Every merchant's first, then every merchant's second: whoever has many overdue intents delays only their end.
OVERDUE = """
    SELECT id FROM (
        SELECT id, expires_at, row_number() OVER (PARTITION BY psp_id, merchant_id ORDER BY expires_at) AS turn
        FROM payment_intents WHERE status = ANY(%(untried)s) AND expires_at <= %(now)s
    ) AS overdue ORDER BY turn, expires_at LIMIT %(batch)s
"""


def expire_untried(*, now: dt.datetime) -> int:
    """Expire a batch of overdue intents that wait for their caller, and return how many it were."""
    with atomic(SystemScope("expiry")):
        values = {"untried": [str(each) for each in UNTRIED], "now": now, "batch": conf.SWEEP_BATCH}
        overdue = list(
            PaymentIntent.objects.select_for_update(skip_locked=True).filter(
                pk__in=[row[0] for row in db.execute(OVERDUE, values)],
                status__in=UNTRIED,
                expires_at__lte=now,
            )
        )
        for intent in overdue:
            move_intent(intent, IntentStatus.EXPIRED, actor="expiry", now=now)
            announce(PaymentIntentExpired, intent, now=now)
    return len(overdue)
