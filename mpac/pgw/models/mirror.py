"""The gateway's mirror of the hierarchy that portal owns: versioned, with tombstones, never edited here.

The gateway decides on these rows alone, so that it works while portal is away. A row is replaced only by a higher version
from the same owner; what portal deleted stays as a tombstone, because intents still point to it.
"""

from typing import Any, ClassVar

from django.db import models

from kernel.ids import uuid7
from kernel.models import StoreModel, TenantManager
from kernel.schema import Parent, TableRules


class ClientPartner(models.Model):
    """A payment service provider as the gateway knows it."""

    psp_id = models.IntegerField(primary_key=True)
    name = models.TextField()
    is_active = models.BooleanField(default=True)
    rate_limit_per_minute = models.IntegerField(default=100)
    version = models.BigIntegerField()
    deleted_at = models.DateTimeField(null=True)
    synced_at = models.DateTimeField()

    objects: ClassVar[Any] = TenantManager()
    rules = TableRules(tenant="psp")

    class Meta:
        db_table = "client_partners"
        default_manager_name = "objects"

    def __str__(self) -> str:
        return self.name


class Merchant(models.Model):
    """A merchant as the gateway knows it."""

    merchant_id = models.IntegerField(primary_key=True)
    psp_id = models.IntegerField()
    merchant_code = models.TextField()
    name = models.TextField()
    is_active = models.BooleanField(default=True)
    version = models.BigIntegerField()
    deleted_at = models.DateTimeField(null=True)
    synced_at = models.DateTimeField()

    objects: ClassVar[Any] = TenantManager()
    rules = TableRules(tenant="merchant", parents=(Parent("psp_id", "client_partners", "psp_id"),))

    class Meta:
        db_table = "merchants"
        default_manager_name = "objects"

    def __str__(self) -> str:
        return self.name


class Store(models.Model):
    """A store as the gateway knows it."""

    store_id = models.IntegerField(primary_key=True)
    psp_id = models.IntegerField()
    merchant_id = models.IntegerField()
    store_code = models.TextField()
    name = models.TextField()
    is_active = models.BooleanField(default=True)
    version = models.BigIntegerField()
    deleted_at = models.DateTimeField(null=True)
    synced_at = models.DateTimeField()

    objects: ClassVar[Any] = TenantManager()
    rules = TableRules(tenant="store", parents=(Parent("merchant_id", "merchants", "merchant_id"),))

    class Meta:
        db_table = "stores"
        default_manager_name = "objects"
        indexes = (models.Index(fields=["psp_id", "merchant_id"], name="stores_of_merchant"),)

    def __str__(self) -> str:
        return self.name


class StoreProviderConfig(StoreModel):
    """How a store is known to one provider. Its credentials stay sealed; they are opened only for a call."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider_name = models.TextField()
    account = models.JSONField(
        help_text="how the provider knows the store, such as an SCB biller id; no secrets"
    )
    api_key_encrypted = models.TextField()
    enabled = models.BooleanField(default=True)
    livemode = models.BooleanField(null=True, help_text="empty when the source does not tell test from live")
    version = models.BigIntegerField()
    deleted_at = models.DateTimeField(null=True)
    synced_at = models.DateTimeField()

    rules = TableRules(
        tenant="store",
        parents=(Parent("store_id", "stores", "store_id"),),
        sealed=("api_key_encrypted",),
    )

    class Meta:
        db_table = "store_provider_configs"
        default_manager_name = "objects"
        constraints = (
            # A store has one account per provider, so that a callback's account leads to one store's rules.
            models.UniqueConstraint(
                fields=["psp_id", "merchant_id", "store_id", "provider_name"],
                name="store_provider_configs_once",
            ),
        )

    def __str__(self) -> str:
        return f"{self.provider_name} of store {self.store_id}"

    def sealed_for(self) -> str:
        """What binds the credentials to their place, which portal names the same: another row's do not open here."""
        return f"provider-config:{self.psp_id}:{self.merchant_id}:{self.store_id}:{self.provider_name}"
