"""Calls under way at one account ..."""

import datetime as dt
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from kernel.ids import uuid7
from mpac.pgw.errors import AccountsBusy
from mpac.pgw.services.confirmation import confirm_intent
from mpac.pgw.services.slots import AccountKey, Slots, slots
from tests.pgw.conftest import SCOPE
from tests.pgw.doubles import show_qr

pytestmark = pytest.mark.usefixtures("healthy")

NOW = dt.datetime(2026, 11, 21, 7, tzinfo=dt.UTC)
FAKE = AccountKey(1, 11, 111, "fake")


@pytest.fixture
def one_at_a_time(settings):
    settings.MPAC_PROVIDER_CONCURRENCY = 1


@pytest.fixture
def under_way(gateway, provider):
    """A confirmation whose provider takes its time."""
    called, go_on = threading.Event(), threading.Event()

    def be_slow(request):
        called.set()
        assert go_on.wait(10)
        return show_qr(request)

    def confirm():
        try:
            return confirm_intent(scope=SCOPE, intent_id=intent.pk, now=gateway.now)
        finally:
            connections.close_all()

    intent = gateway.create()
    provider.on_create.append(be_slow)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(confirm)
        assert called.wait(10)
        yield intent
        go_on.set()
        assert running.result().status == "requires_action"
    assert slots.under_way(FAKE) == 0


def test_are_bounded_and_more_are_turned_away_untouched(one_at_a_time, gateway, provider, under_way):
    another = gateway.create()
    with pytest.raises(AccountsBusy) as busy:
        gateway.confirm(another)

    assert busy.value.retry_after_s == 1
    assert gateway.intent(another).status == "requires_confirmation"
    assert gateway.attempt(another) is None
    assert len(provider.created) == 1


def test_send_more_to_another_account_of_the_store(one_at_a_time, gateway, routes, under_way):
    intent = gateway.shown()
    (decision,) = routes.decisions(intent)
    assert decision.provider == "other"
    assert {each["provider"]: each["barred"] for each in decision.candidates}["fake"] == "busy"


def test_are_over_when_the_provider_has_answered(one_at_a_time, gateway):
    for _ in range(3):
        assert gateway.shown().status == "requires_action"
    assert slots.under_way(FAKE) == 0


def test_are_over_when_the_adapter_breaks(one_at_a_time, gateway, provider):
    def break_down(_request):
        msg = "a fault of ours"
        raise RuntimeError(msg)

    provider.on_create.append(break_down)
    with pytest.raises(RuntimeError):
        gateway.shown()
    assert gateway.shown().status == "requires_action"


def test_lapse_when_nobody_gives_them_back(one_at_a_time):
    counted = Slots()
    assert counted.take(FAKE, uuid7(), now=NOW)
    assert not counted.take(FAKE, uuid7(), now=NOW + dt.timedelta(seconds=11))
    assert counted.take(FAKE, uuid7(), now=NOW + dt.timedelta(seconds=12))
    assert counted.under_way(FAKE) == 1


def test_are_counted_for_each_account_by_itself(one_at_a_time):
    counted = Slots()
    assert counted.take(FAKE, uuid7(), now=NOW)
    assert counted.take(FAKE._replace(store_id=112), uuid7(), now=NOW)
    assert counted.take(FAKE._replace(provider="other"), uuid7(), now=NOW)


def test_are_given_back_once(settings):
    settings.MPAC_PROVIDER_CONCURRENCY = 2
    counted, first, second = Slots(), uuid7(), uuid7()
    assert counted.take(FAKE, first, now=NOW)
    assert counted.take(FAKE, second, now=NOW)
    counted.give_back(first)
    counted.give_back(first)
    counted.give_back(uuid7())
    assert counted.under_way(FAKE) == 1


def test_never_exceed_the_bound_under_many_threads(settings):
    settings.MPAC_PROVIDER_CONCURRENCY = 3
    counted, highest, turned_away = Slots(), [], []

    def call(_number):
        holder = uuid7()
        if counted.take(FAKE, holder, now=NOW):
            highest.append(counted.under_way(FAKE))
            counted.give_back(holder)
        else:
            turned_away.append(holder)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(call, range(2000)))
    assert max(highest) <= 3
    assert len(highest) + len(turned_away) == 2000
    assert counted.under_way(FAKE) == 0


def test_of_one_psp_may_hold_half_of_the_threads_when_they_hang_and_leave_the_others_to_everybody_else(
    settings,
):
    settings.MPAC_WEB_THREADS = 6
    ours, elsewhere, theirs = Slots(), AccountKey(1, 12, 112, "other"), AccountKey(2, 22, 222, "fake")
    holders = [uuid7() for _ in range(3)]
    for holder, account in zip(holders, (FAKE, FAKE, elsewhere), strict=True):
        assert ours.take(account, holder, now=NOW)
    soon, later = NOW + dt.timedelta(seconds=1), NOW + dt.timedelta(seconds=2)
    quick = uuid7()
    assert ours.take(FAKE, quick, now=soon)
    ours.give_back(quick)
    assert not ours.take(FAKE, uuid7(), now=later)
    assert not ours.take(elsewhere, uuid7(), now=later)
    assert ours.take(theirs, uuid7(), now=later)
    ours.give_back(holders[0])
    assert ours.take(FAKE, uuid7(), now=later)
    lapsed = NOW + dt.timedelta(minutes=1)
    assert ours.take(FAKE, uuid7(), now=lapsed)
