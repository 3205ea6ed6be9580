"""The copy itself. A snapshot is read from portal and applied to the gateway's mirror; versions decide, never clocks.

Running it twice, late or out of order does no harm: the mirror only moves to a higher version of the same owner.
"""

import datetime as dt

from mpac.pgw import api as pgw
from mpac.portal import api as portal

ACTIVE = "active"


def copy_merchant(*, psp_id: int, merchant_id: int, now: dt.datetime) -> pgw.SyncResult:
    """Bring the mirror of one merchant, with its stores and provider accounts, to portal's present state."""
    snapshot = portal.get_merchant_snapshot(psp_id=psp_id, merchant_id=merchant_id)
    return pgw.apply_merchant_snapshot(to_mirror(snapshot), now=now)


def copy_provider(*, psp_id: int, now: dt.datetime) -> pgw.SyncResult:
    """Bring the mirror of a payment service provider to portal's present state; its merchants are not touched."""
    return pgw.apply_partner_snapshot(to_partner(portal.get_psp_snapshot(psp_id=psp_id)), now=now)


def to_mirror(snapshot: portal.MerchantSnapshotDTO) -> pgw.MerchantSnapshot:
    """Portal's snapshot in the gateway's terms. Closed is a tombstone; suspended stops business and may be undone."""
    return pgw.MerchantSnapshot(
        psp_id=snapshot.psp_id,
        merchant_id=snapshot.merchant_id,
        merchant_code=snapshot.merchant_code,
        name=snapshot.name,
        version=snapshot.version,
        is_active=snapshot.status == ACTIVE,
        deleted=snapshot.deleted,
        stores=tuple(_store(store) for store in snapshot.stores),
        partner=to_partner(snapshot.psp),
    )


def to_partner(psp: portal.PspSnapshotDTO) -> pgw.PartnerSnapshot:
    """Portal's provider in the gateway's terms."""
    return pgw.PartnerSnapshot(
        psp_id=psp.psp_id,
        name=psp.name,
        version=psp.version,
        is_active=psp.status == ACTIVE,
        rate_limit_per_minute=psp.rate_limit_per_minute,
        deleted=psp.deleted,
    )


def _store(store: portal.StoreSnapshotDTO) -> pgw.StoreSnapshot:
    return pgw.StoreSnapshot(
        store_id=store.store_id,
        store_code=store.store_code,
        name=store.name,
        version=store.version,
        is_active=store.status == ACTIVE,
        deleted=store.deleted,
        provider_configs=tuple(
            pgw.ProviderConfigSnapshot(
                provider_name=config.provider_name,
                account=config.account,
                api_key_encrypted=config.api_key_encrypted,
                enabled=config.enabled,
                livemode=config.livemode,
                version=config.version,
            )
            for config in store.provider_configs
        ),
    )
