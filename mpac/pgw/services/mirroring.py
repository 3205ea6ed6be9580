"""Keeping the mirror of portal's hierarchy: a row is replaced only by a higher version, and only by its owner.

A snapshot is applied in one transaction, so that a reader never sees a store without its merchant. What is deleted stays as
a tombstone. Applying the same or an older snapshot changes nothing.
"""

import datetime as dt
import json
from typing import Any

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
from mpac.pgw.services.mirror_sql import CONFIG, FIND, MERCHANT, PARTNER, STORE

SCOPE = SystemScope("sync")


def apply_merchant_snapshot(snapshot: MerchantSnapshot, *, now: dt.datetime) -> SyncResult:
    """Bring the mirror of one merchant to `snapshot`, and say what became of every row."""
    items: list[SyncItem] = []
    with atomic(SCOPE):
        partner = snapshot.partner
        if partner is not None:
            items.append(_partner(partner, now=now))
        elif not db.execute(FIND["partner"], [snapshot.psp_id]):
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
    values = [
        *(partner.psp_id, partner.name, partner.is_active, partner.rate_limit_per_minute),
        *(partner.version, _tombstone(deleted=partner.deleted, now=now), now),
    ]
    return _upsert("partner", str(partner.psp_id), partner.version, PARTNER, values, [partner.psp_id])


def _merchant(snapshot: MerchantSnapshot, *, now: dt.datetime) -> SyncItem:
    values = [
        *(snapshot.merchant_id, snapshot.psp_id, snapshot.merchant_code, snapshot.name),
        *(snapshot.is_active, snapshot.version, _tombstone(deleted=snapshot.deleted, now=now), now),
    ]
    key = [snapshot.merchant_id, snapshot.psp_id]
    return _upsert("merchant", str(snapshot.merchant_id), snapshot.version, MERCHANT, values, key)


def _store(snapshot: MerchantSnapshot, store: StoreSnapshot, *, now: dt.datetime) -> list[SyncItem]:
    values = [
        *(store.store_id, snapshot.psp_id, snapshot.merchant_id, store.store_code, store.name),
        *(store.is_active, store.version, _tombstone(deleted=store.deleted, now=now), now),
    ]
    key = [store.store_id, snapshot.psp_id, snapshot.merchant_id]
    item = _upsert("store", str(store.store_id), store.version, STORE, values, key)
    if item.result == "refused":
        return [item]
    return [item, *(_config(snapshot, store, config, now=now) for config in store.provider_configs)]


def _config(
    snapshot: MerchantSnapshot, store: StoreSnapshot, config: ProviderConfigSnapshot, *, now: dt.datetime
) -> SyncItem:
    row_id = uuid7()
    key: list[Any] = [snapshot.psp_id, snapshot.merchant_id, store.store_id, config.provider_name]
    values = [
        *(row_id, created_at_of(row_id), *key, json.dumps(config.account), config.api_key_encrypted),
        *(config.enabled, config.livemode, config.version, _tombstone(deleted=config.deleted, now=now), now),
    ]
    name = f"{store.store_id}/{config.provider_name}"
    return _upsert("provider_config", name, config.version, CONFIG, values, key)


def _upsert(  # noqa: PLR0917
    kind: str, name: str, version: int, sql: str, values: list[Any], key: list[Any]
) -> SyncItem:
    """Applied when the row changed; unchanged when the mirror is as new; refused when the row is another owner's."""
    if db.execute(sql, values):
        return SyncItem(kind=kind, id=name, version=version, result="applied")
    if db.execute(FIND[kind], key):
        return SyncItem(kind=kind, id=name, version=version, result="unchanged")
    return _refused(kind, name, version)


def _refused(kind: str, name: str, version: int) -> SyncItem:
    return SyncItem(kind=kind, id=name, version=version, result="refused", reason="owner")


def _tombstone(*, deleted: bool, now: dt.datetime) -> dt.datetime | None:
    return now if deleted else None
