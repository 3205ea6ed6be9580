"""A breaker of an account ..."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from kernel import metrics, observations
from kernel.errors import NotFound
from mpac.pgw import api
from mpac.pgw.db import atomic
from mpac.pgw.domain.breaker import BreakerMode
from mpac.pgw.errors import AccountsResting
from mpac.pgw.services import breakers
from mpac.pgw.services.breakers import AccountKey, switch_breaker
from mpac.pgw.services.confirmation import confirm_intent
from tests.pgw.conftest import OTHER_SCOPE, SCOPE
from tests.pgw.services.routes import LOST, REFUSED

pytestmark = pytest.mark.usefixtures("healthy")

FAKE = AccountKey(1, 11, 111, "fake")


def candidates(decision):
    return {
        each["provider"]: (each["place"], each["barred"], each["breaker"]) for each in decision.candidates
    }


def test_opens_when_calls_keep_failing_and_sends_payments_elsewhere(gateway, routes):
    for _ in range(5):
        routes["fake"].on_create.append(REFUSED)
        gateway.shown()
        routes["fake"].on_create.append(LOST)
        gateway.shown()
    assert routes.breaker("fake").state == "open"

    intent = gateway.shown()
    (decision,) = routes.decisions(intent)
    assert intent.provider == "other"
    assert candidates(decision) == {
        "other": ("name", None, "closed"),
        "third": ("name", None, "closed"),
        "fake": ("last_resort", None, "open"),
    }
    assert routes.calls()["fake"] == 10


def test_lets_a_trial_through_after_its_rest_and_closes_after_good_ones(gateway, routes):
    routes.ail("fake")
    intents = [gateway.create() for _ in range(5)]

    def confirm(intent, seconds):
        return gateway.confirm(intent, now=gateway.later(seconds)).provider

    assert confirm(intents[0], 29) == "other"
    assert [confirm(intent, seconds) for intent, seconds in zip(intents[1:4], (31, 33, 35), strict=True)] == [
        "fake"
    ] * 3
    assert routes.breaker("fake").state == "closed"
    assert confirm(intents[4], 37) == "fake"


def test_rests_again_after_a_bad_trial_whose_payment_goes_elsewhere(gateway, routes):
    routes.ail("fake")
    routes["fake"].on_create.append(REFUSED)
    intent = gateway.confirm(gateway.create(), now=gateway.later(31))

    assert routes.attempts(intent) == [("fake", "error"), ("other", "requires_action")]
    breaker = routes.breaker("fake")
    assert (breaker.state, breaker.rests) == ("open", 2)
    assert gateway.confirm(gateway.create(), now=gateway.later(85)).provider == "other"


def test_lets_one_of_many_at_once_be_its_trial(gateway, routes):
    routes.ail("fake")
    intents = [gateway.create() for _ in range(6)]
    routes["fake"].on_create.append(LOST)

    def confirm(intent):
        try:
            return confirm_intent(scope=SCOPE, intent_id=intent.pk, now=gateway.later(31)).provider
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        found = sorted(pool.map(confirm, intents))
    assert found == ["fake", *["other"] * 5]
    assert routes.calls()["fake"] == 1


def test_only_watches_in_a_dry_run(gateway, routes, settings):
    settings.MPAC_BREAKERS_ENFORCED = False
    routes.ail("fake")
    assert (routes.breaker("fake").state, routes.breaker("fake").mode) == ("open", "dry_run")

    intent = gateway.shown()
    assert intent.provider == "fake"
    (decision,) = routes.decisions(intent)
    assert (decision.candidates[0]["breaker"], decision.candidates[0]["mode"]) == ("open", "dry_run")
    for seconds in (31, 33, 35):
        gateway.confirm(gateway.create(), now=gateway.later(seconds))
    assert routes.breaker("fake").state == "closed"


def test_does_not_close_a_shop_that_has_no_other_account(gateway):
    for _ in range(10):
        breakers.report(scope=SCOPE, account=FAKE, failed=True, took_s=0.1, now=gateway.now)
    intent = gateway.shown()
    assert (intent.status, intent.provider) == ("requires_action", "fake")


def test_refuses_early_where_the_rules_say_so(gateway, routes):
    routes.publish({"name": "r", "providers": ["fake"], "only_listed": True}, more={"all_resting": "refuse"})
    routes.ail("fake")
    intent = gateway.create()

    with pytest.raises(AccountsResting):
        gateway.confirm(intent)
    assert gateway.intent(intent).status == "requires_confirmation"
    assert routes.calls()["fake"] == 0


def test_opens_when_nearly_every_call_is_slow(routes, gateway):
    for _ in range(10):
        breakers.report(scope=SCOPE, account=FAKE, failed=False, took_s=6, now=gateway.now)
    assert routes.breaker("fake").state == "open"


def test_costs_a_healthy_account_one_small_update_in_some_seconds(gateway, routes):
    for second in range(5):
        breakers.report(scope=SCOPE, account=FAKE, failed=False, took_s=0.1, now=gateway.later(second))
        assert routes.breaker("fake") is None
    breakers.report(scope=SCOPE, account=FAKE, failed=False, took_s=0.1, now=gateway.later(5))
    assert [counted[1:] for counted in routes.breaker("fake").buckets] == [[6, 0, 0]]


def test_writes_bad_news_at_once_with_the_good_news_before_it(gateway, routes):
    for _ in range(9):
        breakers.report(scope=SCOPE, account=FAKE, failed=False, took_s=0.1, now=gateway.now)
    breakers.report(scope=SCOPE, account=FAKE, failed=True, took_s=0.1, now=gateway.now)
    breaker = routes.breaker("fake")
    assert (breaker.state, [counted[1:] for counted in breaker.buckets]) == ("closed", [[10, 1, 0]])


def test_counts_every_failure_of_many_threads(gateway, routes):
    def fail(_number):
        try:
            breakers.report(scope=SCOPE, account=FAKE, failed=False, took_s=6, now=gateway.now)
            breakers.report(scope=SCOPE, account=FAKE, failed=False, took_s=0.1, now=gateway.later(5))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(fail, range(4)))
    breakers.report(scope=SCOPE, account=FAKE, failed=True, took_s=0.1, now=gateway.later(5))
    assert sum(counted[1] for counted in routes.breaker("fake").buckets) == 9


def test_is_switched_and_closed_by_people_of_its_tenant_alone(gateway, routes):
    routes.ail("fake")
    row = routes.breaker("fake")
    with pytest.raises(NotFound):
        switch_breaker(scope=OTHER_SCOPE, breaker_id=row.pk, mode=None, reset=True, now=gateway.now)
    switch_breaker(scope=SCOPE, breaker_id=row.pk, mode=BreakerMode.DRY_RUN, reset=False, now=gateway.now)
    assert (routes.breaker("fake").mode, routes.breaker("fake").state) == ("dry_run", "open")
    switch_breaker(scope=SCOPE, breaker_id=row.pk, mode=BreakerMode.ENFORCED, reset=True, now=gateway.now)
    assert (routes.breaker("fake").mode, routes.breaker("fake").state) == ("enforced", "closed")
    assert gateway.shown().provider == "fake"


def test_is_not_seen_by_other_tenants(gateway, routes):
    routes.ail("fake")
    with atomic(OTHER_SCOPE):
        found = breakers.list_health(psp_id=1, merchant_id=11, store_id=111, now=gateway.now)
    assert found == {}


def test_shows_in_the_figures(gateway, routes):
    routes.ail("fake")
    assert 'mpac_provider_breaker_changes_total{provider="fake",state="open"}' in metrics.render().decode()
    assert 'mpac_provider_breakers{context="pgw",provider="fake",state="open"} 1.0' in measured(gateway.now)
    switch_breaker(scope=SCOPE, breaker_id=routes.breaker("fake").pk, mode=None, reset=True, now=gateway.now)
    assert 'mpac_provider_breakers{context="pgw",provider="fake",state="open"}' not in measured(gateway.now)


def measured(now):
    return observations.render(api.observations(), now=now).decode()


def test_every_call_shows_in_the_figures_with_its_outcome(gateway, routes):
    routes["fake"].on_create.append(REFUSED)
    routes["other"].on_create.append(LOST)
    gateway.probe(gateway.shown())
    text = metrics.render().decode()
    for provider, operation, outcome in (
        ("fake", "create", "not_processed"),
        ("other", "create", "unknown"),
        ("other", "probe", "pending"),
    ):
        labels = f'operation="{operation}",outcome="{outcome}",provider="{provider}"'
        assert f"mpac_provider_attempts_total{{{labels}}}" in text
    assert 'mpac_provider_duration_seconds_count{operation="create",provider="fake"}' in text
