"""The hierarchy as mirrors copy it: whole snapshots of a merchant, read in one transaction, and their checksums."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable

from kernel.errors import NotFound
from kernel.tenancy import SystemScope
from mpac.portal.db import atomic
from mpac.portal.domain.hierarchy import DirectoryStatus
from mpac.portal.dto import MerchantSnapshotDTO, ProviderConfigSnapshotDTO, PspSnapshotDTO, StoreSnapshotDTO
from mpac.portal.models import Merchant, ProviderConfig, Psp, Store

SCOPE = SystemScope("sync")


def get_psp_snapshot(*, psp_id: int) -> PspSnapshotDTO:
    """One provider. Raises NotFound."""
    with atomic(SCOPE):
        psp = Psp.objects.filter(id=psp_id).first()
    if psp is None:
        raise NotFound
    return _psp(psp)


def get_merchant_snapshot(*, psp_id: int, merchant_id: int) -> MerchantSnapshotDTO:
    """One merchant with its stores and their provider accounts. Raises NotFound."""
    found = list_merchant_snapshots(psp_id=psp_id, merchant_ids=[merchant_id])
    if not found:
        raise NotFound
    return found[0]


def list_merchant_snapshots(
    *, psp_id: int, merchant_ids: Iterable[int] | None = None
) -> list[MerchantSnapshotDTO]:
    """Snapshots of a provider's merchants, all of them or the named ones, in four queries."""
    with atomic(SCOPE):
        psp = Psp.objects.filter(id=psp_id).first()
        if psp is None:
            return []
        merchants = Merchant.objects.filter(psp_id=psp_id).order_by("id")
        if merchant_ids is not None:
            merchants = merchants.filter(id__in=list(merchant_ids))
        merchants = list(merchants)
        ids = [merchant.id for merchant in merchants]
        stores = list(Store.objects.filter(psp_id=psp_id, merchant_id__in=ids).order_by("id"))
        configs = list(
            ProviderConfig.objects.filter(psp_id=psp_id, merchant_id__in=ids).order_by("store_id", "provider")
        )
    stores_of: dict[int, list[Store]] = defaultdict(list)
    for store in stores:
        stores_of[store.merchant_id].append(store)
    configs_of: dict[int, list[ProviderConfig]] = defaultdict(list)
    for config in configs:
        configs_of[config.store_id].append(config)
    return [_merchant(psp, merchant, stores_of[merchant.id], configs_of) for merchant in merchants]


def list_psp_ids() -> list[int]:
    """All providers, closed ones too: their tombstones must reach the mirrors."""
    with atomic(SCOPE):
        return list(Psp.objects.order_by("id").values_list("id", flat=True))


def find_psp_of_merchant(*, merchant_id: int) -> int | None:
    """The provider that a merchant belongs to, or None."""
    with atomic(SCOPE):
        found: int | None = Merchant.objects.filter(id=merchant_id).values_list("psp_id", flat=True).first()
    return found


def checksums() -> dict[tuple[int, int], str]:
    """For each merchant, by provider and merchant id, a digest of what a mirror of it must hold; see `checksum`."""
    return {
        (snapshot.psp_id, snapshot.merchant_id): checksum(snapshot)
        for psp_id in list_psp_ids()
        for snapshot in list_merchant_snapshots(psp_id=psp_id)
    }


def checksum(snapshot: MerchantSnapshotDTO) -> str:
    """SHA-256 over one line for each row: its kind, its ids and its version. A version never stands for two contents."""
    lines = [
        f"psp {snapshot.psp_id} {snapshot.psp.version}",
        f"merchant {snapshot.merchant_id} {snapshot.version}",
    ]
    for store in snapshot.stores:
        lines.append(f"store {store.store_id} {store.version}")
        lines.extend(
            f"provider_config {store.store_id} {config.provider_name} {config.version}"
            for config in store.provider_configs
        )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _psp(psp: Psp) -> PspSnapshotDTO:
    return PspSnapshotDTO(
        psp_id=psp.id,
        code=psp.code,
        name=psp.name,
        status=str(psp.status),
        rate_limit_per_minute=psp.rate_limit_per_minute,
        version=psp.version,
        deleted=psp.status == DirectoryStatus.CLOSED,
    )


def _merchant(
    psp: Psp, merchant: Merchant, stores: list[Store], configs_of: dict[int, list[ProviderConfig]]
) -> MerchantSnapshotDTO:
    return MerchantSnapshotDTO(
        psp=_psp(psp),
        merchant_id=merchant.id,
        merchant_code=merchant.code,
        name=merchant.name,
        status=str(merchant.status),
        country=merchant.country,
        currency=merchant.currency,
        time_zone=merchant.time_zone,
        version=merchant.version,
        deleted=merchant.status == DirectoryStatus.CLOSED,
        stores=tuple(_store(store, configs_of[store.id]) for store in stores),
    )


def _store(store: Store, configs: list[ProviderConfig]) -> StoreSnapshotDTO:
    return StoreSnapshotDTO(
        store_id=store.id,
        store_code=store.code,
        name=store.name,
        status=str(store.status),
        country=store.country,
        currency=store.currency,
        time_zone=store.time_zone,
        version=store.version,
        deleted=store.status == DirectoryStatus.CLOSED,
        provider_configs=tuple(
            ProviderConfigSnapshotDTO(
                provider_name=config.provider,
                account=dict(config.account),
                api_key_encrypted=config.credentials_sealed,
                enabled=config.enabled,
                livemode=config.livemode,
                version=config.version,
            )
            for config in configs
        ),
    )
