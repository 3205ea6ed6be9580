"""States of a refund: money on its way back to the payer, in one call under one key or by the hands of two people."""

from collections.abc import Mapping
from enum import StrEnum


class RefundStatus(StrEnum):
    """How far the money has gone back. Its amount is reserved from the first instant on."""

    PENDING = "pending"  # people send it, because the provider has no call for that
    PROCESSING = "processing"  # committed before the call; its outcome may be unknown
    COMPLETED = "completed"  # the payer has it
    FAILED = "failed"  # provably not given back; the amount is free again
    CANCELLED = "cancelled"  # called off before anybody sent it
    REVERSED = "reversed"  # it came back, because the payer's bank could not book it


S = RefundStatus

TRANSITIONS: Mapping[RefundStatus, frozenset[RefundStatus]] = {
    S.PENDING: frozenset({S.PROCESSING, S.COMPLETED, S.CANCELLED}),
    # Back to pending where its provider turns out not to give this payment back: then people send it.
    S.PROCESSING: frozenset({S.PENDING, S.COMPLETED, S.FAILED}),
    S.COMPLETED: frozenset({S.REVERSED}),
    # A late truth is always accepted: money that was given back was given back.
    S.FAILED: frozenset({S.COMPLETED}),
    S.CANCELLED: frozenset(),
    S.REVERSED: frozenset(),
}

# Its amount is promised to the payer and to nobody else.
RESERVING: frozenset[RefundStatus] = frozenset({S.PENDING, S.PROCESSING})
# It gives money back or has given it.
LIVE: frozenset[RefundStatus] = RESERVING | {S.COMPLETED}
# The payer has nothing of it, so another refund may take its place.
RETRIABLE: frozenset[RefundStatus] = frozenset({S.FAILED, S.CANCELLED, S.REVERSED})


def allows(source: RefundStatus, target: RefundStatus) -> bool:
    """True when one step leads from `source` to `target`."""
    return target in TRANSITIONS[source]
