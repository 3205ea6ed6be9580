"""The pages of signing in: address, password and one-time code at once, or the second factor on a page of its own."""

from typing import Any, cast
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from kernel import clock
from kernel.admin.entrance import DEVICE, DEVICE_AGE_S, SESSION, Inside, NewSecret, entrance
from kernel.errors import DomainError, RateLimited, Unavailable

# One sentence for a wrong password and a wrong code: whoever guesses does not learn which half they have.
REFUSED = "The address, the password and the one-time code do not go together. A code works once."
WRONG_CODE = "This code does not count. Each works once, and for a short while."
OVER = "This took too long, or too many codes were wrong. Sign in again."
SENT = "A code is on its way to your mailbox."
# In this cookie a sign-in that waits for its second factor is kept.
WAITING = "mpac_waiting"
LONGEST_CODE = 32
WAYS = {"totp": "a code of my authenticator", "email": "a code by mail", "recovery": "a recovery code"}


class SignInForm(forms.Form):
    """An address, its password and, for who has it at hand, a code."""

    username = forms.CharField(
        max_length=254,
        label="E-mail address",
        widget=forms.TextInput(attrs={"autocomplete": "username", "autofocus": True, "inputmode": "email"}),
    )
    password = forms.CharField(
        max_length=256,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    otp_token = forms.CharField(
        required=False,
        max_length=LONGEST_CODE,
        label="One-time code",
        help_text="Of your authenticator, or a recovery code. Leave it empty to choose on the next page.",
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code"}),
    )

    def clean_otp_token(self) -> str:
        """Without the spaces that authenticators show."""
        return "".join(self.cleaned_data["otp_token"].split())


class FactorForm(forms.Form):
    """A code, and what kind of code it is."""

    way = forms.ChoiceField(label="I have")
    code = forms.CharField(
        max_length=LONGEST_CODE,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "autofocus": True}),
    )

    def __init__(self, *args: Any, ways: tuple[str, ...], **named: Any) -> None:
        super().__init__(*args, **named)
        way = cast("forms.ChoiceField", self.fields["way"])
        way.choices = [(each, WAYS[each]) for each in ways]
        if len(ways) == 1:
            way.widget, way.initial = forms.HiddenInput(), ways[0]

    def clean_code(self) -> str:
        """Without the spaces that authenticators show."""
        return "".join(self.cleaned_data["code"].split())


def first_page(site: AdminSite, request: HttpRequest) -> HttpResponse:
    """Address, password and code; without a code, on to the second page."""
    if request.method == "GET" and site.has_permission(request):
        return redirect("admin:index")
    form = SignInForm(request.POST or None)
    if form.is_valid():
        asked = form.cleaned_data
        try:
            found = entrance().sign_in(
                email=asked["username"],
                password=asked["password"],
                code=asked["otp_token"],
                device_token=request.COOKIES.get(DEVICE, ""),
                now=clock.now(),
            )
        except DomainError as refused:
            form.add_error(None, _words(refused, REFUSED))
        else:
            if isinstance(found, Inside):
                return enter(site, request, found)
            onward = redirect(f"{reverse('admin:second_factor')}?{urlencode({'next': _next(request)})}")
            _remember(onward, WAITING, found.token)
            return onward
    return _page(site, request, "console/login.html", form=form, title="Sign in")


def second_page(site: AdminSite, request: HttpRequest) -> HttpResponse:
    """The second factor of somebody whose password was right, or the set-up of their first one."""
    token, now = request.COOKIES.get(WAITING, ""), clock.now()
    ways = entrance().ways_on(token, now=now)
    if ways is None:
        return _page(site, request, "console/login.html", form=SignInForm(), title="Sign in", over=OVER)
    form = FactorForm(
        request.POST if "code" in request.POST else None, ways=ways or ("totp",), initial=_guess(request)
    )
    new: NewSecret | None = None
    said = fault = ""
    try:
        if "send" in request.POST:
            entrance().send_code(token, now=now)
            said = SENT
        elif "begin" in request.POST:
            new = entrance().begin_authenticator(token, now=now)
        elif form.is_valid():
            return enter(site, request, entrance().show_factor(token, **form.cleaned_data, now=now))
    except DomainError as refused:
        fault = _words(refused, WRONG_CODE)
    return _page(
        site,
        request,
        "console/factor.html",
        form=form,
        title="Second factor",
        ways=ways,
        said=said,
        fault=fault,
        new=new,
    )


def enter(site: AdminSite, request: HttpRequest, inside: Inside) -> HttpResponse:
    """Give the browser of somebody who was let in its session, and go where they wanted to; recovery codes come first."""
    onward = _next(request)
    login(request, inside.user)
    request.session[SESSION] = inside.key
    if inside.recovery_codes:
        codes = inside.recovery_codes
        answer = _page(site, request, "console/codes.html", title="Recovery codes", codes=codes, next=onward)
    else:
        answer = redirect(onward)
    answer.delete_cookie(WAITING, path=reverse("admin:login"))
    remember_device(answer, inside.device_token)
    return answer


def remember_device(answer: HttpResponse, device_token: str) -> None:
    """Let the browser keep the token of a device that is known from now on, if there is one."""
    if device_token:
        answer.set_cookie(
            DEVICE,
            device_token,
            max_age=DEVICE_AGE_S,
            path=reverse("admin:index"),
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )


def _remember(answer: HttpResponse, name: str, value: str) -> None:
    answer.set_cookie(
        name,
        value,
        path=reverse("admin:login"),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Strict",
    )


def _page(site: AdminSite, request: HttpRequest, template: str, **context: Any) -> HttpResponse:
    named = {**site.each_context(request), "next": _next(request), "subtitle": None, **context}
    return render(request, template, named)


def _next(request: HttpRequest) -> str:
    """Where the person wanted to go, as long as it is in the console."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if safe else reverse("admin:index")


def _guess(request: HttpRequest) -> dict[str, str]:
    """Who has just had a code mailed has a code by mail."""
    return {"way": "email"} if "send" in request.POST else {}


def _words(refused: DomainError, otherwise: str) -> str:
    if isinstance(refused, RateLimited):
        return f"Too many tries. Try again in {refused.retry_after_s} s."
    return refused.message if isinstance(refused, Unavailable) else otherwise
