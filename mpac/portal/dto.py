"""What crosses portal's border: plain, frozen values. No secret is in any of them but where its name says so."""

import datetime as dt
import uuid
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What every level of the hierarchy is described by when it is created. `details` are columns that not all levels
    have: address, tax_number, onboarding, tax_branch, business_day_starts_at.
    """

    code: str
    name: str
    country: str
    currency: str
    time_zone: str
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileChanges:
    """The part of a profile that a change touches; None, or no entry among the details, leaves a field as it is."""

    name: str | None = None
    status: str | None = None
    country: str | None = None
    currency: str | None = None
    time_zone: str | None = None
    rate_limit_per_minute: int | None = None
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreDTO:
    """A store as its neighbors need it. `active` is false when it or anything above it is suspended or closed."""

    psp_id: int
    merchant_id: int
    store_id: int
    code: str
    name: str
    merchant_name: str
    country: str
    currency: str
    time_zone: str
    business_day_starts_at: dt.time
    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderConfigSnapshotDTO:
    """A store's account with a provider. `api_key_encrypted` is sealed; only the gateway opens it."""

    provider_name: str
    account: dict[str, str]
    api_key_encrypted: str
    enabled: bool
    livemode: bool
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSnapshotDTO:
    """A store and its provider accounts."""

    store_id: int
    store_code: str
    name: str
    status: str
    country: str
    currency: str
    time_zone: str
    version: int
    deleted: bool
    provider_configs: tuple[ProviderConfigSnapshotDTO, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PspSnapshotDTO:
    """A payment service provider; the gateway knows it as a client partner."""

    psp_id: int
    code: str
    name: str
    status: str
    rate_limit_per_minute: int
    version: int
    deleted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MerchantSnapshotDTO:
    """A merchant with all below it, read at one instant. `deleted` means closed: the row stays as a tombstone."""

    psp: PspSnapshotDTO
    merchant_id: int
    merchant_code: str
    name: str
    status: str
    country: str
    currency: str
    time_zone: str
    version: int
    deleted: bool
    stores: tuple[StoreSnapshotDTO, ...] = field(default=())

    @property
    def psp_id(self) -> int:
        return self.psp.psp_id


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnouncementLag:
    """Changes of the hierarchy on their way to the mirrors; `lag_s` is the age of the oldest, `parked` need a person."""

    lag_s: float
    pending: int
    parked: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """An issued access token; `access_token` is a secret."""

    access_token: str
    expires_in: int
    scope: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation:
    """What a terminal learns when its key has been bound."""

    device_id: uuid.UUID
    created_at: dt.datetime
    activated_at: dt.datetime
    key_id: str
