"""Sessions: what a person who signed in may go on with, and how the platform knows their devices again."""

import datetime as dt
from typing import Any, ClassVar

from django.conf import settings
from django.db import models

from kernel import ids
from kernel.models import choices, choices_check
from kernel.schema import TableRules
from mpac.portal.domain.login import EndedBecause, Entrance, Method

PREFIX = "ses"
REASON = "belongs to a person, who belongs to no tenant"


class KnownDevice(models.Model):
    """A browser or app that a person has signed in with before; it holds a random token, we its digest."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="known_devices")
    token_hash = models.TextField(unique=True)
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    objects: ClassVar[models.Manager[Any]] = models.Manager()
    rules = TableRules(tenant=None, deletable=True, reason=REASON)

    class Meta:
        db_table = "known_devices"

    def __str__(self) -> str:
        return str(self.id)


class Session(models.Model):
    """From signing in to the end: one family of refresh tokens, or one cookie of the console.

    `membership_id` is one of the memberships that the session speaks for just now; it has no foreign key, because a
    membership may be taken away.
    """

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="sessions")
    entrance = models.TextField(choices=choices(Entrance))
    membership_id = models.BigIntegerField(null=True)
    method = models.TextField(choices=choices(Method), default="", blank=True)
    known_device = models.ForeignKey(KnownDevice, on_delete=models.SET_NULL, null=True, related_name="+")
    address = models.TextField(default="")
    user_agent = models.TextField(default="")
    created_at = models.DateTimeField()
    authenticated_at = models.DateTimeField()
    last_used_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    ended_at = models.DateTimeField(null=True)
    ended_because = models.TextField(choices=choices(EndedBecause), default="", blank=True)

    objects: ClassVar[models.Manager[Any]] = models.Manager()
    rules = TableRules(tenant=None, deletable=True, reason=REASON)

    class Meta:
        db_table = "sessions"
        constraints = (
            choices_check("entrance", Entrance, "portal_session_entrance"),
            models.CheckConstraint(
                condition=models.Q(ended_at__isnull=True, ended_because="")
                | models.Q(ended_at__isnull=False, ended_because__in=[each.value for each in EndedBecause]),
                name="portal_session_end",
            ),
        )
        indexes = (
            models.Index(
                fields=["user", "id"], condition=models.Q(ended_at__isnull=True), name="portal_session_open"
            ),
        )

    def __str__(self) -> str:
        return self.public_id

    @property
    def public_id(self) -> str:
        return ids.encode(PREFIX, self.id)

    def is_open(self, now: dt.datetime) -> bool:
        return self.ended_at is None and self.expires_at > now


class RefreshToken(models.Model):
    """One token of a session's family. It is used once; whoever uses it again does not hold the session alone."""

    id = models.BigAutoField(primary_key=True)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="refresh_tokens")
    token_hash = models.TextField(unique=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[Any]] = models.Manager()
    rules = TableRules(tenant=None, deletable=True, reason=REASON)

    class Meta:
        db_table = "refresh_tokens"

    def __str__(self) -> str:
        return str(self.pk)
