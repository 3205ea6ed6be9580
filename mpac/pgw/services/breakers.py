"""The breakers of accounts: read through a short memory, written when there is news.

Good calls are kept in memory for a few seconds and written together; a bad one, or a trial's, is written at once with what
was kept. So a healthy account costs a small update every few seconds, and an ailing one is known to all processes within a
second or two.
"""

import datetime as dt
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError

from kernel.errors import NotFound
from kernel.ids import created_at_of, uuid7
from kernel.logs import get_logger
from kernel.metrics import provider_breaker_changes
from kernel.tenancy import Scope
from mpac.pgw import conf
from mpac.pgw.db import atomic
from mpac.pgw.domain import breaker as rules
from mpac.pgw.domain.breaker import Breaker, BreakerMode, BreakerState, Bucket, Calls, Policy
from mpac.pgw.models import ProviderBreaker
from mpac.pgw.services.recall import Recall
from mpac.pgw.services.slots import AccountKey

logger = get_logger(__name__)

POLICY = Policy()
KEPT = dt.timedelta(seconds=conf.CALLS_KEPT_S)


@dataclass(frozen=True, slots=True)
class Health:
    """An account's breaker, and whether it is enforced."""

    breaker: Breaker
    mode: BreakerMode

    @property
    def is_enforced(self) -> bool:
        return self.mode is BreakerMode.ENFORCED

    def is_resting(self, *, now: dt.datetime) -> bool:
        """Whether the account is to be left alone; one that is due for a trial is not."""
        closed = self.breaker.state is BreakerState.CLOSED
        return self.is_enforced and not closed and not self.is_due_for_trial(now=now)

    def is_due_for_trial(self, *, now: dt.datetime) -> bool:
        return rules.is_due_for_trial(self.breaker, now=now)


class _News:
    """Calls that are not written yet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[AccountKey, tuple[dt.datetime, Calls]] = {}
        self._awaited: set[AccountKey] = set()

    def await_trial(self, account: AccountKey) -> None:
        """The next call's answer is to be written at once, however it is."""
        with self._lock:
            self._awaited.add(account)

    def add(self, account: AccountKey, calls: Calls, *, at_once: bool, now: dt.datetime) -> Calls | None:
        """What is to be written now, or None while it can wait."""
        with self._lock:
            since, kept = self._kept.get(account, (now, Calls()))
            together = kept + calls
            if at_once or account in self._awaited or now - since >= KEPT:
                self._kept.pop(account, None)
                self._awaited.discard(account)
                return together
            self._kept[account] = (since, together)
            return None

    def forget(self) -> None:
        with self._lock:
            self._kept.clear()
            self._awaited.clear()


_news = _News()
_recall: Recall[Mapping[str, Health]] = Recall(seconds=conf.BREAKERS_RECALLED_S)


def list_health(*, psp_id: int, merchant_id: int, store_id: int, now: dt.datetime) -> Mapping[str, Health]:
    """The health of a store's accounts by provider; an account that is not there is healthy."""
    where = {"psp_id": psp_id, "merchant_id": merchant_id, "store_id": store_id}

    def load() -> Mapping[str, Health]:
        rows = ProviderBreaker.objects.filter(**where)
        return {row.provider: Health(as_breaker(row), BreakerMode(row.mode)) for row in rows}

    return _recall.get((psp_id, merchant_id, store_id), load, now=now)


def begin_trial(account: AccountKey, *, now: dt.datetime) -> bool:
    """Take the one trial that a breaker lets through; False when somebody else has it. In the caller's transaction."""
    row = ProviderBreaker.objects.select_for_update(skip_locked=True).filter(**account._asdict()).first()
    trial = None if row is None else rules.begin_trial(as_breaker(row), POLICY, now=now)
    _forget(account)
    if row is None or trial is None:
        return False
    _write(row, trial, now=now)
    _news.await_trial(account)
    return True


def report(*, scope: Scope, account: AccountKey, failed: bool, took_s: float, now: dt.datetime) -> None:
    """Note how a call went. Never fails: what is lost here is learned from the next call. Call it in no transaction."""
    calls = Calls(1, int(failed), int(took_s >= POLICY.slow_after.total_seconds()))
    due = _news.add(account, calls, at_once=bool(calls.failed or calls.slow), now=now)
    if due is None:
        return
    try:
        with atomic(scope):
            row = _locked(account, now=now)
            _write(row, rules.record(as_breaker(row), due, POLICY, now=now), now=now)
    except DatabaseError:
        logger.warning("how a provider did could not be written", provider=account.provider, exc_info=True)


def switch_breaker(
    *, scope: Scope, breaker_id: uuid.UUID, mode: BreakerMode | None, reset: bool, now: dt.datetime
) -> ProviderBreaker:
    """Enforce a breaker or only watch it, or close it by hand. Raises NotFound."""
    with atomic(scope):
        row: ProviderBreaker | None = (
            ProviderBreaker.objects.select_for_update().filter(pk=breaker_id).first()
        )
        if row is None:
            raise NotFound
        if mode is not None:
            row.mode = mode
        _write(row, Breaker() if reset else as_breaker(row), now=now, mode=row.mode)
    return row


def forget() -> None:
    """Drop what is not written yet, and what is remembered."""
    _news.forget()
    _recall.forget_all()


def _forget(account: AccountKey) -> None:
    _recall.forget(account[:3])


def _locked(account: AccountKey, *, now: dt.datetime) -> ProviderBreaker:
    found: ProviderBreaker | None = (
        ProviderBreaker.objects.select_for_update().filter(**account._asdict()).first()
    )
    if found is not None:
        return found
    row_id = uuid7()
    row = ProviderBreaker(
        id=row_id,
        created_at=created_at_of(row_id),
        **account._asdict(),
        mode=BreakerMode.ENFORCED if conf.breakers_enforced() else BreakerMode.DRY_RUN,
        state=BreakerState.CLOSED,
        state_at=now,
        updated_at=now,
    )
    ProviderBreaker.objects.bulk_create([row], ignore_conflicts=True)
    made: ProviderBreaker = ProviderBreaker.objects.select_for_update().get(**account._asdict())
    return made


def as_breaker(row: ProviderBreaker) -> Breaker:
    """What a row says about its account."""
    return Breaker(
        state=BreakerState(row.state),
        buckets=tuple(Bucket(slot, Calls(*counted)) for slot, *counted in row.buckets),
        rests_until=row.rests_until,
        rests=row.rests,
        trial_until=row.trial_until,
        passed=row.passed,
    )


def _write(row: ProviderBreaker, breaker: Breaker, *, now: dt.datetime, **changes: Any) -> None:
    """Store a locked row's new breaker."""
    changed = breaker.state != row.state
    values: dict[str, Any] = {
        "state": breaker.state,
        "buckets": [
            (each.slot, each.calls.calls, each.calls.failed, each.calls.slow) for each in breaker.buckets
        ],
        "rests_until": breaker.rests_until,
        "rests": breaker.rests,
        "trial_until": breaker.trial_until,
        "passed": breaker.passed,
        "updated_at": now,
        **({"state_at": now} if changed else {}),
        **changes,
    }
    ProviderBreaker.objects.filter(pk=row.pk).update(**values)
    if changed:
        provider_breaker_changes.labels(row.provider, breaker.state).inc()
        logger.warning(
            "a breaker changed",
            provider=row.provider,
            store_id=row.store_id,
            before=row.state,
            after=breaker.state.value,
            mode=row.mode,
        )
    for name, value in values.items():
        setattr(row, name, value)
    _forget(AccountKey(row.psp_id, row.merchant_id, row.store_id, row.provider))
