"""States of an inbound notice and when a notice that could not be applied is tried again."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum


class WebhookStatus(StrEnum):
    """How far the notice of a provider has come."""

    PENDING = "pending"  # stored and answered, its truth not yet established
    PARKED = "parked"  # about an object that we do not know (yet)
    APPLIED = "applied"  # the provider's truth was asked for and applied
    UNCONFIRMED = "unconfirmed"  # the provider itself, asked again and again, knows of no such money


S = WebhookStatus

TRANSITIONS: Mapping[WebhookStatus, frozenset[WebhookStatus]] = {
    S.PENDING: frozenset({S.PARKED, S.APPLIED, S.UNCONFIRMED}),
    S.PARKED: frozenset({S.PENDING, S.APPLIED, S.UNCONFIRMED}),
    S.APPLIED: frozenset(),
    S.UNCONFIRMED: frozenset({S.PENDING, S.PARKED, S.APPLIED}),
}

OPEN: frozenset[WebhookStatus] = frozenset({S.PENDING, S.PARKED})
# What a job takes up when its time has come: what is open, and what people want applied once more.
CLAIMED: frozenset[WebhookStatus] = OPEN | {WebhookStatus.APPLIED}
RETRY_STEPS_S = (2, 4, 8, 15, 30, 60, 120, 300, 900, 3600)


def next_try_at(*, tries: int, now: datetime) -> datetime | None:
    """The next instant to try a notice that was tried `tries` times, or None when it has been tried enough."""
    return now + timedelta(seconds=RETRY_STEPS_S[tries]) if tries < len(RETRY_STEPS_S) else None
