"""What anybody may know about this authorization server: its metadata (RFC 8414) and its public keys (RFC 7517)."""

import msgspec

from kernel.rest import Answer, Endpoint, Request, operation
from mpac.portal import conf
from mpac.portal.db import db
from mpac.portal.rest.views import Jwk, JwkSet, ServerMetadata
from mpac.portal.services.trust import published_keys


class JwksEndpoint(Endpoint):
    """The keys that sign access tokens, those that did and those that will."""

    db = db
    authentication_classes = ()

    @operation(
        "auth.jwks",
        summary="Read the public keys that sign access tokens",
        response=JwkSet,
        headers=("Cache-Control",),
    )
    def get(self, _request: Request) -> Answer:
        keys = [msgspec.convert(dict(key), Jwk) for key in published_keys(now=self.now)]
        return Answer(
            JwkSet(keys=keys), headers={"Cache-Control": f"public, max-age={conf.KEY_SET_MAX_AGE_S}"}
        )


class MetadataEndpoint(Endpoint):
    """Where and how to get tokens."""

    db = db
    authentication_classes = ()

    @operation(
        "auth.metadata",
        summary="Read the authorization server's metadata",
        response=ServerMetadata,
        headers=("Cache-Control",),
    )
    def get(self, _request: Request) -> Answer:
        metadata = ServerMetadata(
            issuer=conf.issuer(),
            token_endpoint=conf.token_endpoint(),
            jwks_uri=f"{conf.public_url()}/.well-known/jwks.json",
            grant_types_supported=["client_credentials"],
            response_types_supported=[],
            scopes_supported=[conf.DEVICE_SCOPE],
            token_endpoint_auth_methods_supported=["private_key_jwt"],
            token_endpoint_auth_signing_alg_values_supported=["ES256"],
            service_documentation=f"{conf.public_url()}/v1/docs",
        )
        return Answer(metadata, headers={"Cache-Control": "public, max-age=3600"})
