"""What a provider asks of its people when they sign in, beyond what the platform asks."""

from typing import Any, ClassVar

from django.db import models

from kernel.models import TenantManager
from kernel.schema import Parent, TableRules


class LoginPolicy(models.Model):
    """One provider's policy: the roles that need a second factor, and whether codes by e-mail are one."""

    psp_id = models.IntegerField(primary_key=True)
    required_roles = models.JSONField(default=list)
    email_codes = models.BooleanField(default=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    objects: ClassVar[Any] = TenantManager()
    rules = TableRules(tenant="psp", parents=(Parent("psp_id", "psps"),))

    class Meta:
        db_table = "login_policies"
        default_manager_name = "objects"
        verbose_name_plural = "login policies"

    def __str__(self) -> str:
        return f"PSP {self.psp_id}"
