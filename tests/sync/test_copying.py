"""What portal announces ..."""

import dataclasses
import io
import itertools
import json
import threading
import uuid

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from kernel import clock, ids
from mpac.pgw import api as pgw
from mpac.portal import api as portal
from mpac.portal.events import MerchantChanged
from mpac.sync import handlers
from mpac.sync.services import mirror
from tests.portal.factories import make_store
from tests.sync.conftest import (
    CREDENTIALS,
    change,
    configure,
    deliver,
    mirrored,
    of_version,
    reconfigure,
    sell,
    the_mirror,
)

LEVELS = {"psp": "client_partners", "merchant": "merchants", "store": "stores"}


def snapshot_of(tenant) -> pgw.MerchantSnapshot:
    return mirror.to_mirror(
        portal.get_merchant_snapshot(psp_id=tenant.psp.id, merchant_id=tenant.merchant.id)
    )


def test_can_be_sold_with_as_soon_as_it_is_delivered(tenant, provider):
    with pytest.raises(pgw.StoreNotUsable):
        sell(tenant)
    deliver()
    assert sell(tenant).status == "requires_action"
    [charge] = provider.created
    assert charge.account.fields == {"biller_id": "123456789012345"}
    assert charge.account.credentials == CREDENTIALS


def test_carries_no_open_secret(copied, superuser):
    seen = superuser.execute("SELECT payload::text FROM portal.outbox").fetchall()
    seen += superuser.execute("SELECT to_jsonb(c)::text FROM pgw.store_provider_configs c").fetchall()
    assert seen
    assert not any(secret in text for (text,) in seen for secret in CREDENTIALS.values())


def test_changes_the_mirror_when_it_changes(copied, provider):
    change(copied, "merchant", name="New name")
    change(copied, "psp", rate_limit_per_minute=77)
    reconfigure(copied, credentials={"api_key": "next", "api_secret": "secret"})
    deliver()
    assert [(row["name"], row["version"]) for row in mirrored("merchants")] == [("New name", 2)]
    assert [row["rate_limit_per_minute"] for row in mirrored("client_partners")] == [77]
    sell(copied)
    assert provider.created[0].account.credentials["api_key"] == "next"


def test_switches_an_account_off_and_on(copied):
    reconfigure(copied, enabled=False)
    deliver()
    with pytest.raises(pgw.ProviderNotUsable):
        sell(copied)
    reconfigure(copied, enabled=True)
    deliver()
    assert sell(copied).status == "requires_action"


def test_opens_a_second_store(copied):
    second = dataclasses.replace(copied, store=make_store(copied.merchant))
    configure(second)
    deliver()
    assert sell(second).status == "requires_action"
    assert sell(copied, key="other").status == "requires_action"


@pytest.mark.parametrize("level", LEVELS)
def test_stops_business_while_a_level_is_suspended(copied, level):
    change(copied, level, status="suspended")
    deliver()
    [row] = mirrored(LEVELS[level])
    assert (row["is_active"], row["deleted_at"]) == (False, None)
    with pytest.raises(pgw.StoreNotUsable):
        sell(copied)
    change(copied, level, status="active")
    deliver()
    assert sell(copied).status == "requires_action"


@pytest.mark.parametrize("level", LEVELS)
def test_leaves_a_tombstone_of_what_is_closed(copied, level):
    sold = sell(copied)
    change(copied, level, status="closed")
    deliver()
    [row] = mirrored(LEVELS[level])
    assert row["is_active"] is False
    assert row["deleted_at"] is not None
    with pytest.raises(pgw.StoreNotUsable):
        sell(copied, key="other")
    assert pgw.get_payment_intent(scope=copied.scope, intent_id=sold.id).status == "requires_action"


def test_touches_no_merchant_when_a_provider_changes(copied):
    change(copied, "psp", name="Renamed")
    result = mirror.copy_provider(psp_id=copied.psp.id, now=clock.now())
    assert [(item.kind, item.result) for item in result.items] == [("partner", "applied")]


def test_ends_in_the_newest_version_in_whatever_order_it_arrives(copied, now):
    base = snapshot_of(copied)
    for start, order in enumerate(itertools.permutations((1, 2, 3)), start=1):
        versions = [10 * start + number for number in order]
        for version in [*versions, versions[0]]:
            pgw.apply_merchant_snapshot(of_version(base, version), now=now)
        newest = max(versions)
        assert {row["version"] for rows in the_mirror().values() for row in rows} == {newest}
        assert mirrored("merchants")[0]["name"] == f"Merchant {newest}"
        assert mirrored("stores")[0]["name"] == f"Store {newest}"
        assert mirrored("client_partners")[0]["name"] == f"Partner {newest}"
        assert mirrored("store_provider_configs")[0]["account"] == {"v": str(newest)}


