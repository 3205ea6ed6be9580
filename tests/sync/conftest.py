"""A hierarchy in portal, a fake bank in the gateway, and the relay's work done by hand."""

import dataclasses
import datetime as dt
import json
from collections.abc import Callable, Iterator

import pytest

from kernel import clock
from kernel.money import Money
from kernel.tenancy import SystemScope
from mpac.pgw import api as pgw
from mpac.pgw.db import atomic as pgw_atomic
from mpac.pgw.db import db as pgw_db
from mpac.portal.db import db as portal_db
from mpac.portal.dto import ProfileChanges
from mpac.portal.models import ProviderConfig
from mpac.portal.services import hierarchy
from mpac.portal.services.provider_configs import create_provider_config, update_provider_config
from tests.delivery import deliver_all
from tests.pgw.doubles import FakeAdapter, registered
from tests.portal.factories import SEED, Tenant, make_tenant
from tests.signed import Service

CREDENTIALS = {"api_key": "the-key", "api_secret": "the-secret"}
MIRROR = ("client_partners", "merchants", "stores", "store_provider_configs")


@pytest.fixture
def now() -> dt.datetime:
    return clock.now()


@pytest.fixture
def provider(database) -> Iterator[FakeAdapter]:
    with registered() as adapter:
        yield adapter


@pytest.fixture
def service(api) -> Service:
    return Service(api)


def deliver(*, later_s: float = 0) -> int:
    """Let the relay deliver what portal has announced."""
    return deliver_all([portal_db], now=lambda: clock.now() + dt.timedelta(seconds=later_s))


def configure(tenant: Tenant) -> ProviderConfig:
    return create_provider_config(
        scope=SEED,
        store_id=tenant.store.id,
        provider="fake",
        account={"biller_id": "123456789012345"},
        credentials=CREDENTIALS,
        now=clock.now(),
    )


def reconfigure(tenant: Tenant, **changes: object) -> ProviderConfig:
    return update_provider_config(
        scope=SEED, store_id=tenant.store.id, provider="fake", now=clock.now(), **changes
    )


def change(tenant: Tenant, level: str, **changes: str) -> None:
    """Change a tenant's psp, merchant or store in portal."""
    update: Callable[..., object] = getattr(hierarchy, f"update_{level}")
    entry = {f"{level}_id": getattr(tenant, level).id}
    update(scope=SEED, **entry, changes=ProfileChanges(**changes), now=clock.now())


@pytest.fixture
def tenant(provider) -> Tenant:
    """A store with an account, announced and not yet delivered."""
    made = make_tenant()
    configure(made)
    return made


@pytest.fixture
def copied(tenant) -> Tenant:
    """The same, in the mirror."""
    deliver()
    return tenant


@pytest.fixture
def stranger(copied) -> Tenant:
    """Another provider's hierarchy, in the mirror as well."""
    made = make_tenant()
    configure(made)
    deliver()
    return made


def sell(tenant: Tenant, *, key: str = "key") -> pgw.PaymentIntentDTO:
    """What a terminal of this store does first of all."""
    created = pgw.create_payment_intent(
        scope=tenant.scope,
        merchant_id=tenant.merchant.id,
        store_id=tenant.store.id,
        amount=Money(12550, "THB"),
        method="qr_code",
        idempotency_key=key,
        source="smarttab",
        now=clock.now(),
    )
    return pgw.confirm_payment_intent(scope=tenant.scope, intent_id=created.id, now=clock.now())


def mirrored(table: str) -> list[dict]:
    """The rows of one of the mirror's tables."""
    with pgw_atomic(SystemScope("sync")):
        rows = pgw_db.execute(f"SELECT (to_jsonb(m) - 'synced_at')::text FROM {table} m ORDER BY 1")
    return [json.loads(row[0]) for row in rows]


def the_mirror() -> dict[str, list[dict]]:
    return {table: mirrored(table) for table in MIRROR}


def of_version(snapshot: pgw.MerchantSnapshot, version: int) -> pgw.MerchantSnapshot:
    """The same merchant, store and account, all of them in this version and named after it."""
    [store] = snapshot.stores
    [config] = store.provider_configs
    return dataclasses.replace(
        snapshot,
        name=f"Merchant {version}",
        version=version,
        stores=(
            dataclasses.replace(
                store,
                name=f"Store {version}",
                version=version,
                provider_configs=(dataclasses.replace(config, account={"v": str(version)}, version=version),),
            ),
        ),
        partner=dataclasses.replace(snapshot.partner, name=f"Partner {version}", version=version),
    )
