"""What people say about themselves: who they are, where they live, and what they want to be told."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from kernel.models import CurrencyField
from kernel.schema import TableRules


class UserProfile(models.Model):
    """A person's own particulars; a person without any has no row."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, primary_key=True, related_name="profile"
    )
    first_name = models.TextField(default="", blank=True)
    last_name = models.TextField(default="", blank=True)
    date_of_birth = models.DateField(null=True)
    address_line1 = models.TextField(default="", blank=True)
    address_line2 = models.TextField(default="", blank=True)
    city = models.TextField(default="", blank=True)
    state = models.TextField(default="", blank=True)
    country = models.TextField(default="", blank=True)
    postal_code = models.TextField(default="", blank=True)
    preferred_currency = CurrencyField(default="", blank=True)
    time_zone = models.TextField(default="UTC")
    language = models.TextField(default="en")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    rules = TableRules(tenant=None, reason="belongs to a person, who belongs to no tenant")

    class Meta:
        db_table = "user_profiles"

    def __str__(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or f"user {self.user_id}"

    FIELDS: ClassVar[tuple[str, ...]] = (
        *("first_name", "last_name", "date_of_birth", "address_line1", "address_line2", "city", "state"),
        *("country", "postal_code", "preferred_currency", "time_zone", "language"),
    )


class UserPreferences(models.Model):
    """What a person wants to be told, and how; a person who never chose has no row and the defaults."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, primary_key=True, related_name="preferences"
    )
    email_notifications_enabled = models.BooleanField(default=True)
    sms_notifications_enabled = models.BooleanField(default=True)
    push_notifications_enabled = models.BooleanField(default=True)
    marketing_emails_enabled = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    rules = TableRules(tenant=None, reason="belongs to a person, who belongs to no tenant")

    class Meta:
        db_table = "user_preferences"
        verbose_name_plural = "user preferences"

    def __str__(self) -> str:
        return f"preferences of user {self.user_id}"

    FIELDS: ClassVar[tuple[str, ...]] = (
        *("email_notifications_enabled", "sms_notifications_enabled", "push_notifications_enabled"),
        "marketing_emails_enabled",
    )
