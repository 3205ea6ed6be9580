"""API keys over HTTP: for people only. A key never makes, sees or withdraws keys, and a secret is shown once."""

import datetime as dt
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from kernel import ids
from kernel.clock import rfc3339
from kernel.errors import FieldError, Invalid, NotFound
from kernel.rest import Body, Instant, Page, PageQuery, Request, View, operation, paginate
from kernel.rest.moments import Moment, moment_if_any
from mpac.portal.db import atomic
from mpac.portal.domain.api_keys import ApiKeyMode
from mpac.portal.domain.permissions import KEY_SCOPES, USUAL_KEY_SCOPES
from mpac.portal.models import ApiKey
from mpac.portal.models.api_key import PREFIX
from mpac.portal.rest.bodies import IntId, Text
from mpac.portal.rest.endpoint import PortalEndpoint
from mpac.portal.selectors.api_keys import get_api_key, list_api_keys
from mpac.portal.services import api_keys
from mpac.portal.services.api_keys import IssuedApiKey

READ, WRITE = "api_keys:read", "api_keys:write"
DAY_S = 86_400
Scope = Annotated[str, msgspec.Meta(extra_json_schema={"enum": list(KEY_SCOPES)}, max_length=64)]


class CreateApiKey(Body):
    """Without `scopes` the key may do what servers usually do, as far as its maker may: see the provider's merchants, stores,
    terminals, settings, apps and payments, take and give back money, and choose what it is told by webhooks.
    """

    name: Text
    mode: Literal["test", "live"]
    scopes: Annotated[list[Scope], msgspec.Meta(min_length=1, max_length=64)] | UnsetType = UNSET
    expires_at: Moment | None = None
    psp_id: IntId | None = None


class RollApiKey(Body):
    """The old key stays valid for `overlap_s` seconds, so that servers can change over one after another."""

    overlap_s: Annotated[int, msgspec.Meta(ge=0, le=7 * DAY_S)] = DAY_S


class ListApiKeys(PageQuery):
    mode: Literal["test", "live"] | None = None


class ApiKeyView(View, kw_only=True):
    """What a key begins with, may do, and when it was last used, to the minute."""

    id: str
    psp_id: int
    created_at: Instant
    name: str
    prefix: str
    mode: str
    scopes: list[str]
    last_used_at: Instant | None
    expires_at: Instant | None
    revoked_at: Instant | None
    replaced_by: str | None
    object: Literal["api_key"] = "api_key"


class IssuedApiKeyView(ApiKeyView, kw_only=True):
    """The secret is shown here and never again."""

    secret: str


class ApiKeysEndpoint(PortalEndpoint):
    """The keys of a provider's servers."""

    callers = frozenset({"person"})

    @operation(
        "api_keys.list",
        summary="List API keys",
        query=ListApiKeys,
        response=Page[ApiKeyView],
        permission=READ,
        reach="psp",
    )
    def get(self, request: Request, query: ListApiKeys) -> Page[ApiKeyView]:
        with atomic(self.scope):
            return paginate(list_api_keys(mode=query.mode), query, api_key)

    @operation(
        "api_keys.create",
        summary="Issue an API key; the answer holds its secret",
        body=CreateApiKey,
        response=IssuedApiKeyView,
        status=201,
        errors=(404,),
        permission=WRITE,
        reach="psp",
    )
    def post(self, request: Request, body: CreateApiKey) -> IssuedApiKeyView:
        caller = request.user
        psp_id = body.psp_id or caller.psp_id
        if psp_id is None:
            raise Invalid(errors=[FieldError("psp_id", "required", "say whose key this is")])
        if caller.psp_id not in {None, psp_id}:
            raise NotFound
        own = [name for name in KEY_SCOPES if caller.may(name)]
        scopes = [name for name in USUAL_KEY_SCOPES if name in own] if body.scopes is UNSET else body.scopes
        if beyond := set(scopes) & set(KEY_SCOPES) - set(own):
            names = ", ".join(sorted(beyond))
            raise Invalid(errors=[FieldError("scopes", "not_held", f"you do not hold: {names}")])
        if not scopes:
            raise Invalid(
                errors=[FieldError("scopes", "required", "you hold none of the usual ones; name some")]
            )
        issued = api_keys.issue_api_key(
            scope=self.scope,
            psp_id=psp_id,
            name=body.name,
            mode=ApiKeyMode(body.mode),
            scopes=scopes,
            expires_at=moment_if_any("expires_at", body.expires_at),
            now=self.now,
        )
        return issued_api_key(issued)


class ApiKeyEndpoint(PortalEndpoint):
    """One key."""

    callers = frozenset({"person"})

    @operation("api_keys.read", summary="Read an API key", response=ApiKeyView, permission=READ, reach="psp")
    def get(self, request: Request, api_key_id: str) -> ApiKeyView:
        with atomic(self.scope):
            return api_key(get_api_key(api_key_id=ids.decode(PREFIX, api_key_id)))


class RollApiKeyEndpoint(PortalEndpoint):
    """A new key in the place of an old one."""

    callers = frozenset({"person"})

    @operation(
        "api_keys.roll",
        summary="Replace an API key; the old one stays valid for a while",
        body=RollApiKey,
        response=IssuedApiKeyView,
        status=201,
        errors=(409,),
        permission=WRITE,
        reach="psp",
    )
    def post(self, request: Request, body: RollApiKey, api_key_id: str) -> IssuedApiKeyView:
        rolled = api_keys.roll_api_key(
            scope=self.scope,
            api_key_id=ids.decode(PREFIX, api_key_id),
            overlap_s=body.overlap_s,
            may=request.user.may,
            now=self.now,
        )
        return issued_api_key(rolled)


class RevokeApiKeyEndpoint(PortalEndpoint):
    """The end of a key."""

    callers = frozenset({"person"})

    @operation(
        "api_keys.revoke",
        summary="Withdraw an API key at once",
        response=ApiKeyView,
        permission=WRITE,
        reach="psp",
    )
    def post(self, request: Request, api_key_id: str) -> ApiKeyView:
        return api_key(
            api_keys.revoke_api_key(scope=self.scope, api_key_id=ids.decode(PREFIX, api_key_id), now=self.now)
        )


def api_key(entry: ApiKey) -> ApiKeyView:
    """A key as the API shows it."""
    return ApiKeyView(**_shared(entry))


def issued_api_key(issued: IssuedApiKey) -> IssuedApiKeyView:
    """A key with its secret."""
    return IssuedApiKeyView(**_shared(issued.api_key), secret=issued.secret)


def _shared(entry: ApiKey) -> dict[str, Any]:
    def instant(value: dt.datetime | None) -> str | None:
        return rfc3339(value) if value else None

    return {
        "id": entry.public_id,
        "psp_id": entry.psp_id,
        "created_at": rfc3339(entry.created_at),
        "name": entry.name,
        "prefix": entry.prefix,
        "mode": str(entry.mode),
        "scopes": entry.scopes,
        "last_used_at": instant(entry.last_used_at),
        "expires_at": instant(entry.expires_at),
        "revoked_at": instant(entry.revoked_at),
        "replaced_by": ids.encode(PREFIX, entry.replaced_by) if entry.replaced_by else None,
    }
