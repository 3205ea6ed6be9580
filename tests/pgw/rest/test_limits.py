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


def test_no_provider_uses_up_what_all_of_them_share(partner, stranger, narrow):
    narrow(tenant=3)
    assert statuses(lambda: partner.get("/payment-intents"), 5) == [200, 200, 200, 429, 429]
    assert statuses(lambda: stranger.get("/payment-intents"), 3) == [200, 200, 200]


def test_strangers_leave_room_for_those_who_are_known(partner, api, narrow):
    narrow(strangers=2)
    asked = [api.get("/v1/payment-intents", REMOTE_ADDR=f"203.0.{n}.1").status_code for n in range(2)]
    tried = [api.post("/v1/auth/token", REMOTE_ADDR=f"203.1.{n}.1").status_code for n in range(4)]
    assert (asked, tried[2:]) == ([401, 401], [429, 429])
    assert partner.get("/payment-intents").status_code == 200


def notified(api, path, times):
    found = [
        api.post(f"/v1/webhooks/{path}", data=b"{}", content_type="application/json") for _ in range(times)
    ]
    return [answer.status_code for answer in found], found[-1]


def test_notices_for_one_account_leave_room_for_anothers_from_the_same_address(api, narrow):
    """Providers send for all their merchants from the same few addresses; forged ones come from anywhere."""
    narrow(notices_account=2, notices_address=5)
    codes, last = notified(api, "stripe/account-of-a", 4)
    assert (429 in codes[:2], codes[2:]) == (False, [429, 429])
    assert int(last.headers["Retry-After"]) > 0
    assert last.headers["RateLimit-Policy"] == '"notices_account";q=2;w=60'
    assert 429 not in notified(api, "stripe/account-of-b", 2)[0]
    assert notified(api, "stripe/account-of-c", 2)[0][1] == 429  # the address has sent enough
    assert 429 not in notified(api, "omise/account-of-a", 2)[0]


def test_notices_of_all_providers_leave_room_for_partners(partner, api, narrow):
    narrow(notices=2)
    assert notified(api, "scb", 3)[0][2] == 429
    assert partner.get("/payment-intents").status_code == 200
