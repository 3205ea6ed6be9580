"""How far portal's announcements are behind: what is committed and not delivered yet."""

import datetime as dt

from kernel.tenancy import SystemScope
from mpac.portal.db import atomic, db
from mpac.portal.dto import AnnouncementLag
from mpac.portal.events import MerchantChanged, ProviderConfigChanged, PspChanged, StoreChanged

MIRRORED = (PspChanged, MerchantChanged, StoreChanged, ProviderConfigChanged)

WAITING = """
    SELECT min(created_at) FILTER (WHERE parked_at IS NULL),
           count(*) FILTER (WHERE parked_at IS NULL),
           count(*) FILTER (WHERE parked_at IS NOT NULL)
    FROM outbox WHERE delivered_at IS NULL AND type = ANY(%s)
"""


def get_announcement_lag(*, now: dt.datetime) -> AnnouncementLag:
    """The changes of the hierarchy that wait for the mirrors."""
    with atomic(SystemScope("sync")):
        oldest, pending, parked = db.execute(WAITING, [[event.type for event in MIRRORED]])[0]
    lag_s = 0.0 if oldest is None else max(0.0, (now - oldest).total_seconds())
    return AnnouncementLag(lag_s=lag_s, pending=pending, parked=parked)
