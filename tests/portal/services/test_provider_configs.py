"""A provider account..."""

import json

import pytest

from kernel import clock, crypto
from kernel.errors import Invalid, NotFound
from mpac.portal.db import atomic, db
from mpac.portal.errors import ProviderConfigured
from mpac.portal.services.provider_configs import create_provider_config, update_provider_config
from tests.portal.factories import SEED, make_tenant, published

CREDENTIALS = {"api_key": "app-key-9f31", "api_secret": "app-secret-77aa"}


@pytest.fixture
def config(tenant):
    return create(tenant)


def create(tenant, **changes):
    values = {
        "provider": "scb",
        "account": {"biller_id": "010556000000001"},
        "credentials": CREDENTIALS,
    } | changes
    return create_provider_config(scope=tenant.scope, store_id=tenant.store.id, now=clock.now(), **values)


def update(tenant, **changes):
    return update_provider_config(
        scope=tenant.scope, store_id=tenant.store.id, provider="scb", now=clock.now(), **changes
    )


def stored(tenant):
    with atomic(SEED):
        return db.execute("SELECT row_to_json(c)::text FROM provider_configs c")[0][0]


def test_keeps_its_credentials_sealed_for_its_own_place(tenant, config):
    place = f"provider-config:{tenant.psp.id}:{tenant.merchant.id}:{tenant.store.id}:scb"
    assert json.loads(crypto.open_sealed(config.credentials_sealed, aad=place)) == CREDENTIALS
    for elsewhere in (place.replace("scb", "kbank"), place.replace(f":{tenant.store.id}:", ":999999:")):
        with pytest.raises(crypto.CryptoError):
            crypto.open_sealed(config.credentials_sealed, aad=elsewhere)


def test_shows_its_credentials_nowhere(tenant, config):
    update(tenant, enabled=False)
    everything = stored(tenant) + json.dumps(published(), default=str)
    assert not any(secret in everything for secret in CREDENTIALS.values())


def test_counts_a_version_for_every_change_and_tells_it(tenant, config):
    assert update(tenant, credentials={"api_key": "new"}).version == 2
    assert update(tenant, account={"biller_id": "010556000000002"}).version == 3
    assert update(tenant, enabled=False).version == 4
    told = published("portal.provider_config_changed", aggregate_id=f"merchant:{tenant.merchant.id}")
    assert [(event["provider"], event["version_number"], event["enabled"]) for event in told] == [
        ("scb", 1, True),
        ("scb", 2, True),
        ("scb", 3, True),
        ("scb", 4, False),
    ]


def test_neither_counts_nor_tells_a_change_that_changes_nothing(tenant, config):
    before = published()
    assert update(tenant, enabled=True, account={"biller_id": "010556000000001"}).version == 1
    assert published() == before


def test_is_one_for_each_store_and_provider(tenant, config):
    with pytest.raises(ProviderConfigured):
        create(tenant)
    assert create(tenant, provider="kbank")


@pytest.mark.parametrize("provider", ["", "S", "SCB", "scb!", "x" * 33])
def test_needs_a_name_of_a_provider(tenant, provider):
    with pytest.raises(Invalid):
        create(tenant, provider=provider)


def test_of_another_provider_is_missing(tenant, config):
    other = make_tenant()
    with pytest.raises(NotFound):
        create_provider_config(
            scope=other.scope,
            store_id=tenant.store.id,
            provider="scb",
            account={},
            credentials=CREDENTIALS,
            now=clock.now(),
        )
    with pytest.raises(NotFound):
        update_provider_config(
            scope=other.scope, store_id=tenant.store.id, provider="scb", enabled=False, now=clock.now()
        )
