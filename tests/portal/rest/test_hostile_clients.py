"""A client assertion that an independent OAuth client (Authlib's) makes and that should not be believed..."""

import base64
import hashlib
import hmac
import json
import time

import pytest
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc.jwk import ECKey

from mpac.portal import conf
from tests.portal.rest.test_token import TYPE, DjangoAdapter

HOUR_S = 3600


@pytest.fixture
def ask(api, terminal):
    """Ask for a token with what Authlib signs; `claims` and `header` override what it would say by itself."""

    def ask(*, claims=None, header=None, key=None):
        method = PrivateKeyJWT(
            conf.token_endpoint(), claims=claims, headers={"kid": terminal.kid} | (header or {}), alg="ES256"
        )
        return fetch(key or terminal.key, method)

    def fetch(key, method):
        session = OAuth2Session(
            terminal.client_id, key, token_endpoint_auth_method="private_key_jwt", scope="device"
        )
        session.mount("http://", DjangoAdapter(api))
        session.register_client_auth_method(method)
        return session.fetch_token(conf.token_endpoint(), grant_type="client_credentials")

    return ask


@pytest.fixture
def send(api, terminal):
    """Send an assertion that no honest library signs."""

    def send(header, signature):
        now_s = int(time.time())
        claims = {
            "iss": terminal.client_id,
            "sub": terminal.client_id,
            "aud": conf.issuer(),
            "iat": now_s,
            "exp": now_s + 60,
            "jti": "once",
        }
        text = f"{encoded(json.dumps(header).encode())}.{encoded(json.dumps(claims).encode())}"
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": TYPE,
            "client_assertion": f"{text}.{encoded(signature(text.encode()))}",
        }
        body = "&".join(f"{name}={value}" for name, value in form.items())
        return api.post("/v1/auth/token", body, content_type="application/x-www-form-urlencoded")

    return send


def encoded(raw):
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def refused(ask, **changes):
    with pytest.raises(OAuthError) as error:
        ask(**changes)
    return error.value.error


def test_is_told_from_one_that_is_good(ask):
    assert ask()["token_type"] == "Bearer"
    assert ask(claims={"aud": conf.issuer()})["expires_in"] <= 120
    assert ask(claims={"exp": int(time.time()) + HOUR_S})["access_token"]


def test_with_a_jti_that_was_used_is_refused(ask):
    assert ask(claims={"jti": "the same"})
    assert refused(ask, claims={"jti": "the same"}) == "invalid_client"


@pytest.mark.parametrize(
    "audience",
    [
        "https://elsewhere.example",
        "",
        [conf.issuer()],
        [conf.issuer(), "https://elsewhere.example"],
        None,
        {},
    ],
)
def test_for_another_audience_or_a_list_of_them_is_refused(ask, audience):
    assert refused(ask, claims={"aud": audience}) == "invalid_client"


@pytest.mark.parametrize("ahead_s", [-1, -HOUR_S, HOUR_S + 60, 10 * HOUR_S, 10**12])
def test_that_expired_or_expires_far_in_the_future_is_refused(ask, ahead_s):
    assert refused(ask, claims={"exp": int(time.time()) + ahead_s}) == "invalid_client"


def test_with_an_unknown_kid_is_refused(ask):
    assert refused(ask, header={"kid": "nobody"}) == "invalid_client"


def test_by_another_key_is_refused_even_under_the_right_kid(ask):
    assert refused(ask, key=ECKey.generate_key("P-256", private=True)) == "invalid_client"


@pytest.mark.parametrize("claim", ["iss", "sub"])
def test_by_or_about_another_client_is_refused(ask, claim):
    assert refused(ask, claims={claim: "dev_01m7ym198nfnwrg0xfa2fyvhwb"}) == "invalid_client"


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE"])
def test_without_a_signature_is_refused(send, name):
    answer = send({"alg": name, "typ": "JWT"}, lambda _text: b"")
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_signed_with_the_public_key_as_a_shared_secret_is_refused(send, terminal):
    for secret in (
        json.dumps(terminal.key.as_dict(private=False)).encode(),
        terminal.key.as_pem(private=False),
        terminal.key.as_der(private=False),
    ):
        answer = send(
            {"alg": "HS256", "typ": "JWT"}, lambda text, s=secret: hmac.digest(s, text, hashlib.sha256)
        )
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("signature", [b"", bytes(64), b"\xff" * 64, bytes(63), bytes(65)])
def test_with_an_empty_or_trivial_signature_is_refused(send, terminal, signature):
    answer = send({"alg": "ES256", "kid": terminal.kid}, lambda _text: signature)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_leaves_the_good_one_after_it_unharmed(ask):
    assert refused(ask, claims={"jti": "mine", "aud": "https://elsewhere.example"}) == "invalid_client"
    assert ask(claims={"jti": "mine"})["access_token"]
