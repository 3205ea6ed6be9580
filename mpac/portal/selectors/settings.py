"""Reading settings: what is set at a place, what holds there and why, and which terminals a change would reach."""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from django.db.models import QuerySet

from kernel import crypto, ids
from kernel.errors import NotFound
from kernel.tenancy import Scope, SystemScope
from mpac.portal.db import atomic, db
from mpac.portal.domain.settings import Effective, Held, Level, Place, resolve_all
from mpac.portal.domain.settings_registry import SETTINGS
from mpac.portal.models import SettingChange, SettingValue
from mpac.portal.models.device import PREFIX as DEVICE
from mpac.portal.models.setting import sealing_place
from mpac.portal.selectors.devices import get_device
from mpac.portal.selectors.hierarchy import get_merchant, get_psp, get_store

PLATFORM_KEY = "all"
NUMBER = re.compile("[1-9][0-9]{0,9}")
MAX_INT4 = 2**31 - 1
FIRST = uuid.UUID(int=0)

_COLUMNS = (
    "v.level, v.place, v.name, v.value::text, v.value_sealed, v.locked, v.version, v.set_by, v.set_at, 0"
)
_LINE = f"""
    SELECT {_COLUMNS} FROM setting_values v
    WHERE v.is_set AND v.psp_id = %(psp_id)s AND v.place = ANY(%(line)s)
    UNION ALL SELECT {_COLUMNS} FROM setting_values v WHERE v.is_set AND v.psp_id IS NULL
"""
# All that a terminal inherits, by its own row: a terminal that is there has at least one line.
_LINE_OF_DEVICE = f"""
    WITH me AS (SELECT id, psp_id, merchant_id, store_id FROM devices WHERE id = %(device_id)s)
    SELECT found.* FROM me LEFT JOIN LATERAL (
        SELECT {_COLUMNS} FROM setting_values v
        WHERE v.is_set AND v.psp_id = me.psp_id
          AND v.place IN ('psp:' || me.psp_id, 'merchant:' || me.merchant_id, 'store:' || me.store_id,
                          'device:' || me.id)
        UNION ALL SELECT {_COLUMNS} FROM setting_values v WHERE v.is_set AND v.psp_id IS NULL
    ) found ON true
"""
_IN_REACH = {
    Level.PLATFORM: "true",
    Level.PSP: "d.psp_id = %(psp_id)s",
    Level.MERCHANT: "d.psp_id = %(psp_id)s AND d.merchant_id = %(merchant_id)s",
    Level.STORE: "d.psp_id = %(psp_id)s AND d.merchant_id = %(merchant_id)s AND d.store_id = %(store_id)s",
    Level.DEVICE: "d.id = %(device_id)s",
}
# The places of a terminal from the widest to its own; what is set at those after a level hides what is set there.
_PLACES = {
    Level.PSP: "'psp:' || d.psp_id",
    Level.MERCHANT: "'merchant:' || d.merchant_id",
    Level.STORE: "'store:' || d.store_id",
    Level.DEVICE: "'device:' || d.id",
}
_HIDDEN = """
    EXISTS (SELECT 1 FROM setting_values v WHERE v.is_set AND v.psp_id = d.psp_id AND v.name = %(name)s
            AND v.place IN ({closer}))
"""
# Terminals that can have a configuration: one that is suspended reads it when it works again.
_LIVING = "d.status IN ('active', 'suspended')"


@dataclass(frozen=True, slots=True)
class Reach:
    """How many terminals are below a place, and how many of them hold another value after a change there."""

    devices: int
    touched: int


@dataclass(frozen=True, slots=True)
class TouchedDevice:
    """A terminal that a change reaches, and where it stands."""

    id: uuid.UUID
    psp_id: int
    merchant_id: int
    store_id: int


def get_place(*, scope: Scope, level: str, key: str) -> Place:
    """The place that the API calls `level` and `key`. Raises NotFound."""
    find = _PLACE_FINDERS.get(level)
    if find is None:
        raise NotFound
    with atomic(scope):
        return find(scope, key)


def find_own(*, place: Place, name: str) -> SettingValue | None:
    """The row of a setting at a place, also of one that was taken away; in the scope of the open transaction."""
    found: SettingValue | None = SettingValue.objects.filter(
        psp_id=place.psp_id, place=place.name, name=name
    ).first()
    return found


def list_own(*, place: Place) -> dict[str, SettingValue]:
    """Every row of a place by its setting's name, in the scope of the open transaction."""
    rows = SettingValue.objects.filter(psp_id=place.psp_id, place=place.name)
    return {row.name: row for row in rows}


def list_held(*, place: Place) -> list[Held]:
    """Every value that is set at a place or above it, in the scope of the open transaction."""
    if place.device_id is not None:
        return _held(_LINE_OF_DEVICE, {"device_id": place.device_id})
    return _held(_LINE, {"psp_id": place.psp_id, "line": place.line})


