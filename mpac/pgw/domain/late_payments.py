"""States of a late payment: money that arrived when its intent could no longer simply succeed."""

from collections.abc import Mapping
from enum import StrEnum


class LatePaymentStatus(StrEnum):
    """What becomes of money that came late."""

    RECEIVED = "received"  # the owner of the intent decides whether it is still due
    ACCEPTED = "accepted"  # still due: the intent succeeded after all
    RETURN_DUE = "return_due"  # not due: it has to go back to the payer
    RETURNED = "returned"  # it went back, by a refund


class LateReason(StrEnum):
    """Why money could not simply complete its intent."""

    AFTER_FAILURE = "after_failure"
    AFTER_CANCEL = "after_cancel"
    AFTER_EXPIRY = "after_expiry"
    DUPLICATE = "duplicate"  # the intent is paid already
    WRONG_AMOUNT = "wrong_amount"  # not the amount or currency that was asked for


S = LatePaymentStatus

TRANSITIONS: Mapping[LatePaymentStatus, frozenset[LatePaymentStatus]] = {
    S.RECEIVED: frozenset({S.ACCEPTED, S.RETURN_DUE}),
    S.ACCEPTED: frozenset(),
    S.RETURN_DUE: frozenset({S.RETURNED}),
    # The payer's bank could not book it, and it is here again.
    S.RETURNED: frozenset({S.RETURN_DUE}),
}
