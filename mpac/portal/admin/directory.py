"""The hierarchy in the console: looked at by all who may see it, changed by those who may change it there."""

import datetime as dt
from typing import Any

from django import forms
from django.contrib import admin

from kernel.admin import ListAction, Person, RowAction
from kernel.errors import FieldError, Invalid, NotFound
from kernel.money import CURRENCIES
from kernel.tenancy import Scope, SystemScope, TenantScope
from mpac.portal.admin.base import WHERE, PortalAdmin
from mpac.portal.admin.effective import HoldsSettings
from mpac.portal.domain.hierarchy import COUNTRIES, DirectoryStatus
from mpac.portal.domain.places import Level
from mpac.portal.dto import Profile, ProfileChanges
from mpac.portal.models import Merchant, ProviderConfig, Psp, Store
from mpac.portal.selectors.hierarchy import get_merchant, get_psp
from mpac.portal.services import hierarchy
from mpac.portal.services.provider_configs import update_provider_config

NAMED = ("id", "code", "name", "status")
PLACED = ("country", "currency", "time_zone")
CHANGED = ("version", "updated_at")
OF_PLATFORM, WRITE, ACCOUNTS = "platform:write", "hierarchy:write", "provider_configs:write"
UPDATES: dict[type[Any], Any] = {
    Psp: hierarchy.update_psp,
    Merchant: hierarchy.update_merchant,
    Store: hierarchy.update_store,
}


def scope_of(row: Psp | Merchant | Store) -> Scope:
    """The scope of the tenant that a row is of."""
    return SystemScope("console") if isinstance(row, Psp) else TenantScope(row.psp_id)


class ChangeForm(forms.Form):
    """What may be changed of an entry; an empty field leaves it as it is."""

    name = forms.CharField(max_length=200)
    country = forms.ChoiceField(choices=[(code, code) for code in sorted(COUNTRIES)])
    currency = forms.ChoiceField(choices=[(code, code) for code in sorted(CURRENCIES)])
    time_zone = forms.CharField(max_length=64, help_text="an IANA name such as Asia/Bangkok")


class MerchantForm(ChangeForm):
    """A merchant's own details besides."""

    tax_number = forms.CharField(max_length=32, required=False)


class StoreForm(ChangeForm):
    """A store's own details besides."""

    tax_branch = forms.CharField(max_length=20, required=False, help_text="00000 is the head office")
    business_day_starts_at = forms.TimeField(
        help_text="such as 04:30; what is sold before is the day before's"
    )


class NewEntryForm(ChangeForm):
    """A new entry below another one."""

    code = forms.CharField(max_length=64, help_text="capital letters, digits, dots, dashes or underscores")


class NewMerchantForm(NewEntryForm):
    """Whose merchant it is."""

    psp_id = forms.IntegerField(min_value=1, label="PSP")


class NewStoreForm(NewEntryForm):
    """Whose store it is."""

    merchant_id = forms.IntegerField(min_value=1, label="Merchant")


def _change(row: Any, _actor: str, now: dt.datetime, **answers: Any) -> str:
    details = {name: answers.pop(name) for name in DETAILS if name in answers}
    changes = ProfileChanges(**answers, details=details)
    changed = UPDATES[type(row)](
        **{"scope": scope_of(row), f"{_word(row)}_id": row.pk, "changes": changes, "now": now}
    )
    return f"Saved; version {changed.version}." if changed.version != row.version else "Nothing differs."


def _move(status: DirectoryStatus) -> Any:
    def run(row: Any, _actor: str, now: dt.datetime) -> str:
        changes = ProfileChanges(status=status)
        UPDATES[type(row)](
            **{"scope": scope_of(row), f"{_word(row)}_id": row.pk, "changes": changes, "now": now}
        )
        return f"{row} is {status} now."

    return run


def _begin(row: Any, _now: dt.datetime) -> dict[str, Any]:
    names = ("name", *PLACED, *DETAILS)
    return {name: getattr(row, name) for name in names if hasattr(row, name)}


