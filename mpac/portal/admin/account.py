"""Pages for people who are not signed in: accepting an invitation, and choosing a new password.

The secret of a mail's link stands behind its `#`, which browsers send to nobody; a script of this site moves it into the
form and out of the address. So it is in no log, no history and no referrer.
"""

import datetime as dt
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods

from kernel import clock
from kernel.admin.actions import refuse
from kernel.admin.login import remember_device
from kernel.errors import DomainError, RateLimited
from mpac.portal.models import Invitation
from mpac.portal.models.password_rules import LONGEST
from mpac.portal.services.invitations import accept_invitation
from mpac.portal.services.passwords import confirm_reset, request_reset
from mpac.portal.services.throttling import address_counter, count_tries, give_back

LONGEST_SECRET = 200
RULES = "At least 12 characters, and none that is known from leaks."
View = Callable[[HttpRequest], HttpResponse]


class SecretForm(forms.Form):
    """What a mail's link carries, or what somebody has copied from the mail."""

    secret = forms.CharField(
        max_length=LONGEST_SECRET,
        label="Code from the mail",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


class AcceptForm(SecretForm):
    """Who accepts: somebody with an account, or somebody who makes one."""

    full_name = forms.CharField(
        max_length=200,
        required=False,
        label="Your name",
        help_text="May be empty if you have an account.",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    password = forms.CharField(
        max_length=LONGEST,
        required=False,
        strip=False,
        help_text=f"That of your account if you have one, or else a new one. {RULES}",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


class AskForm(forms.Form):
    """Whose password is forgotten."""

    email = forms.EmailField(max_length=254, label="E-mail address")


class ChooseForm(SecretForm):
    """A new password."""

    new_password = forms.CharField(
        max_length=LONGEST,
        strip=False,
        help_text=RULES,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


def page(view: View) -> View:
    """A page outside the door: kept nowhere, and sent by its own form alone."""
    return require_http_methods(["GET", "HEAD", "POST"])(never_cache(csrf_protect(view)))


@page
def accept(request: HttpRequest) -> HttpResponse:
    """Take a role that was offered by mail."""
    form = AcceptForm(request.POST or None)
    if form.is_valid():
        taken = _try(form, _take, request=request, **form.cleaned_data)
        if isinstance(taken, Invitation):
            return _show(
                request, "account/accepted.html", title="Welcome", enters="console:enter" in taken.permissions
            )
    return _show(request, "account/invitation.html", form=form, title="You are invited")


@page
def ask(request: HttpRequest) -> HttpResponse:
    """Ask for a mail with which a new password can be chosen; the answer is the same for every address."""
    form = AskForm(request.POST or None)
    if form.is_valid() and _try(form, _ask, email=form.cleaned_data["email"]):
        messages.success(request, "If there is an account with this address, a mail is on its way to it.")
        return redirect("choose_password")
    return _show(request, "account/forgotten.html", form=form, title="Forgotten your password?")


@page
def choose(request: HttpRequest) -> HttpResponse:
    """Choose a new password, with the code from the mail."""
    form = ChooseForm(request.POST or None)
    if form.is_valid():
        asked = form.cleaned_data
        device_token = _try(form, confirm_reset, reset_token=asked["secret"], new=asked["new_password"])
        if device_token is not None:
            messages.success(request, "You have a new password, and are signed out everywhere else.")
            answer = redirect("admin:login")
            remember_device(answer, device_token)
            return answer
    return _show(request, "account/password.html", form=form, title="Choose a new password")


def _take(
    *, request: HttpRequest, secret: str, full_name: str, password: str, now: dt.datetime
) -> Invitation:
    counter = address_counter()
    count_tries([counter], now=now)
    caller_id = int(request.user.pk) if request.user.is_authenticated else None
    taken = accept_invitation(
        secret=secret.strip(), password=password or None, full_name=full_name, caller_id=caller_id, now=now
    )
    give_back([counter], tries=1)
    return taken


def _ask(*, email: str, now: dt.datetime) -> bool:
    request_reset(email=email, now=now)
    return True


def _try(form: forms.Form, do: Callable[..., Any], **answers: Any) -> Any:
    """What `do` returns; None when it was refused, with why in the form."""
    try:
        return do(**answers, now=clock.now())
    except RateLimited as refused:
        form.add_error(None, f"Too many tries. Try again in {refused.retry_after_s} s.")
    except DomainError as refused:
        refuse(form, refused)
    return None


def _show(request: HttpRequest, template: str, **context: Any) -> HttpResponse:
    return render(request, template, {**admin.site.each_context(request), "subtitle": None, **context})
