"""Second factors of people: setting up an authenticator by showing one of its codes, removing it, and recovery codes."""

import datetime as dt
import os
import uuid
from dataclasses import dataclass

from kernel.audit import record, record_removal
from kernel.errors import NotFound
from kernel.tenancy import SystemScope
from mpac.portal.db import atomic, db
from mpac.portal.errors import CodeRefused, FactorRequired, TooManyFactors, WrongCode
from mpac.portal.models import Authenticator, RecoveryCode, User
from mpac.portal.selectors.authority import list_held
from mpac.portal.selectors.factors import get_demand
from mpac.portal.services.people import SECRET_BYTES, NewAuthenticator
from mpac.portal.services.recovery_codes import first_recovery_codes
from mpac.portal.services.second_factors import find_challenge

SCOPE = SystemScope("authentication")
MOST = 5


@dataclass(frozen=True, slots=True)
class Confirmed:
    """An authenticator that counts, and recovery codes where the person had none; they are shown now and never again."""

    authenticator: Authenticator
    recovery_codes: tuple[str, ...]


def begin_authenticator(*, user_id: int, name: str, now: dt.datetime) -> NewAuthenticator:
    """A new authenticator of a person; it counts once it has shown a code. Raises TooManyFactors."""
    with atomic(SCOPE):
        user = User.objects.select_for_update(no_key=True).get(pk=user_id)
        Authenticator.objects.filter(user=user, confirmed=False).delete()
        if Authenticator.objects.filter(user=user).count() >= MOST:
            raise TooManyFactors
        return _new(user, name=name, challenge_id=None, now=now)


def enrol(*, challenge_token: str, name: str, now: dt.datetime) -> NewAuthenticator:
    """A first authenticator of somebody who needs one to sign in. Raises CodeRefused when there is nothing to enrol."""
    with atomic(SCOPE):
        challenge = find_challenge(challenge_token=challenge_token, now=now)
        if challenge is None or not challenge.enrols:
            raise CodeRefused
        user = User.objects.select_for_update(no_key=True).get(pk=challenge.user_id)
        # Whoever knows the password may have begun before its owner set theirs up.
        if Authenticator.objects.filter(user=user, confirmed=True).exists():
            raise CodeRefused
        Authenticator.objects.filter(user=user, confirmed=False).delete()
        return _new(user, name=name, challenge_id=challenge.id, now=now)


def confirm_authenticator(*, user_id: int, authenticator_id: int, code: str, now: dt.datetime) -> Confirmed:
    """Let a new authenticator count. Raises NotFound and WrongCode."""
    with atomic(SCOPE):
        User.objects.select_for_update(no_key=True).get(pk=user_id)
        held = Authenticator.objects.filter(pk=authenticator_id, user_id=user_id, confirmed=False).first()
        if held is None:
            raise NotFound
        if not held.confirm(code, now=now):
            raise WrongCode
        record(db, "authenticator.confirmed", held, now=now)
        return Confirmed(held, first_recovery_codes(user_id=user_id, now=now))


def remove_authenticator(*, user_id: int, authenticator_id: int, now: dt.datetime) -> Authenticator:
    """Take an authenticator away, and with the last one the recovery codes.

    Raises NotFound, and FactorRequired for the last one of somebody who then could not sign in.
    """
    with atomic(SCOPE):
        User.objects.select_for_update(no_key=True).get(pk=user_id)
        held: Authenticator | None = Authenticator.objects.filter(
            pk=authenticator_id, user_id=user_id
        ).first()
        if held is None:
            raise NotFound
        record_removal(db, "authenticator.removed", held, now=now)
        removed = held.pk
        held.delete()
        held.pk = removed
        if not Authenticator.objects.filter(user_id=user_id, confirmed=True).exists():
            RecoveryCode.objects.filter(user_id=user_id).delete()
            demand = get_demand(user_id=user_id, memberships=list_held(user_id=user_id))
            if demand.required and not demand.methods:
                raise FactorRequired
    return held


def _new(user: User, *, name: str, challenge_id: uuid.UUID | None, now: dt.datetime) -> NewAuthenticator:
    authenticator = Authenticator(user=user, name=name, confirmed=False, challenge_id=challenge_id)
    authenticator.seal_secret(os.urandom(SECRET_BYTES))
    authenticator.save()
    record(db, "authenticator.begun", authenticator, now=now)
    return NewAuthenticator(authenticator, authenticator.base32_secret())
