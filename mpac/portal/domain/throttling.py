"""When somebody who tries to sign in has to wait.

A try counts before it is known to be right, and what succeeds takes its count back. Up to `free` tries cost nothing; the
next ones lock for twice as long each time. What nobody tried for a while is forgotten.
"""

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How many tries are free, how long the first lock and the longest last, and when tries are forgotten."""

    free: int
    first_lock_s: int = 30
    longest_lock_s: int = 3600
    forget_after_s: int = 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """What is remembered of one account, address or device."""

    tries: int
    last_try_at: dt.datetime
    locked_until: dt.datetime | None = None


def is_locked(count: Count, *, now: dt.datetime) -> bool:
    """Whether nothing may be tried now."""
    return count.locked_until is not None and count.locked_until > now


def count_try(count: Count, *, rule: Rule, now: dt.datetime) -> Count:
    """The count after one more try, which may be made if the former one was not locked. The last free one locks."""
    forgotten = count.last_try_at <= now - dt.timedelta(seconds=rule.forget_after_s)
    tries = 1 if forgotten else count.tries + 1
    beyond = tries - rule.free
    if beyond < 0:
        return Count(tries=tries, last_try_at=now)
    doublings = min(beyond, 32)
    lock_s = min(rule.first_lock_s * 2**doublings, rule.longest_lock_s)
    return Count(tries=tries, last_try_at=now, locked_until=now + dt.timedelta(seconds=lock_s))
