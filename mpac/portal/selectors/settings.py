"""Reading settings: what is set at a place, what holds there and why, and which terminals a change would reach."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.db.models import QuerySet

from kernel import crypto
from kernel.errors import NotFound
from kernel.tenancy import TenantScope
from mpac.portal.db import db
from mpac.portal.domain.places import Level, Place
from mpac.portal.domain.settings import Effective, Held, resolve_all
from mpac.portal.domain.settings_registry import SETTINGS
from mpac.portal.models import SettingChange, SettingValue
from mpac.portal.models.setting import sealing_place
from mpac.portal.selectors.places import BELONGS, IN_REACH, parameters_of

FIRST = uuid.UUID(int=0)

_COLUMNS = "v.level, v.place, v.name, v.value::text, v.value_sealed, v.locked, v.version, v.set_by, v.set_at"
_LINE = f"""
    SELECT {_COLUMNS}, 0 FROM setting_values v
    WHERE v.is_set AND v.psp_id = %(psp_id)s AND v.place = ANY(%(line)s)
    UNION ALL SELECT {_COLUMNS}, 0 FROM setting_values v WHERE v.is_set AND v.psp_id IS NULL
"""
# What the groups of a terminal `d` set.
_OF_GROUPS = f"""
    FROM setting_values v JOIN device_groups g ON g.id = v.group_id
    WHERE v.is_set AND v.level = 'group' AND v.psp_id = d.psp_id AND {BELONGS}
"""
# All that a terminal inherits, by its own row: a terminal that is there has at least one line.
LINE_OF_DEVICE = f"""
    WITH d AS (SELECT id, psp_id, merchant_id, store_id, livemode, labels FROM devices WHERE id = %(device_id)s)
    SELECT found.* FROM d LEFT JOIN LATERAL (
        SELECT {_COLUMNS}, 0 FROM setting_values v
        WHERE v.is_set AND v.psp_id = d.psp_id
          AND v.place IN ('psp:' || d.psp_id, 'merchant:' || d.merchant_id, 'store:' || d.store_id,
                          'device:' || d.id)
        UNION ALL SELECT {_COLUMNS}, g.priority {_OF_GROUPS}
        UNION ALL SELECT {_COLUMNS}, 0 FROM setting_values v WHERE v.is_set AND v.psp_id IS NULL
    ) found ON true
"""
# The places of a terminal from the widest to its own; what is set at those after a level hides what is set there.
_PLACES = {
    Level.PSP: "'psp:' || d.psp_id",
    Level.MERCHANT: "'merchant:' || d.merchant_id",
    Level.STORE: "'store:' || d.store_id",
    Level.DEVICE: "'device:' || d.id",
}
# A group has its way before those with a lower priority, and before those with the same that come later by name.
_BEFORE = """
    AND (-g.priority, v.place) < (SELECT -own.priority, %(place)s FROM device_groups own WHERE own.id = %(group_id)s)
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
        return _held_by_device(db.execute(LINE_OF_DEVICE, {"device_id": place.device_id}))
    return _held(db.execute(_LINE, {"psp_id": place.psp_id, "line": place.line}))


def explain_place(*, place: Place) -> dict[str, Effective]:
    """Every setting as it holds at a place, with where it comes from; in the scope of the open transaction."""
    return resolve_all(SETTINGS, list_held(place=place))


def explain_device(*, device_id: uuid.UUID) -> dict[str, Effective]:
    """Every setting as it holds for a terminal, by one query in the scope of the open transaction. Raises NotFound."""
    return resolve_device(db.execute(LINE_OF_DEVICE, {"device_id": device_id}))


def read_config(*, scope: TenantScope, device_id: uuid.UUID) -> dict[str, Effective]:
    """Every setting as it holds for a terminal, in one trip to the database. Raises NotFound."""
    rows = db.execute_alone(scope, LINE_OF_DEVICE, {"device_id": device_id})
    return resolve_device(rows)


def resolve_device(rows: Sequence[Sequence[Any]]) -> dict[str, Effective]:
    """Every setting as it holds for a terminal, from what `LINE_OF_DEVICE` found. Raises NotFound."""
    return resolve_all(SETTINGS, _held_by_device(rows))


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
        f" WHERE {IN_REACH[place.level]} AND {_LIVING}"
    )
    ((devices, reached),) = db.execute(sql, _parameters(place, name))
    return Reach(devices, reached)


def list_touched(
    *, place: Place, name: str, overridable: bool, after: uuid.UUID = FIRST, limit: int
) -> list[TouchedDevice]:
    """The terminals that a change of a setting touches, in the order of their ids, after one of them."""
    touched = f"NOT {_hidden(place.level)}" if overridable else "true"
    sql = (
        "SELECT d.id, d.psp_id, d.merchant_id, d.store_id FROM devices d"
        f" WHERE {IN_REACH[place.level]} AND {_LIVING} AND {touched} AND d.id > %(after)s"
        " ORDER BY d.id LIMIT %(limit)s"
    )
    found = db.execute(sql, _parameters(place, name) | {"after": after, "limit": limit})
    return [TouchedDevice(*row) for row in found]


def _held_by_device(rows: Sequence[Sequence[Any]]) -> list[Held]:
    if not rows:
        raise NotFound
    return _held(rows)


def _held(rows: Sequence[Sequence[Any]]) -> list[Held]:
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
    """Whether a value closer to the terminal hides what is set at a level."""
    order = list(Level)
    closer = ", ".join(sql for at, sql in _PLACES.items() if order.index(at) > order.index(level))
    if not closer:
        return "false"
    before = _BEFORE if level is Level.GROUP else ""
    return f"""
        (EXISTS (SELECT 1 FROM setting_values v WHERE v.is_set AND v.psp_id = d.psp_id AND v.name = %(name)s
                 AND v.place IN ({closer}))
         OR EXISTS (SELECT 1 {_OF_GROUPS} AND v.name = %(name)s {before}))
    """


def _parameters(place: Place, name: str) -> dict[str, Any]:
    return parameters_of(place) | {"place": place.name, "name": name}
