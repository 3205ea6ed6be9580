"""What to do with money that arrives late. The bank's truth is always kept; only its use is decided here."""

from enum import StrEnum

from mpac.pgw.domain.intents import IntentStatus
from mpac.pgw.domain.late_payments import LateReason


class Source(StrEnum):
    """Who asked for the payment."""

    API = "api"  # a partner's server; the intent itself is the claim
    SMARTTAB = "smarttab"  # a bill at a terminal; only smarttab knows whether it is still due


class LateDecision(StrEnum):
    """What follows when money arrives late."""

    ASK = "ask"  # wait for the owner's accept or return
    ACCEPT = "accept"
    RETURN = "return"


_REASONS = {
    IntentStatus.FAILED: LateReason.AFTER_FAILURE,
    IntentStatus.CANCELLED: LateReason.AFTER_CANCEL,
    IntentStatus.EXPIRED: LateReason.AFTER_EXPIRY,
    IntentStatus.SUCCEEDED: LateReason.DUPLICATE,
}


def reason_for(status: IntentStatus) -> LateReason:
    """Why money found while the intent is in the ended `status` counts as late."""
    return _REASONS[status]


def decide(*, source: Source, reason: LateReason) -> LateDecision:
    """Money beyond the claim goes back; a partner's cancel is a no; everything else is decided by who holds the claim."""
    if reason in (LateReason.DUPLICATE, LateReason.WRONG_AMOUNT):
        return LateDecision.RETURN
    if source is Source.SMARTTAB:
        return LateDecision.ASK
    return LateDecision.RETURN if reason is LateReason.AFTER_CANCEL else LateDecision.ACCEPT
