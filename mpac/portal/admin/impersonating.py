"""The console as somebody else sees it: read-only, with a banner on every page and a button that ends it."""

from collections.abc import Callable

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from kernel import clock, origin
from mpac.portal.models import Impersonation, User
from mpac.portal.selectors.people import find_console_impersonation
from mpac.portal.services.impersonations import stop_own_impersonation

Handler = Callable[[HttpRequest], HttpResponse]
READS = frozenset({"GET", "HEAD", "OPTIONS"})
# Where people keep what protects their account: nobody else looks at that, either.
PRIVATE = "/password_change"


class ImpersonationMiddleware:
    """While somebody impersonates in the console, `request.user` is the other person and nothing can be changed.

    It comes behind the look at the session, which stays that of the person who signed in, and in front of the pages.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        found = self._find(request)
        if found is None:
            return self.get_response(request)
        me = request.user
        if request.path == reverse("admin:stop_impersonating"):
            return self.get_response(request)
        if request.method not in READS or PRIVATE in request.path:
            raise PermissionDenied
        target = User.objects.get(pk=found.target_id)
        request.user = target
        request.impersonation = found  # type: ignore[attr-defined]
        with origin.acting("person", f"user:{me.pk}", acting_as=f"user:{target.pk}"):
            return self.get_response(request)

    def _find(self, request: HttpRequest) -> Impersonation | None:
        if not (request.path.startswith("/admin/") and request.user.is_authenticated):
            return None
        return find_console_impersonation(user_id=int(request.user.pk), now=clock.now())


def stop_impersonating(request: HttpRequest) -> HttpResponse:
    """Be oneself again."""
    if request.method == "POST":
        stop_own_impersonation(user_id=int(request.user.pk or 0), now=clock.now())
        messages.success(request, "You see the console as yourself again.")
    return redirect("admin:index")
