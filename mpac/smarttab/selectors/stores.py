"""What smarttab needs to know of a store. Portal owns it; the answer is kept for half a minute per process.

Only calendar and tax country are taken from here. Whether a caller may sell at all is decided when it authenticates.
"""

import datetime as dt
import threading
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from kernel.tenancy import TenantScope
from mpac.portal import api as portal

_KEEP = dt.timedelta(seconds=30)
_MOST = 10_000


@dataclass(frozen=True, kw_only=True)
class StoreCalendar:
    """A store's country, for its taxes, and its time zone, for its business days."""

    country: str
    time_zone: str
    day_starts_at: dt.time = dt.time.min

    def business_date(self, now: dt.datetime) -> dt.date:
        """Return the business day that `now` belongs to in the store; before its day starts it is the day before."""
        local = now.astimezone(ZoneInfo(self.time_zone))
        day = local.date()
        return day if local.time() >= self.day_starts_at else day - dt.timedelta(days=1)


class _Calendars:
    """Calendars by store, each forgotten after half a minute."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[tuple[int, int, int], tuple[dt.datetime, StoreCalendar]] = {}

    def find(self, key: tuple[int, int, int], *, now: dt.datetime) -> StoreCalendar | None:
        with self._lock:
            kept = self._kept.get(key)
        return kept[1] if kept and abs(now - kept[0]) < _KEEP else None

    def keep(self, key: tuple[int, int, int], calendar: StoreCalendar, *, now: dt.datetime) -> None:
        with self._lock:
            if len(self._kept) >= _MOST:
                self._kept.clear()
            self._kept[key] = (now, calendar)

    def forget(self) -> None:
        with self._lock:
            self._kept.clear()


_calendars = _Calendars()


def forget_calendars() -> None:
    """Ask portal anew at the next question."""
    _calendars.forget()


def get_calendar(*, psp_id: int, merchant_id: int, store_id: int, now: dt.datetime) -> StoreCalendar:
    """Return a store's calendar. Raises NotFound when there is no such store."""
    key = (psp_id, merchant_id, store_id)
    found = _calendars.find(key, now=now)
    if found is None:
        scope = TenantScope(psp_id, merchant_id, (store_id,))
        store = portal.get_store(scope=scope, store_id=store_id)
        found = StoreCalendar(
            country=store.country, time_zone=store.time_zone, day_starts_at=store.business_day_starts_at
        )
        _calendars.keep(key, found, now=now)
    return found
