"""Whose rows a person sees in the console."""

from typing import Protocol, cast

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from kernel.tenancy import Scope, SystemScope


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


def describe(scope: Scope | None) -> str:
    """The scope in words, for the head of every page."""
    if scope is None:
        return ""
    if isinstance(scope, SystemScope):
        return "all tenants"
    words = [f"PSP {scope.psp_id}"]
    if scope.merchant_id is not None:
        words.append(f"merchant {scope.merchant_id}")
    if scope.store_ids is not None:
        words.append(f"store {', '.join(map(str, scope.store_ids))}")
    return ", ".join(words)
