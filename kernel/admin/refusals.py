"""What a person in the console sees instead of a page; programs get the problem documents they know."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from kernel.rest import problems


def page_not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django's handler404."""
    if not _in_console(request):
        return problems.page_not_found(request, exception)
    return _page(request, 404, "There is no such page", "It may have been moved, or the address is mistyped.")


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django's handler403."""
    if not _in_console(request):
        return problems.forbidden(request, exception)
    return _page(
        request, 403, "This is not yours to do", "Your role does not open it, or it cannot be done here."
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500."""
    if not _in_console(request):
        return problems.server_error(request)
    return _page(request, 500, "Something went wrong on our side", "It was recorded. Try again in a moment.")


def _in_console(request: HttpRequest) -> bool:
    return request.path_info.startswith(settings.MPAC_CONSOLE_PREFIXES[0])


def _page(request: HttpRequest, status: int, title: str, words: str) -> HttpResponse:
    context = {"title": title, "words": words, "site_header": "MPAC console", "site_title": "MPAC console"}
    return render(request, "console/refused.html", context, status=status)
