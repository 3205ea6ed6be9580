"""Reconciliation ..."""

import dataclasses

import pytest

from kernel import clock, jobs
from mpac.pgw import api as pgw
from mpac.sync import api
from mpac.sync.services import mirror
from mpac.sync.services.reconcile import Drift, find_drift, repair_drift
from tests.portal.factories import make_store, seconds
from tests.sync.conftest import change, configure, deliver, mirrored, reconfigure, sell, the_mirror


@pytest.fixture
def lose(superuser):
    """Forget what portal has announced and nobody took: the worst that can happen to an outbox."""

    def forget() -> None:
        superuser.execute("DELETE FROM portal.outbox WHERE delivered_at IS NULL")

    return forget


def drifted(tenant) -> Drift:
    return Drift(psp_id=tenant.psp.id, merchant_id=tenant.merchant.id, in_source=True)


def test_finds_nothing_when_both_sides_agree(copied, stranger, now):
    before = the_mirror()
    assert list(find_drift()) == []
    assert repair_drift(now=now) == 0
    assert the_mirror() == before


def test_copies_what_was_never_announced(tenant, lose, now):
    lose()
    assert list(find_drift()) == [drifted(tenant)]
    assert repair_drift(now=now) == 1
    assert list(find_drift()) == []
    assert sell(tenant).status == "requires_action"


@pytest.mark.parametrize("level", ["psp", "merchant", "store"])
@pytest.mark.parametrize("status", ["suspended", "closed"])
def test_stops_business_that_portal_stopped(copied, stranger, lose, level, status):
    change(copied, level, status=status)
    lose()
    assert sell(copied, key="before").status == "requires_action"
    assert list(find_drift()) == [drifted(copied)]
    assert repair_drift(now=clock.now()) == 1
    with pytest.raises(pgw.StoreNotUsable):
        sell(copied, key="after")
    assert sell(stranger).status == "requires_action"


def test_copies_an_account_that_changed(copied, lose, now):
    reconfigure(copied, enabled=False)
    lose()
    assert repair_drift(now=now) == 1
    assert [row["enabled"] for row in mirrored("store_provider_configs")] == [False]


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM pgw.store_provider_configs",
        "UPDATE pgw.store_provider_configs SET version = 0",
        "UPDATE pgw.stores SET version = 0, name = 'Damaged'",
        "UPDATE pgw.merchants SET version = 0, is_active = false",
        "UPDATE pgw.client_partners SET version = 0, is_active = false",
    ],
)
def test_mends_a_mirror_that_fell_behind(copied, superuser, now, damage):
    before = [{**row, "id": None} for rows in the_mirror().values() for row in rows]
    superuser.execute(damage)
    assert repair_drift(now=now) == 1
    after = [{**row, "id": None} for rows in the_mirror().values() for row in rows]
    assert [{**row, "created_at": None} for row in after] == [{**row, "created_at": None} for row in before]


def test_leaves_a_mirror_alone_that_is_ahead_and_says_so(copied, superuser, now, capsys):
    superuser.execute("UPDATE pgw.merchants SET version = 99, name = 'Ahead'")
    assert repair_drift(now=now) == 0
    assert [row["name"] for row in mirrored("merchants")] == ["Ahead"]
    assert list(find_drift()) == [drifted(copied)]
    assert "could not be repaired" in capsys.readouterr().out


def test_leaves_a_merchant_alone_that_only_the_mirror_knows(copied, now):
    other = pgw.MerchantSnapshot(
        psp_id=copied.psp.id,
        merchant_id=900_000,
        merchant_code="ELSEWHERE",
        name="Of another source",
        version=1,
        partner=None,
    )
    pgw.apply_merchant_snapshot(other, now=now)
    assert list(find_drift()) == [Drift(psp_id=copied.psp.id, merchant_id=900_000, in_source=False)]
    assert repair_drift(now=now) == 0
    assert 900_000 in [row["merchant_id"] for row in mirrored("merchants")]


def test_goes_on_with_the_others_when_one_merchant_cannot_be_copied(copied, stranger, lose, now, monkeypatch):
    for tenant in (copied, stranger):
        change(tenant, "merchant", name="Changed")
    lose()
    copy = mirror.copy_merchant

    def broken(*, merchant_id, **rest):
        return copy(merchant_id=merchant_id, **rest) if merchant_id != copied.merchant.id else 1 / 0

    monkeypatch.setattr(mirror, "copy_merchant", broken)
    assert repair_drift(now=now) == 1
    assert list(find_drift()) == [drifted(copied)]


def test_is_a_job_that_runs_once_every_quarter_of_an_hour(tenant, lose):
    lose()
    now = clock.now()
    assert jobs.run_slot("sync.reconcile", now=now) == 1
    change(tenant, "merchant", name="Changed")
    lose()
    assert jobs.run_slot("sync.reconcile", now=now) == 0
    assert list(find_drift()) == [drifted(tenant)]
    assert jobs.run_slot("sync.reconcile", now=now + seconds(15 * 60)) == 1
    assert list(find_drift()) == []


def test_is_what_the_invariant_asks_for(tenant, lose, now):
    [invariant] = api.invariants()
    lose()
    assert invariant.offending() == [(tenant.psp.id, tenant.merchant.id)]
    repair_drift(now=now)
    assert invariant.offending() == []


def test_compares_with_as_many_queries_for_many_stores_as_for_few(copied, django_assert_max_num_queries):
    with django_assert_max_num_queries(20, using="pgw") as few:
        list(find_drift())
    for _ in range(3):
        configure(dataclasses.replace(copied, store=make_store(copied.merchant)))
    deliver()
    with django_assert_max_num_queries(len(few), using="pgw"):
        list(find_drift())
