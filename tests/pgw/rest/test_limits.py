"""A partner's requests count against its own limit, the merchant's that they are about, and the platform's."""

import pytest

from mpac.portal.services.api_keys import api_key_reader


@pytest.fixture
def narrow(settings):
    """Limits low enough to reach."""

    def narrow(**limits):
        settings.MPAC_RATE_LIMITS = settings.MPAC_RATE_LIMITS | limits

    return narrow


def statuses(send, times):
    return [send().status_code for _ in range(times)]


def test_creating_counts_against_the_merchant(partner, narrow):
    narrow(merchant=3)
    answers = [partner.post("/payment-intents", partner.wish()) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [201, 201, 201, 429, 429]
    refused = answers[-1]
    assert refused.json()["code"] == "rate_limited"
    assert int(refused.headers["Retry-After"]) > 0
    assert refused.headers["RateLimit-Policy"] == '"merchant";q=3;w=60'
    assert refused.headers["RateLimit"].startswith('"merchant";r=0;')


def test_whatever_addresses_an_intent_counts_against_its_merchant(partner, narrow):
    intent = partner.created()
    narrow(merchant=4)
    path = f"/payment-intents/{intent['id']}"
    for send in (
        lambda: partner.get(path),
        lambda: partner.get(f"{path}/attempts"),
        lambda: partner.get(f"{path}/events"),
        lambda: partner.get(f"/payment-intents?merchant_id={partner.tenant.merchant.id}"),
    ):
        assert send().status_code == 200
    assert partner.get(path).status_code == 429
    assert partner.post(f"{path}/cancel", key="same").status_code == 429


def test_a_refused_request_did_nothing_and_may_come_again_with_its_key(partner, narrow, settings):
    intent = partner.created()
    narrow(merchant=1)
    path = f"/payment-intents/{intent['id']}"
    assert partner.get(path).status_code == 200
    assert partner.post(f"{path}/cancel", key="same").status_code == 429
    narrow(merchant=1000)
    assert partner.get(path).json()["status"] == intent["status"]
    assert partner.post(f"{path}/cancel", key="same").json()["status"] == "cancelled"


def test_other_merchants_of_the_partner_go_on(partner, narrow):
    narrow(merchant=1)
    assert statuses(lambda: partner.post("/payment-intents", partner.wish()), 2) == [201, 429]
    assert partner.get("/payment-intents?merchant_id=999999999").status_code == 200


def test_naming_somebody_elses_merchant_uses_nothing_up_there(partner, stranger, narrow):
    narrow(merchant=2)
    foreign = partner.tenant.merchant.id
    assert statuses(lambda: stranger.get(f"/payment-intents?merchant_id={foreign}"), 3) == [200, 200, 429]
    assert partner.post("/payment-intents", partner.wish()).status_code == 201


def test_the_partners_own_limit_holds_over_its_merchants(partner, superuser):
    superuser.execute(
        "UPDATE portal.psps SET rate_limit_per_minute = 2 WHERE id = %s", [partner.tenant.psp.id]
    )
    api_key_reader.forget()
    answers = [partner.get("/payment-intents") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[0].headers["RateLimit"].startswith('"partner";r=1;')


def test_the_nearest_limit_speaks_in_the_headers(partner, narrow):
    narrow(merchant=5)
    assert partner.get("/payment-intents").headers["RateLimit-Policy"].startswith('"partner"')
    about = partner.get(f"/payment-intents?merchant_id={partner.tenant.merchant.id}")
    assert about.headers["RateLimit-Policy"] == '"merchant";q=5;w=60'


def test_the_platforms_limit_holds_over_all(partner, stranger, narrow):
    narrow(**{"global": 2})
    assert [caller.get("/payment-intents").status_code for caller in (partner, stranger, partner)] == [
        200,
        200,
        429,
    ]
