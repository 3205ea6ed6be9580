"""Routing a payment ..."""

import datetime as dt
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from django.conf import settings
from django.db import DatabaseError, connections

from kernel.errors import NotFound
from kernel.tenancy import SystemScope
from mpac.pgw.adapters.port import Declined
from mpac.pgw.db import atomic, db
from mpac.pgw.errors import ProviderNotUsable, RulesOutdated, RulesRefused
from mpac.pgw.models import RoutingRules
from mpac.pgw.services import rule_books
from mpac.pgw.services.rule_books import withdraw_rules
from tests.pgw.conftest import OTHER_SCOPE, SCOPE
from tests.pgw.doubles import answers

pytestmark = pytest.mark.usefixtures("healthy")

OTHER_FIRST = {"name": "other first", "providers": ["other"]}
THIRD_FIRST = {"name": "third first", "providers": ["third"]}


def test_goes_by_name_without_rules_and_says_so(gateway, routes):
    intent = gateway.shown()

    (decision,) = routes.decisions(intent)
    assert (decision.provider, decision.rule, decision.failover) == ("fake", None, False)
    assert decision.attempt_id == gateway.attempt(intent).pk
    assert (decision.method, decision.amount_minor, decision.currency) == ("qr_code", 12550, "THB")
    assert [(each["provider"], each["place"], each["barred"]) for each in decision.candidates] == [
        ("fake", "name", None),
        ("other", "name", None),
        ("third", "name", None),
    ]


def test_goes_by_the_merchants_rules(gateway, routes):
    rules = routes.publish(
        {"name": "large", "currencies": ["THB"], "amount_from": 10**6, "providers": ["third"]}, OTHER_FIRST
    )
    intent = gateway.shown()

    (decision,) = routes.decisions(intent)
    assert intent.provider == gateway.attempt(intent).provider == decision.provider == "other"
    assert (decision.rule, decision.rules_id) == ("other first", rules.pk)
    assert routes.calls() == {"fake": 0, "other": 1, "third": 0}


def test_goes_by_the_stores_own_rules_before_the_merchants(gateway, routes):
    routes.publish(OTHER_FIRST)
    own = routes.publish(THIRD_FIRST, store=111)
    assert gateway.shown().provider == "third"

    withdraw_rules(scope=SCOPE, rules=own, published_by="me", note="no more", now=routes.now)
    assert gateway.shown().provider == "other"


def test_goes_by_the_last_version_that_has_begun_and_not_ended(gateway, routes):
    routes.publish(OTHER_FIRST)
    routes.publish(THIRD_FIRST, valid_from=gateway.later(60), valid_until=gateway.later(120))
    intents = [gateway.create() for _ in range(3)]

    chosen = [
        gateway.confirm(intent, now=gateway.later(seconds)).provider
        for intent, seconds in zip(intents, (59, 61, 121), strict=True)
    ]
    assert chosen == ["other", "third", "fake"]


def test_goes_on_without_rules_when_they_are_withdrawn(gateway, routes):
    rules = routes.publish(OTHER_FIRST)
    withdraw_rules(scope=SCOPE, rules=rules, published_by="me", note="", now=routes.now)
    assert gateway.shown().provider == "fake"


def test_leaves_other_merchants_rules_alone(routes):
    routes.publish(OTHER_FIRST)
    with atomic(OTHER_SCOPE):
        assert not RoutingRules.objects.exists()
        assert rule_books.find_book(psp_id=1, merchant_id=11, store_id=111, now=routes.now) is None


def test_takes_the_provider_that_the_caller_names(gateway, routes):
    routes.publish(OTHER_FIRST)
    intent = gateway.shown(provider="third")

    (decision,) = routes.decisions(intent)
    assert (decision.provider, decision.wanted_provider) == ("third", "third")
    assert {each["provider"]: each["barred"] for each in decision.candidates} == {
        "third": None,
        "fake": "other_provider_wanted",
        "other": "other_provider_wanted",
    }


def test_keeps_to_the_named_provider_at_the_next_try(gateway, routes):
    routes["third"].on_create.append(answers(Declined(code="declined", message="No.")))
    intent = gateway.shown(provider="third", source="api")
    routes.publish(OTHER_FIRST)
    gateway.confirm(intent)

    assert [decision.provider for decision in routes.decisions(intent)] == ["third", "third"]


def test_is_free_to_go_elsewhere_at_the_next_try_when_nobody_named_a_provider(gateway, routes):
    routes["fake"].on_create.append(answers(Declined(code="declined", message="No.")))
    intent = gateway.shown(source="api")
    routes.publish(OTHER_FIRST)
    gateway.confirm(intent)

    assert [decision.provider for decision in routes.decisions(intent)] == ["fake", "other"]


