"""A store's accounts with payment providers."""

from django.db import models

from kernel import ids
from kernel.models import StoreModel
from kernel.schema import Parent, TableRules

PREFIX = "pcf"


class ProviderConfig(StoreModel):
    """One account of one store. The credentials are sealed, and nothing in portal ever opens them."""

    provider = models.TextField()
    account = models.JSONField(default=dict)
    credentials_sealed = models.TextField()
    enabled = models.BooleanField(default=True)
    livemode = models.BooleanField(default=False)
    version = models.IntegerField(default=1)
    updated_at = models.DateTimeField()

    rules = TableRules(
        tenant="store", parents=(Parent("store_id", "stores"),), sealed=("credentials_sealed",)
    )

    class Meta(StoreModel.Meta):
        db_table = "provider_configs"
        constraints = (
            # The gateway must never have to choose between two accounts.
            models.UniqueConstraint(
                fields=["psp_id", "merchant_id", "store_id", "provider"], name="portal_provider_config_once"
            ),
            models.CheckConstraint(condition=models.Q(version__gte=1), name="portal_provider_config_version"),
        )

    def __str__(self) -> str:
        return f"{self.provider} of store {self.store_id}"

    @property
    def public_id(self) -> str:
        return ids.encode(PREFIX, self.id)

    def sealed_for(self) -> str:
        """What this row's credentials are bound to."""
        return sealing_place(
            psp_id=self.psp_id,
            merchant_id=self.merchant_id,
            store_id=self.store_id,
            provider=self.provider,
        )


def sealing_place(*, psp_id: int, merchant_id: int, store_id: int, provider: str) -> str:
    """What sealed credentials are bound to; the gateway names the same place when it opens them."""
    return f"provider-config:{psp_id}:{merchant_id}:{store_id}:{provider}"
