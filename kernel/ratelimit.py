"""Rate limits: the generic cell rate algorithm (GCRA), shared through Redis, without a round trip per request.

A process leases tokens from Redis and spends them for at most `LEASE_S`; what it did not spend it hands back with its
next request for more. Every token is taken from the shared bucket before it is spent, so all processes together never
admit more than the limit. A bucket holds `limit` tokens and refills evenly over `period_s`: the smallest bucket under
which nobody is refused who keeps to the limit in every period, however bunched. Over time nobody gets more than the
limit; who rested may once get what is in the bucket beside what refills.

When Redis is away each process falls back to a bucket of its own, of limit / processes, and asks Redis again only when
a short breaker closes. Limits protect the platform; they are no record and may be lost.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Protocol

from django.conf import settings
from redis.exceptions import RedisError

from kernel import metrics
from kernel.redis_client import redis_client

LEASE_S = 1.0
BREAKER_FIRST_S = 0.5
BREAKER_LAST_S = 5.0
_MAX_KEYS = 20_000
_IDLE_S = 60.0

TAKE = """
local interval = tonumber(ARGV[1])
local burst, want, back = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local debt = (tonumber(redis.call('GET', KEYS[1])) or now) - now - back * interval
if debt < 0 then debt = 0 end
local room = math.floor((burst * interval - debt) / interval + 0.000001)
if room < 0 then room = 0 end
local granted = math.min(want, room)
local retry = 0
if granted == 0 then retry = math.ceil(debt - (burst - 1) * interval) end
debt = math.ceil(debt + granted * interval)
redis.call('SET', KEYS[1], string.format('%.0f', now + debt), 'PX', math.ceil(debt / 1000) + 1000)
return {granted, room - granted, debt, retry}
"""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `limit` requests per `period_s` for `key`; `name` is the policy's public name."""

    name: str
    key: str
    limit: int
    period_s: int = 60


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict, in the terms of the rule that is nearest to its limit, or that refused."""

    allowed: bool
    limit: int
    remaining: int
    reset_s: int
    retry_after_s: int
    policy: str
    period_s: int = 60

    def headers(self) -> dict[str, str]:
        """`RateLimit-Policy` and `RateLimit`, with `Retry-After` when refused."""
        shown = {
            "RateLimit-Policy": f'"{self.policy}";q={self.limit};w={self.period_s}',
            "RateLimit": f'"{self.policy}";r={self.remaining};t={self.reset_s}',
        }
        if not self.allowed:
            shown["Retry-After"] = str(self.retry_after_s)
        return shown


UNLIMITED = Decision(allowed=True, limit=0, remaining=0, reset_s=0, retry_after_s=0, policy="unlimited")


@dataclass(frozen=True, slots=True)
class Grant:
    """What a bucket answered: tokens given, tokens left in it, and when it is full or has one again."""

    granted: int
    left: int
    reset_s: float
    retry_s: float


class Bucket(Protocol):
    """Where tokens come from."""

    def take(self, rule: Limit, *, want: int, back: int) -> Grant:
        """Put `back` unspent tokens into the rule's bucket, then take up to `want` out of it."""