def test_splits_by_the_intent_and_by_nothing_else(gateway, routes):
    split = [{"provider": "fake", "percent": 50}, {"provider": "other", "percent": 50}]
    routes.publish({"name": "half", "split": split})
    for _ in range(8):
        intent = gateway.shown()
        (decision,) = routes.decisions(intent)
        assert decision.provider == ("fake" if decision.point < 50 else "other")
        assert decision.point in range(100)


def test_passes_over_a_provider_whose_method_has_another_currency(gateway, routes):
    yen = {"qr_code": frozenset({"JPY"})}
    routes["fake"].capabilities = replace(routes["fake"].capabilities, method_currencies=yen)
    intent = gateway.shown()

    (decision,) = routes.decisions(intent)
    assert decision.provider == "other"
    barred = {each["provider"]: each["barred"] for each in decision.candidates}
    assert barred == {"fake": "currency_not_supported", "other": None, "third": None}


def test_refuses_when_the_rules_leave_nobody(gateway, routes):
    routes["third"].capabilities = replace(routes["third"].capabilities, max_amount_minor=1)
    routes.publish({"name": "r", "providers": ["third"], "only_listed": True})
    intent = gateway.create()

    with pytest.raises(ProviderNotUsable):
        gateway.confirm(intent)
    assert gateway.intent(intent).status == "requires_confirmation"
    assert routes.decisions(intent) == []


@pytest.mark.parametrize("table", ["routing_decisions", "routing_rules"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET psp_id = 1", "DELETE FROM {}"])
def test_leaves_decisions_and_rules_as_they_are_for_ever(gateway, routes, table, statement):
    routes.publish(OTHER_FIRST)
    gateway.shown()
    with pytest.raises(DatabaseError, match="permission denied"), atomic(SystemScope("seed")):
        db.execute(statement.format(table))


@pytest.mark.parametrize(
    ("document", "where"),
    [
        ("{", "document"),
        ([], "document"),
        ({"rules": [{"providers": ["fake"]}]}, "document"),
        ({"rules": [{"name": "r", "providers": ["fake"], "currencys": ["THB"]}]}, "rules[0].currencys"),
        (
            {"rules": [{"name": "r", "hours": {"time_zone": "Asia/Tokyo", "from": "9"}, "cheapest": True}]},
            "rules[0].hours.from",
        ),
        ({"rule": []}, "rule"),
        ({"rules": [{"name": "r", "providers": ["nobody"]}]}, "rules[0].providers"),
        ({"costs": [{"provider": "fake", "basis_points": 2.5}]}, "document"),
    ],
)
def test_publishes_no_rules_that_are_wrong(routes, document, where):
    with pytest.raises(RulesRefused) as refused:
        routes.publish(document=document)
    assert where in {error.field for error in refused.value.errors}
    with atomic(SCOPE):
        assert not RoutingRules.objects.exists()


def test_publishes_no_rules_over_those_that_somebody_else_has_published_meanwhile(routes):
    routes.publish(OTHER_FIRST)
    with pytest.raises(RulesOutdated):
        routes.publish(THIRD_FIRST, based_on=0)
    assert routes.publish(THIRD_FIRST).version == 2
    assert routes.publish(THIRD_FIRST, store=111).version == 1


def test_publishes_the_rules_of_one_of_many_who_publish_at_once(routes):
    def publish(number):
        try:
            return routes.publish({"name": f"rule {number}", "providers": ["other"]}, based_on=0)
        except RulesOutdated:
            return None
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        published = [rules for rules in pool.map(publish, range(6)) if rules]
    with atomic(SCOPE):
        assert [rules.pk for rules in published] == [rules.pk for rules in RoutingRules.objects.all()]
    assert len(published) == 1


def test_publishes_no_rules_for_a_merchant_or_store_of_others(routes):
    with pytest.raises(NotFound):
        routes.publish(OTHER_FIRST, store=222)
    with pytest.raises(NotFound):
        routes.publish(OTHER_FIRST, scope=OTHER_SCOPE)


def test_publishes_no_rules_into_the_past(routes):
    rules = routes.publish(OTHER_FIRST, valid_from=routes.now - dt.timedelta(days=1))
    assert rules.valid_from == routes.now
    with pytest.raises(RulesRefused):
        routes.publish(OTHER_FIRST, valid_until=routes.now - dt.timedelta(seconds=1))


def test_publishes_the_rules_that_the_page_shows():
    page = settings.BASE_DIR / "docs" / "routing.md"
    (shown,) = re.findall(r"```json\n(.*?)```", page.read_text(), re.DOTALL)
    book = rule_books.read_book(shown)
    assert [rule.name for rule in book.rules] == ["lunch", "QR", "the rest"]
