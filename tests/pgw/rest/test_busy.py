"""A provider that has as much to do as it may have ..."""

import pytest


@pytest.fixture
def busy(settings):
    settings.MPAC_PROVIDER_CONCURRENCY = 0
    return settings


def test_turns_a_confirmation_away_before_anything_happens(partner, provider, settings):
    intent = partner.created()
    settings.MPAC_PROVIDER_CONCURRENCY = 0
    answer = partner.post(f"/payment-intents/{intent['id']}/confirm", key="once")

    assert (answer.status_code, answer.json()["code"]) == (503, "provider_busy")
    assert answer.headers["Retry-After"] == "1"
    assert partner.get(f"/payment-intents/{intent['id']}").json()["status"] == "requires_confirmation"
    assert partner.get(f"/payment-intents/{intent['id']}/attempts").json()["data"] == []
    assert provider.created == []

    settings.MPAC_PROVIDER_CONCURRENCY = 1
    again = partner.post(f"/payment-intents/{intent['id']}/confirm", key="once")
    assert (again.status_code, again.json()["status"]) == (200, "requires_action")
    assert len(provider.created) == 1


def test_turns_a_new_and_confirmed_intent_away_as_a_whole(partner, busy):
    answer = partner.post("/payment-intents", partner.wish(confirm=True), key="once")
    assert answer.status_code == 503
    assert partner.get("/payment-intents").json()["data"] == []

    busy.MPAC_PROVIDER_CONCURRENCY = 1
    assert partner.post("/payment-intents", partner.wish(confirm=True), key="once").status_code == 201
