"""The page of an intent in the console ..."""

import re

import pytest
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from kernel import clock
from kernel.ids import decode, encode
from kernel.money import Money
from mpac.pgw.adapters import registry
from mpac.pgw.db import atomic
from mpac.pgw.models import IntentEvent, PartnerEvent, PaymentAttempt, PaymentIntent
from mpac.pgw.selectors.timeline import AT_MOST, read_timeline
from mpac.pgw.services.asking import probe_attempt
from mpac.pgw.services.evidence import LearnedFrom
from mpac.pgw.services.steps import record
from mpac.portal.domain.roles import Role
from tests import consoles
from tests.pgw.doubles import RefundingAdapter
from tests.pgw.partners import endpoint, relay
from tests.portal.test_admin import make_person, sign_in

TIMELINE = re.compile(r"<h2>Timeline</h2>.*?</section>", re.DOTALL)


@pytest.fixture
def provider(database):
    adapter = RefundingAdapter()
    registry.register(adapter)
    yield adapter
    registry._adapters.pop("fake")


@pytest.fixture
def sold(partner, provider):
    """A sale that was paid, given back in part, and told to its partner."""
    endpoint(now=clock.now(), scope=partner.scope)
    intent = partner.created(confirm=True)
    refund(partner, provider, intent["id"], pay=True)
    relay()
    return intent["id"]


def refund(partner, provider, intent_id, *, pay=False):
    with atomic(partner.scope):
        attempt = PaymentAttempt.objects.get(intent_id=decode("pi", intent_id))
    if pay:
        reference = provider.pay(attempt.provider_key, provider.created[-1].amount)
        body = provider.notice(attempt.provider_key, reference)
        assert Client().generic("POST", "/v1/webhooks/fake", body).status_code == 200
        probe_attempt(
            scope=partner.scope, attempt_id=attempt.pk, learned_from=LearnedFrom.PROBE, now=clock.now()
        )
    partner.post(f"/payment-intents/{intent_id}/refunds", {"amount": 100, "reason": "returned"})


def page(client, intent_id):
    return consoles.read(client, address(intent_id))


def address(intent_id, what="change"):
    return reverse(f"admin:pgw_paymentintent_{what}", args=[decode("pi", intent_id)])


def timeline(client, intent_id):
    found = TIMELINE.search(page(client, intent_id))[0]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found))


def test_tells_everything_in_one_order(partner, sold):
    operator = consoles.operator()
    said = timeline(operator, sold)
    steps = ["routed to fake", "payment attempt", "notice", "refund", "event 1", "delivery of"]
    assert all(step in said for step in steps)
    assert "125.50 THB" in said
    assert "1.00 THB" in said
    whens = re.findall(r'<time datetime="([^"]+)"', TIMELINE.search(page(operator, sold))[0])
    assert whens == sorted(whens)
    assert len(whens) > 10


def test_leads_to_each_of_its_rows(partner, sold):
    operator = consoles.operator()
    links = set(re.findall(r'href="(/admin/[^"]+/change/)"', TIMELINE.search(page(operator, sold))[0]))
    tables = {link.split("/")[3] for link in links}
    assert {"paymentintent", "paymentattempt", "refund", "webhookkey", "partnerevent"} <= tables
    assert {"webhookdelivery", "paymenttransaction", "routingdecision"} <= tables
    assert all(operator.get(link).status_code == 200 for link in links)


def test_asks_as_often_for_many_rows_as_for_few(partner, provider, sold):
    operator = consoles.operator()
    alias = PaymentIntent._default_manager.db

    def count():
        with CaptureQueriesContext(connections[alias]) as captured:
            page(operator, sold)
        return len(captured)

    few = count()
    for _ in range(4):
        refund(partner, provider, sold)
    relay()
    assert count() <= few


def test_keeps_what_a_partner_was_told_from_its_merchants(partner, sold):
    levels = {"psp_id": partner.tenant.psp.id, "merchant_id": partner.tenant.merchant.id}
    merchants = sign_in(*make_person(Role.MERCHANT_ADMIN, **levels))[0]
    said = timeline(merchants, sold)
    assert "payment attempt" in said
    assert "delivery of" not in said
    assert "event 1" not in said
    with atomic(partner.scope):
        assert PartnerEvent.objects.exists()


def test_is_cut_where_there_is_too_much(partner, sold):
    with atomic(partner.scope):
        intent = PaymentIntent.objects.get(pk=decode("pi", sold))
        assert not read_timeline(intent, with_partner=True).is_cut
        record(intent, history=[(None, "a", "b", number, "") for number in range(AT_MOST)], actor="test")
        assert IntentEvent.objects.count() > AT_MOST
        line = read_timeline(intent, with_partner=True)
    assert line.is_cut
    assert sum(1 for each in line.happenings if each.row == intent) <= AT_MOST
    assert "More than 200 of a kind" in page(consoles.operator(), sold)


def test_shows_what_people_did(partner, sold):
    operator = consoles.operator()
    asked = operator.get(address(sold, "refund")).content.decode()
    once = re.search(r'name="once" value="([^"]+)"', asked)[1]
    operator.post(address(sold, "refund"), {"amount": "2", "reason": "broken cup", "once": once})
    said = timeline(operator, sold)
    assert "console: refund" in said
    assert "broken cup" in said
    assert Money(200, "THB").format() in said


def test_has_buttons_for_what_fits_alone(partner, sold):
    operator = consoles.operator()
    shown = page(operator, sold)
    assert [f">{words}</a>" in shown for words in ("Refund", "Capture", "Cancel")] == [True, False, False]
    fresh = partner.created()["id"]
    shown = page(operator, fresh)
    assert [f">{words}</a>" in shown for words in ("Refund", "Capture", "Cancel")] == [False, False, True]
    assert encode("pi", decode("pi", fresh)) in shown


def test_has_no_buttons_for_who_may_only_look(partner, sold):
    auditor = sign_in(*make_person(Role.AUDITOR, psp_id=partner.tenant.psp.id))[0]
    shown = page(auditor, sold)
    assert "Timeline" in shown
    assert ">Refund</a>" not in shown
    assert auditor.post(address(sold, "refund"), {}).status_code == 403