def _word(row: Any) -> str:
    return type(row).__name__.lower()


DETAILS = ("tax_number", "tax_branch", "business_day_starts_at")


def steps_of(permission: str, form: type[forms.Form]) -> tuple[RowAction, ...]:
    """What may be done to an entry of the directory."""
    return (
        RowAction(
            name="edit",
            words="Change",
            question="What is it to be from now on?",
            permission=permission,
            run=_change,
            form=form,
            begin=_begin,
            fits=lambda row: row.status != DirectoryStatus.CLOSED,
        ),
        RowAction(
            name="suspend",
            words="Suspend",
            question="Everything below it stops at once: no tokens, no new payments. It can be let work again.",
            permission=permission,
            run=_move(DirectoryStatus.SUSPENDED),
            fits=lambda row: row.status == DirectoryStatus.ACTIVE,
        ),
        RowAction(
            name="resume",
            words="Let it work again",
            question="Everything below it that is active itself works again within seconds.",
            permission=permission,
            run=_move(DirectoryStatus.ACTIVE),
            fits=lambda row: row.status == DirectoryStatus.SUSPENDED,
        ),
        RowAction(
            name="close",
            words="Close for good",
            question="It never opens again. What it did stays on record.",
            permission=permission,
            run=_move(DirectoryStatus.CLOSED),
            fits=lambda row: row.status != DirectoryStatus.CLOSED,
        ),
    )


def _profile(answers: dict[str, Any]) -> Profile:
    return Profile(**{name: answers[name] for name in ("code", "name", *PLACED)})


def _open_psp(_person: Person, now: dt.datetime, **answers: Any) -> str:
    made = hierarchy.create_psp(scope=SystemScope("console"), profile=_profile(answers), now=now)
    return f"{made} is signed up, with the number {made.pk}."


def _open_merchant(person: Person, now: dt.datetime, **answers: Any) -> str:
    above = _found(lambda: get_psp(scope=person.scope, psp_id=answers["psp_id"]), "psp_id", person)
    made = hierarchy.create_merchant(
        scope=TenantScope(above.pk), psp_id=above.pk, profile=_profile(answers), now=now
    )
    return f"{made} is signed up, with the number {made.pk}."


def _open_store(person: Person, now: dt.datetime, **answers: Any) -> str:
    merchant_id = answers["merchant_id"]
    above = _found(lambda: get_merchant(scope=person.scope, merchant_id=merchant_id), "merchant_id", person)
    made = hierarchy.create_store(
        scope=TenantScope(above.psp_id), merchant_id=above.pk, profile=_profile(answers), now=now
    )
    return f"{made} is open, with the number {made.pk}."


def _found(read: Any, name: str, person: Person) -> Any:
    """The entry above. What a person may not add to looks like what is not there."""
    try:
        above = read()
    except NotFound:
        above = None
    if above is None or not person.may(above):
        raise Invalid(errors=[FieldError(name, "not_found", "there is none with this number")])
    return above


class DirectoryAdmin(HoldsSettings):
    """What the pages of providers, merchants and stores have in common."""

    list_display_links = ("id", "code")
    list_filter = ("status", "country")
    search_fields = ("id__exact", "code", "name")
    ordering = ("-id",)


@admin.register(Psp)
class PspAdmin(DirectoryAdmin):
    """Payment service providers: the tenants."""

    kind = "psp"
    level = Level.PSP
    row_actions = steps_of(OF_PLATFORM, ChangeForm)
    list_actions = (
        ListAction(
            name="open",
            words="Sign up a provider",
            question="A new tenant of the platform.",
            permission=OF_PLATFORM,
            run=_open_psp,
            form=NewEntryForm,
        ),
    )
    list_display = (*NAMED, *PLACED, "rate_limit_per_minute", *CHANGED)


