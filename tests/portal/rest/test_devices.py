"""Terminals over HTTP..."""

import pytest
from joserfc.jwk import ECKey

from kernel import clock, ids
from mpac.portal import conf
from mpac.portal.domain.api_keys import ApiKeyMode
from mpac.portal.services.tokens import exchange_assertion
from tests.portal.factories import make_api_key, make_proof, make_tenant, make_terminal, register

JSON = "application/json"


@pytest.fixture
def key():
    return ECKey.generate_key("P-256", private=True)


def comparable(answer):
    body = answer.json()
    body.pop("request_id")
    return answer.status_code, body


def test_live_from_registration_to_revocation(partner, tenant, key):
    answer = partner.post(
        f"/v1/stores/{tenant.store.id}/devices",
        {"name": "Till 1", "model": "A920", "serial_number": "SN-77"},
        content_type=JSON,
    )
    assert answer.status_code == 201
    device = answer.json()
    assert (device["object"], device["status"], device["livemode"]) == ("device", "registered", False)
    assert device["activation_expires_at"] > device["created_at"]

    answer = partner.post(
        "/v1/devices/activate",
        {
            "activation_code": device["activation_code"],
            "public_jwk": key.as_dict(private=False),
            "proof": make_proof("SN-77", key),
        },
        content_type=JSON,
        headers={"Authorization": ""},
    )
    assert answer.status_code == 200
    activated = answer.json()
    assert activated["device_id"] == activated["client_id"] == activated["id"] == device["id"]
    assert (activated["issuer"], activated["token_endpoint"]) == (conf.issuer(), conf.token_endpoint())

    seen = partner.get(f"/v1/devices/{device['id']}").json()
    assert (seen["status"], seen["key_id"]) == ("active", key.thumbprint())
    assert "activation_code" not in seen
    for step, status in (("suspend", "suspended"), ("resume", "active"), ("revoke", "revoked")):
        answer = partner.post(f"/v1/devices/{device['id']}/{step}", {"reason": "test"}, content_type=JSON)
        assert (answer.status_code, answer.json()["status"]) == (200, status)
    answer = partner.post(f"/v1/devices/{device['id']}/resume", {}, content_type=JSON)
    assert (answer.status_code, answer.json()["code"], answer.json()["allowed"]) == (
        409,
        "illegal_transition",
        [],
    )


def test_read_themselves_and_their_store(api, tenant, terminal):
    token = exchange_assertion(assertion=terminal.assertion(), scope=None, now=clock.now()).access_token
    headers = {"Authorization": f"Bearer {token}"}
    me = api.get("/v1/devices/me", headers=headers).json()
    assert (me["id"], me["store"]["id"], me["store"]["currency"]) == (
        terminal.client_id,
        tenant.store.id,
        "THB",
    )
    assert api.get(f"/v1/devices/{terminal.client_id}", headers=headers).status_code == 403
    assert api.get("/v1/merchants", headers=headers).status_code == 403


