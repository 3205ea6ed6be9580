"""API keys of providers' servers."""

from typing import Any, ClassVar

from django.db import models

from kernel import clock, ids
from kernel.models import TenantManager, choices, choices_check
from kernel.schema import Parent, TableRules
from mpac.portal.domain.api_keys import ApiKeyMode

PREFIX = "key"


class ApiKey(models.Model):
    """A key of which only the hash is kept. `prefix` finds it and tells people which one it is."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    psp_id = models.IntegerField()
    name = models.TextField()
    prefix = models.TextField()
    secret_hash = models.TextField()
    mode = models.TextField(choices=choices(ApiKeyMode))
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(default=clock.now)
    last_used_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    replaced_by = models.UUIDField(null=True)

    objects: ClassVar[Any] = TenantManager()
    rules = TableRules(tenant="psp", parents=(Parent("psp_id", "psps"),))

    class Meta:
        db_table = "api_keys"
        verbose_name = "API key"
        default_manager_name = "objects"
        constraints = (
            choices_check("mode", ApiKeyMode, "portal_api_key_mode"),
            models.UniqueConstraint(fields=["psp_id", "secret_hash"], name="portal_api_key_once"),
        )
        indexes = (models.Index(fields=["prefix"], name="portal_api_key_prefix"),)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def livemode(self) -> bool:
        """Whether the key reaches real money."""
        return self.mode == ApiKeyMode.LIVE

    @property
    def public_id(self) -> str:
        return ids.encode(PREFIX, self.id)
