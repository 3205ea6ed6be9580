"""Creating and changing providers, merchants and stores.

Every change raises the version of what changed, publishes an event and leaves an audit record, in one transaction.
Leaving `active` refuses the tokens of everything below at once; coming back to it lifts that.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any, TypeVar

from django.db import IntegrityError

from kernel.audit import record, state
from kernel.errors import Invalid, NotFound
from kernel.events import Event
from kernel.outbox import publish
from kernel.tenancy import Scope
from mpac.portal.db import atomic, db
from mpac.portal.domain.hierarchy import (
    DEFAULT_RATE_LIMIT_PER_MINUTE,
    TRANSITIONS,
    DirectoryStatus,
    check_changes,
    check_profile,
    tax_errors,
)
from mpac.portal.dto import Profile, ProfileChanges
from mpac.portal.errors import CodeTaken, IllegalTransition, ParentNotActive
from mpac.portal.events import MerchantChanged, PspChanged, StoreChanged
from mpac.portal.models import Merchant, Psp, Store
from mpac.portal.services.revocations import lift_revocation, revoke_tokens_of

Entry = Psp | Merchant | Store
E = TypeVar("E", Psp, Merchant, Store)
FIELDS = ("name", "status", "country", "currency", "time_zone", "rate_limit_per_minute")


def create_psp(
    *,
    scope: Scope,
    profile: Profile,
    rate_limit_per_minute: int = DEFAULT_RATE_LIMIT_PER_MINUTE,
    now: dt.datetime,
) -> Psp:
    """Sign up a payment service provider; only a system scope may. Raises Invalid and CodeTaken."""
    check_profile(profile)
    with atomic(scope):
        psp = _insert(Psp(**_columns(profile, now), rate_limit_per_minute=rate_limit_per_minute))
        publish(db, _psp_event(psp), now=now)
        record(db, "psp.created", psp, now=now)
    return psp


def update_psp(*, scope: Scope, psp_id: int, changes: ProfileChanges, now: dt.datetime) -> Psp:
    """Change a provider. Raises Invalid, NotFound and IllegalTransition."""
    check_changes(changes)
    with atomic(scope):
        psp = _locked(Psp, psp_id)
        if before := _apply(psp, changes, now):
            _follow_status(psp, before, scope=scope, now=now)
            publish(db, _psp_event(psp), now=now)
            record(db, "psp.changed", psp, before=before, now=now)
    return psp


def create_merchant(*, scope: Scope, psp_id: int, profile: Profile, now: dt.datetime) -> Merchant:
    """Sign up a merchant with a provider. Raises Invalid, NotFound, ParentNotActive and CodeTaken."""
    check_profile(profile)
    with atomic(scope):
        _require_active(_locked(Psp, psp_id))
        merchant = _insert(Merchant(**_columns(profile, now), psp_id=psp_id))
        publish(db, _merchant_event(merchant), now=now)
        record(db, "merchant.created", merchant, now=now)
    return merchant


def update_merchant(*, scope: Scope, merchant_id: int, changes: ProfileChanges, now: dt.datetime) -> Merchant:
    """Change a merchant. Raises Invalid, NotFound and IllegalTransition."""
    check_changes(changes)
    with atomic(scope):
        merchant = _locked(Merchant, merchant_id)
        if before := _apply(merchant, changes, now):
            _follow_status(merchant, before, scope=scope, now=now)
            publish(db, _merchant_event(merchant), now=now)
            record(db, "merchant.changed", merchant, before=before, now=now)
    return merchant


def create_store(*, scope: Scope, merchant_id: int, profile: Profile, now: dt.datetime) -> Store:
    """Open a store of a merchant. Raises Invalid, NotFound, ParentNotActive and CodeTaken."""
    check_profile(profile)
    with atomic(scope):
        merchant = _locked(Merchant, merchant_id)
        _require_active(merchant)
        store = _insert(Store(**_columns(profile, now), psp_id=merchant.psp_id, merchant_id=merchant.id))
        publish(db, _store_event(store), now=now)
        record(db, "store.created", store, now=now)
    return store


def update_store(*, scope: Scope, store_id: int, changes: ProfileChanges, now: dt.datetime) -> Store:
    """Change a store. Raises Invalid, NotFound and IllegalTransition."""
    check_changes(changes)
    with atomic(scope):
        store = _locked(Store, store_id)
        if before := _apply(store, changes, now):
            _follow_status(store, before, scope=scope, now=now)
            publish(db, _store_event(store), now=now)
            record(db, "store.changed", store, before=before, now=now)
    return store


def _columns(profile: Profile, now: dt.datetime) -> dict[str, object]:
    return {
        "code": profile.code,
        "name": profile.name.strip(),
        "country": profile.country,
        "currency": profile.currency,
        "time_zone": profile.time_zone,
        **profile.details,
        "created_at": now,
        "updated_at": now,
    }


def _insert(entry: E) -> E:
    try:
        entry.save(force_insert=True)
    except IntegrityError as error:
        if "_code" in str(getattr(getattr(error.__cause__, "diag", None), "constraint_name", "")):
            raise CodeTaken from None
        raise
    return entry


def _locked(model: type[E], entry_id: int) -> E:
    entry: E | None = model.objects.select_for_update().filter(id=entry_id).first()
    if entry is None:
        raise NotFound
    return entry


def _require_active(parent: Entry) -> None:
    if not parent.is_active:
        raise ParentNotActive


def _apply(entry: Entry, changes: ProfileChanges, now: dt.datetime) -> dict[str, Any] | None:
    """Write what differs, under the lock that `_locked` took; the state before, or None when nothing differs."""
    wanted = {name: getattr(changes, name) for name in FIELDS if getattr(changes, name) is not None}
    differing = {
        name: value
        for name, value in {**wanted, **changes.details}.items()
        if hasattr(entry, name) and getattr(entry, name) != value
    }
    if not differing:
        return None
    _check_taxes(entry, differing)
    before = state(entry)
    allowed = TRANSITIONS[DirectoryStatus(entry.status)]
    if "status" in differing and DirectoryStatus(differing["status"]) not in allowed:
        raise IllegalTransition(allowed=list(allowed))
    for name, value in differing.items():
        setattr(entry, name, value)
    entry.version += 1
    entry.updated_at = now
    entry.save(update_fields=[*differing, "version", "updated_at"])
    return before


def _check_taxes(entry: Entry, differing: Mapping[str, Any]) -> None:
    """Raise Invalid when the tax registration and the country would not go together after this change."""
    if not differing.keys() & {"country", "tax_number", "tax_branch"}:
        return
    after = {name: differing.get(name, getattr(entry, name, "")) for name in ("tax_number", "tax_branch")}
    if errors := tax_errors(country=differing.get("country", entry.country), details=after):
        raise Invalid(errors=errors)


def _follow_status(entry: Entry, before: Mapping[str, Any], *, scope: Scope, now: dt.datetime) -> None:
    """Leaving `active` refuses the tokens of everything below; coming back lifts that."""
    subject = f"{type(entry).__name__.lower()}:{entry.id}"
    was_active = before["status"] == DirectoryStatus.ACTIVE
    if not was_active and entry.is_active:
        lift_revocation(scope=scope, subject=subject, now=now)
    elif was_active and not entry.is_active:
        revoke_tokens_of(scope=scope, subject=subject, psp_id=entry.psp_id, now=now)


def _psp_event(psp: Psp) -> Event:
    return PspChanged(
        aggregate_id=f"psp:{psp.id}", psp_id=psp.id, version_number=psp.version, status=psp.status
    )


def _merchant_event(merchant: Merchant) -> Event:
    return MerchantChanged(
        aggregate_id=f"merchant:{merchant.id}",
        psp_id=merchant.psp_id,
        merchant_id=merchant.id,
        version_number=merchant.version,
        status=merchant.status,
    )


def _store_event(store: Store) -> Event:
    return StoreChanged(
        aggregate_id=f"merchant:{store.merchant_id}",
        psp_id=store.psp_id,
        merchant_id=store.merchant_id,
        store_id=store.id,
        version_number=store.version,
        status=store.status,
    )
