"""Keeping the mirror of portal's hierarchy: a row is replaced only by a higher version, and only by its owner.

A snapshot is applied in one transaction, so that a reader never sees a store without its merchant. What is deleted stays as
a tombstone. Applying the same or an older snapshot changes nothing.
"""

import datetime as dt
from typing import Any

from psycopg.types.json import Jsonb

from kernel.ids import created_at_of, uuid7
from kernel.tenancy import SystemScope
from mpac.pgw.db import atomic, db
from mpac.pgw.dto import (
    MerchantSnapshot,
    PartnerSnapshot,
    ProviderConfigSnapshot,
    StoreSnapshot,
    SyncItem,
    SyncResult,
)
from mpac.pgw.services.mirror_sql import CONFIG, MERCHANT, PARTNER, STORE, Mirrored

SCOPE = SystemScope("sync")


def apply_merchant_snapshot(snapshot: MerchantSnapshot, *, now: dt.datetime) -> SyncResult:
    """Bring the mirror of one merchant to `snapshot`, and say what became of every row."""
    items: list[SyncItem] = []
    with atomic(SCOPE):
        partner = snapshot.partner
        if partner is not None:
            items.append(_partner(partner, now=now))
        elif not db.execute(PARTNER.find, {"psp_id": snapshot.psp_id}):
            return SyncResult(items=(_refused("merchant", str(snapshot.merchant_id), snapshot.version),))
        merchant = _merchant(snapshot, now=now)
        items.append(merchant)
        if merchant.result != "refused":
            for store in snapshot.stores:
                items += _store(snapshot, store, now=now)
    return SyncResult(items=tuple(items))


def apply_partner_snapshot(snapshot: PartnerSnapshot, *, now: dt.datetime) -> SyncResult:
    """Bring the mirror of one payment service provider to `snapshot`."""
    with atomic(SCOPE):
        return SyncResult(items=(_partner(snapshot, now=now),))


def _partner(partner: PartnerSnapshot, *, now: dt.datetime) -> SyncItem:
    values = {
        "psp_id": partner.psp_id,
        "name": partner.name,
        "is_active": partner.is_active,
        "rate_limit_per_minute": partner.rate_limit_per_minute,
        **_state(partner, now=now),
    }
    return _upsert("partner", str(partner.psp_id), PARTNER, values)


def _merchant(snapshot: MerchantSnapshot, *, now: dt.datetime) -> SyncItem:
    values = {
        "psp_id": snapshot.psp_id,
        "merchant_id": snapshot.merchant_id,
        "merchant_code": snapshot.merchant_code,
        "name": snapshot.name,
        "is_active": snapshot.is_active,
        **_state(snapshot, now=now),
    }
    return _upsert("merchant", str(snapshot.merchant_id), MERCHANT, values)


def _store(snapshot: MerchantSnapshot, store: StoreSnapshot, *, now: dt.datetime) -> list[SyncItem]:
    values = {
        "psp_id": snapshot.psp_id,
        "merchant_id": snapshot.merchant_id,
        "store_id": store.store_id,
        "store_code": store.store_code,
        "name": store.name,
        "is_active": store.is_active,
        **_state(store, now=now),
    }
    item = _upsert("store", str(store.store_id), STORE, values)
    if item.result == "refused":
        return [item]
    return [item, *(_config(snapshot, store, config, now=now) for config in store.provider_configs)]


def _config(
    snapshot: MerchantSnapshot, store: StoreSnapshot, config: ProviderConfigSnapshot, *, now: dt.datetime
) -> SyncItem:
    row_id = uuid7()
    values = {
        "id": row_id,
        "created_at": created_at_of(row_id),
        "psp_id": snapshot.psp_id,
        "merchant_id": snapshot.merchant_id,
        "store_id": store.store_id,
        "provider_name": config.provider_name,
        "account": Jsonb(config.account),
        "api_key_encrypted": config.api_key_encrypted,
        "enabled": config.enabled,
        "livemode": config.livemode,
        **_state(config, now=now),
    }
    return _upsert("provider_config", f"{store.store_id}/{config.provider_name}", CONFIG, values)


def _upsert(kind: str, name: str, mirrored: Mirrored, values: dict[str, Any]) -> SyncItem:
    """Applied when the row changed; unchanged when the mirror is as new; refused when the row is another owner's."""
    version = values["version"]
    if db.execute(mirrored.insert, values) or db.execute(mirrored.update, values):
        return SyncItem(kind=kind, id=name, version=version, result="applied")
    if db.execute(mirrored.find, values):
        return SyncItem(kind=kind, id=name, version=version, result="unchanged")
    return _refused(kind, name, version)


def _refused(kind: str, name: str, version: int) -> SyncItem:
    return SyncItem(kind=kind, id=name, version=version, result="refused", reason="owner")


def _state(
    snapshot: PartnerSnapshot | MerchantSnapshot | StoreSnapshot | ProviderConfigSnapshot, *, now: dt.datetime
) -> dict[str, Any]:
    return {
        "version": snapshot.version,
        "deleted_at": now if snapshot.deleted else None,
        "synced_at": now,
    }
