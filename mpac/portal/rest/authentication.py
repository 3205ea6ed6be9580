"""Who calls: bearers of access tokens (terminals, people) and of API keys (providers' servers).

Each class takes the credentials that have its form and leaves the others to the next; whoever brings none is nobody.
"""

from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from kernel import clock
from kernel.principal import Principal
from mpac.portal.services.api_keys import authenticate_api_key
from mpac.portal.services.verification import authenticate_token

SCHEME = "bearer "
JWT_DOTS = 2


def bearer_of(request: Request) -> str | None:
    """The credential in `Authorization: Bearer ...`, or None."""
    header: str = request._request.META.get("HTTP_AUTHORIZATION", "")
    if header[: len(SCHEME)].lower() != SCHEME:
        return None
    return header[len(SCHEME) :].strip() or None


class DeviceTokenAuthentication(BaseAuthentication):
    """Access tokens that this platform signed."""

    def authenticate(self, request: Request) -> tuple[Principal, Any] | None:
        token = bearer_of(request)
        if token is None or token.count(".") != JWT_DOTS:
            return None
        return authenticate_token(token, now=clock.now()), None

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="mpac"'


class ApiKeyAuthentication(BaseAuthentication):
    """API keys: `sk_test_...` and `sk_live_...`."""

    def authenticate(self, request: Request) -> tuple[Principal, Any] | None:
        secret = bearer_of(request)
        if secret is None or not secret.startswith("sk_"):
            return None
        return authenticate_api_key(secret, now=clock.now()), None

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="mpac"'
