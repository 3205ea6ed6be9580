"""The console: Django's admin behind a second factor, read-only, and inside one tenant at a time.

A context registers its models with `ConsoleAdmin`, names its `db`, and gets the rest: the page runs, rendering included,
in one transaction with the viewer's scope, so that row-level security holds for the console as for the API. Columns that
hold secrets are not shown even when nobody thought of them. Whatever changes data goes through a service, not through
here.
"""

import functools
import operator
import re
from collections.abc import Callable
from typing import Any, ClassVar, Protocol, cast

from django import forms
from django.contrib import admin
from django.contrib.admin.options import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import SimpleTemplateResponse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django_otp import devices_for_user
from django_otp.admin import OTPAdminAuthenticationForm, OTPAdminSite
from django_otp.models import Device

from kernel import ids
from kernel.db import ContextDb
from kernel.money import Money
from kernel.tenancy import Scope, SystemScope

SECRET = re.compile(
    r"_(?:sealed|hash|encrypted|secret)$|^(?:password|secret|fingerprint|nonce|credentials|body|raw_body|headers)$"
)
COUNTED_AT_MOST = 10_000
GOOD = frozenset({"active", "succeeded", "completed", "paid", "open", "captured", "ready", "delivered"})
BAD = frozenset(
    {"failed", "revoked", "closed", "expired", "error", "declined", "parked", "retired", "voided"}
)
WAITING = frozenset({"processing", "unknown", "pending", "sent", "suspended", "retiring", "requires_action"})
COLORS = ((GOOD, "#1a7f37"), (BAD, "#b42318"), (WAITING, "#9a6700"))
NEUTRAL = "#57606a"


class ConsoleUser(Protocol):
    """What the console asks of a person."""

    is_active: bool

    def console_scope(self) -> Scope | None:
        """Whose rows this person may see; None means no console."""


def console_scope(request: HttpRequest) -> Scope:
    """The scope of the person behind a request. Raises PermissionDenied when they have no place in the console."""
    scope = find_console_scope(request)
    if scope is None:
        raise PermissionDenied
    return scope


def find_console_scope(request: HttpRequest) -> Scope | None:
    """The scope of the person behind a request, or None for who has no place in the console."""
    if not request.user.is_authenticated:
        return None
    return cast("ConsoleUser", request.user).console_scope()


class ConsoleLoginForm(OTPAdminAuthenticationForm):
    """Address, password and one-time code at once. Who has one authenticator need not say which."""

    otp_token = forms.CharField(
        required=False,
        label="One-time code",
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )
    otp_device = forms.CharField(required=False, label="Authenticator", widget=forms.Select)

    def _chosen_device(self, user: Any) -> Any:
        chosen = super()._chosen_device(user)
        if chosen is None and not self.cleaned_data.get("otp_device"):
            held = list(devices_for_user(user))
            if len(held) == 1:
                return Device.from_persistent_id(held[0].persistent_id, for_verify=True)
        return chosen


class ConsoleSite(OTPAdminSite):
    """The site itself. Without a verified second factor nobody gets past its login page."""

    site_header = "MPAC console"
    site_title = "MPAC"
    index_title = "What there is"
    login_form = ConsoleLoginForm
    login_template = "console/login.html"
    enable_nav_sidebar = True

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)


class BoundedPaginator(Paginator):
    """Counts no further than people page: counting a table of payments to its end would take minutes."""

    @cached_property
    def count(self) -> int:
        objects = self.object_list
        if isinstance(objects, QuerySet):
            return len(objects.order_by().values_list("pk")[:COUNTED_AT_MOST])
        return len(objects)


