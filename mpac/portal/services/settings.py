"""Changing settings: set, locked, taken away or brought back to a former version, at one place at a time.

Changes of one setting of one provider wait for one another, and for those of the platform: so a version is given once, and
nothing is set below a lock that has just been made. A change and its record, version and event are one transaction.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import orjson

from kernel import crypto
from kernel.audit import record, state
from kernel.errors import NotFound, ScopeMissing
from kernel.outbox import publish
from kernel.tenancy import Scope
from mpac.portal.db import atomic, db
from mpac.portal.domain.places import Level, Place
from mpac.portal.domain.settings import Held, Setting, resolve
from mpac.portal.domain.settings_registry import SETTINGS
from mpac.portal.errors import (
    SettingLocked,
    SettingNotHere,
    SettingNotKept,
    SettingNotLockable,
    VersionMismatch,
)
from mpac.portal.events import ConfigChanged
from mpac.portal.models import Device, SettingChange, SettingValue
from mpac.portal.selectors.settings import Reach, count_reach, find_own, list_changes, list_held

_HOLD = "SELECT pg_advisory_xact_lock(hashtextextended('portal.settings:' || %(name)s, 0))"
_HOLD_BELOW = """
    SELECT pg_advisory_xact_lock_shared(hashtextextended('portal.settings:' || %(name)s, 0)),
           pg_advisory_xact_lock(hashtextextended('portal.settings:' || %(name)s || ':' || %(psp_id)s::text, 0))
"""
COPIED = ("psp_id", "merchant_id", "store_id", "group_id", "device_id", "level", "place", "name")
VERSIONED = ("value", "is_set", "locked", "version", "set_by", "set_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a setting shall be at a place. `is_set` false takes it away."""

    value: Any = None
    is_set: bool = True
    locked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Who changes a setting, why, and which version they have seen; None is whatever is there.

    `may_lock` says whether they may lock and unlock it.
    """

    actor: str
    reason: str = ""
    expected_version: int | None = None
    may_lock: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a change would do: how far it reaches, and the value that makes it void, if one is locked above."""

    reach: Reach
    locked_by: Held | None


def get_setting(name: str) -> Setting:
    """The declaration of a setting. Raises NotFound."""
    if name not in SETTINGS:
        raise NotFound
    return SETTINGS[name]


def set_setting(
    *, scope: Scope, place: Place, name: str, value: Any, locked: bool, change: Change, now: dt.datetime
) -> int:
    """Set a value at a place, and return the version; what is so already stays untouched.

    Raises NotFound, MisfitValue, SettingNotHere, SettingNotLockable, SettingLocked, VersionMismatch, and Forbidden for
    somebody whose reach is narrower than the place, or who may not lock.
    """
    setting = get_setting(name)
    wanted = Wanted(value=setting.fit(value), locked=locked)
    return _change(scope, place, setting, wanted, change, now=now)


def unset_setting(*, scope: Scope, place: Place, name: str, change: Change, now: dt.datetime) -> int:
    """Take a value away, so that what is set above holds again, and return the version. Raises like `set_setting`."""
    return _change(scope, place, get_setting(name), Wanted(is_set=False), change, now=now)


def roll_back_setting(
    *, scope: Scope, place: Place, name: str, version: int, change: Change, now: dt.datetime
) -> int:
    """Make a former version the present one, as a version of its own, and return that.

    Raises like `set_setting`, and SettingNotKept.
    """
    setting = get_setting(name)
    with atomic(scope):
        former = list_changes(place=place, name=name).filter(version=version).first()
        if former is None:
            raise NotFound
        if setting.secret and former.is_set:
            raise SettingNotKept
        wanted = Wanted(is_set=former.is_set, locked=former.locked)
        if former.is_set:
            # What a setting takes may have become less since then.
            wanted = Wanted(value=setting.fit(former.value), locked=former.locked)
        return _change(scope, place, setting, wanted, change, now=now)


def take_over_settings(*, old: Device, new: Device, actor: str, now: dt.datetime) -> int:
    """Set for a terminal what was set for the one whose place it takes, in the open transaction; returns how much."""
    place = Place(
        level=Level.DEVICE,
        key=new.public_id,
        psp_id=new.psp_id,
        merchant_id=new.merchant_id,
        store_id=new.store_id,
        device_id=new.id,
    )
    rows = SettingValue.objects.filter(psp_id=old.psp_id, device_id=old.id, is_set=True).order_by("name")
    change = Change(actor=actor, reason=f"taken over from {old.public_id}")
    held = [row for row in rows if row.name in SETTINGS]
    for row in held:
        value = row.value
        if row.value_sealed:
            value = orjson.loads(crypto.open_sealed(row.value_sealed, aad=row.sealed_for()))
        copied = _write(None, place, SETTINGS[row.name], Wanted(value=value), change, now=now)
        record(db, "setting.set", copied, reason=change.reason, now=now)
    return len(held)


