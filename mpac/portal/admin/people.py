"""People in the console."""

from typing import cast

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils.html import format_html

from kernel.admin import ConsoleSite, Panel, console_scope
from kernel.admin.columns import moment
from kernel.tenancy import SystemScope
from mpac.portal.admin import people_actions as acts
from mpac.portal.admin.base import WHERE, PortalAdmin, PortalPlatformAdmin
from mpac.portal.admin.impersonating import stop_impersonating
from mpac.portal.models import (
    Authenticator,
    Impersonation,
    Invitation,
    Membership,
    User,
    UserPreferences,
    UserProfile,
)


def role_in_words(held: Membership) -> str:
    """A role as people call it."""
    return str(held.custom_role.name) if held.custom_role else held.role.replace("_", " ")


def place_in_words(held: Membership) -> str:
    """Where a role holds."""
    levels = (("PSP", held.psp_id), ("merchant", held.merchant_id), ("store", held.store_id))
    return ", ".join(f"{name} {key}" for name, key in levels if key is not None) or "the whole platform"


@admin.register(User)
class UserAdmin(PortalAdmin):
    """People; a tenant's staff see only those who are members of it."""

    row_actions = (acts.GRANT, acts.IMPERSONATE, acts.SIGN_OUT, acts.DEACTIVATE)
    list_display = ("email", "full_name", "is_active", "last_login", "created_at")
    list_filter = ("is_active",)
    search_fields = ("email", "full_name")
    ordering = ("email",)

    def get_queryset(self, request: HttpRequest) -> "QuerySet[User]":
        people: QuerySet[User] = super().get_queryset(request)
        if isinstance(console_scope(request), SystemScope):
            return people
        return people.filter(id__in=Membership.objects.values("user_id"))

    def panels(self, request: HttpRequest, row: User) -> list[Panel]:
        """What the person may do, and where, as far as the viewer sees it."""
        held = Membership.objects.filter(user=row).select_related("custom_role").order_by("pk")
        link = cast("ConsoleSite", self.admin_site).link
        return [
            Panel(
                title="Roles",
                heads=("role", "where", "since"),
                rows=[
                    (
                        format_html('<a href="{}">{}</a>', link("membership", each.pk), role_in_words(each)),
                        place_in_words(each),
                        moment(each.created_at),
                    )
                    for each in held
                ],
                note="A role is withdrawn on its own page.",
            )
        ]


@admin.register(Membership)
class MembershipAdmin(PortalAdmin):
    """Who may do what, and where."""

    kind = "membership"
    row_actions = (acts.WITHDRAW,)
    list_display = ("user", "role", "custom_role", "created_at", *WHERE)
    list_select_related = ("user", "custom_role")
    list_filter = ("role",)
    search_fields = ("user__email", "merchant_id__exact", "store_id__exact")
    ordering = ("-id",)


@admin.register(Authenticator)
class AuthenticatorAdmin(PortalPlatformAdmin):
    """Second factors; the shared secrets stay sealed."""

    list_display = ("user", "name", "confirmed", "created_at", "last_used_at")
    list_select_related = ("user",)
    search_fields = ("user__email",)
    ordering = ("-id",)


@admin.register(Invitation)
class InvitationAdmin(PortalAdmin):
    """Roles that wait for somebody to take them."""

    kind = "inv"
    row_actions = (acts.RESEND, acts.CALL_BACK)
    list_actions = (acts.INVITE,)
    list_display = ("id", "email", "role", "status", "expires_at", "sent_at", "invited_by", *WHERE)
    list_select_related = ("invited_by",)
    list_filter = ("status", "role", "created_at")
    search_fields = ("email", "full_name")
    ordering = ("-id",)


@admin.register(Impersonation)
class ImpersonationAdmin(PortalAdmin):
    """Who acted as whom, and why."""

    kind = "imp"
    row_actions = (acts.APPROVE, acts.REFUSE, acts.END)
    attention = {"requests to act as somebody wait": {"status__exact": "requested"}}
    list_display = ("id", "impersonator", "target", "ticket", "writes", "status", "expires_at", *WHERE)
    list_select_related = ("impersonator", "target")
    list_filter = ("status", "writes", "in_console", "created_at")
    search_fields = ("ticket", "reason", "impersonator__email", "target__email")
    ordering = ("-id",)

    def get_urls(self) -> list[URLPattern]:
        return [
            path("stop/", self.admin_site.admin_view(stop_impersonating), name="stop_impersonating"),
            *super().get_urls(),
        ]


@admin.register(UserProfile)
class UserProfileAdmin(PortalPlatformAdmin):
    """What people say about themselves."""

    list_display = ("user", "first_name", "last_name", "country", "language", "updated_at")
    list_select_related = ("user",)
    search_fields = ("user__email", "first_name", "last_name")
    ordering = ("-user_id",)


@admin.register(UserPreferences)
class UserPreferencesAdmin(PortalPlatformAdmin):
    """What people want to be told."""

    list_display = ("user", "email_notifications_enabled", "marketing_emails_enabled", "updated_at")
    list_select_related = ("user",)
    search_fields = ("user__email",)
    ordering = ("-user_id",)
