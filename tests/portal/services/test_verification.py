"""An access token..."""

import base64
import hmac
import json
import uuid

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from django.db import OperationalError
from joserfc.jwk import ECKey

from kernel import clock, ids
from kernel.errors import Unauthenticated, Unavailable
from kernel.tenancy import TenantScope
from mpac.portal import conf
from mpac.portal.api import authenticate_token
from mpac.portal.db import atomic
from mpac.portal.dto import ProfileChanges
from mpac.portal.models import Revocation
from mpac.portal.services import devices, hierarchy
from mpac.portal.services.revocations import revoke_token, revoke_tokens_of
from mpac.portal.services.tokens import exchange_assertion
from mpac.portal.services.trust import trust_reader
from mpac.portal.services.verification import token_verifier
from tests.portal.factories import SEED, make_terminal, seconds, sign


@pytest.fixture
def now():
    return clock.now()


@pytest.fixture
def token(terminal, now):
    return issue(terminal, now)


def issue(terminal, now):
    return exchange_assertion(assertion=terminal.assertion(), scope=None, now=now).access_token


def forge(terminal, now, *, header=None, key=None, **claims):
    """A token of the platform's own key, but for what the caller changes."""
    signer = trust_reader.at(now).signer
    iat = int(now.timestamp())
    body = {
        "iss": conf.issuer(),
        "aud": conf.issuer(),
        "sub": terminal.client_id,
        "iat": iat,
        "nbf": iat,
        "exp": iat + 120,
        "jti": str(ids.uuid7(at=now)),
        "kind": "device",
        "psp_id": 1,
        "merchant_id": 1,
        "store_ids": [1],
        "device_id": terminal.client_id,
        "scope": "device",
        "livemode": False,
    } | claims
    body = {name: value for name, value in body.items() if value is not None}
    return sign(body, key or signer.key, {"typ": "at+jwt", "kid": signer.kid} | (header or {}))


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(header, payload, key):
    """A token with this very header, which no library would write; one that is `...` is left out."""
    kept = {name: value for name, value in header.items() if value is not ...}
    head = f"{encoded(json.dumps(kept).encode())}.{payload}"
    der = key.private_key.sign(head.encode(), ec.ECDSA(hashes.SHA256()))
    return f"{head}.{encoded(b''.join(part.to_bytes(32) for part in decode_dss_signature(der)))}"


def test_says_who_calls(tenant, terminal, token, now):
    principal = authenticate_token(token, now=now)
    assert (principal.kind, principal.subject) == ("device", terminal.client_id)
    assert principal.scope() == TenantScope(
        tenant.psp.id, tenant.merchant.id, (tenant.store.id,), livemode=False
    )
    assert principal.device_id == terminal.device_id
    assert principal.scopes == {"device"}
    assert principal.livemode is False


def test_of_a_live_terminal_is_live(tenant, now):
    live = make_terminal(tenant.store, livemode=True)
    assert authenticate_token(issue(live, now), now=now).livemode is True


def test_is_verified_once_and_then_remembered(token, now, django_assert_num_queries):
    authenticate_token(token, now=now)
    with django_assert_num_queries(0):
        assert authenticate_token(token, now=now + seconds(1.9)).kind == "device"


def test_is_refused_from_the_second_it_expires(token, now):
    ends_at = now.replace(microsecond=0) + seconds(120)
    assert authenticate_token(token, now=ends_at - seconds(0.001))
    with pytest.raises(Unauthenticated):
        authenticate_token(token, now=ends_at)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://elsewhere.example"},
        {"aud": "https://elsewhere.example"},
        {"aud": ["http://127.0.0.1:8000"]},
        {"exp": 1},
        {"exp": None},
        {"nbf": 4_000_000_000},
        {"nbf": None},
        {"jti": None},
        {"jti": "no-uuid"},
        {"jti": str(uuid.uuid4())},
        {"kind": "service"},
        {"kind": None},
        {"device_id": "dev_wrong"},
        {"psp_id": None},
        {"scope": None},
        {"store_ids": 5},
        {"padding": "x" * 4096},
        {"header": {"typ": "JWT"}},
        {"header": {"typ": None}},
        {"header": {"kid": "unknown"}},
        {"header": {"kid": None}},
        {"key": ECKey.generate_key("P-256", private=True)},
    ],
)
def test_with_one_wrong_part_is_refused(terminal, now, changes):
    assert authenticate_token(forge(terminal, now), now=now)
    with pytest.raises(Unauthenticated):
        authenticate_token(forge(terminal, now, **changes), now=now)


@pytest.mark.parametrize("header", [{"crit": ["b64"], "b64": True}, {"crit": []}, {"crit": None}])
def test_that_names_what_must_be_understood_is_refused(terminal, now, header):
    """Whatever it names, and whether or not the library would know it."""
    signer = trust_reader.at(now).signer
    whole = {"alg": "ES256", "typ": "at+jwt", "kid": signer.kid} | header
    payload = forge(terminal, now).split(".")[1]
    with pytest.raises(Unauthenticated):
        authenticate_token(signed(whole, payload, signer.key), now=now)
    assert authenticate_token(signed({**whole, "crit": ...}, payload, signer.key), now=now)


