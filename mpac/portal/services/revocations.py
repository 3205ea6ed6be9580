"""Refusing tokens that have not expired: the rows that every process reads again within seconds."""

import datetime as dt

from kernel.audit import Subject, record
from kernel.tenancy import Scope, TenantScope
from mpac.portal import conf
from mpac.portal.db import atomic, db
from mpac.portal.models import Revocation


def revoke_tokens_of(*, scope: Scope, subject: str, psp_id: int | None, now: dt.datetime) -> None:
    """Refuse all tokens of `subject`; joins the transaction of the change that asks for it."""
    with atomic(scope):
        Revocation.objects.create(
            psp_id=psp_id, subject=subject, revoked_at=now, expires_at=now + _longest_life()
        )


def lift_revocation(*, scope: Scope, subject: str, now: dt.datetime) -> None:
    """Accept tokens of `subject` again that are issued from now on; older ones stay refused."""
    with atomic(scope):
        Revocation.objects.filter(subject=subject, lifted_at__isnull=True).update(lifted_at=now)


def refuse_earlier_tokens_of(*, scope: Scope, user_id: int, now: dt.datetime) -> None:
    """Refuse all tokens that a person, or somebody in their name, was issued until now; joins the open transaction.

    It locks the person's row, as issuing does, and takes the time after that: a token that is issued meanwhile either sees
    the change or is refused.
    """
    with atomic(scope):
        db.execute("SELECT 1 FROM users WHERE id = %s FOR NO KEY UPDATE", [user_id])
        (row,) = db.execute("SELECT greatest(%s, clock_timestamp())", [now])
        Revocation.objects.create(
            psp_id=scope.psp_id if isinstance(scope, TenantScope) else None,
            subject=f"user:{user_id}",
            revoked_at=now,
            lifted_at=row[0],
            expires_at=now + _longest_life(),
        )


def revoke_token(*, scope: Scope, jti: str, psp_id: int | None, now: dt.datetime) -> None:
    """Refuse one token."""
    with atomic(scope):
        revoke_tokens_of(scope=scope, subject=token_subject(jti), psp_id=psp_id, now=now)
        record(db, "token.revoked", Subject(type="token", id=jti, psp_id=psp_id), now=now)


def token_subject(jti: str) -> str:
    """How one token is named as a subject of revocation."""
    return f"jti:{jti}"


def session_subject(session_id: str) -> str:
    """How a session is named as a subject of revocation; its access tokens carry the same identifier."""
    return f"session:{session_id}"


def _longest_life() -> dt.timedelta:
    return dt.timedelta(seconds=conf.KEY_RETIREMENT_S)
