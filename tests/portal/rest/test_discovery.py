"""Discovery..."""

from joserfc import jwt
from joserfc.jwk import KeySet

from kernel import clock
from mpac.portal.services.signing_keys import ensure_signing_key, publish_next_key
from mpac.portal.services.tokens import exchange_assertion


def test_describes_the_server_as_rfc_8414_says(api, database, settings):
    answer = api.get("/.well-known/oauth-authorization-server")
    assert answer.status_code == 200
    metadata = answer.json()
    assert metadata["issuer"] == settings.MPAC_ISSUER
    assert metadata["token_endpoint"] == f"{settings.MPAC_PUBLIC_URL}/v1/auth/token"
    assert metadata["jwks_uri"] == f"{settings.MPAC_PUBLIC_URL}/.well-known/jwks.json"
    assert metadata["grant_types_supported"] == ["client_credentials"]
    assert metadata["response_types_supported"] == []
    assert metadata["token_endpoint_auth_methods_supported"] == ["private_key_jwt"]
    assert metadata["token_endpoint_auth_signing_alg_values_supported"] == ["ES256"]


def test_publishes_keys_that_verify_tokens_and_nothing_private(api, terminal):
    answer = api.get("/.well-known/jwks.json")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    keys = answer.json()["keys"]
    assert [key.keys() for key in keys] == [{"kty", "crv", "x", "y", "kid", "use", "alg"}]
    token = exchange_assertion(assertion=terminal.assertion(), scope=None, now=clock.now()).access_token
    assert (
        jwt.decode(token, KeySet.import_key_set({"keys": keys}), algorithms=["ES256"]).claims["kind"]
        == "device"
    )


def test_publishes_the_next_key_before_it_signs(api, database):
    ensure_signing_key(now=clock.now())
    published = publish_next_key(now=clock.now()).published
    assert published in [key["kid"] for key in api.get("/.well-known/jwks.json").json()["keys"]]


def test_needs_no_credentials_and_ignores_wrong_ones(api, database):
    for path in ("/.well-known/jwks.json", "/.well-known/oauth-authorization-server"):
        assert api.get(path, headers={"Authorization": "Bearer a.b.c"}).status_code == 200
