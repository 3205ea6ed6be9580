"""How many calls may be under way at one account at once, counted in this process, and how many of one PSP may hang.

Calls that are answered promptly hold a thread for an instant; a bank that hangs would hold them all, and with them everybody
else's requests. So of the threads a PSP's hanging calls have half: more are turned away until one of them has ended.

A slot is taken before an attempt, a capture or a refund is committed and given back when its call has ended, so that too
many at once are turned away while nothing has happened yet. One whose transaction was rolled back lapses after a while.
"""

import datetime as dt
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, Protocol

from mpac.pgw import conf
from mpac.pgw.errors import AccountsBusy

# What a call takes beyond its own timeout: committing before it, and the wait for a thread.
MARGIN = dt.timedelta(seconds=10)


class Charged(Protocol):
    """What names an account."""

    psp_id: int
    merchant_id: int
    store_id: int
    provider: str


class AccountKey(NamedTuple):
    """A store's account at one provider."""

    psp_id: int
    merchant_id: int
    store_id: int
    provider: str

    @classmethod
    def of(cls, row: Charged) -> "AccountKey":
        """The account that an attempt, a capture or a refund is made with."""
        return cls(row.psp_id, row.merchant_id, row.store_id, row.provider)


class Slots:
    """The calls under way. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: dict[AccountKey, dict[uuid.UUID, dt.datetime]] = {}
        self._accounts: dict[uuid.UUID, AccountKey] = {}

    def take(self, account: AccountKey, holder: uuid.UUID, *, now: dt.datetime) -> bool:
        """Take a slot for one call, named by what it is about; False when all are taken, or too many hang."""
        with self._lock:
            if self._hanging(account.psp_id, now=now) >= conf.hanging_calls():
                return False
            taken = self._taken.setdefault(account, {})
            for lapsed in [each for each, until in taken.items() if until <= now]:
                del taken[lapsed]
                self._accounts.pop(lapsed, None)
            if len(taken) >= conf.provider_concurrency():
                return False
            taken[holder] = now + dt.timedelta(seconds=conf.provider_timeout_s()) + MARGIN
            self._accounts[holder] = account
            return True

    def _hanging(self, psp_id: int, *, now: dt.datetime) -> int:
        """The calls of a PSP that have been under way for longer than a healthy provider takes."""
        life = dt.timedelta(seconds=conf.provider_timeout_s()) + MARGIN
        since = now - dt.timedelta(seconds=conf.HANGS_AFTER_S)
        return sum(
            since >= until - life and until > now
            for account, taken in self._taken.items()
            if account.psp_id == psp_id
            for until in taken.values()
        )

    def need(self, account: AccountKey, holder: uuid.UUID, *, now: dt.datetime) -> None:
        """Take a slot. Raises AccountsBusy when all are taken."""
        if not self.take(account, holder, now=now):
            raise AccountsBusy

    @contextmanager
    def held(self, holder: uuid.UUID) -> Iterator[None]:
        """The call itself: its slot is given back when it has ended, however it ends."""
        try:
            yield
        finally:
            self.give_back(holder)

    def give_back(self, holder: uuid.UUID) -> None:
        """The call has ended. Giving back twice, or what was never taken, is harmless."""
        with self._lock:
            account = self._accounts.pop(holder, None)
            if account is not None:
                self._taken[account].pop(holder)
                if not self._taken[account]:
                    del self._taken[account]

    def forget(self) -> None:
        """Give back all slots. Calls that are still under way are not counted any more."""
        with self._lock:
            self._taken.clear()
            self._accounts.clear()

    def under_way(self, account: AccountKey) -> int:
        """How many slots are taken."""
        with self._lock:
            return len(self._taken.get(account, ()))


slots = Slots()
