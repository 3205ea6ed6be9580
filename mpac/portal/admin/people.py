"""People in the console."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path

from kernel.admin import console_scope
from kernel.tenancy import SystemScope
from mpac.portal.admin import people_actions as acts
from mpac.portal.admin.base import WHERE, PortalAdmin, PortalPlatformAdmin
from mpac.portal.admin.impersonating import stop_impersonating
from mpac.portal.models import (
    Authenticator,
    CustomRole,
    Impersonation,
    Invitation,
    Membership,
    User,
    UserPreferences,
    UserProfile,
)


@admin.register(User)
class UserAdmin(PortalAdmin):
    """People; a tenant's staff see only those who are members of it."""

    row_actions = (acts.GRANT, acts.IMPERSONATE, acts.DEACTIVATE)
    list_display = ("email", "full_name", "is_active", "last_login", "created_at")
    list_filter = ("is_active",)
    search_fields = ("email", "full_name")
    ordering = ("email",)

    def get_queryset(self, request: HttpRequest) -> "QuerySet[User]":
        people: QuerySet[User] = super().get_queryset(request)
        if isinstance(console_scope(request), SystemScope):
            return people
        return people.filter(id__in=Membership.objects.values("user_id"))


@admin.register(Membership)
class MembershipAdmin(PortalAdmin):
    """Who may do what, and where."""

    row_actions = (acts.WITHDRAW,)
    list_display = ("user", "role", "custom_role", "created_at", *WHERE)
    list_select_related = ("user", "custom_role")
    list_filter = ("role",)
    search_fields = ("user__email", "merchant_id__exact", "store_id__exact")
    ordering = ("-id",)


@admin.register(Authenticator)
class AuthenticatorAdmin(PortalPlatformAdmin):
    """Second factors; the shared secrets stay sealed."""

    list_display = ("user", "name", "confirmed", "throttling_failure_count", "created_at", "last_used_at")
    list_select_related = ("user",)
    search_fields = ("user__email",)
    ordering = ("-id",)


@admin.register(CustomRole)
class CustomRoleAdmin(PortalAdmin):
    """Roles that providers made."""

    kind = "role"
    list_display = ("id", "name", "description", "version", "updated_at", "psp_id")
    search_fields = ("name", "description")
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
