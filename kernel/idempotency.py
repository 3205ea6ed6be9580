"""One key, one effect: the answer to a keyed request is stored in the transaction of its effect.

`run_once` serves operations that are one transaction. `run_steps` serves those that must call outside in between: the
key is committed as in flight together with the first step, and a retry after a crash takes over where it stopped.
Redis plays no part.
"""

import datetime as dt
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kernel.db import ContextDb
from kernel.errors import Conflict, DomainError, FieldError, Invalid
from kernel.tenancy import Scope

LEASE = dt.timedelta(seconds=30)
KEEP = dt.timedelta(days=30)
MAX_LENGTH = 255

LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))"
FIND = """
    SELECT fingerprint, state, status, body, resource_id, locked_until FROM idempotency_keys
    WHERE psp_id = %s AND merchant_id = %s AND store_id = %s AND operation = %s AND key = %s
"""
INSERT = """
    INSERT INTO idempotency_keys (psp_id, merchant_id, store_id, operation, key, fingerprint, state, resource_id, status,
                                  body, locked_until, created_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
RENEW = """
    UPDATE idempotency_keys SET locked_until = %s
    WHERE psp_id = %s AND merchant_id = %s AND store_id = %s AND operation = %s AND key = %s AND state = 'in_flight'
"""
FINISH = """
    UPDATE idempotency_keys SET state = 'finished', status = %s, body = %s
    WHERE psp_id = %s AND merchant_id = %s AND store_id = %s AND operation = %s AND key = %s AND state = 'in_flight'
"""


class KeyRequired(Invalid):
    """This operation needs an Idempotency-Key header."""

    code = "idempotency_key_required"


class KeyMalformed(Invalid):
    """The Idempotency-Key must be 1 to 255 printable ASCII characters, bare or in double quotes."""

    code = "idempotency_key_malformed"


class KeyReused(DomainError):
    """This Idempotency-Key was used with another request."""

    code = "idempotency_key_reused"
    status = 422


class KeyInFlight(Conflict):
    """The first request with this Idempotency-Key is still running."""

    code = "idempotency_in_flight"


@dataclass(frozen=True, slots=True)
class Keyed:
    """A keyed request: whose it is, what it does, and a digest of what it asks for."""

    tenant: tuple[int, int, int]
    operation: str
    key: str
    fingerprint: bytes

    @property
    def row(self) -> tuple[Any, ...]:
        return (*self.tenant, self.operation, self.key)

    @property
    def lock_name(self) -> str:
        return ":".join(str(part) for part in self.row)


@dataclass(frozen=True, slots=True)
class Stored:
    """The answer to a keyed request, as first given or as replayed."""

    status: int
    body: bytes
    replayed: bool = False


def parse_key(header: str | None) -> str:
    """The key in an Idempotency-Key header. Raises KeyRequired or KeyMalformed."""
    if header is None:
        raise KeyRequired(errors=[FieldError("Idempotency-Key", "required", "This header is required.")])
    key = header.strip()
    if len(key) > 1 and key.startswith('"') and key.endswith('"'):
        key = key[1:-1]
    if not 1 <= len(key) <= MAX_LENGTH or not key.isascii() or not key.isprintable():
        raise KeyMalformed(
            errors=[FieldError("Idempotency-Key", "malformed", "1 to 255 printable ASCII characters.")]
        )
    return key


def fingerprint(*parts: bytes) -> bytes:
    """A digest of what a request asks for; equal requests have equal digests."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


def run_once(
    db: ContextDb, scope: Scope, keyed: Keyed, produce: Callable[[], tuple[int, bytes]], *, now: dt.datetime
) -> Stored:
    """Run `produce` in one transaction with its key, or replay what it answered before.

    A refusal rolls everything back and so does not burn the key. Raises KeyReused and KeyInFlight.
    """
    with db.atomic(scope):
        found = _claim(db, keyed)
        if found is not None:
            if found[1] == "finished":
                return Stored(found[2], bytes(found[3]), replayed=True)
            raise KeyInFlight(retry_after_s=1)
        status, body = produce()
        db.execute(INSERT, [*keyed.row, keyed.fingerprint, "finished", "", status, body, now, now])
    return Stored(status, body)


def run_steps(
    db: ContextDb,
    scope: Scope,
    keyed: Keyed,
    *,
    begin: Callable[[], str],
    finish: Callable[[str], tuple[int, bytes]],
    now: dt.datetime,
) -> Stored:
    """Run `begin` in one transaction with its key, `finish` outside any, then store the answer.

    `begin` returns what `finish` continues with. When the process dies in between, a later request with the same key
    runs `finish` again once the lease has lapsed, so `finish` must be idempotent. Raises KeyReused and KeyInFlight.
    """
    with db.atomic(scope):
        found = _claim(db, keyed)
        if found is None:
            resource_id = begin()
            db.execute(
                INSERT, [*keyed.row, keyed.fingerprint, "in_flight", resource_id, 0, b"", now + LEASE, now]
            )
        else:
            _fingerprint, state, status, body, resource_id, locked_until = found
            if state == "finished":
                return Stored(status, bytes(body), replayed=True)
            if locked_until > now:
                raise KeyInFlight(retry_after_s=1)
            db.execute(RENEW, [now + LEASE, *keyed.row])
    try:
        status, body = finish(resource_id)
    except DomainError:
        with db.atomic(scope):
            db.execute(RENEW, [now, *keyed.row])
        raise
    with db.atomic(scope):
        db.execute(FINISH, [status, body, *keyed.row])
    return Stored(status, body)


def _claim(db: ContextDb, keyed: Keyed) -> tuple[Any, ...] | None:
    """Hold the key for this transaction and return its row, if it has one with the same payload."""
    if not db.execute(LOCK, [f"{db.name}:{keyed.lock_name}"])[0][0]:
        raise KeyInFlight(retry_after_s=1)
    rows = db.execute(FIND, keyed.row)
    if not rows:
        return None
    if bytes(rows[0][0]) != keyed.fingerprint:
        raise KeyReused
    return rows[0]
