"""An assertion..."""

import base64
import json

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from kernel import clock
from kernel.tenancy import SystemScope
from mpac.portal import conf
from mpac.portal.db import atomic
from mpac.portal.dto import ProfileChanges
from mpac.portal.errors import TokenRefused
from mpac.portal.models import ClientAssertion
from mpac.portal.services import devices, hierarchy
from mpac.portal.services.tokens import exchange_assertion
from mpac.portal.services.trust import published_keys
from tests.portal.factories import SEED, make_terminal, seconds


def exchange(assertion: str, *, now=None, scope=None):
    return exchange_assertion(assertion=assertion, scope=scope, now=now or clock.now())


def refusal_of(assertion: str, **kwargs) -> str:
    with pytest.raises(TokenRefused) as refused:
        exchange(assertion, **kwargs)
    assert refused.value.error == "invalid_client"
    return refused.value.message


def test_becomes_a_token_with_the_claims_of_the_contract(tenant, terminal):
    issued = exchange(terminal.assertion())

    assert (issued.expires_in, issued.scope) == (120, "device")
    (key,) = published_keys(now=clock.now())
    token = jwt.decode(issued.access_token, ECKey.import_key(dict(key)), algorithms=["ES256"])
    assert token.header == {"alg": "ES256", "typ": "at+jwt", "kid": key["kid"]}
    claims = token.claims
    assert claims.pop("exp") - claims["iat"] == 120
    assert claims.pop("nbf") == claims.pop("iat")
    assert len(claims.pop("jti")) == 36
    assert claims == {
        "iss": conf.issuer(),
        "aud": conf.issuer(),
        "sub": terminal.client_id,
        "client_id": terminal.client_id,
        "kind": "device",
        "psp_id": tenant.psp.id,
        "merchant_id": tenant.merchant.id,
        "store_ids": [tenant.store.id],
        "device_id": terminal.client_id,
        "scope": "device",
        "livemode": False,
        "act": None,
    }


def test_may_name_the_token_endpoint_as_its_audience(terminal):
    assert exchange(terminal.assertion(aud=conf.token_endpoint())).access_token


def test_may_leave_out_kid_and_iat_and_say_its_type(terminal):
    assertion = terminal.assertion(header={"kid": None, "typ": "client-authentication+jwt"}, iat=None)
    assert exchange(assertion).access_token


def test_counts_once(terminal):
    assertion = terminal.assertion()
    exchange(assertion)
    assert "jti was used before" in refusal_of(assertion)


def test_with_the_jti_of_another_terminal_counts(tenant, terminal):
    other = make_terminal(tenant.store)
    exchange(terminal.assertion(jti="the-same"))
    assert exchange(other.assertion(jti="the-same")).access_token


def test_is_remembered_until_it_expires(terminal):
    now = clock.now()
    exchange(terminal.assertion(exp=int(now.timestamp()) + 600, jti="remembered"))
    with atomic(SEED):
        (row,) = ClientAssertion.objects.filter(jti="remembered")
    assert row.expires_at == now.replace(microsecond=0) + seconds(600)


@pytest.mark.parametrize("lifetime", [3600, 3604])
def test_may_live_an_hour_and_a_little_skew(terminal, lifetime):
    now = clock.now()
    assert exchange(terminal.assertion(exp=int(now.timestamp()) + lifetime), now=now).access_token


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"aud": "https://elsewhere.example"}, "aud"),
        ({"aud": ["http://127.0.0.1:8000"]}, "aud"),
        ({"aud": ["http://127.0.0.1:8000", "https://elsewhere.example"]}, "aud"),
        ({"aud": None}, "aud"),
        ({"iss": "somebody-else"}, "iss and sub"),
        ({"iss": None}, "iss and sub"),
        ({"sub": None}, "iss and sub"),
        ({"sub": 7, "iss": 7}, "iss and sub"),
        ({"jti": None}, "jti"),
        ({"jti": ""}, "jti"),
        ({"jti": "x" * 256}, "jti"),
        ({"jti": 5}, "jti"),
        ({"jti": "a\x00b"}, "jti"),
        ({"exp": None}, "exp"),
        ({"exp": 1}, "exp"),
        ({"exp": -5}, "exp"),
        ({"exp": "soon"}, "exp"),
        ({"exp": True}, "exp"),
        ({"exp": 4_000_000_000}, "exp must be at most"),
        ({"exp": 10**30}, "exp must be at most"),
        ({"nbf": 4_000_000_000}, "nbf lies in the future"),
        ({"iat": 4_000_000_000}, "iat lies in the future"),
        ({"iat": "now"}, "iat"),
    ],
)
def test_with_a_wrong_claim_is_refused(terminal, claims, reason):
    assert reason in refusal_of(terminal.assertion(**claims))


def test_that_expires_this_very_second_is_refused(terminal):
    now = clock.now().replace(microsecond=0)
    assert "exp" in refusal_of(terminal.assertion(exp=int(now.timestamp())), now=now)


def test_that_lives_longer_than_an_hour_and_skew_is_refused(terminal):
    now = clock.now()
    assertion = terminal.assertion(exp=int(now.timestamp()) + 3610)
    assert "exp must be at most" in refusal_of(assertion, now=now)


