"""The site itself: who gets in, what stands where, and a way to anything by its identifier."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

from django.apps import apps
from django.conf import settings
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils.decorators import method_decorator
from django.utils.text import capfirst
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect

from kernel import clock, ids
from kernel.admin.entrance import SESSION, entrance
from kernel.admin.login import first_page, second_page
from kernel.admin.pages import ConsoleAdmin
from kernel.admin.scope import console_scope, describe, find_console_scope

SHOWN_AT_MOST = 99


@dataclass(frozen=True, slots=True)
class Notice:
    """Rows that a person should look at."""

    words: str
    count: str
    url: str


class ConsoleSite(AdminSite):
    """Without a second factor nobody gets past its login page, and nothing is registered that can write."""

    site_header = "MPAC console"
    site_title = "MPAC console"
    index_title = "Overview"
    site_url = None
    index_template = "console/home.html"
    app_index_template = "console/home.html"
    enable_nav_sidebar = True

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Take a context's page; what Django's own applications offer is left out, for it writes and has no scope."""
        if admin_class is not None and issubclass(admin_class, ConsoleAdmin):
            super().register(model_or_iterable, admin_class, **options)

    def pages(self) -> list[ConsoleAdmin]:
        """Every page, in the order of contexts and of their declaration."""
        order = list(reversed(settings.MPAC_CONTEXTS))
        pages = cast("list[ConsoleAdmin]", list(self._registry.values()))
        return sorted(pages, key=lambda page: order.index(page.opts.app_label))

    def link(self, kind: str, key: Any) -> str:
        """The address of the page of a row, empty when there is none. `key` may be a whole identifier."""
        page = self._page_of(kind)
        if page is None:
            return ""
        if isinstance(key, str):
            try:
                _kind, key = ids.parse(key)
            except ValueError:
                return ""
        return page.url_of(key)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        found = {**super().each_context(request), "seen": describe(find_console_scope(request))}
        # Beside a page stand the lists of its context; those of the others are a click away.
        here = request.path_info.removeprefix(reverse("admin:index")).partition("/")[0]
        beside = [section for section in found["available_apps"] if section["app_label"] == here]
        return found | {"available_apps": beside}

    def get_urls(self) -> list[URLPattern | URLResolver]:
        return [
            path("find", self.admin_view(self.find), name="find"),
            path("login/code/", self.second_factor, name="second_factor"),
            *super().get_urls(),
        ]

    def find(self, request: HttpRequest) -> HttpResponse:
        """From an identifier to its page."""
        text = request.GET.get("id", "").strip()
        try:
            kind, key = ids.parse(text)
        except ValueError:
            kind, key = "", None
        page = self._page_of(kind)
        if page is not None and page.has_view_permission(request):
            return redirect(page.url_of(key))
        messages.warning(request, f"“{text}” is no identifier that has a page here.")
        return redirect("admin:index")

    @method_decorator([never_cache, csrf_protect])
    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Whoever shows the right password and code gets a session that can be seen and ended elsewhere, too."""
        return first_page(self, request)

    @method_decorator([never_cache, csrf_protect])
    def second_factor(self, request: HttpRequest) -> HttpResponse:
        """Where somebody shows a code who came without one."""
        return second_page(self, request)

    def logout(self, request: HttpRequest, extra_context: Any = None) -> TemplateResponse:
        key = request.session.get(SESSION)
        if request.method == "POST" and key and request.user.pk:
            entrance().leave(key, user_id=request.user.pk, now=clock.now())
        answer: TemplateResponse = super().logout(request, extra_context)
        return answer

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> TemplateResponse:
        """Another password ends every other session of its person."""
        answer: TemplateResponse = super().password_change(request, extra_context)
        key = request.session.get(SESSION)
        if request.method == "POST" and answer.status_code == HTTPStatus.FOUND and key and request.user.pk:
            entrance().shut_out_others(key, user_id=request.user.pk, now=clock.now())
        return answer

    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        """No page has choices to complete, and a search here would be outside any scope."""
        raise PermissionDenied

    def index(self, request: HttpRequest, extra_context: Any = None) -> TemplateResponse:
        context = {"notices": self._notices(request), "subtitle": None, **(extra_context or {})}
        answer: TemplateResponse = super().index(request, context)
        return answer

    def app_index(self, request: HttpRequest, app_label: str, extra_context: Any = None) -> TemplateResponse:
        words = str(apps.get_app_config(app_label).verbose_name)
        context = {"title": words, "subtitle": None, **(extra_context or {})}
        answer: TemplateResponse = super().app_index(request, app_label, context)
        return answer

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Contexts from the counter inwards, each in the order of its declarations, and the plumbing of all at the end."""
        sections: dict[str, dict[str, Any]] = {}
        for page in sorted(self.pages(), key=lambda page: page.plumbing):
            if not page.has_view_permission(request) or app_label not in {None, page.opts.app_label}:
                continue
            words = str(page.opts.app_config.verbose_name)
            name = capfirst(str(page.opts.verbose_name_plural))
            if page.plumbing and app_label is None:
                section = self._section(
                    sections, "Plumbing", "plumbing", reverse("admin:index") + "#plumbing"
                )
                name = f"{words}: {name.lower()}"
            else:
                label = page.opts.app_label
                section = self._section(sections, words, label, reverse("admin:app_list", args=[label]))
            section["models"].append(_entry(page, name))
        return list(sections.values())

    def _section(
        self, sections: dict[str, dict[str, Any]], name: str, label: str, url: str
    ) -> dict[str, Any]:
        fresh = {"name": name, "app_label": label, "app_url": url, "has_module_perms": True, "models": []}
        return sections.setdefault(label, fresh)

    def _page_of(self, kind: str) -> ConsoleAdmin | None:
        """What partners and people look at comes before the plumbing that carries the same identifiers."""
        pages = sorted(self.pages(), key=lambda page: page.plumbing)
        return next((page for page in pages if kind and page.kind == kind), None)

    def _notices(self, request: HttpRequest) -> list[Notice]:
        """Conditions that pages ask attention for, where rows meet them; each is counted no further than it is shown."""
        found = []
        scope = console_scope(request)
        for page in self.pages():
            for words, lookups in page.attention.items() if page.has_view_permission(request) else ():
                with page.db.atomic(scope):
                    rows: models.QuerySet = page.get_queryset(request).filter(**lookups)
                    count = len(rows.order_by().values_list("pk")[: SHOWN_AT_MOST + 1])
                if count:
                    shown = str(count) if count <= SHOWN_AT_MOST else f"more than {SHOWN_AT_MOST}"
                    text = (
                        f"{words} in {str(page.opts.app_config.verbose_name).lower()}"
                        if page.plumbing
                        else words
                    )
                    found.append(Notice(text, shown, page.list_url(lookups)))
        return found


def _entry(page: ConsoleAdmin, name: str) -> dict[str, Any]:
    return {
        "model": page.model,
        "name": name,
        "object_name": page.opts.object_name,
        "admin_url": page.list_url(),
        "add_url": None,
        "view_only": True,
        "perms": {"add": False, "change": False, "delete": False, "view": True},
    }
