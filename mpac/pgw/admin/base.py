"""What all pages of the gateway share."""

import datetime as dt
from collections.abc import Mapping
from typing import Any, ClassVar, cast

from django.contrib.admin import SimpleListFilter
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from kernel.admin import ConsoleAdmin, ConsoleSite, Journal, PlatformAdmin, find_console_scope
from kernel.admin.columns import identifier
from kernel.tenancy import Scope, SystemScope, TenantScope
from mpac.pgw.adapters.registry import list_adapters
from mpac.pgw.db import db
from mpac.pgw.services.console_journal import begin_entry, end_entry

WHERE = ("psp_id", "merchant_id", "store_id")
NOBODYS = SystemScope("console")


class ProviderFilter(SimpleListFilter):
    """By provider; which there are is known without reading a table to its end."""

    title = "provider"
    parameter_name = "provider"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Every provider."""
        return provider_names()

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        """What is of the chosen one."""
        value = self.value()
        return queryset.filter(provider=value) if value else queryset


class GatewayJournal:
    """Who did what, in the gateway's own schema."""

    def begin(
        self, *, actor: str, action: str, table: str, row: Any, place: Any, answers: Mapping[str, Any]
    ) -> Any:
        """Enter it before it is done."""
        return begin_entry(actor=actor, action=action, table=table, row=row, place=place, answers=answers)

    def end(self, entry: Any, *, done: bool, said: str, now: dt.datetime) -> None:
        """Say how it ended."""
        end_entry(entry=entry, done=done, said=said, now=now)


class GatewayAdmin(ConsoleAdmin):
    """Pages of the gateway's tenant tables."""

    db = db
    journal: ClassVar[Journal | None] = GatewayJournal()

    def named(self, kind: str, key: Any) -> Any:
        """An identifier of another row, with the way to its page."""
        text, target = identifier(kind, key), cast("ConsoleSite", self.admin_site).link(kind, key)
        return format_html('<a class="id" href="{}">{}</a>', target, text) if target else text

    def link_to(self, row: Any) -> Any:
        """The way to a row's page: by its identifier, or in a word where it has none."""
        page = cast("ConsoleAdmin", self.admin_site._registry[type(row)])
        return self.named(page.kind, row.pk) if page.kind else self.to_row(type(row), row.pk)

    def to_row(self, model: type[Model], key: Any, words: str = "open") -> Any:
        """The way to the page of a row that has no identifier of its own."""
        page = cast("ConsoleAdmin", self.admin_site._registry[model])
        return format_html('<a href="{}">{}</a>', page.url_of(key), words)


class GatewayPlatformAdmin(PlatformAdmin):
    """Pages of the gateway's tables that belong to no tenant."""

    db = db


def provider_names() -> list[tuple[str, str]]:
    """Every provider, as forms and filters offer them."""
    return [(each.name, each.name) for each in list_adapters()]


def scope_of(row: Any) -> Scope:
    """The tenant of a row, down to its merchant; of a row that belongs to nobody yet, the operators' view of all."""
    return NOBODYS if row.psp_id is None else TenantScope(row.psp_id, row.merchant_id)


def tenant_of(row: Any) -> TenantScope:
    """The same for rows that always belong to somebody."""
    return TenantScope(row.psp_id, row.merchant_id)


def is_narrowed_to_merchant(request: HttpRequest) -> bool:
    """Whether this person sees one merchant's affairs, or less."""
    scope = find_console_scope(request)
    return isinstance(scope, TenantScope) and scope.merchant_id is not None
