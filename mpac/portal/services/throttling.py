"""Counting tries to sign in, in PostgreSQL: per account, per address, and per device that its owner used before.

A device that is known has a count of its own and no other: whoever guesses from elsewhere locks the account for strangers,
and not its owner out. Accounts are counted whether they exist or not.
"""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from django.conf import settings

from kernel.addresses import network_of
from kernel.errors import RateLimited
from kernel.origin import origin
from kernel.tenancy import SystemScope
from mpac.portal.db import atomic, db
from mpac.portal.domain.throttling import Count, Rule, count_try, is_locked

SCOPE = SystemScope("authentication")

ENTER = """
    INSERT INTO login_throttles (key, tries, last_try_at)
    SELECT key, 0, %s FROM unnest(%s::text[]) AS keys (key) ORDER BY key ON CONFLICT DO NOTHING
"""
LOCK = """
    SELECT key, tries, last_try_at, locked_until FROM login_throttles WHERE key = ANY (%s) ORDER BY key FOR UPDATE
"""
UPDATE = """
    UPDATE login_throttles AS t SET tries = n.tries, last_try_at = n.last_try_at, locked_until = n.locked_until
    FROM unnest(%s::text[], %s::int[], %s::timestamptz[], %s::timestamptz[])
        AS n (key, tries, last_try_at, locked_until)
    WHERE t.key = n.key
"""
GIVE_BACK = """
    WITH held AS (SELECT key FROM login_throttles WHERE key = ANY (%(keys)s) ORDER BY key FOR UPDATE)
    UPDATE login_throttles AS t
    SET tries = CASE WHEN t.key = %(address)s THEN greatest(t.tries - %(tries)s, 0) ELSE 0 END, locked_until = NULL
    FROM held WHERE t.key = held.key
"""


@dataclass(frozen=True, slots=True)
class Counter:
    """One count and the rule that it follows."""

    key: str
    rule: Rule


def counters(*, account: str, known_device_id: uuid.UUID | None) -> list[Counter]:
    """What a try for `account`, a digest, counts against; a known device against itself alone."""
    rates = settings.MPAC_RATE_LIMITS
    if known_device_id is not None:
        rule = Rule(free=rates["sign_in_device"], longest_lock_s=900)
        return [Counter(f"device:{known_device_id}", rule)]
    return [
        Counter(f"account:{account}", Rule(free=rates["sign_in_account"])),
        address_counter(),
    ]


def address_counter() -> Counter:
    """What a try counts against for where it comes from: an IPv4 address, or a subscriber's IPv6 network."""
    rule = Rule(free=settings.MPAC_RATE_LIMITS["sign_in_address"], forget_after_s=3600)
    return Counter(_address_key(), rule)


def count_tries(found: Sequence[Counter], *, now: dt.datetime) -> None:
    """Count a try before it is known to be right. Raises RateLimited, and then nothing may be tried.

    A try that is refused does not count: who waits is let in again.
    """
    rules = {each.key: each.rule for each in found}
    with atomic(SCOPE):
        db.execute(ENTER, [now, list(rules)])
        held = {
            key: Count(tries=tries, last_try_at=last_try_at, locked_until=locked_until)
            for key, tries, last_try_at, locked_until in db.execute(LOCK, [list(rules)])
        }
        waits = [_wait_s(count, now) for count in held.values() if is_locked(count, now=now)]
        after = {
            key: count if waits else count_try(count, rule=rules[key], now=now) for key, count in held.items()
        }
        _write(after)
    if waits:
        raise RateLimited("Too many tries to sign in; wait.", retry_after_s=max(waits))


def give_back(found: Sequence[Counter], *, tries: int) -> None:
    """Forget the tries of somebody who turned out to be right. An address only gets its own ones back: it may be shared."""
    with atomic(SCOPE):
        db.execute(
            GIVE_BACK, {"address": _address_key(), "tries": tries, "keys": [each.key for each in found]}
        )


def _write(counts: dict[str, Count]) -> None:
    values = list(counts.values())
    db.execute(
        UPDATE,
        [
            list(counts),
            [count.tries for count in values],
            [count.last_try_at for count in values],
            [count.locked_until for count in values],
        ],
    )


def _address_key() -> str:
    return f"address:{network_of(origin().address)}"


def _wait_s(count: Count, now: dt.datetime) -> int:
    until = count.locked_until or now
    return max(1, ceil((until - now).total_seconds()))
