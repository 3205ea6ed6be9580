"""A snapshot of a merchant..."""

import hashlib

import pytest

from kernel import clock
from kernel.errors import NotFound
from mpac.portal import api
from mpac.portal.dto import ProfileChanges
from mpac.portal.services import hierarchy
from mpac.portal.services.provider_configs import create_provider_config
from tests.portal.factories import SEED, make_merchant, make_store, make_tenant, seconds


def configure(store, provider="scb"):
    return create_provider_config(
        scope=SEED,
        store_id=store.id,
        provider=provider,
        account={"biller_id": "1"},
        credentials={"api_key": "k"},
        now=clock.now(),
    )


def test_holds_everything_below_it(tenant):
    second = make_store(tenant.merchant)
    make_store(make_merchant(tenant.psp))
    config = configure(tenant.store)
    snapshot = api.get_merchant_snapshot(psp_id=tenant.psp.id, merchant_id=tenant.merchant.id)
    assert (snapshot.merchant_code, snapshot.version, snapshot.deleted) == (tenant.merchant.code, 1, False)
    assert (snapshot.psp.psp_id, snapshot.psp.rate_limit_per_minute) == (tenant.psp.id, 100)
    assert [store.store_id for store in snapshot.stores] == [tenant.store.id, second.id]
    (copied,) = snapshot.stores[0].provider_configs
    assert copied.api_key_encrypted == config.credentials_sealed
    assert snapshot.stores[1].provider_configs == ()


def test_is_read_in_four_queries_however_many_stores(tenant, django_assert_num_queries):
    for _ in range(5):
        configure(make_store(tenant.merchant))
    with django_assert_num_queries(7):  # and BEGIN, SET LOCAL, COMMIT
        api.get_merchant_snapshot(psp_id=tenant.psp.id, merchant_id=tenant.merchant.id)


def test_of_another_provider_is_missing(tenant):
    other = make_tenant()
    with pytest.raises(NotFound):
        api.get_merchant_snapshot(psp_id=other.psp.id, merchant_id=tenant.merchant.id)
    with pytest.raises(NotFound):
        api.get_psp_snapshot(psp_id=999_999)


def test_shows_what_is_closed_as_a_tombstone(tenant):
    changes = ProfileChanges(status="closed")
    hierarchy.update_store(scope=SEED, store_id=tenant.store.id, changes=changes, now=clock.now())
    snapshot = api.get_merchant_snapshot(psp_id=tenant.psp.id, merchant_id=tenant.merchant.id)
    assert (snapshot.deleted, snapshot.stores[0].deleted, snapshot.stores[0].status) == (
        False,
        True,
        "closed",
    )


def test_has_a_checksum_of_its_versions(tenant):
    config = configure(tenant.store)
    text = (
        f"psp {tenant.psp.id} 1\nmerchant {tenant.merchant.id} 1\n"
        f"store {tenant.store.id} 1\nprovider_config {tenant.store.id} scb 1"
    )
    key = (tenant.psp.id, tenant.merchant.id)
    assert api.checksums() == {key: hashlib.sha256(text.encode()).hexdigest()}
    assert config.version == 1
    before = api.checksums()
    hierarchy.update_store(
        scope=SEED, store_id=tenant.store.id, changes=ProfileChanges(name="New"), now=clock.now()
    )
    assert api.checksums() != before


def test_has_a_checksum_for_every_merchant_closed_ones_too(tenant):
    second = make_merchant(tenant.psp)
    changes = ProfileChanges(status="closed")
    hierarchy.update_merchant(scope=SEED, merchant_id=second.id, changes=changes, now=clock.now())
    assert set(api.checksums()) == {(tenant.psp.id, tenant.merchant.id), (tenant.psp.id, second.id)}


def test_of_a_merchant_is_asked_for_by_its_owner(tenant):
    assert api.find_psp_of_merchant(merchant_id=tenant.merchant.id) == tenant.psp.id
    assert api.find_psp_of_merchant(merchant_id=999_999) is None


def test_says_how_far_its_announcements_are_behind(tenant):
    now = clock.now()
    lag = api.announcement_lag(now=now + seconds(10))
    assert (lag.pending, lag.parked) == (3, 0)
    assert 10 <= lag.lag_s < 60


def test_of_a_store_says_whether_it_does_business(tenant):
    assert api.get_store(scope=tenant.scope, store_id=tenant.store.id).active
    for level in ("store", "merchant", "psp"):
        function = getattr(hierarchy, f"update_{level}")
        key = {f"{level}_id": getattr(tenant, level).id}
        function(scope=SEED, **key, changes=ProfileChanges(status="suspended"), now=clock.now())
        assert not api.get_store(scope=tenant.scope, store_id=tenant.store.id).active
        function(scope=SEED, **key, changes=ProfileChanges(status="active"), now=clock.now())
    with pytest.raises(NotFound):
        api.get_store(scope=make_tenant().scope, store_id=tenant.store.id)
