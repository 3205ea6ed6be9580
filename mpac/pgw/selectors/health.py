"""How providers have been answering lately, as far as the open scope shows."""

import datetime as dt
import uuid
from dataclasses import dataclass

from kernel.ids import uuid7
from mpac.pgw.db import db
from mpac.pgw.domain.attempts import AttemptStatus

LATELY = dt.timedelta(minutes=15)
# Attempts are found by their identifiers, which carry their time; answers by their partitions.
COUNTED = """
    SELECT a.provider, a.status, count(*)
    FROM payment_attempts a
    WHERE a.id >= %(first)s AND (%(provider)s = '' OR (a.provider = %(provider)s AND a.store_id = %(store_id)s))
    GROUP BY a.provider, a.status
"""
ANSWERED = """
    SELECT a.provider,
           percentile_disc(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM t.created_at - a.created_at)),
           percentile_disc(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM t.created_at - a.created_at))
    FROM payment_attempts a
    JOIN payment_transactions t ON t.attempt_id = a.id AND t.psp_id = a.psp_id AND t.merchant_id = a.merchant_id
        AND t.payment_intent_id = a.intent_id AND t.learned_from = 'answer' AND t.operation_id IS NULL
        AND t.created_at >= %(since)s
    WHERE a.id >= %(first)s AND (%(provider)s = '' OR (a.provider = %(provider)s AND a.store_id = %(store_id)s))
    GROUP BY a.provider
"""
# The provider did not do its part; a refusal of the payment is its part.
FAILED = frozenset({AttemptStatus.ERROR, AttemptStatus.UNKNOWN})
PAID = frozenset({AttemptStatus.CAPTURED, AttemptStatus.AUTHORIZED})


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderHealth:
    """What became of a provider's latest attempts, and how long its answers took in seconds."""

    provider: str
    attempts: int
    paid: int
    declined: int
    failed: int
    unknown: int
    median_s: float | None
    slow_s: float | None

    @property
    def answered_percent(self) -> int:
        """The share of attempts at which the provider did its part, rounded down."""
        return 100 * (self.attempts - self.failed) // self.attempts


def list_provider_health(
    *, now: dt.datetime, provider: str = "", store_id: int | None = None
) -> list[ProviderHealth]:
    """The providers that were tried lately, or one store's account at one of them."""
    since = now - LATELY
    values = {"first": _first_of(since), "since": since, "provider": provider, "store_id": store_id}
    counts: dict[str, dict[str, int]] = {}
    for name, status, count in db.execute(COUNTED, values):
        counts.setdefault(name, {})[status] = count
    times = {name: (median, slow) for name, median, slow in db.execute(ANSWERED, values)}
    return [_health(name, counts[name], times.get(name, (None, None))) for name in sorted(counts)]


def _health(name: str, counts: dict[str, int], times: tuple[float | None, float | None]) -> ProviderHealth:
    return ProviderHealth(
        provider=name,
        attempts=sum(counts.values()),
        paid=sum(counts.get(each, 0) for each in PAID),
        declined=counts.get(AttemptStatus.DECLINED, 0),
        failed=sum(counts.get(each, 0) for each in FAILED),
        unknown=counts.get(AttemptStatus.UNKNOWN, 0),
        median_s=times[0],
        slow_s=times[1],
    )


def _first_of(since: dt.datetime) -> uuid.UUID:
    """The least identifier that an instant can have."""
    made = uuid7(at=since).int >> 80 << 80
    return uuid.UUID(int=made)
