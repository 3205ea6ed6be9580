"""When to ask a provider again. Pure: the caller gives the instant and stores the answer."""

from datetime import datetime, timedelta

from mpac.pgw.domain.attempts import CLOSED_UNPAID, AttemptStatus

# An outcome that is not known holds up a sale: ask soon, then ever less often, for ever.
UNKNOWN_STEPS_S = (2, 3, 5, 8, 13, 20, 30, 45, 60)
UNKNOWN_LATER_S = 60
# A QR that is being shown: the callback is faster, this is for when none comes.
ACTION_STEPS_S = (10, 10, 15, 15, 20)
ACTION_LATER_S = 30
# Held money: nothing happens to it but by our own calls, until its provider lets it go.
HOLD_STEPS_S = (5, 30, 60, 300)
HOLD_LATER_S = 600
# A refund or capture that its provider has taken up and carries out in its own time.
ACCEPTED_STEPS_S = (10, 20, 30, 60, 300, 900)
ACCEPTED_LATER_S = 3600
# A QR that was taken off the screen can still be paid for as long as the customer keeps it.
WATCH_STEPS_S = (30, 60, 120, 300, 900, 3600, 3600, 6 * 3600, 12 * 3600)
WATCH_LATER_S = 24 * 3600
WATCH_HORIZON = timedelta(days=3)
# Longer than any provider call may take: a `sent` attempt older than this lost its caller.
STALE_SENT_AFTER = timedelta(seconds=30)
# An outcome still unknown after this many questions and repeated calls is given up where that is safe.
MAX_REISSUES = 8
OPEN_STEPS_S = {
    AttemptStatus.UNKNOWN: (UNKNOWN_STEPS_S, UNKNOWN_LATER_S),
    AttemptStatus.REQUIRES_ACTION: (ACTION_STEPS_S, ACTION_LATER_S),
    AttemptStatus.AUTHORIZED: (HOLD_STEPS_S, HOLD_LATER_S),
}
# A call that its provider still knows nothing about after this many questions never arrived. Questions come faster when
# somebody insists on an end, so that its age counts, too.
FORGOTTEN_AFTER = 7
FORGOTTEN_AGE = timedelta(minutes=1)
# How long a claim hides an attempt from other resolvers; a killed resolver's claims come back after it.
CLAIM_LEASE = timedelta(seconds=30)


def next_probe_at(
    *, status: AttemptStatus, probes: int, opened_at: datetime, now: datetime
) -> datetime | None:
    """The next instant to ask about an attempt that was asked `probes` times in its present status, or None for never.

    `opened_at` is when the attempt came into its status; only the watch of closed attempts ends.
    """
    if status in (AttemptStatus.CREATED, AttemptStatus.SENT):
        return now + STALE_SENT_AFTER
    if status in OPEN_STEPS_S:
        return now + _step(*OPEN_STEPS_S[status], probes)
    if status in CLOSED_UNPAID:
        following = now + _step(WATCH_STEPS_S, WATCH_LATER_S, probes)
        return following if following <= opened_at + WATCH_HORIZON else None
    return None


def next_operation_probe_at(*, probes: int, accepted: bool, now: datetime) -> datetime:
    """The next instant to ask about a refund or capture that was asked about `probes` times. There is always one."""
    if accepted:
        return now + _step(ACCEPTED_STEPS_S, ACCEPTED_LATER_S, probes)
    return now + _step(UNKNOWN_STEPS_S, UNKNOWN_LATER_S, probes)


def _step(steps: tuple[int, ...], later: int, probes: int) -> timedelta:
    return timedelta(seconds=steps[probes] if probes < len(steps) else later)
