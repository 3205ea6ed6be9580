"""What a person may do from a row's page: one thing at a time, asked about first, for those who have the permission.

The console itself still writes nothing: an action calls a service of its context, which opens the transaction of the row's
own tenant, records what happened, and refuses what is not allowed.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class RowAction:
    """`run(row, actor, now)` does it and returns what to tell the person; a DomainError is told them, too."""

    name: str
    words: str
    question: str
    permission: str
    run: Callable[[Any, str, dt.datetime], str]

    def is_open_to(self, request: HttpRequest) -> bool:
        """Whether this person may do it at all."""
        return bool(request.user.has_perm(self.permission))


def actor_of(request: HttpRequest) -> str:
    """Who acts, as records name them."""
    return f"user:{request.user.pk}"
