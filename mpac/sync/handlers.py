"""Sync's reactions to portal: whatever changes in the hierarchy is copied into the gateway's mirror."""

import datetime as dt

from kernel.handlers import handles
from mpac.portal import events
from mpac.sync.db import db
from mpac.sync.services import mirror

Changed = events.MerchantChanged | events.StoreChanged | events.ProviderConfigChanged


@handles(events.PspChanged, db=db, consumer="sync.copy_provider", own_transaction=False)
def copy_provider(event: events.PspChanged, *, now: dt.datetime) -> None:
    """A provider changed, and with it perhaps the right of all its merchants to do business."""
    if event.psp_id is not None:
        mirror.copy_provider(psp_id=event.psp_id, now=now)


@handles(events.MerchantChanged, db=db, consumer="sync.copy_merchant", own_transaction=False)
@handles(events.StoreChanged, db=db, consumer="sync.copy_merchant", own_transaction=False)
@handles(events.ProviderConfigChanged, db=db, consumer="sync.copy_merchant", own_transaction=False)
def copy_merchant(event: Changed, *, now: dt.datetime) -> None:
    """A merchant, or something below it, changed."""
    if event.psp_id is not None and event.merchant_id is not None:
        mirror.copy_merchant(psp_id=event.psp_id, merchant_id=event.merchant_id, now=now)
