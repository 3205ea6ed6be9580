"""The token endpoint (RFC 6749 section 4.4, RFC 7523). It speaks OAuth's errors, not problem documents."""

from urllib.parse import parse_qsl

import msgspec
from django.http import HttpResponse

from kernel.rest import Endpoint, Request, operation
from mpac.portal.db import db
from mpac.portal.errors import TokenRefused
from mpac.portal.rest import views
from mpac.portal.rest.bodies import TokenRequest
from mpac.portal.rest.views import OAuthError, TokenView
from mpac.portal.services.tokens import exchange_assertion

FORM = "application/x-www-form-urlencoded"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
MAX_BODY_BYTES = 16 * 1024
MAX_FIELDS = 20
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
STATUS = {"invalid_client": 401}


class TokenEndpoint(Endpoint):
    """Exchanges a client assertion for an access token."""

    db = db
    authentication_classes = ()

    @operation(
        "auth.token",
        summary="Get an access token with a signed client assertion",
        body=TokenRequest,
        response=TokenView,
        errors=(401,),
        error_response=OAuthError,
        request_media_type=FORM,
        max_body_bytes=MAX_BODY_BYTES,
        raw=True,
        headers=("Cache-Control",),
    )
    def post(self, _request: Request) -> HttpResponse:
        try:
            form = _form(self.raw_body, self.request.content_type or "")
            _require_grant(form)
            issued = exchange_assertion(
                assertion=form["client_assertion"], scope=form.get("scope"), now=self.now
            )
        except TokenRefused as refused:
            return _refusal(refused)
        return HttpResponse(
            msgspec.json.encode(views.token(issued)), content_type="application/json", headers=NO_STORE
        )


def _form(raw: bytes, content_type: str) -> dict[str, str]:
    """The form's fields; empty ones count as absent (RFC 6749 section 3.2). Raises TokenRefused."""
    error = "invalid_request"
    if content_type.partition(";")[0].strip().lower() != FORM:
        raise TokenRefused(error, f"The body must be {FORM}.")
    try:
        pairs = parse_qsl(raw.decode("utf-8"), max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError:
        raise TokenRefused(error, "The body is not a form in UTF-8.") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise TokenRefused(error, "A parameter is given more than once.")
    return form


def _require_grant(form: dict[str, str]) -> None:
    """Raises TokenRefused unless the form asks for client credentials with a client assertion."""
    if "grant_type" not in form:
        error = "invalid_request"
        raise TokenRefused(error, "grant_type is missing.")
    if form["grant_type"] != "client_credentials":
        error = "unsupported_grant_type"
        raise TokenRefused(error, "The only grant type is client_credentials.")
    if "client_assertion" not in form and "client_assertion_type" not in form:
        error = "invalid_client"
        raise TokenRefused(error, "Client authentication is missing; use private_key_jwt.")
    if "client_assertion" not in form or "client_assertion_type" not in form:
        error = "invalid_request"
        raise TokenRefused(error, "client_assertion and client_assertion_type belong together.")
    if form["client_assertion_type"] != ASSERTION_TYPE:
        error = "invalid_client"
        raise TokenRefused(error, f"The only client_assertion_type is {ASSERTION_TYPE}.")


def _refusal(refused: TokenRefused) -> HttpResponse:
    status = STATUS.get(refused.error, 400)
    headers = dict(NO_STORE)
    if status == STATUS["invalid_client"]:
        headers["WWW-Authenticate"] = 'Bearer realm="mpac"'
    body = msgspec.json.encode({"error": refused.error, "error_description": refused.message})
    return HttpResponse(body, status=status, content_type="application/json", headers=headers)
