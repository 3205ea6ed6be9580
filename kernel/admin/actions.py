"""What a person may do from a row's page: one thing at a time, asked about first, for those who have the permission there.

The console itself still writes nothing: an action calls a service of its context, which opens the transaction of the row's
own tenant, records what happened, and refuses what is not allowed.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.forms import Form
from django.http import HttpRequest

from kernel.errors import DomainError


@dataclass(frozen=True, slots=True, kw_only=True)
class RowAction:
    """`run(row, actor, now)` does it and returns what to tell the person; a DomainError is told them, too.

    With a `form`, what it was answered goes to `run` by name; `begin(row, now)` says what its fields begin with, read in the
    viewer's scope. A refusal leaves what was typed where it is.
    """

    name: str
    words: str
    question: str
    permission: str
    run: Callable[..., str]
    form: type[Form] | None = None
    begin: Callable[[Any, dt.datetime], Mapping[str, Any]] | None = None

    def is_open_to(self, request: HttpRequest, row: Any = None) -> bool:
        """Whether this person may do it at all, or to this row."""
        return bool(request.user.has_perm(self.permission, row))

    def ask(self, row: Any, answers: Any, now: dt.datetime) -> Form | None:
        """The form, filled with the answers if there are any. Runs in the viewer's scope."""
        if self.form is None:
            return None
        return self.form(answers, initial=dict(self.begin(row, now)) if self.begin else {})


def refuse(form: Form, refused: DomainError) -> None:
    """Say in the form why it was refused, each thing for itself where there are several."""
    errors = [f"{error.field}: {error.message}" for error in getattr(refused, "errors", ())]
    for words in errors or [refused.message]:
        form.add_error(None, words)


def actor_of(request: HttpRequest) -> str:
    """Who acts, as records name them."""
    return f"user:{request.user.pk}"