@dataclass(slots=True)
class _Lease:
    """One process's tokens of one rule."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    tokens: int = 0
    size: int = 1
    spent: int = 0
    taken_at: float = float("-inf")
    left: int = 0
    full_at: float = 0.0
    refused_until: float = float("-inf")  # do not ask again before
    retry_at: float = 0.0


class RedisBucket:
    """The bucket that all processes share."""

    def take(self, rule: Limit, *, want: int, back: int) -> Grant:
        """Raises RedisError when Redis cannot be asked within 100 ms."""
        interval = rule.period_s * 1_000_000 / rule.limit
        key = f"mpac:limit:{rule.name}:{rule.key}:{rule.limit}:{rule.period_s}"
        answer = redis_client().eval(TAKE, 1, key, repr(interval), rule.limit, want, back)
        granted, left, debt, retry = answer
        return Grant(int(granted), int(left), debt / 1_000_000, retry / 1_000_000)


class LocalBucket:
    """A bucket of this process alone: its share of the limit."""

    def __init__(self, *, processes: int, monotonic: Callable[[], float]) -> None:
        self._share = max(1, processes)
        self._monotonic = monotonic
        self._full_at: dict[str, float] = {}
        self._lock = threading.Lock()

    def take(self, rule: Limit, *, want: int, back: int) -> Grant:
        burst = max(1, rule.limit // self._share)
        interval = rule.period_s / burst
        key = f"{rule.name}:{rule.key}:{rule.limit}"
        with self._lock:
            now = self._monotonic()
            debt = max(0.0, self._full_at.get(key, now) - now - back * interval)
            room = max(0, int((burst * interval - debt) / interval + 1e-6))
            granted = min(want, room)
            retry = 0.0 if granted else debt - (burst - 1) * interval
            debt += granted * interval
            if len(self._full_at) >= _MAX_KEYS:
                self._full_at = {old: at for old, at in self._full_at.items() if at > now}
            self._full_at[key] = now + debt
        return Grant(granted, room - granted, debt, retry)


class Limiter:
    """Decides for one process. `shared` fails over to `local` through a breaker of its own."""

    def __init__(
        self,
        *,
        shared: Bucket,
        processes: int,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shared = shared
        self._local = LocalBucket(processes=processes, monotonic=monotonic)
        self._monotonic = monotonic
        self._leases: dict[Limit, _Lease] = {}
        self._breaker_lock = threading.Lock()
        self._breaker_s = 0.0
        self._open_until = float("-inf")

    def check(self, rules: Sequence[Limit]) -> Decision:
        """Spend one token of every rule, or none when one of them refuses."""
        taken: list[_Lease] = []
        nearest: Decision | None = None
        for rule in rules:
            lease = self._lease(rule)
            decision = self._spend(rule, lease)
            if not decision.allowed:
                for other in taken:
                    _unspend(other)
                metrics.rate_limited.labels(rule.name).inc()
                return decision
            taken.append(lease)
            if nearest is None or decision.remaining < nearest.remaining:
                nearest = decision
        return nearest or UNLIMITED

    def _lease(self, rule: Limit) -> _Lease:
        lease = self._leases.get(rule)
        if lease is None:
            if len(self._leases) >= _MAX_KEYS:
                oldest = self._monotonic() - _IDLE_S
                self._leases = {key: old for key, old in self._leases.copy().items() if old.taken_at > oldest}
            lease = self._leases.setdefault(rule, _Lease())
        return lease

    def _spend(self, rule: Limit, lease: _Lease) -> Decision:
        with lease.lock:
            now = self._monotonic()
            if now < lease.refused_until:
                return _refused(rule, lease, now)
            if lease.tokens <= 0 or now - lease.taken_at >= LEASE_S:
                self._renew(rule, lease, now)
                now = self._monotonic()
            if lease.tokens <= 0:
                return _refused(rule, lease, now)
            lease.tokens -= 1
            lease.spent += 1
            return Decision(
                allowed=True,
                limit=rule.limit,
                remaining=lease.left + lease.tokens,
                reset_s=max(0, ceil(lease.full_at - now)),
                retry_after_s=0,
                policy=rule.name,
                period_s=rule.period_s,
            )

    def _renew(self, rule: Limit, lease: _Lease, now: float) -> None:
        """Lease as much as the last second used, twice that when it ran out early, one second's refill at most."""
        ran_out = now - lease.taken_at < LEASE_S
        most = max(1, ceil(rule.limit / rule.period_s))
        lease.size = min(most, max(1, lease.size * 2 if ran_out else lease.spent))
        grant = self._take(rule, want=lease.size, back=lease.tokens)
        now = self._monotonic()
        lease.tokens, lease.left = grant.granted, grant.left
        lease.spent, lease.taken_at, lease.full_at = 0, now, now + grant.reset_s
        lease.retry_at = now + grant.retry_s
        lease.refused_until = float("-inf") if grant.granted else min(lease.retry_at, now + LEASE_S)

    def _take(self, rule: Limit, *, want: int, back: int) -> Grant:
        if self._may_ask():
            try:
                grant = self._shared.take(rule, want=want, back=back)
            except (RedisError, OSError):
                self._open_breaker()
            else:
                self._breaker_s = 0.0
                return grant
        metrics.rate_limit_fallbacks.inc()
        return self._local.take(rule, want=want, back=0)

    def _may_ask(self) -> bool:
        """True while Redis answers; after a failure, for one caller each time the breaker's pause is over."""
        if not self._breaker_s:
            return True
        with self._breaker_lock:
            now = self._monotonic()
            if now < self._open_until:
                return False
            self._open_until = now + self._breaker_s
            return True

    def _open_breaker(self) -> None:
        with self._breaker_lock:
            self._breaker_s = min(BREAKER_LAST_S, max(BREAKER_FIRST_S, self._breaker_s * 2))
            self._open_until = self._monotonic() + self._breaker_s


_limiter: Limiter | None = None


def check(rules: Sequence[Limit]) -> Decision:
    """Decide one request against all `rules`; the nearest limit wins. Never raises because of Redis."""
    global _limiter  # noqa: PLW0603  one per process, made when settings are there
    if _limiter is None:
        _limiter = Limiter(shared=RedisBucket(), processes=settings.MPAC_WEB_PROCESSES)
    return _limiter.check(rules)


def forget() -> None:
    """Drop this process's leases; the next decision starts anew."""
    global _limiter  # noqa: PLW0603
    _limiter = None


def _unspend(lease: _Lease) -> None:
    with lease.lock:
        lease.tokens += 1
        lease.spent -= 1


def _refused(rule: Limit, lease: _Lease, now: float) -> Decision:
    return Decision(
        allowed=False,
        limit=rule.limit,
        remaining=0,
        reset_s=max(1, ceil(lease.full_at - now)),
        retry_after_s=max(1, ceil(lease.retry_at - now)),
        policy=rule.name,
        period_s=rule.period_s,
    )
