"""Every try to sign in, whatever came of it."""

import datetime as dt
from typing import Any, ClassVar

from django.db import models

from kernel import clock, ids
from kernel.models import choices
from kernel.schema import TableRules
from mpac.portal.domain.login import Entrance, Outcome, Step


class AuthenticationLog(models.Model):
    """One try. `account` is a keyed digest of the address that was given: people type passwords where addresses belong.

    `user_id` has no foreign key: a row is written for every guess, and checking would lock the person's row.
    """

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    created_at = models.DateTimeField(default=clock.now)
    user_id = models.IntegerField(null=True)
    account = models.TextField()
    entrance = models.TextField(choices=choices(Entrance))
    step = models.TextField(choices=choices(Step))
    outcome = models.TextField(choices=choices(Outcome))
    reason = models.TextField(default="", blank=True)
    session_id = models.UUIDField(null=True)
    known_device = models.BooleanField(default=False)
    address = models.TextField(default="")
    user_agent = models.TextField(default="")
    request_id = models.TextField(default="")

    objects: ClassVar[models.Manager[Any]] = models.Manager()
    rules = TableRules(
        tenant=None,
        reason="a try may be for an account that is nobody's",
        append_only=True,
        partitioned=True,
        keep=dt.timedelta(days=365),
    )

    class Meta:
        db_table = "authentication_logs"
        indexes = (
            models.Index(fields=["user_id", "id"], name="portal_authentication_user"),
            models.Index(fields=["account", "id"], name="portal_authentication_account"),
            models.Index(fields=["address", "id"], name="portal_authentication_address"),
        )

    def __str__(self) -> str:
        return f"{self.step} {self.outcome}"
