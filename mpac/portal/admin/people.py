"""People in the console."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from kernel.admin import console_scope
from kernel.tenancy import SystemScope
from mpac.portal.admin.base import WHERE, PortalAdmin, PortalPlatformAdmin
from mpac.portal.models import Authenticator, Membership, User


@admin.register(User)
class UserAdmin(PortalAdmin):
    """People; a tenant's staff see only those who are members of it."""

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

    list_display = ("user", "role", "created_at", *WHERE)
    list_select_related = ("user",)
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
