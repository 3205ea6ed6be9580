"""A signed call ..."""

import pytest

from tests.portal.factories import make_api_key, make_tenant
from tests.signed import KEY_ID
from tests.sync.conftest import the_mirror

PUSH = {
    "client_partner_id": 1,
    "merchants": [{"merchant_id": 11, "merchant_code": "M", "name": "Merchant", "version": 1}],
}
CALLS = [("GET", "/v1/sync/status", None), ("POST", "/v1/sync/run", {}), ("POST", "/v1/sync/merchants", PUSH)]
NONCE = "b1946ac92492d2347c6235b4d2611184"
every_call = pytest.mark.parametrize("call", CALLS, ids=[path for _, path, _ in CALLS])


def refused(answer) -> bool:
    """Refused as every wrong signature is, and nothing has changed."""
    problem = answer.json()
    return (
        (answer.status_code, answer.headers["Content-Type"]) == (401, "application/problem+json")
        and (problem["code"], problem["status"]) == ("signature_invalid", 401)
        and "WWW-Authenticate" in answer.headers
        and not any(the_mirror().values())
    )


@every_call
def test_is_answered(service, call):
    assert service.call(*call).status_code == 200


@every_call
@pytest.mark.parametrize(
    "wrong",
    [
        {"key_id": "svc-other"},
        {"key_id": ""},
        {"secret": "guessed"},
        {"secret": ""},
        {"late_s": -302},
        {"late_s": 302},
        {"nonce": "short"},
        {"nonce": "not hexadecimal at all"},
        {"sent_nonce": None},
        {"sent_nonce": "0" * 32},
        {"authorization": "HMAC-SHA256 "},
        {"authorization": f"HMAC-SHA256 {KEY_ID}:0:{'0' * 64}"},
        {"authorization": f"HMAC-SHA256 {KEY_ID}:abc:{'0' * 64}"},
    ],
    ids=str,
)
def test_is_refused_when_anything_about_its_signature_is_wrong(service, call, wrong):
    assert refused(service.call(*call, **wrong))


@every_call
@pytest.mark.parametrize("late_s", [-295, 295])
def test_may_come_from_a_clock_that_is_minutes_off(service, call, late_s):
    assert service.call(*call, late_s=late_s).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"sent_body": b'{"client_partner_id":2,"merchants":[]}'},
        {"sent_body": b""},
        {"sent_path": "/v1/sync/merchants?a=1"},
        {"sent_path": "/v1/sync/run"},
    ],
    ids=str,
)
def test_cannot_be_changed_or_sent_elsewhere(service, change):
    assert refused(service.post("/v1/sync/merchants", PUSH, **change))


def test_cannot_be_sent_with_another_method(service):
    assert refused(service.call("GET", "/v1/sync/merchants", PUSH, sent_method="POST"))


@every_call
def test_counts_once(service, call):
    assert service.call(*call, nonce=NONCE).status_code == 200
    again = service.call(*call, nonce=NONCE)
    assert (again.status_code, again.json()["code"]) == (401, "signature_invalid")
    shouted = service.call(*call, nonce=NONCE.upper())
    assert shouted.status_code == 401
    assert service.call(*call).status_code == 200


def test_cannot_be_answered_with_the_nonce_of_another_call(service):
    assert service.get("/v1/sync/status", nonce=NONCE).status_code == 200
    assert refused(service.post("/v1/sync/merchants", PUSH, nonce=NONCE))


def test_that_was_refused_does_not_spend_its_nonce(service):
    assert service.get("/v1/sync/status", nonce=NONCE, secret="guessed").status_code == 401
    assert service.get("/v1/sync/status", nonce=NONCE).status_code == 200


@every_call
def test_may_use_either_secret_while_keys_rotate(service, settings, call):
    settings.MPAC_SERVICE_KEYS = {KEY_ID: ["next", "previous"], "svc-2": ["another"]}
    for secret in ("next", "previous"):
        assert service.call(*call, secret=secret).status_code == 200
    assert service.call(*call, secret="another").status_code == 401
    settings.MPAC_SERVICE_KEYS = {KEY_ID: ["next"]}
    assert service.call(*call, secret="previous").status_code == 401
    assert service.call(*call, secret="next").status_code == 200


@every_call
def test_is_the_only_way_in(api, call):
    method, path, _body = call
    assert api.generic(method, path).status_code == 401
    tenant = make_tenant()
    bearer = {"Authorization": f"Bearer {make_api_key(tenant.psp)}"}
    answer = api.generic(method, path, content_type="application/json", headers=bearer)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_opens_nothing_but_what_services_may(service):
    for path in ("/v1/payment-intents", "/v1/merchants", "/v1/devices/me/events?after=0"):
        assert service.get(path).status_code == 403
