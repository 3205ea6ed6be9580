"""What crosses the gateway's border. Plain values; nothing here can reach the database."""

import datetime as dt
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentIntentDTO:
    """A payment intent as other contexts see it."""

    id: str
    status: str
    amount_minor: int
    currency: str
    method: str | None
    provider: str | None
    next_action: dict[str, Any] | None
    last_error: dict[str, str] | None
    expires_at: dt.datetime
    source: str
    reference: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundDTO:
    """A refund as other contexts see it. A `manual` one waits for two people."""

    id: str
    intent_id: str
    status: str
    amount_minor: int
    currency: str
    reason: str
    provider: str
    manual: bool
    last_error: dict[str, str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderConfigSnapshot:
    """A store's account at a provider: `account` is how the provider knows the store, the credentials stay sealed."""

    provider_name: str
    account: dict[str, str]
    api_key_encrypted: str
    enabled: bool
    version: int
    livemode: bool | None = None
    deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSnapshot:
    """A store with its provider accounts."""

    store_id: int
    store_code: str
    name: str
    version: int
    is_active: bool = True
    deleted: bool = False
    provider_configs: tuple[ProviderConfigSnapshot, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerSnapshot:
    """A payment service provider."""

    psp_id: int
    name: str
    version: int
    is_active: bool = True
    rate_limit_per_minute: int = 100
    deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MerchantSnapshot:
    """A merchant with its stores, all of them or those that changed; what is gone comes as `deleted`."""

    psp_id: int
    merchant_id: int
    merchant_code: str
    name: str
    version: int
    is_active: bool = True
    deleted: bool = False
    stores: tuple[StoreSnapshot, ...] = ()
    partner: PartnerSnapshot | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncItem:
    """What became of one row: applied, unchanged (not newer), or refused (another owner's)."""

    kind: str
    id: str
    version: int
    result: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncResult:
    """What became of a snapshot, row by row."""

    items: tuple[SyncItem, ...]

    def count(self, kind: str) -> int:
        """How many rows of `kind` are now as the snapshot says."""
        return sum(item.kind == kind and item.result in {"applied", "unchanged"} for item in self.items)
