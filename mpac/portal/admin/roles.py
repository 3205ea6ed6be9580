"""Custom roles in the console: what providers make of permissions that they hold themselves."""

import datetime as dt
from typing import Any, cast

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from kernel.admin import ListAction, Panel, RowAction, console_scope
from kernel.admin.actions import Person as Viewer
from kernel.tenancy import TenantScope
from mpac.portal.admin.base import PortalAdmin
from mpac.portal.admin.people_actions import person_named
from mpac.portal.domain.permissions import PERMISSIONS
from mpac.portal.models import CustomRole, Invitation, Membership
from mpac.portal.services import custom_roles

WRITE = "roles:write"
CHOICES = [(each.name, f"{each.name}: {each.meaning}") for each in PERMISSIONS.values()]


class RoleForm(forms.Form):
    """A name for a set of permissions."""

    name = forms.CharField(max_length=100)
    description = forms.CharField(max_length=500, required=False)
    permissions = forms.MultipleChoiceField(
        choices=CHOICES,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="those that you hold yourself",
    )


class NewRoleForm(RoleForm):
    """A role of a provider."""

    psp_id = forms.IntegerField(min_value=1, label="PSP")
    field_order = ("psp_id",)


class EditForm(RoleForm):
    """A role as it was when the form was opened."""

    version = forms.IntegerField(widget=forms.HiddenInput)


def offer_held(form: RoleForm, request: HttpRequest) -> None:
    """Leave the permissions that this person holds; at the place of the role the service asks again."""
    user, scope = request.user, console_scope(request)
    permissions = cast("forms.MultipleChoiceField", form.fields["permissions"])
    permissions.choices = [choice for choice in CHOICES if user.has_perm(choice[0])]
    if "psp_id" in form.fields and isinstance(scope, TenantScope):
        form.fields["psp_id"].initial = scope.psp_id


def create(person: Viewer, now: dt.datetime, *, psp_id: int, **answers: Any) -> str:
    """Make a role."""
    made = custom_roles.create_custom_role(
        scope=person.scope, by=person_named(person.name), psp_id=psp_id, **answers, now=now
    )
    return f"{made.name} can be granted now."


def edit(row: CustomRole, actor: str, now: dt.datetime, **answers: Any) -> str:
    """Change a role."""
    changed = custom_roles.update_custom_role(
        scope=TenantScope(row.psp_id), by=person_named(actor), role_id=row.pk, **answers, now=now
    )
    return f"Saved; version {changed.version}. Tokens that carried what is gone are refused within seconds."


def delete(row: CustomRole, actor: str, now: dt.datetime) -> str:
    """Remove a role."""
    custom_roles.delete_custom_role(
        scope=TenantScope(row.psp_id), by=person_named(actor), role_id=row.pk, now=now
    )
    return f"{row.name} is gone."


def is_unused(row: CustomRole) -> bool:
    """Whether nobody has it or is invited to it."""
    return not (
        Membership.objects.filter(custom_role=row).exists()
        or Invitation.objects.filter(custom_role=row).exists()
    )


@admin.register(CustomRole)
class CustomRoleAdmin(PortalAdmin):
    """Roles that providers made."""

    kind = "role"
    list_display = ("id", "name", "description", "version", "updated_at", "psp_id")
    search_fields = ("name", "description")
    ordering = ("-id",)
    in_panels = ("permissions",)
    list_actions = (
        ListAction(
            name="create",
            words="Make a role",
            question="It can be granted like a built-in role, at the provider, a merchant or a store.",
            permission=WRITE,
            run=create,
            form=NewRoleForm,
            narrow=offer_held,
        ),
    )
    row_actions = (
        RowAction(
            name="edit",
            words="Change",
            question="Whoever has this role may do what it says from then on.",
            permission=WRITE,
            run=edit,
            form=EditForm,
            begin=lambda row, _now: {
                "name": row.name,
                "description": row.description,
                "permissions": row.permissions,
                "version": row.version,
            },
            needs=lambda row: sorted(row.allowed),
            narrow=offer_held,
        ),
        RowAction(
            name="remove",
            words="Delete",
            question="Delete this role? Nobody has it, and nobody is invited to it.",
            permission=WRITE,
            run=delete,
            needs=lambda row: sorted(row.allowed),
            fits=is_unused,
            removes=True,
        ),
    )

    def panels(self, request: HttpRequest, row: CustomRole) -> list[Panel]:
        """What it allows."""
        return [
            Panel(
                title="Permissions",
                heads=("name", "what it allows"),
                rows=[(name, PERMISSIONS[name].meaning) for name in row.permissions if name in PERMISSIONS],
                note="Names of permissions that there are no more allow nothing."
                if set(row.permissions) - PERMISSIONS.keys()
                else "",
            )
        ]