def test_without_a_signature_is_refused(terminal):
    _header, payload, _signature = terminal.assertion().split(".")
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none"}).encode()).rstrip(b"=").decode()
    assert "alg must be ES256" in refusal_of(f"{header}.{payload}.")


def test_signed_with_the_public_key_as_a_secret_is_refused(terminal):
    public = json.dumps(terminal.key.as_dict(private=False))
    assertion = terminal.assertion(key=OctKey.import_key(public), header={"alg": "HS256"})
    assert "alg must be ES256" in refusal_of(assertion)


@pytest.mark.parametrize("alg", ["RS256", "PS256"])
def test_signed_with_rsa_is_refused(terminal, alg):
    assertion = terminal.assertion(key=RSAKey.generate_key(2048), header={"alg": alg})
    assert "alg must be ES256" in refusal_of(assertion)


def test_signed_with_another_key_is_refused(terminal):
    assert "signature" in refusal_of(terminal.assertion(key=ECKey.generate_key("P-256", private=True)))


@pytest.mark.parametrize("typ", ["at+jwt", "dpop+jwt", "", "jwt"])
def test_of_another_type_is_refused(terminal, typ):
    assert "typ must be" in refusal_of(terminal.assertion(header={"typ": typ}))


def test_signed_with_a_key_that_the_terminal_had_before_is_refused(terminal, superuser):
    """Also where the former key is still remembered."""
    exchange(terminal.assertion())
    superuser.execute("UPDATE portal.devices SET key_id = 'another'")
    assert "not active" in refusal_of(terminal.assertion())


def test_with_an_unknown_kid_is_refused(terminal):
    assert "no such client or key" in refusal_of(terminal.assertion(header={"kid": "another"}))


@pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "crit"])
def test_that_brings_its_own_key_is_refused(terminal, name):
    header, payload, signature = terminal.assertion().split(".")
    forged = json.loads(base64.urlsafe_b64decode(header + "==")) | {name: {}}
    header = base64.urlsafe_b64encode(json.dumps(forged).encode()).rstrip(b"=").decode()
    assert "the header may hold" in refusal_of(f"{header}.{payload}.{signature}")


@pytest.mark.parametrize("text", ["", "a.b", "a.b.c", "....", "e30.e30.", "W10.W10.x", "é.é.é", "x" * 5000])
def test_that_is_no_assertion_is_refused(database, text):
    assert refusal_of(text)


def test_of_an_unknown_client_is_refused_like_one_that_another_key_signed(terminal):
    unknown = "dev_01jd0000000000000000000000"
    refusal = refusal_of(terminal.assertion(iss=unknown, sub=unknown))
    another = ECKey.generate_key("P-256", private=True)
    for header in ({"kid": "another"}, {"kid": terminal.kid}, {"kid": None}):
        assert refusal_of(terminal.assertion(key=another, header=header)) == refusal


@pytest.mark.parametrize("step", [devices.suspend_device, devices.revoke_device])
def test_of_a_stopped_terminal_is_refused_at_once(terminal, step):
    exchange(terminal.assertion())
    step(scope=SEED, device_id=terminal.device_id, actor="test", now=clock.now())
    assert "not active" in refusal_of(terminal.assertion())


@pytest.mark.parametrize("level", ["psp", "merchant", "store"])
@pytest.mark.parametrize("status", ["suspended", "closed"])
def test_is_refused_when_anything_above_the_terminal_stops(tenant, terminal, level, status):
    exchange(terminal.assertion())
    update = getattr(hierarchy, f"update_{level}")
    above = {f"{level}_id": getattr(tenant, level).id}
    update(scope=SEED, **above, changes=ProfileChanges(status=status), now=clock.now())
    assert "not active" in refusal_of(terminal.assertion())


def test_is_answered_again_after_a_resumption(terminal):
    devices.suspend_device(scope=SEED, device_id=terminal.device_id, actor="test", now=clock.now())
    devices.resume_device(scope=SEED, device_id=terminal.device_id, actor="test", now=clock.now())
    assert exchange(terminal.assertion()).access_token


def test_may_ask_for_no_other_scope_than_device(terminal):
    assert exchange(terminal.assertion(), scope="device").scope == "device"
    assert exchange(terminal.assertion(), scope="").scope == "device"
    with pytest.raises(TokenRefused) as refused:
        exchange(terminal.assertion(), scope="device platform")
    assert refused.value.error == "invalid_scope"


def test_costs_one_statement_when_the_key_is_known(terminal, django_assert_num_queries):
    exchange(terminal.assertion())
    with django_assert_num_queries(1):  # the scope travels with it
        exchange(terminal.assertion())


def test_does_not_spend_its_jti_when_it_is_refused(terminal):
    refusal_of(terminal.assertion(jti="kept", key=ECKey.generate_key("P-256", private=True)))
    with atomic(SystemScope("authentication")):
        assert not ClientAssertion.objects.filter(jti="kept").exists()
    assert exchange(terminal.assertion(jti="kept")).access_token
