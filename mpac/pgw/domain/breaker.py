"""A circuit breaker: when an account at a provider is left alone, and how it comes back. Pure.

Closed, it counts calls in a sliding window and opens when too many of them failed or were slow. Open, it rests. After
that single trials are let through, one at a time: enough good ones in a row close it, one bad one makes it rest again,
longer each time. A rest is longer than any call may take, so that no answer to an older call is mistaken for a trial's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum


class BreakerState(StrEnum):
    """Whether an account is called."""

    CLOSED = "closed"  # as usual
    OPEN = "open"  # left alone
    HALF_OPEN = "half_open"  # one trial at a time


class BreakerMode(StrEnum):
    """What an open breaker does."""

    ENFORCED = "enforced"  # others go first
    DRY_RUN = "dry_run"  # only noted, to see what it would do


S = BreakerState

TRANSITIONS: Mapping[BreakerState, frozenset[BreakerState]] = {
    S.CLOSED: frozenset({S.OPEN}),
    S.OPEN: frozenset({S.HALF_OPEN, S.CLOSED}),  # closed at once by a person only
    S.HALF_OPEN: frozenset({S.OPEN, S.CLOSED}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """When a breaker opens and closes. Shares are percent of the calls in the window."""

    window: timedelta = timedelta(seconds=60)
    buckets: int = 6
    min_calls: int = 10
    failed_percent: int = 50
    slow_after: timedelta = timedelta(seconds=5)
    slow_percent: int = 80
    rest: timedelta = timedelta(seconds=30)
    longest_rest: timedelta = timedelta(minutes=5)
    trials: int = 3
    trial_lease: timedelta = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Calls:
    """How many calls there were, and how many of them failed or were slow."""

    calls: int = 0
    failed: int = 0
    slow: int = 0

    def __add__(self, other: "Calls") -> "Calls":
        return Calls(self.calls + other.calls, self.failed + other.failed, self.slow + other.slow)


@dataclass(frozen=True, slots=True)
class Bucket:
    """The calls of one slice of the window; `slot` numbers the slices since 1970."""

    slot: int
    calls: Calls


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """What is known about one account."""

    state: BreakerState = S.CLOSED
    buckets: tuple[Bucket, ...] = ()
    rests_until: datetime | None = None
    rests: int = 0  # in a row, without closing between them
    trial_until: datetime | None = None  # a trial is out; if nothing is heard of it by then, it was lost
    passed: int = 0  # trials in a row


def record(breaker: Breaker, calls: Calls, policy: Policy, *, now: datetime) -> Breaker:
    """The breaker after these calls were answered. Answers of a resting account change nothing: they are older."""
    if breaker.state is S.OPEN or not calls.calls:
        return breaker
    if breaker.state is S.HALF_OPEN:
        return _judged(breaker, calls, policy, now)
    counted = _counted(breaker.buckets, calls, policy, now)
    if is_bad(_sum(counted), policy):
        return _rest(breaker, policy, now)
    return replace(breaker, buckets=counted)


def begin_trial(breaker: Breaker, policy: Policy, *, now: datetime) -> Breaker | None:
    """The breaker with a trial on its way, or None while there is none to be had."""
    if not is_due_for_trial(breaker, now=now):
        return None
    passed = breaker.passed if breaker.state is S.HALF_OPEN else 0
    return Breaker(
        state=S.HALF_OPEN, rests=breaker.rests, passed=passed, trial_until=now + policy.trial_lease
    )


def is_due_for_trial(breaker: Breaker, *, now: datetime) -> bool:
    """Whether a breaker that is not closed would let one trial through."""
    if breaker.state is S.OPEN:
        return breaker.rests_until is None or breaker.rests_until <= now
    return breaker.state is S.HALF_OPEN and (breaker.trial_until is None or breaker.trial_until <= now)


def is_bad(calls: Calls, policy: Policy) -> bool:
    """Whether these calls are enough, and bad enough, to open a breaker."""
    return calls.calls >= policy.min_calls and (
        calls.failed * 100 >= policy.failed_percent * calls.calls
        or calls.slow * 100 >= policy.slow_percent * calls.calls
    )


def recent(breaker: Breaker, policy: Policy, *, now: datetime) -> Calls:
    """The calls of the window that ends now."""
    return _sum(_counted(breaker.buckets, Calls(), policy, now))


def _judged(breaker: Breaker, trials: Calls, policy: Policy, now: datetime) -> Breaker:
    if trials.failed or trials.slow:
        return _rest(breaker, policy, now)
    passed = breaker.passed + trials.calls
    if passed >= policy.trials:
        return Breaker()
    return replace(breaker, passed=passed, trial_until=None)


def _counted(buckets: tuple[Bucket, ...], calls: Calls, policy: Policy, now: datetime) -> tuple[Bucket, ...]:
    """The buckets with `calls` in the present one and without those that have left the window."""
    slot = int(now.timestamp() // (policy.window.total_seconds() / policy.buckets))
    sums = {bucket.slot: bucket.calls for bucket in buckets if bucket.slot > slot - policy.buckets}
    if calls.calls:
        sums[slot] = sums.get(slot, Calls()) + calls
    return tuple(Bucket(each, sums[each]) for each in sorted(sums))


def _sum(buckets: tuple[Bucket, ...]) -> Calls:
    return sum((bucket.calls for bucket in buckets), Calls())


def _rest(breaker: Breaker, policy: Policy, now: datetime) -> Breaker:
    length = min(policy.rest * 2 ** min(breaker.rests, 16), policy.longest_rest)
    return Breaker(state=S.OPEN, rests_until=now + length, rests=breaker.rests + 1)
