"""Reads of the mirror: for comparison with its source, and of the accounts that notices name."""

import hashlib
from collections import defaultdict

from kernel.errors import NotFound
from kernel.ids import decode, encode
from kernel.tenancy import SystemScope, TenantScope
from mpac.pgw import conf
from mpac.pgw.db import atomic
from mpac.pgw.models import ClientPartner, Merchant, Store, StoreProviderConfig

SCOPE = SystemScope("sync")

Owner = tuple[int, int]


def mirror_checksums() -> dict[Owner, str]:
    """A digest for each mirrored merchant, by provider and merchant id, of the versions that the mirror holds.

    SHA-256 in hex of these lines joined by newlines, stores by id, a store's accounts behind it by provider name:
    `psp <id> <version>`, `merchant <id> <version>`, `store <id> <version>`,
    `provider_config <store id> <provider> <version>`.
    """
    lines: dict[Owner, list[str]] = {}
    configs: dict[int, list[str]] = defaultdict(list)
    with atomic(SCOPE):
        partners = dict(ClientPartner.objects.values_list("psp_id", "version"))
        for merchant in Merchant.objects.order_by("merchant_id").iterator():
            lines[merchant.psp_id, merchant.merchant_id] = [
                f"psp {merchant.psp_id} {partners[merchant.psp_id]}",
                f"merchant {merchant.merchant_id} {merchant.version}",
            ]
        for config in StoreProviderConfig.objects.order_by("store_id", "provider_name").iterator():
            configs[config.store_id].append(
                f"provider_config {config.store_id} {config.provider_name} {config.version}"
            )
        for store in Store.objects.order_by("store_id").iterator():
            own = lines[store.psp_id, store.merchant_id]
            own += [f"store {store.store_id} {store.version}", *configs[store.store_id]]
    return {owner: hashlib.sha256("\n".join(own).encode()).hexdigest() for owner, own in lines.items()}


def find_named_account(*, provider: str, account_id: str) -> StoreProviderConfig | None:
    """The account at `provider` that `account_id` (`pca_…`) names, or None when there is none."""
    try:
        found: StoreProviderConfig | None = StoreProviderConfig.objects.filter(
            pk=decode("pca", account_id), provider_name=provider
        ).first()
    except NotFound:
        return None
    return found


def notice_url(account: StoreProviderConfig) -> str:
    """Where the provider sends its notices about this account."""
    return conf.notice_url(account.provider_name, encode("pca", account.pk))


def list_notice_urls(*, scope: TenantScope) -> dict[int, dict[str, str]]:
    """The addresses of all accounts in the scope, by store and provider."""
    found: dict[int, dict[str, str]] = defaultdict(dict)
    with atomic(scope):
        for account in StoreProviderConfig.objects.filter(deleted_at=None):
            found[account.store_id][account.provider_name] = notice_url(account)
    return dict(found)
