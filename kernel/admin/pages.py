"""The pages of one model: a list, and a row in groups of columns with the way to what belongs to it."""

import functools
import operator
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Protocol, cast
from urllib.parse import urlencode

from django.contrib.admin import ShowFacets
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import models
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import SimpleTemplateResponse
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.text import capfirst

from kernel import ids
from kernel.admin.acting import ActingAdmin
from kernel.admin.columns import EMPTY, Kind, Show, column, label, may_be
from kernel.admin.panels import Panel
from kernel.admin.scope import console_scope, find_console_scope
from kernel.logs import get_logger
from kernel.scrubbing import SECRET_COLUMN
from kernel.tenancy import SystemScope

logger = get_logger(__name__)

SECRET = SECRET_COLUMN
COUNTED_AT_MOST = 10_000
FACTS = 8
TENANT = {"psp_id": "psp", "merchant_id": "merchant", "store_id": "store"}
Lookups = Mapping[str, Any]


class Directory(Protocol):
    """What a page asks of its site."""

    def pages(self) -> list["ConsoleAdmin"]:
        """Every page, in the order of contexts and of their declaration."""

    def link(self, kind: str, key: Any) -> str:
        """The address of the page of a row, empty when there is none."""


class BoundedPaginator(Paginator):
    """Counts no further than people page: counting a table of payments to its end would take minutes."""

    @cached_property
    def count(self) -> int:
        objects = self.object_list
        if isinstance(objects, QuerySet):
            return len(objects.order_by().values_list("pk")[:COUNTED_AT_MOST])
        return len(objects)


