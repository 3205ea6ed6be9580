"""People: accounts, memberships, second factors."""

import datetime as dt
import os
from dataclasses import dataclass
from urllib.parse import quote

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError

from kernel.audit import record, record_removal
from kernel.errors import FieldError, Invalid, NotFound
from kernel.tenancy import Scope, SystemScope
from mpac.portal.db import atomic, db
from mpac.portal.domain.login import EndedBecause
from mpac.portal.domain.roles import Role, fits
from mpac.portal.errors import EmailTaken
from mpac.portal.models import Authenticator, Membership, RecoveryCode, User
from mpac.portal.services.sessions import end_sessions

SECRET_BYTES = 20


@dataclass(frozen=True, slots=True)
class NewAuthenticator:
    """A second factor and its secret, which is shown now and never again."""

    authenticator: Authenticator
    base32_secret: str

    @property
    def otpauth_uri(self) -> str:
        """The secret as authenticator apps read it from a QR code."""
        label = quote(f"MPAC:{self.authenticator.user.email}")
        return f"otpauth://totp/{label}?secret={self.base32_secret}&issuer=MPAC"


def create_user(*, scope: Scope, email: str, password: str, full_name: str, now: dt.datetime) -> User:
    """A person who may sign in. Raises Invalid for a weak password, and EmailTaken."""
    _check_password(password, email=email)
    with atomic(scope):
        try:
            user = User.objects.create_user(email=email, password=password, full_name=full_name, now=now)
        except IntegrityError as error:
            if "email" in str(error):
                raise EmailTaken from None
            raise
        record(db, "user.created", user, now=now)
    return user


def set_password(*, scope: Scope, user: User, password: str, now: dt.datetime) -> None:
    """Give a person a new password and end all their sessions. Raises Invalid for a weak one."""
    _check_password(password, email=user.email)
    with atomic(scope):
        user.set_password(password)
        user.save(update_fields=["password"])
        end_sessions(scope=scope, user_id=user.pk, why=EndedBecause.PASSWORD_CHANGED, now=now)


def admit_operator(
    *, email: str, password: str, full_name: str, reset: bool, now: dt.datetime
) -> NewAuthenticator:
    """A platform operator with a password and a new second factor; `reset` gives both to one who exists, whose sessions
    and recovery codes end.

    Raises EmailTaken, NotFound when there is nobody to reset, and Invalid for a weak password.
    """
    scope = SystemScope("administration")
    with atomic(scope):
        if reset:
            user = User.objects.filter(email__iexact=email).first()
            if user is None:
                raise NotFound
            set_password(scope=scope, user=user, password=password, now=now)
            RecoveryCode.objects.filter(user=user).delete()
        else:
            user = create_user(scope=scope, email=email, password=password, full_name=full_name, now=now)
            grant_role(scope=scope, user=user, role=Role.PLATFORM_OPERATOR, now=now)
        return set_up_authenticator(scope=scope, user=user, name="console", now=now)


def grant_role(
    *,
    scope: Scope,
    user: User,
    role: Role,
    psp_id: int | None = None,
    merchant_id: int | None = None,
    store_id: int | None = None,
    now: dt.datetime,
) -> Membership:
    """Give a person a role, once. Raises Invalid when the role does not belong at that level."""
    if not fits(role, psp_id=psp_id, merchant_id=merchant_id, store_id=store_id):
        raise Invalid(errors=[FieldError("role", "wrong_level", f"{role} does not belong at this level")])
    with atomic(scope):
        membership: Membership
        membership, granted = Membership.objects.get_or_create(
            user=user,
            role=role,
            psp_id=psp_id,
            merchant_id=merchant_id,
            store_id=store_id,
            defaults={"created_at": now},
        )
        if granted:
            record(db, "membership.granted", membership, now=now)
    return membership


def set_up_authenticator(*, scope: Scope, user: User, name: str, now: dt.datetime) -> NewAuthenticator:
    """Give a person a new TOTP secret in place of those they have."""
    with atomic(scope):
        for held in Authenticator.objects.filter(user=user):
            record_removal(db, "authenticator.removed", held, now=now)
            held.delete()
        authenticator = Authenticator(user=user, name=name, confirmed=True)
        authenticator.seal_secret(os.urandom(SECRET_BYTES))
        authenticator.save()
        record(db, "authenticator.set_up", authenticator, now=now)
    return NewAuthenticator(authenticator, authenticator.base32_secret())


def _check_password(password: str, *, email: str) -> None:
    try:
        validate_password(password, user=User(email=email))
    except ValidationError as error:
        faults = [FieldError("password", "weak_password", message) for message in error.messages]
        raise Invalid(errors=faults) from None
