"""What a person may do from a page: one thing at a time, asked about first, for those who have the permission there.

The console itself still writes nothing: an action calls a service of its context, which opens the transaction of the row's
own tenant, records what happened, and refuses what is not allowed.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, Self

from django.forms import Form
from django.http import HttpRequest

from kernel.errors import DomainError
from kernel.tenancy import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class RowAction:
    """`run(row, actor, now)` does it and returns what to tell the person, a secret by `ShownOnce`; a DomainError is told them,
    too.

    With a `form`, what it was answered goes to `run` by name; `begin(row, now)` says what its fields begin with, read in the
    viewer's scope. A refusal leaves what was typed where it is. `fits` says whether a row as it stands is one for it: its
    button is offered there alone, while `run` has the last word, for the row may have changed meanwhile. `needs` names
    further permissions that this row asks for. `narrow(form, request)` takes from the form what this person cannot choose.
    What `removes` its row leads back to the list.
    """

    name: str
    words: str
    question: str
    permission: str
    run: Callable[..., str]
    form: type[Form] | None = None
    begin: Callable[[Any, dt.datetime], Mapping[str, Any]] | None = None
    fits: Callable[[Any], bool] | None = None
    needs: Callable[[Any], Sequence[str]] | None = None
    narrow: Callable[[Any, HttpRequest], None] | None = None
    removes: bool = False

    def is_open_to(self, request: HttpRequest, row: Any = None) -> bool:
        """Whether this person may do it at all, or to this row."""
        further = self.needs(row) if self.needs is not None and row is not None else ()
        return all(request.user.has_perm(permission, row) for permission in (self.permission, *further))

    def is_offered(self, request: HttpRequest, row: Any) -> bool:
        """Whether the page of this row has a button for it."""
        return self.is_open_to(request, row) and (self.fits is None or self.fits(row))

    def ask(self, request: HttpRequest, row: Any, now: dt.datetime) -> Form | None:
        """The form, filled with the answers if there are any. Runs in the viewer's scope."""
        if self.form is None:
            return None
        initial = dict(self.begin(row, now)) if self.begin else {}
        return _filled(self, self.form, request, initial)


class ShownOnce(str):
    """What an action says, with a `secret` that the page of its answer shows and nothing keeps."""

    __slots__ = ("secret",)

    secret: str

    def __new__(cls, words: str, *, secret: str) -> Self:
        said = super().__new__(cls, words)
        said.secret = secret
        return said


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who acts on a list: as records name them, what they see, whether they may do it to a row, and whether they hold a
    permission there.
    """

    name: str
    scope: Scope
    may: Callable[[Any], bool]
    holds: Callable[[str, Any], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAction:
    """What may be done from a list: `run(person, now, **answers)` does it and returns what to tell the person.

    Whoever holds the permission anywhere is asked; `run` asks `person.may` about each row that it touches.
    """

    name: str
    words: str
    question: str
    permission: str
    run: Callable[..., str]
    form: type[Form]
    narrow: Callable[[Any, HttpRequest], None] | None = None

    def ask(self, request: HttpRequest) -> Form:
        """The form, filled with the answers if there are any. Runs in the viewer's scope."""
        return _filled(self, self.form, request, {})

    def is_open_to(self, request: HttpRequest) -> bool:
        """Whether this person may do it anywhere."""
        return bool(request.user.has_perm(self.permission))

    def person(self, request: HttpRequest, scope: Scope) -> Person:
        """Who does it."""

        def holds(permission: str, row: Any) -> bool:
            return bool(request.user.has_perm(permission, row))

        return Person(name=actor_of(request), scope=scope, may=partial(holds, self.permission), holds=holds)


class Journal(Protocol):
    """Where a context keeps who did what in its console: entered before it is done, so that nothing happens unseen."""

    def begin(
        self, *, actor: str, action: str, table: str, row: Any, place: Any, answers: Mapping[str, Any]
    ) -> Any:
        """Enter what is about to be done to a row, or to a list; `place` says whose it is. Returns what names the entry."""

    def end(self, entry: Any, *, done: bool, said: str, now: dt.datetime) -> None:
        """Say how it ended."""


def refuse(form: Form, refused: DomainError) -> None:
    """Say in the form why it was refused: beside the field at fault, if it is one of the form's."""
    errors = getattr(refused, "errors", ())
    for error in errors:
        if error.field in form.fields:
            form.add_error(error.field, error.message)
        else:
            form.add_error(None, f"{error.field}: {error.message}" if error.field else error.message)
    if not errors:
        form.add_error(None, refused.message)


def _filled(
    action: RowAction | ListAction, form: type[Form], request: HttpRequest, initial: Mapping[str, Any]
) -> Form:
    posted = request.method == "POST"
    filled = form(request.POST if posted else None, request.FILES if posted else None, initial=dict(initial))
    if action.narrow is not None:
        action.narrow(filled, request)
    return filled


def actor_of(request: HttpRequest) -> str:
    """Who acts, as records name them."""
    return f"user:{request.user.pk}"
