"""The mirror's entrance for signed calls: `POST /v1/sync/merchants`."""

from kernel.rest import Endpoint, Request, operation
from mpac.pgw.db import db
from mpac.pgw.dto import (
    MerchantSnapshot,
    PartnerSnapshot,
    ProviderConfigSnapshot,
    StoreSnapshot,
    SyncItem,
)
from mpac.pgw.rest.bodies import SyncMerchant, SyncMerchants, SyncStore
from mpac.pgw.rest.views import SyncItemView, SyncView
from mpac.pgw.services.mirroring import apply_merchant_snapshot

MAX_SYNC_BYTES = 4 * 1024 * 1024
SHOWN = frozenset({"merchant", "store", "provider_config"})


class SyncMerchantsEndpoint(Endpoint):
    """Pushes of the hierarchy's owner."""

    callers = frozenset({"service"})
    db = db

    @operation(
        "sync.merchants",
        summary="Push merchants, stores and provider accounts into the gateway's mirror",
        body=SyncMerchants,
        response=SyncView,
        max_body_bytes=MAX_SYNC_BYTES,
    )
    def post(self, request: Request, body: SyncMerchants) -> SyncView:
        """Apply each merchant in a transaction of its own; one that is refused does not hold up the others."""
        items: list[SyncItem] = []
        for merchant in body.merchants:
            snapshot = _snapshot(body.client_partner_id, merchant)
            items += apply_merchant_snapshot(snapshot, now=self.now).items
        counts = {kind: sum(_is_synced(item, kind) for item in items) for kind in SHOWN}
        return SyncView(
            synced_merchants=counts["merchant"],
            synced_stores=counts["store"],
            synced_provider_configs=counts["provider_config"],
            results=[
                SyncItemView(
                    kind=item.kind, id=item.id, version=item.version, result=item.result, reason=item.reason
                )
                for item in items
                if item.kind in SHOWN
            ],
        )


def _is_synced(item: SyncItem, kind: str) -> bool:
    return item.kind == kind and item.result in {"applied", "unchanged"}


def _snapshot(psp_id: int, merchant: SyncMerchant) -> MerchantSnapshot:
    """The push as a snapshot. It says nothing about the partner, so an unknown one starts at version 0."""
    return MerchantSnapshot(
        psp_id=psp_id,
        merchant_id=merchant.merchant_id,
        merchant_code=merchant.merchant_code,
        name=merchant.name,
        version=merchant.version,
        deleted=merchant.deleted,
        stores=tuple(_store(store) for store in merchant.stores),
        partner=PartnerSnapshot(psp_id=psp_id, name=f"Partner {psp_id}", version=0),
    )


def _store(store: SyncStore) -> StoreSnapshot:
    return StoreSnapshot(
        store_id=store.store_id,
        store_code=store.store_code,
        name=store.name,
        version=store.version,
        deleted=store.deleted,
        provider_configs=tuple(
            ProviderConfigSnapshot(
                provider_name=config.provider_name,
                account={"merchant_id": config.merchant_id},
                api_key_encrypted=config.api_key_encrypted,
                enabled=config.enabled,
                version=config.version,
                deleted=config.deleted,
            )
            for config in store.provider_configs
        ),
    )