def test_ends_in_the_newest_version_when_all_arrive_at_once(copied, now):
    base, count = snapshot_of(copied), 6
    barrier = threading.Barrier(count)

    def apply(version):
        barrier.wait()
        try:
            pgw.apply_merchant_snapshot(of_version(base, version), now=now)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=apply, args=(version,)) for version in range(2, 2 + count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {row["version"] for rows in the_mirror().values() for row in rows} == {1 + count}


def test_says_that_something_changed_and_never_what(copied, now):
    """A late event leads to the present state, not to the one it was published about."""
    change(copied, "merchant", name="Second")
    change(copied, "merchant", name="Third")
    late = MerchantChanged(
        aggregate_id=f"merchant:{copied.merchant.id}",
        psp_id=copied.psp.id,
        merchant_id=copied.merchant.id,
        version_number=2,
        status="active",
    )
    for _ in range(2):
        handlers.copy_merchant(late, now=now)
        assert [(row["name"], row["version"]) for row in mirrored("merchants")] == [("Third", 3)]
    before = the_mirror()
    deliver()
    assert the_mirror() == before


def test_may_be_delivered_twice(copied, superuser):
    before = the_mirror()
    superuser.execute("UPDATE portal.outbox SET delivered_at = NULL, next_try_at = now()")
    superuser.execute("DELETE FROM sync.inbox")
    assert deliver(later_s=1) > 0
    assert the_mirror() == before


def test_waits_in_the_outbox_while_the_gateway_fails(tenant, monkeypatch, now):
    with monkeypatch.context() as broken:
        broken.setattr(pgw, "apply_merchant_snapshot", lambda *_, **__: 1 / 0)
        deliver()
    assert mirrored("merchants") == []
    lag = portal.announcement_lag(now=now)
    assert (lag.pending, lag.parked) == (3, 0)
    deliver(later_s=60)
    assert portal.announcement_lag(now=now).pending == 0
    assert sell(tenant).status == "requires_action"


@pytest.mark.parametrize("version", [1, 2, 2**62])
def test_never_lets_another_provider_take_a_merchant_over(copied, stranger, now, version):
    before = the_mirror()
    theirs = of_version(snapshot_of(copied), version)
    stolen = dataclasses.replace(
        theirs, psp_id=stranger.psp.id, partner=snapshot_of(stranger).partner, name="Stolen"
    )
    results = {item.kind: item.result for item in pgw.apply_merchant_snapshot(stolen, now=now).items}
    assert results == {"partner": "unchanged", "merchant": "refused"}
    assert the_mirror() == before


@pytest.mark.parametrize("version", [1, 2, 2**62])
def test_never_lets_another_merchant_take_a_store_over(copied, stranger, now, version):
    before = the_mirror()
    theirs, own = of_version(snapshot_of(copied), version), snapshot_of(stranger)
    stolen = dataclasses.replace(own, stores=theirs.stores)
    results = [(item.kind, item.result) for item in pgw.apply_merchant_snapshot(stolen, now=now).items]
    assert results == [("partner", "unchanged"), ("merchant", "unchanged"), ("store", "refused")]
    assert the_mirror() == before


def test_can_be_copied_by_hand_which_tells_where_notices_have_to_go(tenant, provider, settings):
    place = (str(tenant.psp.id), str(tenant.merchant.id))
    said = [call_command("copy_merchant", *place, stdout=io.StringIO()) for _ in range(2)]
    assert sell(tenant).status == "requires_action"
    assert said[0] == said[1]
    [config] = mirrored("store_provider_configs")
    address = f"{settings.MPAC_PUBLIC_URL}/v1/webhooks/fake/{ids.encode('pca', uuid.UUID(config['id']))}"
    assert json.loads(said[0]) == {str(tenant.store.id): {"fake": address}}


def test_cannot_be_copied_by_hand_when_it_does_not_exist(tenant):
    with pytest.raises(CommandError, match="No such object"):
        call_command("copy_merchant", str(tenant.psp.id), str(tenant.merchant.id + 1))
