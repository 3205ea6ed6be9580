"""The token endpoint..."""

import pytest
import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from django.test import Client

from kernel import clock
from mpac.portal import conf
from mpac.portal.dto import ProfileChanges
from mpac.portal.services import devices, hierarchy
from tests.portal.factories import SEED

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def form(terminal):
    return {
        "grant_type": "client_credentials",
        "client_assertion_type": TYPE,
        "client_assertion": terminal.assertion(),
    }


def ask(api, form):
    return api.post("/v1/auth/token", "&".join(f"{k}={v}" for k, v in form.items()), content_type=FORM)


def assert_refused(answer, status, error):
    assert answer.status_code == status, answer.content
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.json()
    assert body.keys() == {"error", "error_description"}
    assert body["error"] == error
    allowed = {*range(0x20, 0x22), *range(0x23, 0x5C), *range(0x5D, 0x7F)}
    assert all(ord(character) in allowed for character in body["error_description"])


def test_gives_a_token(api, form):
    answer = ask(api, form)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.json()
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 120, "device")
    me = api.get("/v1/devices/me", headers={"Authorization": f"Bearer {body['access_token']}"})
    assert me.status_code == 200


class DjangoAdapter(requests.adapters.BaseAdapter):
    """Carries requests of an HTTP library into the application, without a network."""

    def __init__(self, api: Client) -> None:
        super().__init__()
        self.api = api

    def send(self, request, **_kwargs):
        headers = {name: value for name, value in request.headers.items() if name.lower() != "content-type"}
        answer = self.api.generic(
            request.method,
            request.path_url,
            request.body or b"",
            content_type=request.headers.get("Content-Type", ""),
            headers=headers,
        )
        response = requests.Response()
        response.status_code = answer.status_code
        response._content = answer.content
        response.headers.update(answer.headers)
        response.request = request
        response.url = request.url
        return response

    def close(self) -> None:
        pass


@pytest.fixture
def oauth_client(api, terminal):
    """An independent implementation of the client's side."""
    session = OAuth2Session(
        terminal.client_id, terminal.key, token_endpoint_auth_method="private_key_jwt", scope="device"
    )
    session.mount("http://", DjangoAdapter(api))
    session.register_client_auth_method(
        PrivateKeyJWT(conf.token_endpoint(), alg="ES256", headers={"kid": terminal.kid})
    )
    return session


def test_serves_an_independent_client(oauth_client):
    for _ in range(2):
        token = oauth_client.fetch_token(conf.token_endpoint(), grant_type="client_credentials")
        assert token["token_type"] == "Bearer"
        assert token["expires_in"] == 120


def test_tells_an_independent_client_that_it_is_refused(oauth_client, terminal):
    devices.suspend_device(scope=SEED, device_id=terminal.device_id, actor="test", now=clock.now())
    with pytest.raises(OAuthError, match="invalid_client"):
        oauth_client.fetch_token(conf.token_endpoint(), grant_type="client_credentials")


def test_tells_what_is_missing(api, form):
    for absent, error, status in (
        ("grant_type", "invalid_request", 400),
        ("client_assertion", "invalid_request", 400),
        ("client_assertion_type", "invalid_request", 400),
    ):
        assert_refused(ask(api, {k: v for k, v in form.items() if k != absent}), status, error)
    assert_refused(ask(api, {"grant_type": "client_credentials"}), 401, "invalid_client")
    assert_refused(ask(api, {}), 400, "invalid_request")


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"client_assertion_type": "urn:other"}, 401, "invalid_client"),
        ({"client_assertion": "nonsense"}, 401, "invalid_client"),
        ({"client_assertion": "a.b.c"}, 401, "invalid_client"),
        ({"scope": "platform"}, 400, "invalid_scope"),
    ],
)
def test_names_the_error(api, form, changes, status, error):
    assert_refused(ask(api, form | changes), status, error)


def test_counts_an_assertion_once(api, form):
    assert ask(api, form).status_code == 200
    answer = ask(api, form)
    assert_refused(answer, 401, "invalid_client")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_refuses_a_list_of_audiences(api, form, terminal):
    form["client_assertion"] = terminal.assertion(aud=[conf.issuer(), "https://elsewhere.example"])
    assert_refused(ask(api, form), 401, "invalid_client")


@pytest.mark.parametrize(
    "body",
    [b"\xff\xfe=1", b"grant_type=a&grant_type=b", b"&".join(b"a%d=1" % n for n in range(50)), b"%FF=%FF"],
)
def test_refuses_what_is_not_a_form(api, database, body):
    assert_refused(api.post("/v1/auth/token", body, content_type=FORM), 400, "invalid_request")


def test_refuses_json(api, form):
    assert_refused(api.post("/v1/auth/token", form, content_type="application/json"), 400, "invalid_request")


def test_refuses_a_large_body_and_other_methods(api, database):
    answer = api.post("/v1/auth/token", b"x=" + b"y" * 20_000, content_type=FORM)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    answer = api.get("/v1/auth/token")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_does_not_look_at_other_credentials(api, form):
    answer = api.post(
        "/v1/auth/token",
        "&".join(f"{k}={v}" for k, v in form.items()),
        content_type=FORM,
        headers={"Authorization": "Bearer nonsense"},
    )
    assert answer.status_code == 200


def test_stops_at_a_suspended_merchant(api, form, tenant):
    changes = ProfileChanges(status="suspended")
    hierarchy.update_merchant(scope=SEED, merchant_id=tenant.merchant.id, changes=changes, now=clock.now())
    assert_refused(ask(api, form), 401, "invalid_client")
