"""Routing in the console ..."""

import json

import pytest
from django.urls import reverse

from kernel import clock
from kernel.tenancy import SystemScope, TenantScope
from mpac.pgw.db import atomic
from mpac.pgw.dto import PartnerSnapshot
from mpac.pgw.models import ProviderBreaker, RoutingDecision, RoutingRules
from mpac.pgw.services import breakers
from mpac.pgw.services.breakers import AccountKey
from mpac.pgw.services.mirroring import apply_merchant_snapshot
from mpac.portal.db import db as portal
from mpac.portal.domain.roles import Role
from mpac.portal.models import User
from mpac.portal.services.people import grant_role
from tests.pgw.conftest import snapshot
from tests.portal.factories import SEED, make_tenant
from tests.portal.test_admin import make_person, sign_in

RULES = {"rules": [{"name": "by name", "providers": ["fake"]}]}


@pytest.fixture
def levels(provider):
    """Portal's tenant, mirrored."""
    tenant = make_tenant()
    psp_id, merchant_id, store_id = tenant.psp.id, tenant.merchant.id, tenant.store.id
    partner = PartnerSnapshot(psp_id=psp_id, name="Partner", version=1)
    wanted = snapshot(psp_id=psp_id, merchant_id=merchant_id, store_id=store_id, partner=partner)
    apply_merchant_snapshot(wanted, now=clock.now())
    return {"psp_id": psp_id, "merchant_id": merchant_id, "store_id": store_id}


@pytest.fixture
def operator(levels):
    return person(Role.PLATFORM_OPERATOR)


@pytest.fixture
def breaker(levels):
    scope = TenantScope(levels["psp_id"], levels["merchant_id"])
    for _ in range(10):
        breakers.report(
            scope=scope, account=AccountKey(**levels, provider="fake"), failed=True, took_s=1, now=clock.now()
        )
    return only(ProviderBreaker)


def person(role, **levels):
    return sign_in(*make_person(role, **levels))[0]


def address(row, what, *, table=None):
    return reverse(f"admin:pgw_{table or row._meta.model_name}_{what}", args=[getattr(row, "pk", row)])


def publishing(levels, table="merchant"):
    return address(levels[f"{table}_id"], "publish-routing", table=table)


def form(document=RULES, **changes):
    text = document if isinstance(document, str) else json.dumps(document)
    return {"document": text, "note": "cheaper", "based_on": 0, **changes}


def only(model):
    found = every(model)
    assert len(found) == 1
    return found[0]


def every(model):
    with atomic(SystemScope("console")):
        return list(model.objects.order_by("pk"))


def test_publishes_rules_of_a_merchant_and_of_a_store(operator, levels):
    asked = operator.get(publishing(levels))
    assert asked.status_code == 200
    assert "&quot;rules&quot;: []" in asked.content.decode()
    assert every(RoutingRules) == []

    said = operator.post(publishing(levels), form(), follow=True).content.decode()
    assert "Version 1 is published." in said
    rules = only(RoutingRules)
    assert (rules.merchant_id, rules.only_store_id, rules.document) == (levels["merchant_id"], None, RULES)
    assert (rules.note, rules.published_by[:5]) == ("cheaper", "user:")

    operator.post(publishing(levels, "store"), form())
    assert [each.only_store_id for each in every(RoutingRules)] == [None, levels["store_id"]]


def test_begins_with_the_last_version_and_publishes_the_next(operator, levels):
    operator.post(publishing(levels), form())
    rules = only(RoutingRules)
    asked = operator.get(address(rules, "publish-routing")).content.decode()
    assert "by name" in asked
    assert 'name="based_on" value="1"' in asked
    operator.post(address(rules, "publish-routing"), form({"rules": []}, based_on=1))
    assert [each.version for each in every(RoutingRules)] == [1, 2]


def test_keeps_what_was_typed_when_it_is_refused(operator, levels):
    wrong = {"rules": [{"name": "slip", "provider": ["fake"]}]}
    answer = operator.post(publishing(levels), form(wrong))
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "rules[0].provider: There is no such field." in page
    assert "&quot;slip&quot;" in page
    assert "malformed" not in operator.post(publishing(levels), form("{")).content.decode()
    assert "This field is required." in operator.post(publishing(levels), form(note="")).content.decode()
    assert every(RoutingRules) == []


