"""API keys of providers' servers: issuing, revoking, and finding whose key a request brings."""

import datetime as dt
import hmac
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kernel import ids
from kernel.audit import record, state
from kernel.errors import FieldError, Invalid, NotFound, Unauthenticated
from kernel.outbox import publish
from kernel.principal import Principal
from kernel.tenancy import Scope, SystemScope
from mpac.portal import conf
from mpac.portal.db import atomic, db
from mpac.portal.domain.api_keys import ApiKeyMode, hash_key, is_key, new_key, prefix_of
from mpac.portal.domain.hierarchy import DirectoryStatus
from mpac.portal.domain.permissions import KEY_SCOPES, USUAL_KEY_SCOPES
from mpac.portal.errors import ApiKeyEnded
from mpac.portal.events import ApiKeyIssued, ApiKeyRevoked
from mpac.portal.models import ApiKey, Psp
from mpac.portal.selectors.hierarchy import get_psp

MAX_CACHED = 10_000


class InvalidApiKey(Unauthenticated):
    """The API key is not valid."""

    code = "invalid_api_key"


@dataclass(frozen=True, slots=True)
class IssuedApiKey:
    """A new key; `secret` is shown now and never again."""

    api_key: ApiKey
    secret: str


def issue_api_key(
    *,
    scope: Scope,
    psp_id: int,
    name: str,
    mode: ApiKeyMode,
    scopes: Sequence[str] = USUAL_KEY_SCOPES,
    expires_at: dt.datetime | None = None,
    now: dt.datetime,
) -> IssuedApiKey:
    """Issue one more key to a provider; those it has stay valid.

    Raises NotFound, and Invalid for an unknown scope or an end that has passed.
    """
    if unknown := set(scopes) - set(KEY_SCOPES):
        raise Invalid(
            errors=[FieldError("scopes", "unknown_scope", f"unknown: {', '.join(sorted(unknown))}")]
        )
    if expires_at is not None and expires_at <= now:
        raise Invalid(errors=[FieldError("expires_at", "past", "this moment has passed")])
    fresh = new_key(mode)
    with atomic(scope):
        get_psp(scope=scope, psp_id=psp_id)
        key_id = ids.uuid7()
        api_key: ApiKey = ApiKey.objects.create(
            id=key_id,
            psp_id=psp_id,
            name=name,
            prefix=fresh.prefix,
            secret_hash=fresh.secret_hash,
            mode=mode,
            scopes=list(scopes),
            created_at=ids.created_at_of(key_id),
            expires_at=expires_at,
        )
        event = ApiKeyIssued(
            aggregate_id=api_key.public_id,
            psp_id=psp_id,
            api_key_id=api_key.public_id,
            prefix=fresh.prefix,
            mode=mode.value,
        )
        publish(db, event, now=now)
        record(db, "api_key.issued", api_key, now=now)
    return IssuedApiKey(api_key, fresh.secret)


def roll_api_key(
    *,
    scope: Scope,
    api_key_id: uuid.UUID,
    overlap_s: int,
    may: Callable[[str], bool] = lambda _scope: True,
    now: dt.datetime,
) -> IssuedApiKey:
    """Put a new key in the place of one that is valid for at most `overlap_s` seconds more. A key is rolled once.

    The new one may do what the old one may, for as long as it was issued. `may` says which scopes the caller may hand out.
    Raises NotFound, ApiKeyEnded, and Invalid for scopes that the caller may not hand out.
    """
    with atomic(scope):
        old = _locked(api_key_id)
        expired = old.expires_at is not None and old.expires_at <= now
        if old.revoked_at is not None or old.replaced_by is not None or expired:
            raise ApiKeyEnded
        if beyond := [name for name in old.scopes if not may(name)]:
            names = ", ".join(sorted(beyond))
            raise Invalid(errors=[FieldError("scopes", "not_held", f"you do not hold: {names}")])
        fresh = issue_api_key(
            scope=scope,
            psp_id=old.psp_id,
            name=old.name,
            mode=ApiKeyMode(old.mode),
            scopes=old.scopes,
            expires_at=old.expires_at,
            now=now,
        )
        before = state(old)
        end = now + dt.timedelta(seconds=overlap_s)
        old.replaced_by = fresh.api_key.id
        old.expires_at = end if old.expires_at is None else min(end, old.expires_at)
        old.save(update_fields=["replaced_by", "expires_at"])
        record(db, "api_key.rolled", old, before=before, now=now)
    return fresh