def test_with_an_unbelievable_token_are_challenged(api, terminal):
    answer = api.get("/v1/devices/me", headers={"Authorization": f"Bearer {terminal.assertion()}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_get_one_answer_for_every_fault_of_the_code(api, tenant, key):
    register(tenant.store, serial_number="SN-1")

    def answer(code, serial_number):
        body = {
            "activation_code": code,
            "public_jwk": key.as_dict(private=False),
            "proof": make_proof(serial_number, key),
        }
        return comparable(api.post("/v1/devices/activate", body, content_type=JSON))

    wrong, unknown = answer("AAAA-AAAA-AAAA", "SN-1"), answer("AAAA-AAAA-AAAA", "SN-2")
    assert wrong == unknown
    assert (wrong[0], wrong[1]["code"]) == (403, "activation_refused")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"public_jwk": {"kty": "RSA"}}, "invalid_public_key"),
        ({"proof": "a.b.c"}, "invalid_proof"),
        ({"proof": ""}, "invalid"),
        ({"activation_code": "short"}, "invalid"),
        ({"activation_code": 5}, "invalid"),
        ({"extra": 1}, "invalid"),
    ],
)
def test_are_told_what_is_wrong_with_the_key_or_the_proof(api, tenant, key, changes, code):
    body = {
        "activation_code": register(tenant.store, serial_number="SN-1").activation_code,
        "public_jwk": key.as_dict(private=False),
        "proof": make_proof("SN-1", key),
    } | changes
    answer = api.post("/v1/devices/activate", body, content_type=JSON)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_of_another_provider_look_like_missing_ones(partner, tenant):
    other = make_terminal(make_tenant().store)
    missing = ids.encode("dev", ids.uuid7())
    for method, tail in (
        ("get", ""),
        ("post", "/suspend"),
        ("post", "/resume"),
        ("post", "/revoke"),
        ("post", "/activation-code"),
    ):
        call = getattr(partner, method)
        body = {} if method == "get" else {"data": {}, "content_type": JSON}
        answers = [
            call(f"/v1/devices/{name}{tail}", **body)
            for name in (other.client_id, missing, "dev_x", "nonsense")
        ]
        assert {answer.status_code for answer in answers} == {404}
        assert len({str(comparable(answer)) for answer in answers}) == 1


def test_of_a_foreign_store_are_neither_listed_nor_registered(partner):
    other = make_tenant()
    body = {"name": "Till", "serial_number": "SN-1"}
    for store_id in (other.store.id, 999_999):
        path = f"/v1/stores/{store_id}/devices"
        assert partner.get(path).status_code == 404
        assert partner.post(path, body, content_type=JSON).status_code == 404


def test_of_test_and_live_data_do_not_mix(api, tenant):
    test, live = make_terminal(tenant.store), make_terminal(tenant.store, livemode=True)
    for mode, own, foreign in ((ApiKeyMode.TEST, test, live), (ApiKeyMode.LIVE, live, test)):
        headers = {"Authorization": f"Bearer {make_api_key(tenant.psp, mode=mode)}"}
        listed = api.get(f"/v1/stores/{tenant.store.id}/devices", headers=headers).json()["data"]
        assert [device["id"] for device in listed] == [own.client_id]
        assert api.get(f"/v1/devices/{foreign.client_id}", headers=headers).status_code == 404
        answer = api.post(f"/v1/devices/{foreign.client_id}/revoke", {}, content_type=JSON, headers=headers)
        assert answer.status_code == 404
        registered = api.post(
            f"/v1/stores/{tenant.store.id}/devices",
            {"name": "Till", "serial_number": f"SN-{mode}"},
            content_type=JSON,
            headers=headers,
        )
        assert registered.json()["livemode"] is (mode is ApiKeyMode.LIVE)


def test_get_a_new_code_when_the_old_one_is_of_no_use(partner, tenant):
    first = register(tenant.store)
    answer = partner.post(
        f"/v1/devices/{first.device.public_id}/activation-code", content_type="application/json"
    )
    assert answer.status_code == 201
    assert answer.json()["activation_code"] not in ("", first.activation_code)


def test_with_a_taken_serial_number_are_refused(partner, tenant):
    path, body = f"/v1/stores/{tenant.store.id}/devices", {"name": "Till", "serial_number": "SN-1"}
    assert partner.post(path, body, content_type=JSON).status_code == 201
    answer = partner.post(path, body, content_type=JSON)
    assert (answer.status_code, answer.json()["code"]) == (409, "serial_number_taken")


def test_are_listed_by_status(partner, tenant, terminal):
    register(tenant.store)
    path = f"/v1/stores/{tenant.store.id}/devices"
    assert len(partner.get(path).json()["data"]) == 2
    assert [d["id"] for d in partner.get(f"{path}?status=active").json()["data"]] == [terminal.client_id]
    assert partner.get(f"{path}?status=broken").status_code == 400
