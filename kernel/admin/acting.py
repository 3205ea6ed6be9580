"""The pages on which people act: a question about a row or a list, its answer, and its entry in the journal."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from django.contrib import messages
from django.contrib.admin.options import ModelAdmin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse

from kernel import clock
from kernel.admin.actions import Journal, ListAction, RowAction, ShownOnce, actor_of, refuse
from kernel.admin.scope import console_scope
from kernel.db import ContextDb
from kernel.errors import DomainError
from kernel.logs import get_logger

logger = get_logger(__name__)


class ActingAdmin(ModelAdmin):
    """A page with actions of its rows and of its list. Nothing is done by looking, and nothing twice by one form."""

    db: ClassVar[ContextDb]
    journal: ClassVar[Journal | None] = None
    row_actions: ClassVar[Sequence[RowAction]] = ()
    list_actions: ClassVar[Sequence[ListAction]] = ()

    def get_urls(self) -> list[URLPattern]:
        of_list = [
            self._action_path(f"{each.name}/", each, self.list_action_view) for each in self.list_actions
        ]
        of_rows = [
            self._action_path(f"<path:object_id>/{each.name}/", each, self.action_view)
            for each in self.row_actions
        ]
        return [*of_list, *of_rows, *super().get_urls()]

    def action_view(self, request: HttpRequest, object_id: str, *, action: RowAction) -> HttpResponse:
        """Ask whether to do it to a row, and do it when the answer comes."""
        key, now = unquote(object_id), clock.now()
        with self.db.atomic(console_scope(request)):
            row = self.get_object(request, key) if action.is_open_to(request) else None
            form = action.ask(request, row, now) if row is not None else None
            facts = self.facts(row) if row is not None else []
        if not action.is_open_to(request, row):
            raise PermissionDenied
        if row is None:
            raise Http404
        run = partial(action.run, row, actor_of(request), now)
        if request.method == "POST":
            said = self._act(request, action, form, run, row=row, place=row)
            if said is not None:
                address = self.list_url() if action.removes else self.url_of(key)
                return self._answer(request, action, said, address)
        names = {"subtitle": self.public_name(key) or str(row), "row_url": self.url_of(key), "facts": facts}
        return self._question(request, action, form, names)

    def list_action_view(self, request: HttpRequest, *, action: ListAction) -> HttpResponse:
        """Ask whether to do it to what a list holds, and do it when the answer comes."""
        scope, now = console_scope(request), clock.now()
        if not (action.is_open_to(request) and self.has_view_permission(request)):
            raise PermissionDenied
        with self.db.atomic(scope):
            form = action.ask(request)
        run = partial(action.run, action.person(request, scope), now)
        if request.method == "POST":
            said = self._act(request, action, form, run, row=None, place=scope)
            if said is not None:
                return self._answer(request, action, said, self.list_url())
        return self._question(request, action, form, {"row_url": self.list_url()})

    def offered(self, request: HttpRequest, row: Any) -> list[tuple[str, str]]:
        """Words and addresses of what this person may do to a row as it stands; nothing while they see it as another."""
        if getattr(request, "impersonation", None) is not None:
            return []
        return [
            (each.words, self._action_url(each, row.pk))
            for each in self.row_actions
            if each.is_offered(request, row)
        ]

    def offered_on_list(self, request: HttpRequest) -> list[tuple[str, str]]:
        """Words and addresses of what this person may do to the list; nothing while they see it as another."""
        if getattr(request, "impersonation", None) is not None:
            return []
        return [
            (each.words, self._action_url(each)) for each in self.list_actions if each.is_open_to(request)
        ]

    def facts(self, row: Any) -> list[tuple[str, Any]]:
        """What a person should have before their eyes when asked about a row."""
        raise NotImplementedError

    def public_name(self, key: str) -> str:
        """The identifier that the API shows for a row's key, empty when the key shows itself."""
        raise NotImplementedError

    def url_of(self, key: Any) -> str:
        """The page of one row."""
        raise NotImplementedError

    def list_url(self, lookups: Mapping[str, Any] | None = None) -> str:
        """The list, narrowed down."""
        raise NotImplementedError

    def _question(
        self, request: HttpRequest, action: RowAction | ListAction, form: Form | None, names: dict[str, Any]
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": action.words,
            "action": action,
            "form": form,
            "list_url": self.list_url(),
            **names,
        }
        return render(request, "console/confirm.html", context)

    def _act(
        self,
        request: HttpRequest,
        action: RowAction | ListAction,
        form: Form | None,
        run: Callable[..., str],
        *,
        row: Any,
        place: Any,
    ) -> str | None:
        """Do it and say so, or say why not; None while the form has to be looked at again."""
        if form is not None and not form.is_valid():
            return None
        answers = form.cleaned_data if form is not None else {}
        about = {"action": action.name, "table": self.opts.db_table, "actor": actor_of(request)}
        entry = self.journal.begin(**about, row=row, place=place, answers=answers) if self.journal else None
        try:
            said, refused = run(**answers), None
        except DomainError as error:
            said, refused = error.message, error
        if self.journal:
            self.journal.end(entry, done=refused is None, said=said, now=clock.now())
        if refused is None:
            logger.info("console action", row=str(getattr(row, "pk", "")), **about)
            if not isinstance(said, ShownOnce):
                messages.success(request, said)
            return said
        if form is None:
            messages.error(request, said)
            return said
        refuse(form, refused)
        return None

    def _answer(
        self, request: HttpRequest, action: RowAction | ListAction, said: str, address: str
    ) -> HttpResponse:
        """Back to where the action was chosen, unless there is something to be shown now or never."""
        if not isinstance(said, ShownOnce):
            return redirect(address)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": action.words,
            "words": str(said),
            "secret": said.secret,
            "list_url": self.list_url(),
        }
        return render(request, "console/once.html", context)

    def _action_path(
        self, route: str, action: RowAction | ListAction, view: Callable[..., HttpResponse]
    ) -> URLPattern:
        return path(
            route,
            self.admin_site.admin_view(partial(view, action=action)),
            name=f"{self.opts.app_label}_{self.opts.model_name}_{action.name}",
        )

    def _action_url(self, action: RowAction | ListAction, *key: Any) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{action.name}", args=key)
