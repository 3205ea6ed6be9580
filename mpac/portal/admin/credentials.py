"""Keys, and who may no longer use them, in the console."""

import datetime as dt

from django import forms
from django.contrib import admin

from kernel.admin import ListAction, Person, RowAction, ShownOnce
from kernel.errors import FieldError, Invalid, NotFound
from kernel.tenancy import TenantScope
from mpac.portal import conf
from mpac.portal.admin.base import WHERE, PortalAdmin, PortalPlatformAdmin
from mpac.portal.domain.api_keys import ApiKeyMode
from mpac.portal.domain.permissions import KEY_SCOPES, PERMISSIONS, USUAL_KEY_SCOPES
from mpac.portal.domain.signing_keys import SigningKeyState
from mpac.portal.models import ApiKey, ClientAssertion, Revocation, SigningKey
from mpac.portal.selectors.hierarchy import get_psp
from mpac.portal.services import api_keys
from mpac.portal.services.signing_keys import advance_rotation, publish_next_key, retire_key_now

KEYS, OF_PLATFORM = "api_keys:write", "platform:write"


class IssueForm(forms.Form):
    """A new key of a provider's server."""

    psp_id = forms.IntegerField(min_value=1, label="PSP")
    name = forms.CharField(max_length=200, help_text="what it is for")
    mode = forms.ChoiceField(choices=[("test", "test: sandbox data"), ("live", "live: real money")])
    scopes = forms.MultipleChoiceField(
        choices=[(name, f"{name}: {PERMISSIONS[name].meaning}") for name in KEY_SCOPES],
        initial=USUAL_KEY_SCOPES,
        widget=forms.CheckboxSelectMultiple,
    )


class RollForm(forms.Form):
    """How long the old key stays valid."""

    overlap_hours = forms.IntegerField(
        min_value=0, max_value=7 * 24, initial=24, help_text="so long both keys are valid"
    )


def _issue(person: Person, now: dt.datetime, *, psp_id: int, name: str, mode: str, scopes: list[str]) -> str:
    try:
        psp = get_psp(scope=person.scope, psp_id=psp_id)
    except NotFound:
        psp = None
    if psp is None or not person.may(psp):
        raise Invalid(errors=[FieldError("psp_id", "not_found", "there is none with this number")])
    if beyond := [name for name in scopes if not person.holds(name, psp)]:
        raise Invalid(errors=[FieldError("scopes", "not_held", f"you do not hold: {', '.join(beyond)}")])
    issued = api_keys.issue_api_key(
        scope=TenantScope(psp.pk), psp_id=psp.pk, name=name, mode=ApiKeyMode(mode), scopes=scopes, now=now
    )
    return ShownOnce(f"The key {issued.api_key.name} is valid now.", secret=issued.secret)


def _roll(row: ApiKey, _actor: str, now: dt.datetime, *, overlap_hours: int) -> str:
    rolled = api_keys.roll_api_key(
        scope=TenantScope(row.psp_id), api_key_id=row.pk, overlap_s=overlap_hours * 3600, now=now
    )
    words = f"The new key is valid now; the old one for {overlap_hours} hours more."
    return ShownOnce(words, secret=rolled.secret)


def _revoke(row: ApiKey, _actor: str, now: dt.datetime) -> str:
    api_keys.revoke_api_key(scope=TenantScope(row.psp_id), api_key_id=row.pk, now=now)
    return "It is withdrawn and refused everywhere within seconds."


@admin.register(ApiKey)
class ApiKeyAdmin(PortalAdmin):
    """Keys of PSPs' servers: what they begin with and may do, never the keys."""

    kind = "key"
    references = {"replaced_by": "key"}
    row_actions = (
        RowAction(
            name="roll",
            words="Replace it by a new key",
            question="The new key may do what this one may. Both are valid for a while, so that servers can change over.",
            permission=KEYS,
            run=_roll,
            form=RollForm,
            fits=lambda row: row.revoked_at is None and row.replaced_by is None,
            needs=lambda row: row.scopes,
        ),
        RowAction(
            name="revoke",
            words="Withdraw it",
            question="Whoever still uses it is refused within seconds. There is no way back.",
            permission=KEYS,
            run=_revoke,
            fits=lambda row: row.revoked_at is None,
        ),
    )
    list_actions = (
        ListAction(
            name="issue",
            words="Issue a key",
            question="Its secret is shown once, on the next page.",
            permission=KEYS,
            run=_issue,
            form=IssueForm,
        ),
    )
    list_display = (
        "name",
        "prefix",
        "mode",
        "psp_id",
        "created_at",
        "last_used_at",
        "expires_at",
        "revoked_at",
    )
    list_filter = ("mode", ("revoked_at", admin.EmptyFieldListFilter))
    search_fields = ("name", "prefix")
    ordering = ("-id",)


def _rotate(_person: Person, now: dt.datetime) -> str:
    advance_rotation(now=now)
    published = publish_next_key(now=now).published
    if published is None:
        return "A rotation is under way already; its next step is taken when it falls due."
    return f"{published} is published; it signs in {conf.KEY_SET_MAX_AGE_S} seconds."


def _distrust(row: SigningKey, _actor: str, now: dt.datetime) -> str:
    retire_key_now(kid=row.kid, now=now)
    return f"{row.kid} is retired; tokens that it signed are refused within seconds."


@admin.register(SigningKey)
class SigningKeyAdmin(PortalPlatformAdmin):
    """What signs access tokens; the private parts stay sealed."""

    row_actions = (
        RowAction(
            name="distrust",
            words="Trust it no more",
            question="It has leaked: every token that it signed is refused within seconds, and all callers ask for new ones.",
            permission=OF_PLATFORM,
            run=_distrust,
            fits=lambda row: row.state != SigningKeyState.RETIRED,
        ),
    )
    list_actions = (
        ListAction(
            name="rotate",
            words="Begin a rotation",
            question="A new key is published now and signs when every cache has it. No valid token is refused in between.",
            permission=OF_PLATFORM,
            run=_rotate,
            form=forms.Form,
        ),
    )
    list_display = ("kid", "state", "created_at", "activates_at", "retires_at")
    list_filter = ("state",)
    ordering = ("-created_at",)


@admin.register(Revocation)
class RevocationAdmin(PortalPlatformAdmin):
    """Whose tokens are refused."""

    list_display = ("subject", "psp_id", "revoked_at", "lifted_at", "expires_at")
    search_fields = ("subject__exact",)
    ordering = ("-id",)


@admin.register(ClientAssertion)
class ClientAssertionAdmin(PortalPlatformAdmin):
    """Used assertions, without the identifiers that would replay them."""

    references = {"device_id": "dev"}
    list_display = ("created_at", "device_id", "expires_at", *WHERE)
    fields = ("device_id", "psp_id", "merchant_id", "store_id", "created_at", "expires_at")
    search_fields = ("store_id__exact",)
    search_help_text = "a terminal's identifier, or a store's"
    ordering = ("-id",)
