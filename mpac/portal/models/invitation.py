"""Invitations: roles that are waiting for somebody to take them."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower

from kernel import ids
from kernel.models import TenantManager, choices, choices_check
from kernel.schema import Parent, TableRules
from mpac.portal.domain.authority import Place
from mpac.portal.domain.invitations import TRANSITIONS, InvitationStatus
from mpac.portal.domain.permissions import ROLE_PERMISSIONS
from mpac.portal.domain.roles import Role
from mpac.portal.models.custom_role import CustomRole

PREFIX = "inv"


class Invitation(models.Model):
    """One role at one place for whoever reads the mail of one address.

    Of the link's secret a hash is kept; the secret itself lies sealed with the mail until that is sent. What is written here
    does not depend on whether the address has an account.
    """

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    psp_id = models.IntegerField(null=True)
    merchant_id = models.IntegerField(null=True)
    store_id = models.IntegerField(null=True)
    email = models.EmailField()
    full_name = models.TextField(default="", blank=True)
    role = models.TextField(choices=choices(Role))
    custom_role = models.ForeignKey(
        CustomRole, on_delete=models.PROTECT, null=True, related_name="invitations"
    )
    status = models.TextField(choices=choices(InvitationStatus), default=InvitationStatus.PENDING)
    secret_hash = models.TextField(unique=True)
    failed_tries = models.SmallIntegerField(default=0)
    times_sent = models.SmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="invitations_made"
    )
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="invitations_accepted"
    )
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    objects: ClassVar[Any] = TenantManager()
    rules = TableRules(
        tenant="optional",
        transitions=TRANSITIONS,
        parents=(
            Parent("psp_id", "psps"),
            Parent("merchant_id", "merchants"),
            Parent("store_id", "stores"),
            Parent("custom_role_id", "roles"),
        ),
    )

    class Meta:
        db_table = "invitations"
        default_manager_name = "objects"
        constraints = (
            choices_check("role", Role, "portal_invitation_role"),
            choices_check("status", InvitationStatus, "portal_invitation_status"),
            models.CheckConstraint(
                condition=models.Q(email=Lower("email")), name="portal_invitation_email_lower"
            ),
            # A second one of the same kind would have to be withdrawn twice; it is sent again instead.
            models.UniqueConstraint(
                fields=["psp_id", "merchant_id", "store_id", "email", "role", "custom_role"],
                condition=models.Q(status=InvitationStatus.PENDING),
                name="portal_invitation_once",
                nulls_distinct=False,
            ),
        )

    def __str__(self) -> str:
        return self.email

    @property
    def public_id(self) -> str:
        return ids.encode(PREFIX, self.id)

    @property
    def place(self) -> Place:
        """Where the role will hold."""
        return Place(self.psp_id, self.merchant_id, self.store_id)

    @property
    def permissions(self) -> frozenset[str]:
        """What the role allows."""
        if self.custom_role is not None:
            return self.custom_role.allowed
        return ROLE_PERMISSIONS[Role(self.role)]
