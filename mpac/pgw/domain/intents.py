"""States of a payment intent and the edges between them.

`TRANSITIONS` is the one source for the database CHECK and trigger, the console, the README's diagram and the n x n
test. It refuses to know how a transition is stored.
"""

from collections import deque
from collections.abc import Mapping
from enum import StrEnum


class IntentStatus(StrEnum):
    """Where a payment intent stands; the comment beside a member says what it waits for."""

    REQUIRES_PAYMENT_METHOD = "requires_payment_method"  # how to pay, or another try after a decline
    REQUIRES_CONFIRMATION = "requires_confirmation"  # the caller's word to go ahead
    REQUIRES_ACTION = "requires_action"  # the customer, who pays the QR shown to them
    PROCESSING = "processing"  # the provider; its outcome may be unknown
    REQUIRES_CAPTURE = "requires_capture"  # the caller's capture of an authorization
    SUCCEEDED = "succeeded"  # nothing: the money is there
    FAILED = "failed"  # nothing: it will not be tried again
    CANCELLED = "cancelled"  # nothing: called off with no money taken
    EXPIRED = "expired"  # nothing: nobody paid in time


S = IntentStatus

TRANSITIONS: Mapping[IntentStatus, frozenset[IntentStatus]] = {
    S.REQUIRES_PAYMENT_METHOD: frozenset({S.REQUIRES_CONFIRMATION, S.CANCELLED, S.EXPIRED, S.FAILED}),
    S.REQUIRES_CONFIRMATION: frozenset(
        {S.PROCESSING, S.REQUIRES_PAYMENT_METHOD, S.CANCELLED, S.EXPIRED, S.FAILED}
    ),
    S.PROCESSING: frozenset(
        {
            S.REQUIRES_ACTION,
            S.REQUIRES_CAPTURE,
            S.SUCCEEDED,
            S.REQUIRES_PAYMENT_METHOD,
            S.FAILED,
            S.CANCELLED,
        }
    ),
    S.REQUIRES_ACTION: frozenset(
        {
            S.PROCESSING,
            S.REQUIRES_CAPTURE,
            S.SUCCEEDED,
            S.REQUIRES_PAYMENT_METHOD,
            S.CANCELLED,
            S.EXPIRED,
            S.FAILED,
        }
    ),
    S.REQUIRES_CAPTURE: frozenset({S.SUCCEEDED, S.PROCESSING, S.CANCELLED, S.EXPIRED, S.FAILED}),
    S.SUCCEEDED: frozenset(),
    # Late success: money that arrives after the end is never denied, see lateness.py.
    S.FAILED: frozenset({S.SUCCEEDED}),
    S.CANCELLED: frozenset({S.SUCCEEDED}),
    S.EXPIRED: frozenset({S.SUCCEEDED}),
}

ENDED: frozenset[IntentStatus] = frozenset({S.SUCCEEDED, S.FAILED, S.CANCELLED, S.EXPIRED})
UNENDED: frozenset[IntentStatus] = frozenset(IntentStatus) - ENDED
UNPAID_ENDS: frozenset[IntentStatus] = ENDED - {S.SUCCEEDED}
# Processing never expires: an outcome that is not known is not a refusal.
EXPIRABLE: frozenset[IntentStatus] = frozenset(
    {S.REQUIRES_PAYMENT_METHOD, S.REQUIRES_CONFIRMATION, S.REQUIRES_ACTION, S.REQUIRES_CAPTURE}
)


def allows(source: IntentStatus, target: IntentStatus) -> bool:
    """True when one step leads from `source` to `target`."""
    return target in TRANSITIONS[source]


def route(source: IntentStatus, target: IntentStatus) -> tuple[IntentStatus, ...]:
    """The shortest legal walk from `source` to `target`, without `source`; empty when there is none.

    Evidence may arrive when an intent waits for another try (money of a declined attempt, after all). It is then walked
    through the states between, each with its own history row, so that no edge outside the table is ever taken. Ended
    states are never walked through, only reached.
    """
    queue: deque[tuple[IntentStatus, ...]] = deque([(source,)])
    seen = {source}
    while queue:
        walk = queue.popleft()
        if walk[-1] is not source and walk[-1] in ENDED:
            continue
        for following in sorted(TRANSITIONS[walk[-1]]):
            if following is target:
                return (*walk[1:], following)
            if following not in seen:
                seen.add(following)
                queue.append((*walk, following))
    return ()
