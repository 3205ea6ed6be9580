"""Accounts of people, and what people say about themselves."""

import datetime as dt
from collections.abc import Mapping
from typing import Any, TypeVar
from zoneinfo import available_timezones

from django.db import IntegrityError, models

from kernel.audit import record, state
from kernel.currencies import CURRENCIES
from kernel.errors import FieldError, Invalid, NotFound
from kernel.tenancy import Scope, SystemScope
from mpac.portal.db import atomic, db
from mpac.portal.domain.authority import Person
from mpac.portal.domain.hierarchy import COUNTRIES
from mpac.portal.domain.login import EndedBecause
from mpac.portal.errors import EmailTaken
from mpac.portal.models import User, UserPreferences, UserProfile
from mpac.portal.selectors.people import get_user, list_memberships
from mpac.portal.services.memberships import deactivate
from mpac.portal.services.sessions import end_sessions

Own = TypeVar("Own", UserProfile, UserPreferences)
# A person's own row is nobody else's, so there is no tenant whose rows they could mistake for it.
OWN = SystemScope("authentication")
OLDEST = dt.date(1900, 1, 1)


def register_user(*, scope: Scope, email: str, full_name: str, now: dt.datetime) -> User:
    """An account without a password and without a role; only a system scope may. Raises EmailTaken."""
    with atomic(scope):
        user = User(email=email.strip().lower(), full_name=full_name.strip(), created_at=now, updated_at=now)
        user.set_unusable_password()
        try:
            user.save(force_insert=True)
        except IntegrityError as error:
            if "email" in str(error):
                raise EmailTaken from None
            raise
        record(db, "user.created", user, now=now)
    return user


def end_sessions_of(*, scope: Scope, user_id: int, now: dt.datetime) -> User:
    """End the sessions in which a person acts for a tenant; in a system scope all of them. Raises NotFound."""
    with atomic(scope):
        user = get_user(scope=scope, user_id=user_id)
        everywhere = isinstance(scope, SystemScope)
        here = None if everywhere else {held.pk for held in list_memberships(user_id=user.pk)}
        end_sessions(scope=scope, user_id=user.pk, why=EndedBecause.REVOKED, membership_ids=here, now=now)
    return user


def update_user(
    *, scope: Scope, by: Person, user_id: int, changes: Mapping[str, Any], now: dt.datetime
) -> User:
    """Change `full_name`, `phone_number` or `is_active` of anybody; only a system scope may.

    Raises NotFound, OwnMembership and LastAdministrator.
    """
    changes = dict(changes)
    is_active = changes.pop("is_active", None)
    with atomic(scope):
        user = _change(_locked(user_id), changes, now)
        if is_active is False:
            deactivate(user=user, scope=scope, by=by, now=now)
        elif is_active and not user.is_active:
            before = state(user)
            User.objects.filter(pk=user.pk).update(is_active=True, deactivated_at=None, updated_at=now)
            user.refresh_from_db()
            record(db, "user.reactivated", user, before=before, now=now)
        user.refresh_from_db()
    return user


def update_own_account(*, user_id: int, changes: Mapping[str, Any], now: dt.datetime) -> User:
    """Change one's own `full_name` or `phone_number`. Raises NotFound."""
    with atomic(OWN):
        return _change(_locked(user_id), changes, now)


def update_profile(*, user_id: int, changes: Mapping[str, Any], now: dt.datetime) -> UserProfile:
    """Change what a person says about themselves. Raises Invalid and NotFound."""
    _check_profile(changes, now)
    return _update_own(UserProfile, user_id, changes, now)


def update_preferences(*, user_id: int, changes: Mapping[str, Any], now: dt.datetime) -> UserPreferences:
    """Change what a person wants to be told. Raises NotFound."""
    return _update_own(UserPreferences, user_id, changes, now)


def get_profile(*, user_id: int, now: dt.datetime) -> UserProfile:
    """What a person says about themselves; the defaults while they have said nothing."""
    return _own(UserProfile, user_id) or UserProfile(user_id=user_id, created_at=now, updated_at=now)


def get_preferences(*, user_id: int, now: dt.datetime) -> UserPreferences:
    """What a person wants to be told; the defaults while they have said nothing."""
    return _own(UserPreferences, user_id) or UserPreferences(user_id=user_id, created_at=now, updated_at=now)


def _locked(user_id: int) -> User:
    user = User.objects.select_for_update(no_key=True).filter(pk=user_id).first()
    if user is None:
        raise NotFound
    return user


def _change(user: User, changes: Mapping[str, Any], now: dt.datetime) -> User:
    before = state(user)
    differing = [name for name, value in changes.items() if getattr(user, name) != value]
    if not differing:
        return user
    for name in differing:
        setattr(user, name, changes[name])
    user.updated_at = now
    user.save(update_fields=[*differing, "updated_at"])
    record(db, "user.changed", user, before=before, now=now)
    return user


def _own(model: type[Own], user_id: int) -> Own | None:
    found: Own | None = model.objects.filter(user_id=user_id).first()
    return found


def _update_own(model: type[Own], user_id: int, changes: Mapping[str, Any], now: dt.datetime) -> Own:
    """Change a person's own row, which is made when it is first needed; the person's row is the lock."""
    with atomic(OWN):
        _locked(user_id)
        row = _own(model, user_id)
        made = row is None
        row = row or model(user_id=user_id, created_at=now, updated_at=now)
        before = state(row)
        if all(getattr(row, name) == value for name, value in changes.items()):
            return row
        for name, value in changes.items():
            setattr(row, name, value)
        row.updated_at = now
        row.save(force_insert=made)
        record(db, f"{_word(model)}.changed", row, before=before, now=now)
    return row


def _word(model: type[models.Model]) -> str:
    return "user_profile" if model is UserProfile else "user_preferences"


def _check_profile(changes: Mapping[str, Any], now: dt.datetime) -> None:
    """What types cannot say. Raises Invalid."""
    faults = []
    if changes.get("country") and changes["country"] not in COUNTRIES:
        faults.append(FieldError("country", "unknown_country", "not a country of ISO 3166"))
    if changes.get("preferred_currency") and changes["preferred_currency"] not in CURRENCIES:
        faults.append(FieldError("preferred_currency", "unknown_currency", "not a currency of ISO 4217"))
    if "time_zone" in changes and changes["time_zone"] not in available_timezones():
        faults.append(FieldError("time_zone", "unknown_time_zone", "not a name of the IANA database"))
    born = changes.get("date_of_birth")
    if born is not None and not (OLDEST <= born <= now.date()):
        faults.append(FieldError("date_of_birth", "out_of_range", "nobody was born on that day"))
    if faults:
        raise Invalid(errors=faults)
