"""How people sign in, in the console: sessions, tries, policies; never what would let somebody in."""

import datetime as dt
from typing import ClassVar

from django.contrib import admin

from kernel.admin import RowAction
from mpac.portal.admin.base import PortalAdmin, PortalPlatformAdmin
from mpac.portal.domain.login import EndedBecause
from mpac.portal.models import (
    AuthenticationLog,
    FormerPassword,
    KnownDevice,
    LoginChallenge,
    LoginPolicy,
    LoginThrottle,
    Mail,
    PasswordReset,
    RecoveryCode,
    RefreshToken,
    Session,
)
from mpac.portal.services.sessions import end_session


def end(row: Session, _actor: str, now: dt.datetime) -> str:
    """End a session."""
    end_session(user_id=row.user_id, session_id=row.pk, why=EndedBecause.REVOKED, now=now)
    return "It is over."


@admin.register(LoginPolicy)
class LoginPolicyAdmin(PortalAdmin):
    """What providers ask of their people beyond what the platform asks."""

    list_display = ("psp_id", "required_roles", "email_codes", "updated_at")
    ordering = ("-psp_id",)


class PersonsAdmin(PortalPlatformAdmin):
    """Pages of what belongs to a person."""

    list_select_related = ("user",)
    search_fields: ClassVar[tuple[str, ...]] = ("user__email",)
    ordering = ("-id",)


@admin.register(Session)
class SessionAdmin(PersonsAdmin):
    """Where people are signed in, and why a session ended."""

    kind = "ses"
    row_actions = (
        RowAction(
            name="end",
            words="End it",
            question="Sign this person out there? Tokens of the session are refused within seconds.",
            permission="sessions:write",
            run=end,
            fits=lambda row: row.ended_at is None,
        ),
    )
    list_display = (
        "user",
        "entrance",
        "method",
        "address",
        "last_used_at",
        "created_at",
        "expires_at",
        "ended_at",
        "ended_because",
    )
    list_filter = ("entrance", ("ended_at", admin.EmptyFieldListFilter), "ended_because")
    search_fields: ClassVar[tuple[str, ...]] = ("user__email", "address")


@admin.register(AuthenticationLog)
class AuthenticationLogAdmin(PortalPlatformAdmin):
    """Every try to sign in."""

    references = {"session_id": "ses"}
    list_display = (
        "created_at",
        "user_id",
        "entrance",
        "step",
        "outcome",
        "reason",
        "address",
        "known_device",
    )
    list_filter = ("outcome", "step", "entrance")
    search_fields = ("user_id__exact", "address__exact", "account__exact")
    search_help_text = "a person's number, an address on the network, or an account's digest"
    ordering = ("-id",)


@admin.register(LoginThrottle)
class LoginThrottleAdmin(PortalPlatformAdmin):
    """Whom too many tries have locked for a while."""

    list_display = ("key", "tries", "last_try_at", "locked_until")
    search_fields = ("key",)
    ordering = ("-last_try_at",)


@admin.register(LoginChallenge)
class LoginChallengeAdmin(PersonsAdmin):
    """Sign-ins that wait for a second factor, without what would finish them."""

    list_display = ("user", "created_at", "enrols", "tries", "codes_sent", "expires_at", "used_at")
    list_filter = ("enrols", ("used_at", admin.EmptyFieldListFilter))


@admin.register(KnownDevice)
class KnownDeviceAdmin(PersonsAdmin):
    """Devices that people signed in with before."""

    list_display = ("user", "created_at", "last_used_at", "expires_at")


@admin.register(RefreshToken)
class RefreshTokenAdmin(PortalPlatformAdmin):
    """The tokens of sessions, by when they were used."""

    list_display = ("session", "created_at", "used_at", "expires_at")
    list_select_related = ("session",)
    list_filter = (("used_at", admin.EmptyFieldListFilter),)
    ordering = ("-id",)


@admin.register(RecoveryCode)
class RecoveryCodeAdmin(PersonsAdmin):
    """How many recovery codes people have left."""

    list_display = ("user", "created_at", "used_at")
    list_filter = (("used_at", admin.EmptyFieldListFilter),)


@admin.register(PasswordReset)
class PasswordResetAdmin(PersonsAdmin):
    """Who asked for a new password, and whether they chose one."""

    list_display = ("user", "created_at", "expires_at", "used_at")


@admin.register(FormerPassword)
class FormerPasswordAdmin(PersonsAdmin):
    """When people chose their passwords."""

    list_display = ("user", "created_at")


@admin.register(Mail)
class MailAdmin(PersonsAdmin):
    """Mails to people, without what is secret in them."""

    list_display = ("kind", "user", "recipient", "created_at", "sent_at")
    list_filter = ("kind", ("sent_at", admin.EmptyFieldListFilter))
    search_fields: ClassVar[tuple[str, ...]] = ("user__email", "recipient")