class ConsoleList(ChangeList):
    """A list that offers "show all" only to who has narrowed it down."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if not self.query and not self.has_active_filters:
            self.full_result_count = self.result_count


class ConsoleAdmin(ActingAdmin):
    """Read-only pages of one model.

    `kind` is what rows are called where others refer to them: the prefix of their TypeIDs, or a word of the trade for
    integer keys. `references` says what the columns that name other rows name; `currency` is the path to the currency of
    the money columns; `in_panels` are columns that a panel shows. `attention` names conditions that a person should look
    at, with the lookups that find such rows. `row_actions` are what some people may do from a row's page, `list_actions`
    from the list, and `journal` keeps who did what. `platform_only` hides the model from everybody but the platform's
    operators.
    """

    platform_only: ClassVar[bool] = False
    plumbing: ClassVar[bool] = False
    kind: ClassVar[str] = ""
    references: ClassVar[Mapping[str, Kind]] = {}
    currency: ClassVar[str] = "currency"
    in_panels: ClassVar[Sequence[str]] = ()
    attention: ClassVar[Mapping[str, Lookups]] = {}

    actions = None
    list_per_page = 50
    list_max_show_all = 0
    show_full_result_count = False
    show_facets = ShowFacets.NEVER  # they would count whole tables, once for each choice
    paginator = BoundedPaginator
    view_on_site = False
    change_form_template = "console/row.html"
    change_list_template = "console/list.html"

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        context = {
            "title": capfirst(str(self.opts.verbose_name_plural)),
            "list_actions": self.offered_on_list(request),
            **(extra_context or {}),
        }
        return self._in_scope(request, self._list, request, context)

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        context = {"title": capfirst(str(self.opts.verbose_name)), **(extra_context or {})}
        if object_id is not None:
            key = unquote(object_id)
            context |= {
                "list_url": self.list_url(),
                "related": self._related(request, key),
            }
            if name := self.public_name(key):
                context["subtitle"] = name
        return self._in_scope(request, super().changeform_view, request, object_id, form_url, context)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **named: Any
    ) -> HttpResponse:
        """The row with its panels and with what may be done to it, all read in the viewer's scope."""
        row = named.get("obj")
        if row is not None:
            context |= {"row_actions": self.offered(request, row), "panels": self.panels(request, row)}
        answer: HttpResponse = super().render_change_form(request, context, *args, **named)
        return answer

    def _list(self, request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
        context = {"panels": self.list_panels(request), **context}
        answer: HttpResponse = super().changelist_view(request, context)
        return answer

    def list_panels(self, request: HttpRequest) -> list[Panel]:
        """What a list shows above its rows."""
        return []

    def panels(self, request: HttpRequest, row: Any) -> list[Panel]:
        """What the page of a row shows below its columns."""
        return []

    def facts(self, row: Any) -> list[tuple[str, Any]]:
        """The first columns of the list, as they stand."""
        return [self._fact(name, row) for name in self.list_display[:FACTS] if isinstance(name, str)]

    def _fact(self, name: str, row: Any) -> tuple[str, Any]:
        show = self._column(name, linked=False)
        if isinstance(show, str):
            held = {field.name for field in self.model._meta.concrete_fields}
            value = getattr(row, name) if name in held else getattr(self, name)(row)
        else:
            value = show(row)
        return label(name), EMPTY if value in (None, "") else value

    def history_view(self, request: HttpRequest, object_id: Any, extra_context: Any = None) -> HttpResponse:
        """The console writes nothing, so it has no history of its own; each context keeps that of its states."""
        raise Http404

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

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """No filter on a column that holds a secret: it would answer guesses, letter by letter."""
        if any(SECRET.search(part) for part in lookup.split("__")):
            return False
        return bool(super().lookup_allowed(lookup, value, request))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return ConsoleList

    def get_list_display(self, request: HttpRequest) -> Any:
        """The first column leads to the row itself, the others to the rows that they name."""
        return [
            self._column(name, linked=position > 0) if isinstance(name, str) else name
            for position, name in enumerate(self.list_display)
        ]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """All columns, or the declared ones, in groups; never one that holds a secret."""
        names = self.fields or [field.name for field in self.model._meta.concrete_fields]
        groups: dict[str | None, list[str | Show]] = {None: [], "Money": [], "Belongs to": [], "Times": []}
        for name in names:
            if not (SECRET.search(str(name)) or name in self.in_panels or self._is_said_elsewhere(str(name))):
                groups[self._group(str(name))].append(self._column(str(name), linked=True))
        return [(title, {"fields": columns}) for title, columns in groups.items() if columns]

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """A whole identifier, as people copy it from a log or an answer, finds its row and those that name it."""
        text = search_term.strip()
        try:
            kind, key = _parse(text)
        except ValueError:
            return super().get_search_results(request, queryset, search_term)
        wanted = [models.Q(**{name: text if is_text else key}) for name, is_text in self._columns_of(kind)]
        if not wanted:
            return super().get_search_results(request, queryset, search_term)
        return queryset.filter(functools.reduce(operator.or_, wanted)), False

    def url_of(self, key: Any) -> str:
        """The page of one row."""
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[key])

    def list_url(self, lookups: Lookups | None = None) -> str:
        """The list, narrowed down."""
        url = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
        return f"{url}?{urlencode(lookups)}" if lookups else url

    def naming(self, kind: str) -> list[str]:
        """The columns that name rows of this kind, for the page of such a row. Plumbing is left out."""
        if self.plumbing or (self.kind == kind and kind in TENANT.values()):
            return []
        held = {field.attname for field in self.model._meta.concrete_fields if not field.primary_key}
        columns = {name: word for name, word in TENANT.items() if name in held} | dict(self.references)
        return [name for name, named in columns.items() if may_be(named, kind, sure=True)]

    @property
    def _has_money(self) -> bool:
        return any(field.name.endswith("_minor") for field in self.model._meta.concrete_fields)

    def _is_said_elsewhere(self, name: str) -> bool:
        """Money shows its currency itself, and an entry of the hierarchy is its own tenant."""
        return (name == "currency" and self._has_money) or (self.kind != "" and TENANT.get(name) == self.kind)

    def _group(self, name: str) -> str | None:
        if name.endswith("_minor"):
            return "Money"
        if name in TENANT:
            return "Belongs to"
        if isinstance(self.opts.get_field(name), models.DateTimeField):
            return "Times"
        return None

    def _column(self, name: str, *, linked: bool) -> str | Show:
        site = cast("Directory", self.admin_site)
        return column(
            self.model,
            name,
            currency=self.currency,
            kind=self._kind_of(name),
            link=site.link if linked and name != self.opts.pk.name else None,
        )

    def _kind_of(self, name: str) -> Kind | None:
        if name in self.references or name in TENANT:
            return self.references.get(name) or TENANT[name]
        return self.kind if self.kind and name == "id" and self._has_uuid else None

    @property
    def _has_uuid(self) -> bool:
        return isinstance(self.opts.pk, models.UUIDField)

    def _columns_of(self, kind: str) -> list[tuple[str, bool]]:
        """The columns that may hold an identifier of this kind, each with whether it is text."""
        own = [("pk", False)] if self._has_uuid and (self.kind in {"", kind} or not kind) else []
        return own + [
            (name, isinstance(self.opts.get_field(name), models.TextField))
            for name, named in self.references.items()
            if may_be(named, kind) or not kind
        ]

    def public_name(self, key: str) -> str:
        """The identifier that the API shows for a row's key, empty when the key shows itself."""
        if not (self.kind and self._has_uuid):
            return ""
        try:
            return ids.encode(self.kind, uuid.UUID(key))
        except ValueError:
            return ""

    def _related(self, request: HttpRequest, key: str) -> list[tuple[str, list[tuple[str, str]]]]:
        """Lists of what names this row: the context in words, and in it names and addresses of lists."""
        text = self.public_name(key) or key
        found: dict[str, list[tuple[str, str]]] = {}
        for page in cast("Directory", self.admin_site).pages():
            for name in page.naming(self.kind) if self.kind and page.has_view_permission(request) else ():
                value = text if isinstance(page.opts.get_field(name), models.TextField) else key
                link = (str(page.opts.verbose_name_plural), page.list_url({f"{name}__exact": value}))
                found.setdefault(str(page.opts.app_config.verbose_name), []).append(link)
        return list(found.items())

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


def _parse(text: str) -> tuple[str, uuid.UUID]:
    """Prefix and UUID of an identifier, or of a UUID as databases and logs write it. Raises ValueError for other text."""
    try:
        return ids.parse(text)
    except ValueError:
        if len(text) != len(str(uuid.NAMESPACE_DNS)):
            raise
        return "", uuid.UUID(text)