def revoke_api_key(*, scope: Scope, api_key_id: uuid.UUID, now: dt.datetime) -> ApiKey:
    """Withdraw a key; it is refused everywhere within three seconds. Raises NotFound."""
    with atomic(scope):
        api_key = _locked(api_key_id)
        if api_key.revoked_at is None:
            before = state(api_key)
            api_key.revoked_at = now
            api_key.save(update_fields=["revoked_at"])
            event = ApiKeyRevoked(
                aggregate_id=api_key.public_id,
                psp_id=api_key.psp_id,
                api_key_id=api_key.public_id,
                prefix=api_key.prefix,
            )
            publish(db, event, now=now)
            record(db, "api_key.revoked", api_key, before=before, now=now)
    return api_key


def _locked(api_key_id: uuid.UUID) -> ApiKey:
    api_key: ApiKey | None = ApiKey.objects.select_for_update().filter(id=api_key_id).first()
    if api_key is None:
        raise NotFound
    return api_key


class ApiKeyReader:
    """The keys that this process has seen in the last seconds."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Principal, dt.datetime]] = {}

    def authenticate(self, secret: str, *, now: dt.datetime) -> Principal:
        """Whose key this is. Raises InvalidApiKey."""
        if not is_key(secret):
            raise InvalidApiKey
        secret_hash = hash_key(secret)
        known = self._known.get(secret_hash)
        if known is not None and abs((now - known[1]).total_seconds()) < conf.API_KEY_CACHE_S:
            return known[0]
        self._known.pop(secret_hash, None)
        principal = _find(prefix_of(secret), secret_hash, now)
        if principal is None:
            raise InvalidApiKey
        if len(self._known) >= MAX_CACHED:
            self._known.clear()
        self._known[secret_hash] = (principal, now)
        return principal

    def forget(self) -> None:
        """Ask the database again."""
        self._known.clear()


api_key_reader = ApiKeyReader()


def authenticate_api_key(secret: str, *, now: dt.datetime) -> Principal:
    """Whose key this is. Raises InvalidApiKey."""
    return api_key_reader.authenticate(secret, now=now)


def _find(prefix: str, secret_hash: str, now: dt.datetime) -> Principal | None:
    with atomic(SystemScope("authentication")):
        for api_key in ApiKey.objects.filter(prefix=prefix, revoked_at__isnull=True):
            if not hmac.compare_digest(api_key.secret_hash, secret_hash):
                continue
            if api_key.expires_at is not None and api_key.expires_at <= now:
                return None
            psp = Psp.objects.filter(id=api_key.psp_id, status=DirectoryStatus.ACTIVE).first()
            if psp is None:
                return None
            _note_use(api_key, now)
            return Principal(
                kind="partner",
                subject=api_key.public_id,
                psp_id=psp.id,
                scopes=frozenset(api_key.scopes),
                livemode=api_key.mode == ApiKeyMode.LIVE,
                rate_limit_per_minute=psp.rate_limit_per_minute,
            )
    return None


def _note_use(api_key: ApiKey, now: dt.datetime) -> None:
    """Keep when a key was last used, to the minute: nobody needs it finer, and a write a request would cost more."""
    step = dt.timedelta(seconds=conf.API_KEY_LAST_USED_STEP_S)
    if api_key.last_used_at is None or api_key.last_used_at <= now - step:
        ApiKey.objects.filter(id=api_key.id).update(last_used_at=now)