@pytest.mark.parametrize("alg", ["none", "None", "HS256", "ES384", "RS256", "", None])
def test_says_its_algorithm_in_vain(terminal, now, alg):
    """One algorithm is believed in, whatever a token says of itself and whatever it was signed with."""
    signer = trust_reader.at(now).signer
    header = {"alg": alg, "typ": "at+jwt", "kid": signer.kid}
    payload = forge(terminal, now).split(".")[1]
    public = json.dumps(signer.key.as_dict(private=False)).encode()
    head = f"{encoded(json.dumps(header).encode())}.{payload}"
    with_public_key = encoded(hmac.digest(public, head.encode(), "sha256"))
    for token in (f"{head}.", f"{head}.{with_public_key}", signed(header, payload, signer.key)):
        with pytest.raises(Unauthenticated):
            authenticate_token(token, now=now)


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "e30.e30.e30", "x" * 9000, "é.é.é"])
def test_that_is_none_is_refused(database, now, text):
    with pytest.raises(Unauthenticated):
        authenticate_token(text, now=now)


def test_of_the_device_itself_is_no_access_token(terminal, now):
    with pytest.raises(Unauthenticated):
        authenticate_token(terminal.assertion(), now=now)


def test_is_refused_within_five_seconds_of_a_revocation_elsewhere(terminal, token, now):
    """Another process suspends the terminal; this one learns of it from the database alone."""
    authenticate_token(token, now=now)
    devices.suspend_device(scope=SEED, device_id=terminal.device_id, actor="test", now=now)
    with pytest.raises(Unauthenticated):
        authenticate_token(token, now=now + seconds(2.1))


def test_issued_before_a_suspension_stays_refused_after_the_resumption(terminal, token, now):
    devices.suspend_device(scope=SEED, device_id=terminal.device_id, actor="test", now=now + seconds(1))
    devices.resume_device(scope=SEED, device_id=terminal.device_id, actor="test", now=now + seconds(2))
    with pytest.raises(Unauthenticated):
        authenticate_token(token, now=now + seconds(3))
    later = issue(terminal, now + seconds(3))
    assert authenticate_token(later, now=now + seconds(6))


def test_is_refused_alone_when_it_alone_is_revoked(terminal, now):
    first, second = issue(terminal, now), issue(terminal, now)
    jti = str(ids.uuid7(at=now))
    named = forge(terminal, now, jti=jti)
    revoke_token(scope=SEED, jti=jti, psp_id=1, now=now)
    trust_reader.forget()
    with pytest.raises(Unauthenticated):
        authenticate_token(named, now=now)
    assert authenticate_token(first, now=now)
    assert authenticate_token(second, now=now)


@pytest.mark.parametrize("subject", ["user:7", "user:8", "imp-1"])
def test_in_anothers_name_is_refused_with_either_person_and_with_the_impersonation(terminal, now, subject):
    act = {"sub": "user:8", "impersonation": "imp-1"}
    token = forge(terminal, now, kind="person", sub="user:7", device_id="", act=act)
    assert authenticate_token(token, now=now).actor == "user:8"
    revoke_tokens_of(scope=SEED, subject=subject, psp_id=1, now=now)
    with pytest.raises(Unauthenticated):
        authenticate_token(token, now=now + seconds(2.1))


@pytest.mark.parametrize("level", ["psp", "merchant", "store"])
def test_is_refused_when_anything_above_its_terminal_is_suspended(tenant, terminal, token, now, level):
    authenticate_token(token, now=now)
    update = getattr(hierarchy, f"update_{level}")
    above = {f"{level}_id": getattr(tenant, level).id}
    update(scope=SEED, **above, changes=ProfileChanges(status="suspended"), now=now)
    with pytest.raises(Unauthenticated):
        authenticate_token(token, now=now + seconds(3))
    update(scope=SEED, **above, changes=ProfileChanges(status="active"), now=now + seconds(4))
    assert authenticate_token(issue(terminal, now + seconds(4)), now=now + seconds(7))


def test_is_refused_longer_than_it_could_have_lived(terminal, token, now):
    devices.revoke_device(scope=SEED, device_id=terminal.device_id, actor="test", now=now)
    with atomic(SEED):
        (revocation,) = Revocation.objects.all()
    assert revocation.expires_at >= now + seconds(conf.DEVICE_TOKEN_TTL_S + 60)


def test_is_believed_a_few_seconds_without_the_database_and_then_no_longer(token, now, monkeypatch):
    authenticate_token(token, now=now)

    def away(_now):
        msg = "the database is away"
        raise OperationalError(msg)

    monkeypatch.setattr(trust_reader, "_read", away)
    assert authenticate_token(token, now=now + seconds(4))
    with pytest.raises(Unavailable):
        authenticate_token(token, now=now + seconds(6))


def test_cache_stays_within_its_bounds(terminal, now, monkeypatch):
    monkeypatch.setattr("mpac.portal.services.verification.MAX_CACHED_TOKENS", 3)
    for number in range(5):
        authenticate_token(forge(terminal, now, iat=number), now=now)
    assert len(token_verifier._tokens) <= 3
