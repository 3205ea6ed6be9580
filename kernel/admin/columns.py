"""How the console shows a column: what a value means follows from its column's name and type.

`<what>_minor` is money of the row's currency, `status` a word in the color of how good that is, a UUID the identifier
that the API shows, JSON indented text. Everything else Django shows well enough.
"""

import datetime as dt
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, TypeAlias

from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.utils.html import format_html
from django.utils.safestring import SafeString

from kernel import ids
from kernel.clock import rfc3339
from kernel.money import Money

Show = Callable[[Any], Any]
Link = Callable[[str, Any], str]

EMPTY = "-"

GOOD = frozenset(
    {"accepted", "active", "applied", "captured", "completed", "delivered", "enabled", "finished", "paid"}
    | {"agreed", "done", "matched", "ready", "reconciled", "resolved", "returned", "succeeded", "won"}
)
BAD = frozenset(
    {
        "declined",
        "disabled",
        "disputed",
        "error",
        "expired",
        "failed",
        "parked",
        "retired",
        "return_due",
        "revoked",
    }
    | {"lost", "refused", "rejected", "reversed", "unconfirmed"}
)
WAITING = frozenset(
    {
        "acknowledged",
        "expanding",
        "in_flight",
        "queued",
        "partially_paid",
        "pending",
        "preparing",
        "processing",
        "received",
        "registered",
    }
    | {"requires_action", "requires_capture", "requires_confirmation", "requires_payment_method", "retiring"}
    | {"asked", "authorized", "opened", "proposed", "sent", "suspended", "under_review", "unknown", "unpaid"}
)
TONES = ((GOOD, "good"), (BAD, "bad"), (WAITING, "waiting"))
WORDS = {"psp": "PSP", "id": "ID", "api": "API", "jwk": "JWK", "url": "URL", "ppm": "ppm"}


@dataclass(frozen=True, slots=True)
class KindIn:
    """The kind differs from row to row: a column says which. Without words for it, the identifier's own prefix does."""

    column: str
    kinds: Mapping[str, str] = field(default_factory=dict)

    def of(self, row: Any) -> str:
        value = str(getattr(row, self.column))
        return self.kinds.get(value, "") if self.kinds else value.partition("_")[0]


# What a row of another table is called there: a TypeID's prefix, or the trade's word for an integer key.
Kind: TypeAlias = str | KindIn


def may_be(kind: Kind, wanted: str, *, sure: bool = False) -> bool:
    """Whether a column of this kind may name rows of the kind that is wanted; `sure` leaves out those that name anything."""
    if isinstance(kind, str):
        return kind == wanted
    return wanted in kind.kinds.values() or (not kind.kinds and not sure)


def column(
    model: type[models.Model], name: str, *, currency: str, kind: Kind | None, link: Link | None
) -> str | Show:
    """The column `name` of `model` as people read it; `link` gives the page of another row, when there is one."""
    try:
        held = model._meta.get_field(name)
    except FieldDoesNotExist:
        return _named(_badge(name), name, order=None) if _is_state(name) else name
    show: Show | None = None
    if name.endswith("_minor"):
        show = _money(name, currency)
    elif kind is not None:
        show = _reference(getattr(held, "attname", name), kind, link)
    elif _is_state(name):
        show = _badge(name)
    elif name == "livemode":
        show = _mode
    else:
        show = _by_type(held, name)
    return name if show is None else _named(show, name, order=name)


def label(name: str) -> str:
    """A column's name in words: `captured_minor` is "captured", `psp_id` is "PSP"."""
    if name == "livemode":
        return "mode"
    if name != "id":
        name = name.removesuffix("_minor").removesuffix("_id")
    return " ".join(WORDS.get(word, word) for word in name.split("_"))


def identifier(kind: str, value: Any) -> str:
    """The identifier as the API shows it."""
    return ids.encode(kind, value) if isinstance(value, uuid.UUID) else str(value)


def tone(value: str) -> str:
    """How good a state is: good, bad, waiting or neutral."""
    return next((name for words, name in TONES if value in words), "neutral")


def moment(at: dt.datetime) -> SafeString:
    """An instant in a cell of a panel, to the minute."""
    return format_html('<span class="moment">{}</span>', f"{at.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC")


def badge(value: str, *, tone_name: str) -> SafeString:
    """A word on a ground of its color."""
    return format_html('<span class="badge {}">{}</span>', tone_name, value.replace("_", " "))


def _is_state(name: str) -> bool:
    return name in {"status", "state"} or name.endswith(("_status", "_state"))


def _money(name: str, currency: str) -> Show:
    currency_of = attrgetter(currency)

    def show(row: Any) -> str | SafeString:
        amount = getattr(row, name)
        if amount is None:
            return EMPTY
        return format_html('<span class="money">{}</span>', Money(amount, currency_of(row)).format())

    return show


def _by_type(held: Any, name: str) -> Show | None:
    if isinstance(held, models.JSONField):
        return _json(name)
    if isinstance(held, models.DateTimeField):
        return _instant(name)
    if isinstance(held, models.TimeField):
        return _time(name)
    if name == "id":
        return _plain(name)
    return _date(name) if isinstance(held, models.DateField) else None


def _instant(name: str) -> Show:
    def show(row: Any) -> str | SafeString:
        value = getattr(row, name)
        if value is None:
            return EMPTY
        exact, text = rfc3339(value), f"{value.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S} UTC"
        return format_html('<time datetime="{}" title="{}">{}</time>', exact, exact, text)

    return show


def _date(name: str) -> Show:
    def show(row: Any) -> str:
        value = getattr(row, name)
        return EMPTY if value is None else str(value.isoformat())

    return show


def _time(name: str) -> Show:
    def show(row: Any) -> str:
        value = getattr(row, name)
        return EMPTY if value is None else f"{value:%H:%M}"

    return show


def _plain(name: str) -> Show:
    def show(row: Any) -> Any:
        return getattr(row, name)

    return show


def _badge(name: str) -> Show:
    def show(row: Any) -> str | SafeString:
        value = str(getattr(row, name) or "")
        return badge(value, tone_name=tone(value)) if value else EMPTY

    return show


def _mode(row: Any) -> str | SafeString:
    if row.livemode is None:
        return EMPTY
    return badge("live" if row.livemode else "test", tone_name="good" if row.livemode else "neutral")


def _reference(name: str, kind: Kind, link: Link | None) -> Show:
    def show(row: Any) -> str | SafeString:
        value = getattr(row, name)
        if value in (None, ""):
            return EMPTY
        kind_of_row = kind if isinstance(kind, str) else kind.of(row)
        text = identifier(kind_of_row, value)
        target = link(kind_of_row, value) if link else ""
        if not target:
            return format_html('<span class="id">{}</span>', text)
        return format_html('<a class="id" href="{}">{}</a>', target, text)

    return show


def _json(name: str) -> Show:
    def show(row: Any) -> str | SafeString:
        value = getattr(row, name)
        if value in (None, {}, []):
            return EMPTY
        return format_html('<pre class="json">{}</pre>', json.dumps(value, indent=2, ensure_ascii=False))

    return show


def _named(show: Show, name: str, *, order: str | None) -> Show:
    show.__name__ = name
    show.short_description = label(name)  # type: ignore[attr-defined]
    show.admin_order_field = order  # type: ignore[attr-defined]
    return show