def explain_place(*, place: Place) -> dict[str, Effective]:
    """Every setting as it holds at a place, with where it comes from; in the scope of the open transaction."""
    return resolve_all(SETTINGS, list_held(place=place))


def explain_device(*, device_id: uuid.UUID) -> dict[str, Effective]:
    """Every setting as it holds for a terminal, by one query in the scope of the open transaction. Raises NotFound."""
    return resolve_all(SETTINGS, _held(_LINE_OF_DEVICE, {"device_id": device_id}))


def open_secret(held: Held) -> Any:
    """The value of a secret setting, for the terminal that it is set for and nobody else."""
    return orjson.loads(crypto.open_sealed(held.sealed, aad=sealing_place(held.place, held.name)))


def list_changes(*, place: Place, name: str) -> "QuerySet[SettingChange]":
    """The versions of a setting at a place, in the scope of the open transaction."""
    found: QuerySet[SettingChange] = SettingChange.objects.filter(
        psp_id=place.psp_id, place=place.name, name=name
    )
    return found


def count_reach(*, place: Place, name: str, overridable: bool) -> Reach:
    """How many terminals a change of a setting touches; `overridable` ones are hidden by values closer to the terminal."""
    touched = f"NOT {_hidden(place.level)}" if overridable else "true"
    sql = (
        f"SELECT count(*), count(*) FILTER (WHERE {touched}) FROM devices d"
        f" WHERE {_IN_REACH[place.level]} AND {_LIVING}"
    )
    ((devices, reached),) = db.execute(sql, _parameters(place) | {"name": name})
    return Reach(devices, reached)


def list_touched(
    *, place: Place, name: str, overridable: bool, after: uuid.UUID = FIRST, limit: int
) -> list[TouchedDevice]:
    """The terminals that a change of a setting touches, in the order of their ids, after one of them."""
    touched = f"NOT {_hidden(place.level)}" if overridable else "true"
    sql = (
        "SELECT d.id, d.psp_id, d.merchant_id, d.store_id FROM devices d"
        f" WHERE {_IN_REACH[place.level]} AND {_LIVING} AND {touched} AND d.id > %(after)s"
        " ORDER BY d.id LIMIT %(limit)s"
    )
    found = db.execute(sql, _parameters(place) | {"name": name, "after": after, "limit": limit})
    return [TouchedDevice(*row) for row in found]


def _held(sql: str, parameters: dict[str, Any]) -> list[Held]:
    rows = db.execute(sql, parameters)
    if not rows:
        if "device_id" in parameters:
            raise NotFound
        return []
    return [
        Held(
            level=row[0],
            place=row[1],
            name=row[2],
            value=None if row[3] is None else orjson.loads(row[3]),
            sealed=row[4],
            locked=row[5],
            version=row[6],
            set_by=row[7],
            set_at=row[8],
            priority=row[9],
        )
        for row in rows
        if row[0] is not None
    ]


def _hidden(level: Level) -> str:
    order = list(Level)
    closer = [sql for at, sql in _PLACES.items() if order.index(at) > order.index(level)]
    return _HIDDEN.format(closer=", ".join(closer)) if closer else "false"


def _parameters(place: Place) -> dict[str, Any]:
    return {
        "psp_id": place.psp_id,
        "merchant_id": place.merchant_id,
        "store_id": place.store_id,
        "group_id": place.group_id,
        "device_id": place.device_id,
    }


def _number(key: str) -> int:
    if not NUMBER.fullmatch(key) or int(key) > MAX_INT4:
        raise NotFound
    return int(key)


def _platform(scope: Scope, key: str) -> Place:
    if key != PLATFORM_KEY or not isinstance(scope, SystemScope):
        raise NotFound
    return Place(level=Level.PLATFORM, key=key)


def _psp(scope: Scope, key: str) -> Place:
    psp = get_psp(scope=scope, psp_id=_number(key))
    return Place(level=Level.PSP, key=key, psp_id=psp.id)


def _merchant(scope: Scope, key: str) -> Place:
    merchant = get_merchant(scope=scope, merchant_id=_number(key))
    return Place(level=Level.MERCHANT, key=key, psp_id=merchant.psp_id, merchant_id=merchant.id)


def _store(scope: Scope, key: str) -> Place:
    store = get_store(scope=scope, store_id=_number(key))
    return Place(
        level=Level.STORE, key=key, psp_id=store.psp_id, merchant_id=store.merchant_id, store_id=store.id
    )


def _device(scope: Scope, key: str) -> Place:
    device = get_device(scope=scope, device_id=ids.decode(DEVICE, key))
    return Place(
        level=Level.DEVICE,
        key=key,
        psp_id=device.psp_id,
        merchant_id=device.merchant_id,
        store_id=device.store_id,
        device_id=device.id,
    )


_PLACE_FINDERS: dict[str, Callable[[Scope, str], Place]] = {
    Level.PLATFORM: _platform,
    Level.PSP: _psp,
    Level.MERCHANT: _merchant,
    Level.STORE: _store,
    Level.DEVICE: _device,
}