@admin.register(Merchant)
class MerchantAdmin(DirectoryAdmin):
    """Merchants."""

    kind = "merchant"
    level = Level.MERCHANT
    row_actions = steps_of(WRITE, MerchantForm)
    list_actions = (
        ListAction(
            name="open",
            words="Sign up a merchant",
            question="A new merchant of a provider.",
            permission=WRITE,
            run=_open_merchant,
            form=NewMerchantForm,
        ),
    )
    list_display = (*NAMED, "psp_id", *PLACED, *CHANGED)


@admin.register(Store)
class StoreAdmin(DirectoryAdmin):
    """Stores."""

    kind = "store"
    level = Level.STORE
    row_actions = steps_of(WRITE, StoreForm)
    list_actions = (
        ListAction(
            name="open",
            words="Open a store",
            question="A new store of a merchant.",
            permission=WRITE,
            run=_open_store,
            form=NewStoreForm,
        ),
    )
    list_display = (*NAMED, "psp_id", "merchant_id", *PLACED, *CHANGED)


class CredentialsForm(forms.Form):
    """Credentials are replaced as a whole; nobody can look at those that are there."""

    credentials = forms.CharField(
        widget=forms.Textarea(attrs={"autocomplete": "off", "spellcheck": "false", "rows": 6}),
        max_length=20_000,
        help_text="one a line, as name=value; they replace all that are there",
    )

    def clean_credentials(self) -> dict[str, str]:
        """The lines as names and values. Raises ValidationError, without repeating what was typed."""
        found: dict[str, str] = {}
        for number, line in enumerate(self.cleaned_data["credentials"].splitlines(), 1):
            name, sign, value = line.partition("=")
            if not line.strip():
                continue
            if not sign or not 1 <= len(name.strip()) <= MAX_NAME or not 1 <= len(value.strip()) <= MAX_VALUE:
                message = f"Line {number} is not name=value."
                raise forms.ValidationError(message)
            found[name.strip()] = value.strip()
        if not 1 <= len(found) <= MAX_CREDENTIALS:
            message = f"Between 1 and {MAX_CREDENTIALS} credentials."
            raise forms.ValidationError(message)
        return found


MAX_NAME, MAX_VALUE, MAX_CREDENTIALS = 64, 4096, 20


def _replace(row: ProviderConfig, _actor: str, now: dt.datetime, *, credentials: dict[str, str]) -> str:
    _update(row, now=now, credentials=credentials)
    return "The credentials are replaced. The gateway uses the new ones within seconds."


def _enable(row: ProviderConfig, _actor: str, now: dt.datetime) -> str:
    _update(row, now=now, enabled=True)
    return "It is used again."


def _disable(row: ProviderConfig, _actor: str, now: dt.datetime) -> str:
    _update(row, now=now, enabled=False)
    return "No new payment goes to it."


def _update(row: ProviderConfig, *, now: dt.datetime, **changes: Any) -> None:
    kept = {"account": None, "credentials": None, "enabled": None} | changes
    update_provider_config(
        scope=TenantScope(row.psp_id), store_id=row.store_id, provider=row.provider, now=now, **kept
    )


@admin.register(ProviderConfig)
class ProviderConfigAdmin(PortalAdmin):
    """Stores' accounts with banks and wallets, without their credentials."""

    row_actions = (
        RowAction(
            name="credentials",
            words="Replace the credentials",
            question="The gateway calls this provider with the new ones as soon as it has them.",
            permission=ACCOUNTS,
            run=_replace,
            form=CredentialsForm,
        ),
        RowAction(
            name="enable",
            words="Use it again",
            question="New payments may go to it.",
            permission=ACCOUNTS,
            run=_enable,
            fits=lambda row: not row.enabled,
        ),
        RowAction(
            name="disable",
            words="Use it no more",
            question="New payments go elsewhere, or nowhere if it is the only one. What is under way ends there.",
            permission=ACCOUNTS,
            run=_disable,
            fits=lambda row: row.enabled,
        ),
    )
    list_display = ("provider", "enabled", "livemode", "version", "updated_at", *WHERE)
    list_filter = ("provider", "enabled", "livemode")
    search_fields = ("provider", "store_id__exact")
    ordering = ("-id",)
