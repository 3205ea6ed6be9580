"""What stands between a password and a session: open sign-ins, recovery codes, resets, former passwords, counted tries."""

import datetime as dt
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.hashers import is_password_usable
from django.db import models

from kernel import ids
from kernel.schema import TableRules
from mpac.portal import conf
from mpac.portal.models.session import REASON, KnownDevice


class LoginChallenge(models.Model):
    """A sign-in whose password was right and whose second factor is awaited. `enrols` says that there is none yet."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    token_hash = models.TextField(unique=True)
    enrols = models.BooleanField(default=False)
    known_device = models.ForeignKey(KnownDevice, on_delete=models.SET_NULL, null=True, related_name="+")
    tries = models.SmallIntegerField(default=0)
    code_hash = models.TextField(default="", blank=True)
    code_expires_at = models.DateTimeField(null=True)
    codes_sent = models.SmallIntegerField(default=0)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[Any]] = models.Manager()
    rules = TableRules(tenant=None, deletable=True, reason=REASON)

    class Meta:
        db_table = "login_challenges"

    def __str__(self) -> str:
        return str(self.id)


class RecoveryCode(models.Model):
    """A code to sign in once with, when the authenticator is lost."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="recovery_codes"
    )
    code_hash = models.TextField()
    created_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[Any]] = models.Manager()
    rules = TableRules(tenant=None, deletable=True, reason=REASON)

    class Meta:
        db_table = "recovery_codes"
        constraints = (
            models.UniqueConstraint(fields=["user", "code_hash"], name="portal_recovery_code_once"),
        )

    def __str__(self) -> str:
        return str(self.pk)


class PasswordReset(models.Model):
    """A way to a new password, sent to the mailbox. One without a person was asked for an address that nobody has."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    token_hash = models.TextField(unique=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[Any]] = models.Manager()
    rules = TableRules(tenant=None, deletable=True, reason=REASON)

    class Meta:
        db_table = "password_resets"

    def __str__(self) -> str:
        return str(self.id)


class FormerPassword(models.Model):
    """A password that a person has or had, as it is kept, so that it is not chosen again too soon."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="former_passwords"
    )
    password_hash = models.TextField()
    created_at = models.DateTimeField()

    objects: ClassVar[models.Manager[Any]] = models.Manager()
    rules = TableRules(tenant=None, deletable=True, reason=REASON)

    class Meta:
        db_table = "former_passwords"
        indexes = (models.Index(fields=["user", "-id"], name="portal_former_password"),)

    def __str__(self) -> str:
        return str(self.pk)

    @classmethod
    def remember(cls, user_id: int, password_hash: str, *, now: dt.datetime) -> None:
        """Keep a password among the last four of a person, in the open transaction."""
        if not is_password_usable(password_hash):
            return
        cls.objects.create(user_id=user_id, password_hash=password_hash, created_at=now)
        kept = cls.objects.filter(user_id=user_id).order_by("-id").values("pk")[: conf.PASSWORDS_REMEMBERED]
        cls.objects.filter(user_id=user_id).exclude(pk__in=list(kept.values_list("pk", flat=True))).delete()


class LoginThrottle(models.Model):
    """How often somebody tried to sign in to one account, from one address or with one device."""

    key = models.TextField(primary_key=True)
    tries = models.IntegerField(default=0)
    last_try_at = models.DateTimeField(db_index=True)
    locked_until = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[Any]] = models.Manager()
    rules = TableRules(tenant=None, deletable=True, reason="an account may be nobody's")

    class Meta:
        db_table = "login_throttles"

    def __str__(self) -> str:
        return self.key
