"""The mirror ..."""

import dataclasses
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from mpac.pgw.db import atomic
from mpac.pgw.dto import PartnerSnapshot, StoreSnapshot
from mpac.pgw.errors import StoreNotUsable
from mpac.pgw.models import Merchant, Store, StoreProviderConfig
from mpac.pgw.selectors.mirror import mirror_checksums
from mpac.pgw.services.mirroring import apply_merchant_snapshot
from tests.pgw.conftest import OTHER_SCOPE, SCOPE, snapshot


def results(snapshot, now) -> list[tuple[str, str]]:
    return [(item.kind, item.result) for item in apply_merchant_snapshot(snapshot, now=now).items]


def test_takes_a_merchant_with_all_below_it(database, now):
    assert results(snapshot(), now) == [
        ("partner", "applied"),
        ("merchant", "applied"),
        ("store", "applied"),
        ("provider_config", "applied"),
    ]
    with atomic(SCOPE):
        assert Store.objects.get().merchant_id == 11
        assert StoreProviderConfig.objects.get().account["biller_id"] == "123456789012345"


def test_changes_nothing_when_told_again(database, now):
    apply_merchant_snapshot(snapshot(), now=now)
    assert {result for _, result in results(snapshot(), now)} == {"unchanged"}


def test_is_told_of_a_new_merchant_by_many_at_once(database, now):
    """The tables have several keys. None of them may raise for whoever comes second."""
    told = threading.Barrier(8)

    def tell(merchant_id):
        told.wait()
        try:
            return [
                result
                for _, result in results(snapshot(merchant_id=merchant_id, store_id=merchant_id + 1000), now)
            ]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        for merchant_id in range(100, 110):
            answers = list(pool.map(tell, [merchant_id] * 8))
            assert {tuple(answer[1:]) for answer in answers} == {("applied",) * 3, ("unchanged",) * 3}
            assert [answer[1] for answer in answers].count("applied") == 1


def test_never_goes_back_to_an_older_version(database, now):
    apply_merchant_snapshot(snapshot(version=5, name="Newer"), now=now)
    assert ("merchant", "unchanged") in results(snapshot(version=4, name="Older"), now)
    with atomic(SCOPE):
        assert Merchant.objects.get().name == "Newer"


def test_refuses_a_merchant_that_belongs_to_somebody_else(database, now):
    apply_merchant_snapshot(snapshot(), now=now)
    taken = snapshot(psp_id=2, version=99, name="Taken over")
    assert results(taken, now) == [("partner", "applied"), ("merchant", "refused")]
    with atomic(SCOPE):
        assert Merchant.objects.get().name == "Merchant"
    with atomic(OTHER_SCOPE):
        assert not Merchant.objects.exists()


def test_refuses_a_store_that_belongs_to_another_merchant(database, now):
    apply_merchant_snapshot(snapshot(), now=now)
    other = snapshot(merchant_id=12, version=9)
    assert results(other, now)[-1] == ("store", "refused")


def test_refuses_a_merchant_of_an_unknown_partner(database, now):
    assert results(snapshot(partner=None), now) == [("merchant", "refused")]


def test_keeps_what_is_deleted_as_a_tombstone_and_takes_no_payments_for_it(gateway, now):
    store = dataclasses.replace(snapshot().stores[0], deleted=True, version=2)
    apply_merchant_snapshot(snapshot(stores=(store,)), now=now)
    with atomic(SCOPE):
        assert Store.objects.get().deleted_at is not None
    with pytest.raises(StoreNotUsable):
        gateway.create()


@pytest.mark.parametrize(
    "stopped",
    [
        {"version": 2, "is_active": False},
        {"version": 2, "deleted": True},
        {"partner": PartnerSnapshot(psp_id=1, name="Partner", version=2, is_active=False)},
        {"stores": (StoreSnapshot(store_id=111, store_code="S", name="S", version=2, is_active=False),)},
    ],
)
def test_stops_business_when_any_level_is_stopped(gateway, now, stopped):
    made_before = gateway.create()
    apply_merchant_snapshot(snapshot(**stopped), now=now)
    with pytest.raises(StoreNotUsable):
        gateway.create()
    with pytest.raises(StoreNotUsable):
        gateway.confirm(made_before)
    assert gateway.provider.created == []


def test_brings_back_what_was_deleted_with_a_higher_version(gateway, now):
    apply_merchant_snapshot(snapshot(version=2, deleted=True), now=now)
    apply_merchant_snapshot(snapshot(version=3), now=now)
    assert gateway.create().status == "requires_confirmation"


def test_has_checksums_that_follow_the_versions(database, now):
    apply_merchant_snapshot(snapshot(), now=now)
    before = mirror_checksums()
    apply_merchant_snapshot(snapshot(), now=now)
    assert mirror_checksums() == before
    apply_merchant_snapshot(snapshot(version=2), now=now)
    after = mirror_checksums()
    assert set(after) == {(1, 11)}
    assert after != before
