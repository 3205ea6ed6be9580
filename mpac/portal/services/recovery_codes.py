"""Recovery codes: ten at a time, each for one sign-in without the authenticator."""

import datetime as dt

from django.conf import settings

from kernel.audit import Subject, record
from kernel.tenancy import SystemScope
from mpac.portal.db import atomic, db
from mpac.portal.domain.secrets import new_recovery_codes, normalize_recovery_code, short_digest
from mpac.portal.models import RecoveryCode, User

SCOPE = SystemScope("authentication")

USE = """
    UPDATE recovery_codes SET used_at = %s WHERE user_id = %s AND code_hash = %s AND used_at IS NULL RETURNING 1
"""


def make_recovery_codes(*, user_id: int, now: dt.datetime) -> tuple[str, ...]:
    """Ten new recovery codes; the former ones are void. They are shown now and never again."""
    codes = new_recovery_codes()
    with atomic(SCOPE):
        User.objects.select_for_update(no_key=True).get(pk=user_id)
        RecoveryCode.objects.filter(user_id=user_id).delete()
        RecoveryCode.objects.bulk_create(
            RecoveryCode(user_id=user_id, code_hash=_digest(user_id, code), created_at=now) for code in codes
        )
        record(db, "recovery_codes.made", Subject(type="user", id=str(user_id)), now=now)
    return tuple(codes)


def first_recovery_codes(*, user_id: int, now: dt.datetime) -> tuple[str, ...]:
    """Recovery codes for somebody who has none left; nothing for everybody else. Joins the open transaction."""
    with atomic(SCOPE):
        if RecoveryCode.objects.filter(user_id=user_id, used_at__isnull=True).exists():
            return ()
        return make_recovery_codes(user_id=user_id, now=now)


def use_recovery_code(*, user_id: int, code: str, now: dt.datetime) -> bool:
    """Use a code up; False for one that is wrong or was used. Joins the open transaction."""
    with atomic(SCOPE):
        return bool(db.execute(USE, [now, user_id, _digest(user_id, code)]))


def _digest(user_id: int, code: str) -> str:
    place = f"portal.recovery_codes:{user_id}"
    return short_digest(normalize_recovery_code(code), place=place, pepper=settings.SECRET_KEY)
