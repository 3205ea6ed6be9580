"""Disputes over HTTP ..."""

import pytest

from kernel import clock, ids
from kernel.clock import rfc3339
from kernel.money import Money
from mpac.pgw.adapters.port import DisputeNews
from mpac.pgw.db import atomic
from mpac.pgw.models import PaymentAttempt
from mpac.pgw.services.disputes import apply_dispute_news
from mpac.pgw.services.evidence import LearnedFrom
from tests.pgw.partners import relay


@pytest.fixture
def dispute(partner):
    """Opens a dispute of a new intent, and gives its identifier."""

    def open_one(reference="CASE1", *, status="opened", due=None) -> str:
        intent = partner.created(confirm=True)
        with atomic(partner.scope):
            attempt = PaymentAttempt.objects.get(intent_id=ids.decode("pi", intent["id"]))
        news = DisputeNews(
            reference=reference,
            status=status,
            amount=Money(12550, "THB"),
            reason="fraudulent",
            evidence_due_at=due,
        )
        made = apply_dispute_news(
            scope=partner.scope,
            attempt_id=attempt.pk,
            news=news,
            learned_from=LearnedFrom.WEBHOOK,
            now=clock.now(),
        )
        return ids.encode("dis", made.pk)

    return open_one


def test_are_read(partner, dispute):
    due = clock.now()
    key = dispute(due=due)
    shown = partner.get(f"/disputes/{key}").json()
    assert shown == {
        "id": key,
        "object": "dispute",
        "created_at": shown["created_at"],
        "payment_intent_id": shown["payment_intent_id"],
        "status": "opened",
        "amount": 12550,
        "currency": "THB",
        "reason": "fraudulent",
        "withdrawn": 0,
        "reinstated": 0,
        "funds_currency": None,
        "evidence_due_at": rfc3339(due),
        "closed_at": None,
        "provider": "fake",
        "provider_reference": "CASE1",
        "merchant_id": partner.tenant.merchant.id,
        "store_id": partner.tenant.store.id,
        "livemode": False,
    }
    assert partner.get("/disputes").json()["data"] == [shown]


def test_are_listed_newest_first_and_narrowed_down(partner, dispute):
    old, new = dispute(), dispute("CASE2", status="won")
    listed = partner.get("/disputes").json()["data"]
    assert [each["id"] for each in listed] == [new, old]
    of_intent = partner.get(f"/disputes?payment_intent_id={listed[1]['payment_intent_id']}").json()["data"]
    assert [each["id"] for each in of_intent] == [old]
    for query, found in (
        ("status=won", [new]),
        ("status=lost", []),
        (f"merchant_id={partner.tenant.merchant.id}", [new, old]),
        ("merchant_id=2000000000", []),
        ("limit=1", [new]),
    ):
        assert [each["id"] for each in partner.get(f"/disputes?{query}").json()["data"]] == found


@pytest.mark.parametrize(
    ("query", "status"), [("status=unheard", 400), ("payment_intent_id=x", 404), ("unknown=1", 400)]
)
def test_refuse_what_they_do_not_understand(partner, query, status):
    assert partner.get(f"/disputes?{query}").status_code == status


def test_of_others_are_missing(partner, stranger, dispute):
    key = dispute()
    missing = stranger.get(f"/disputes/{ids.encode('dis', ids.uuid7())}")
    foreign = stranger.get(f"/disputes/{key}")
    assert (foreign.status_code, foreign.json()["code"]) == (404, missing.json()["code"])
    assert stranger.get("/disputes").json()["data"] == []


def test_are_told_to_partners_without_the_unit_of_their_amounts(partner, dispute):
    key = dispute()
    relay()
    [event] = partner.get("/events?type=dispute.opened").json()["data"]
    told = {name: event["data"][name] for name in ("dispute_id", "dispute_status", "dispute_amount")}
    assert told == {"dispute_id": key, "dispute_status": "opened", "dispute_amount": 12550}
    assert event["data"]["evidence_due_at"] is None
