"""What other contexts may ask of portal."""

import datetime as dt
from collections.abc import Callable

from kernel.errors import Unauthenticated
from kernel.principal import Principal
from kernel.tenancy import Scope, TenantScope
from mpac.portal.dto import (
    AnnouncementLag,
    MerchantSnapshotDTO,
    ProviderConfigSnapshotDTO,
    PspSnapshotDTO,
    StoreDTO,
    StoreSnapshotDTO,
)
from mpac.portal.selectors import announcements as _announcements
from mpac.portal.selectors import hierarchy as _hierarchy
from mpac.portal.selectors import snapshots as _snapshots
from mpac.portal.selectors import updates as _updates
from mpac.portal.services import verification as _verification

__all__ = [
    "AnnouncementLag",
    "MerchantSnapshotDTO",
    "ProviderConfigSnapshotDTO",
    "PspSnapshotDTO",
    "StoreDTO",
    "StoreSnapshotDTO",
    "Unauthenticated",
    "announcement_lag",
    "ask_before_updates",
    "authenticate_token",
    "checksums",
    "find_psp_of_merchant",
    "get_merchant_snapshot",
    "get_psp_snapshot",
    "get_store",
]


def authenticate_token(token: str, *, now: dt.datetime) -> Principal:
    """Whose access token this is: signature, issuer, audience, times and revocations checked. Raises Unauthenticated."""
    return _verification.authenticate_token(token, now=now)


def ask_before_updates(name: str, question: Callable[[TenantScope, int, dt.datetime], bool]) -> None:
    """Have `question(scope, store_id, now)` asked before a terminal is told to update: whether its store is too busy for it."""
    _updates.ask_before_updates(name, question)


def get_store(*, scope: Scope, store_id: int) -> StoreDTO:
    """A store that `scope` may see, with where it is and whether it does business. Raises NotFound."""
    return _hierarchy.describe_store(scope=scope, store_id=store_id)


def get_psp_snapshot(*, psp_id: int) -> PspSnapshotDTO:
    """A provider, for its mirror. Raises NotFound."""
    return _snapshots.get_psp_snapshot(psp_id=psp_id)


def get_merchant_snapshot(*, psp_id: int, merchant_id: int) -> MerchantSnapshotDTO:
    """A merchant with all below it, for its mirror. Raises NotFound."""
    return _snapshots.get_merchant_snapshot(psp_id=psp_id, merchant_id=merchant_id)


def find_psp_of_merchant(*, merchant_id: int) -> int | None:
    """Whose merchant this is, or None when there is no such merchant."""
    return _snapshots.find_psp_of_merchant(merchant_id=merchant_id)


def checksums() -> dict[tuple[int, int], str]:
    """A digest for each merchant, by provider and merchant id, of the versions that its mirror must hold.

    SHA-256 in hex of these lines joined by newlines, stores by id, a store's accounts behind it by provider name:
    `psp <id> <version>`, `merchant <id> <version>`, `store <id> <version>`,
    `provider_config <store id> <provider> <version>`.
    """
    return _snapshots.checksums()


def announcement_lag(*, now: dt.datetime) -> AnnouncementLag:
    """How far the mirrors may be behind: changes of the hierarchy that no mirror has taken yet."""
    return _announcements.get_announcement_lag(now=now)