def preview_setting(*, scope: Scope, place: Place, name: str, wanted: Wanted) -> Preview:
    """What setting or taking away a value would do. Raises NotFound, MisfitValue, SettingNotHere and SettingNotLockable."""
    setting = get_setting(name)
    _check(setting, place, wanted)
    with atomic(scope):
        lock = _lock_above(setting, place)
        own = find_own(place=place, name=name)
        reach = count_reach(place=place, name=name, overridable=_overridable(own, wanted))
        idle = lock is not None or _is_so(setting, own, wanted)
    return Preview(reach=Reach(reach.devices, 0) if idle else reach, locked_by=lock)


def _change(
    scope: Scope, place: Place, setting: Setting, wanted: Wanted, change: Change, *, now: dt.datetime
) -> int:
    _check(setting, place, wanted)
    place.require_reach(scope)
    with atomic(scope):
        hold = _HOLD if place.psp_id is None else _HOLD_BELOW
        db.execute(hold, {"name": setting.name, "psp_id": place.psp_id})
        row = find_own(place=place, name=setting.name)
        present = 0 if row is None else row.version
        if change.expected_version not in {None, present}:
            raise VersionMismatch(version=present)
        if not change.may_lock and (wanted.locked or (row is not None and row.locked)):
            raise ScopeMissing
        if wanted.is_set and (lock := _lock_above(setting, place)) is not None:
            raise SettingLocked(level=lock.level)
        if _is_so(setting, row, wanted):
            return present
        before = None if row is None else state(row)
        overridable = _overridable(row, wanted)
        row = _write(row, place, setting, wanted, change, now=now)
        publish(db, _event(row, overridable=overridable), now=now)
        action = "setting.set" if wanted.is_set else "setting.unset"
        record(db, action, row, before=before, reason=change.reason, now=now)
    return row.version


def _check(setting: Setting, place: Place, wanted: Wanted) -> None:
    if place.level not in setting.levels:
        raise SettingNotHere(allowed=sorted(setting.levels))
    if wanted.locked and not (setting.lockable and place.level is not Level.DEVICE):
        raise SettingNotLockable


def _lock_above(setting: Setting, place: Place) -> Held | None:
    """The locked value that makes anything void that is set at this place."""
    above = [
        held for held in list_held(place=place) if held.name == setting.name and held.place != place.name
    ]
    found = resolve(setting, above)
    return found.source if found.is_locked else None


def _is_so(setting: Setting, row: SettingValue | None, wanted: Wanted) -> bool:
    """Whether there is nothing to change. A secret is never compared: whoever sets one, sets it anew."""
    if row is None or not row.is_set:
        return not wanted.is_set
    return wanted.is_set and not setting.secret and (row.value, row.locked) == (wanted.value, wanted.locked)


def _overridable(row: SettingValue | None, wanted: Wanted) -> bool:
    """Whether values below hide this one now as before; a lock that comes or goes touches them, too."""
    return not (wanted.locked or (row is not None and row.locked))


def _write(
    row: SettingValue | None,
    place: Place,
    setting: Setting,
    wanted: Wanted,
    change: Change,
    *,
    now: dt.datetime,
) -> SettingValue:
    if row is None:
        row = SettingValue(
            psp_id=place.psp_id,
            merchant_id=place.merchant_id,
            store_id=place.store_id,
            group_id=place.group_id,
            device_id=place.device_id,
            level=place.level,
            place=place.name,
            name=setting.name,
            version=0,
        )
    in_clear = wanted.is_set and not setting.secret
    row.value = wanted.value if in_clear else None
    row.value_sealed = (
        crypto.seal(orjson.dumps(wanted.value), aad=row.sealed_for())
        if wanted.is_set and setting.secret
        else ""
    )
    row.is_set, row.locked = wanted.is_set, wanted.locked
    row.version += 1
    row.set_by, row.set_at = change.actor, now
    row.save()
    SettingChange.objects.create(
        reason=change.reason, **{name: getattr(row, name) for name in (*COPIED, *VERSIONED)}
    )
    return row


def _event(row: SettingValue, *, overridable: bool) -> ConfigChanged:
    return ConfigChanged(
        aggregate_id=f"setting:{row.place}:{row.name}",
        psp_id=row.psp_id,
        merchant_id=row.merchant_id,
        store_id=row.store_id,
        level=row.level,
        place=row.place,
        name=row.name,
        version_number=row.version,
        overridable=overridable,
    )
