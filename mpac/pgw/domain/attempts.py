"""States of a payment attempt: one provider call under one provider key, retried only with that same key."""

from collections.abc import Mapping
from enum import StrEnum


class AttemptStatus(StrEnum):
    """What is known about one provider call."""

    CREATED = "created"  # stored, not yet handed to the provider
    SENT = "sent"  # committed before the call; a crash leaves it here
    REQUIRES_ACTION = "requires_action"  # the provider waits for the customer
    AUTHORIZED = "authorized"  # held, not yet captured
    CAPTURED = "captured"  # the money is taken
    DECLINED = "declined"  # the provider refused it
    ERROR = "error"  # provably not processed; another provider may be tried
    UNKNOWN = "unknown"  # maybe processed; nothing else may be tried until it is known
    VOIDED = "voided"  # given up with proof that no money was taken


S = AttemptStatus

TRANSITIONS: Mapping[AttemptStatus, frozenset[AttemptStatus]] = {
    S.CREATED: frozenset({S.SENT, S.ERROR, S.VOIDED}),
    S.SENT: frozenset(
        {S.AUTHORIZED, S.CAPTURED, S.REQUIRES_ACTION, S.DECLINED, S.ERROR, S.UNKNOWN, S.VOIDED}
    ),
    S.REQUIRES_ACTION: frozenset({S.AUTHORIZED, S.CAPTURED, S.DECLINED, S.VOIDED, S.UNKNOWN}),
    S.AUTHORIZED: frozenset({S.CAPTURED, S.VOIDED, S.UNKNOWN}),
    S.UNKNOWN: frozenset({S.AUTHORIZED, S.CAPTURED, S.REQUIRES_ACTION, S.DECLINED, S.VOIDED}),
    S.CAPTURED: frozenset(),
    # A late truth is always accepted: money found after a refusal was money taken.
    S.DECLINED: frozenset({S.CAPTURED}),
    S.ERROR: frozenset({S.CAPTURED}),
    S.VOIDED: frozenset({S.CAPTURED}),
}

# While an attempt is in one of these no second one may open for its intent (partial unique index).
OPEN: frozenset[AttemptStatus] = frozenset({S.CREATED, S.SENT, S.REQUIRES_ACTION, S.AUTHORIZED, S.UNKNOWN})
# The provider's call may still be made, or made again under the same key.
UNANSWERED: frozenset[AttemptStatus] = frozenset({S.CREATED, S.SENT, S.UNKNOWN})
# Closed without money: watched for a while, because the customer may still hold a payable QR.
CLOSED_UNPAID: frozenset[AttemptStatus] = frozenset({S.DECLINED, S.ERROR, S.VOIDED})


# What a payer agrees to can be finished in these alone; an answer to the first call comes first.
FINISHABLE: frozenset[AttemptStatus] = frozenset({S.REQUIRES_ACTION, S.UNKNOWN})


def allows(source: AttemptStatus, target: AttemptStatus) -> bool:
    """True when one step leads from `source` to `target`."""
    return target in TRANSITIONS[source]