def test_publishes_nothing_over_somebody_elses_version(operator, levels):
    operator.post(publishing(levels), form())
    page = operator.post(publishing(levels), form({"rules": []})).content.decode()
    assert "Somebody else has published routing rules meanwhile." in page
    assert only(RoutingRules).document == RULES


def test_withdraws_rules(operator, levels):
    operator.post(publishing(levels), form())
    operator.post(address(only(RoutingRules), "withdraw"), {"note": "no more"})
    first, second = every(RoutingRules)
    assert (first.valid_until, second.valid_until, second.note) == (None, second.valid_from, "no more")


def test_is_for_those_who_may(operator, levels):
    operator.post(publishing(levels), form())
    merchant = {name: levels[name] for name in ("psp_id", "merchant_id")}
    assert person(Role.MERCHANT_ADMIN, **merchant).get(publishing(levels)).status_code == 200
    for client in (person(Role.AUDITOR, **merchant), person(Role.STORE_MANAGER, **levels)):
        assert client.get(address(only(RoutingRules), "change")).status_code in {200, 302}
        assert client.get(publishing(levels)).status_code == 403
        assert client.post(publishing(levels), form(based_on=1)).status_code == 403
    assert len(every(RoutingRules)) == 1


def test_is_for_those_who_may_there(levels, operator):
    """Somebody who looks at a whole PSP and runs one merchant of it publishes that merchant's rules alone."""
    other = snapshot(psp_id=levels["psp_id"], merchant_id=99, store_id=999, partner=None)
    apply_merchant_snapshot(other, now=clock.now())
    email, secret = make_person(Role.AUDITOR, psp_id=levels["psp_id"])
    with portal.atomic(SEED):
        user = User.objects.get(email=email)
    own = {name: levels[name] for name in ("psp_id", "merchant_id")}
    grant_role(scope=SEED, user=user, role=Role.MERCHANT_ADMIN, now=clock.now(), **own)
    client = sign_in(email, secret)[0]

    assert client.get(publishing(levels)).status_code == 200
    foreign = publishing({"merchant_id": 99})
    assert client.get(foreign).status_code == 403
    assert client.post(foreign, form()).status_code == 403
    assert every(RoutingRules) == []


def test_hides_other_tenants_rules_and_breakers(operator, levels, breaker):
    operator.post(publishing(levels), form())
    stranger = person(Role.PSP_ADMIN, psp_id=make_tenant().psp.id)
    for row, actions in ((only(RoutingRules), ["publish-routing", "withdraw"]), (breaker, ["close"])):
        for action in actions:
            assert stranger.post(address(row, action), form()).status_code in {403, 404}
    assert only(ProviderBreaker).state == "open"


def test_switches_breakers(operator, breaker):
    page = operator.get(address(breaker, "change")).content.decode()
    assert [words in page for words in (">Only watch<", ">Close<", ">Enforce<")] == [True, True, False]
    assert "accounts left alone by their breakers" in operator.get("/admin/").content.decode()

    operator.post(address(breaker, "watch"))
    assert (only(ProviderBreaker).mode, only(ProviderBreaker).state) == ("dry_run", "open")
    operator.post(address(breaker, "enforce"))
    said = operator.post(address(breaker, "close"), follow=True).content.decode()
    assert "The breaker is closed and enforced." in said
    assert (only(ProviderBreaker).mode, only(ProviderBreaker).state) == ("enforced", "closed")


def test_shows_why_a_payment_went_where_it_went(partner):
    operator = person(Role.PLATFORM_OPERATOR)
    intent_id = partner.created(confirm=True)["id"]
    decision = only(RoutingDecision)
    listed = operator.get(reverse("admin:pgw_routingdecision_changelist"), {"q": intent_id})
    assert "1 routing decision" in listed.content.decode()
    shown = operator.get(address(decision, "change")).content.decode()
    assert intent_id in shown
    assert "by its name, because nothing else was said" in shown
    assert (
        "routing decisions"
        in operator.get(address(decision.intent_id, "change", table="paymentintent")).content.decode()
    )