class ConsoleAdmin(ModelAdmin):
    """Read-only pages of one model.

    `platform_only` hides it from everybody but the platform's operators. `typeid_fields` are columns that a searched
    identifier may be in, beside the key.
    """

    db: ClassVar[ContextDb]
    platform_only: ClassVar[bool] = False
    typeid_fields: ClassVar[tuple[str, ...]] = ()

    actions = None
    list_per_page = 50
    list_max_show_all = 0
    show_full_result_count = False
    paginator = BoundedPaginator
    view_on_site = False

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return self._in_scope(request, super().changelist_view, request, extra_context)

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        return self._in_scope(request, super().changeform_view, request, object_id, form_url, extra_context)

    def history_view(self, request: HttpRequest, object_id: Any, extra_context: Any = None) -> HttpResponse:
        return self._in_scope(request, super().history_view, request, object_id, extra_context)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Nothing is deleted here."""
        raise PermissionDenied

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        scope = find_console_scope(request)
        return isinstance(scope, SystemScope) or (scope is not None and not self.platform_only)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """The declared fields, or all columns; never one that holds a secret."""
        declared = self.fields or [field.name for field in self.model._meta.concrete_fields]
        return [name for name in declared if not SECRET.search(str(name))]

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """A whole identifier, as people copy it from a log or an answer, finds its row by key."""
        try:
            _prefix, key = ids.parse(search_term.strip())
        except ValueError:
            return super().get_search_results(request, queryset, search_term)
        columns = [
            *self.typeid_fields,
            *(["pk"] if isinstance(self.model._meta.pk, models.UUIDField) else []),
        ]
        if not columns:
            return super().get_search_results(request, queryset, search_term)
        return queryset.filter(
            functools.reduce(operator.or_, (models.Q(**{name: key}) for name in columns))
        ), False

    def _in_scope(self, request: HttpRequest, view: Callable[..., HttpResponse], *args: Any) -> HttpResponse:
        """Run a page and render it inside the viewer's scope: templates read rows, too."""
        with self.db.atomic(console_scope(request)):
            response = view(*args)
            if isinstance(response, SimpleTemplateResponse) and not response.is_rendered:
                response.render()
        return response


class PlatformAdmin(ConsoleAdmin):
    """Pages for the platform's operators alone."""

    platform_only = True


class OutboxAdmin(PlatformAdmin):
    """Events of one context on their way, delivered, or parked for a person to look at."""

    list_display = (
        "id",
        "type",
        "aggregate_id",
        "psp_id",
        "merchant_id",
        "tries",
        "delivered_at",
        "parked_at",
    )
    list_filter = (
        ("parked_at", admin.EmptyFieldListFilter),
        ("delivered_at", admin.EmptyFieldListFilter),
        "type",
    )
    search_fields = ("=aggregate_id", "=request_id")
    ordering = ("-id",)


class JobRunAdmin(PlatformAdmin):
    """What ran on a schedule, and how it ended."""

    list_display = ("job", "slot", "started_at", "finished_at", "handled", "error")
    list_filter = ("job",)
    ordering = ("-slot",)


class InboxAdmin(PlatformAdmin):
    """Receipts of handlers."""

    list_display = ("consumer", "event_id", "handled_at")
    search_fields = ("consumer",)
    typeid_fields = ("event_id",)
    ordering = ("-id",)


class IdempotencyKeyAdmin(PlatformAdmin):
    """Keyed requests, without what they asked or were answered."""

    list_display = ("operation", "key", "psp_id", "merchant_id", "store_id", "state", "status", "created_at")
    list_filter = ("state", "operation")
    search_fields = ("=key", "=resource_id")
    ordering = ("-id",)


class NonceAdmin(PlatformAdmin):
    """Nonces of signed service calls; the nonces themselves stay hidden."""

    list_display = ("key_id", "expires_at")
    ordering = ("-id",)


def register_plumbing(db: ContextDb, tables: dict[type[models.Model], type[ConsoleAdmin]]) -> None:
    """Register a context's own outbox, inbox, keys, nonces and job runs."""
    for model, page in tables.items():
        admin.site.register(model, type(page.__name__, (page,), {"db": db}))


def money(field: str, *, currency: str = "currency", label: str = "") -> Callable[[Any], str]:
    """A column that shows minor units as an amount with its currency: `1,234.50 THB`."""

    def show(row: Any) -> str:
        amount = getattr(row, field)
        return "-" if amount is None else Money(amount, getattr(row, currency)).format()

    return _column(show, label or field.removesuffix("_minor").replace("_", " "), order=field)


def state(field: str = "status", *, label: str = "") -> Callable[[Any], SafeString]:
    """A column that shows a state as a word in the color of how good that is."""

    def show(row: Any) -> SafeString:
        value = str(getattr(row, field))
        color = next((color for words, color in COLORS if value in words), NEUTRAL)
        return format_html('<strong style="color: {}">{}</strong>', color, value.replace("_", " "))

    return _column(show, label or field.replace("_", " "), order=field)


def public_id(prefix: str, field: str = "id", *, label: str = "") -> Callable[[Any], str]:
    """A column that shows a UUID as the API shows it: `dev_01j…`."""

    def show(row: Any) -> str:
        value = getattr(row, field)
        return "-" if value is None else ids.encode(prefix, value)

    return _column(show, label or field.removesuffix("_id").replace("_", " "), order=field)


def _column(show: Callable[[Any], Any], label: str, *, order: str) -> Callable[[Any], Any]:
    show.short_description = label  # type: ignore[attr-defined]
    show.admin_order_field = order  # type: ignore[attr-defined]
    return show
