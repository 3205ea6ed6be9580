"""What decides what a terminal is told when it asks or reports: every terminal does, again and again."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from kernel.errors import NotFound
from kernel.tenancy import TenantScope
from mpac.portal.db import db
from mpac.portal.domain.commands import OPEN
from mpac.portal.domain.rollouts import RolloutStatus, UpdateStatus
from mpac.portal.domain.settings import Effective
from mpac.portal.domain.updates import Candidate
from mpac.portal.models import AppRelease
from mpac.portal.selectors.settings import LINE_OF_DEVICE, resolve_device

OPEN_NAMES = sorted(status.value for status in OPEN)
SEEN = [RolloutStatus.ACTIVE.value, RolloutStatus.PAUSED.value, RolloutStatus.COMPLETED.value]
OF_RELEASE = (
    "id",
    "app_id",
    "created_at",
    "version_code",
    "version_name",
    "min_sdk",
    "sha256",
    "size_bytes",
    "notes",
)
OF_ROLLOUT = (
    *("id", "channel", "status", "livemode", "salt", "window", "spares_open_bills", "min_battery_percent"),
    *("needs_charging", "needs_wifi"),
)
_OPEN_COMMANDS = """
    SELECT count(*) FROM commands
    WHERE psp_id = %(psp_id)s AND device_id = %(device_id)s AND status = ANY(%(open)s) AND expires_at > %(now)s
"""
_CANDIDATES = f"""
    SELECT {", ".join(f'r."{name}"' for name in OF_ROLLOUT)}, {", ".join(f"e.{name}" for name in OF_RELEASE)}, a.package,
        jsonb_build_object('channels', a.channels, 'merchant_ids', r.merchant_ids, 'store_ids', r.store_ids,
            'group_ids', r.group_ids, 'share', r.waves -> r.wave::int -> 'basis_points', 'signers', e.signers)::text
    FROM rollouts r JOIN apps a ON a.id = r.app_id JOIN app_releases e ON e.id = r.release_id
    WHERE (r.psp_id = %(psp_id)s OR r.psp_id IS NULL) AND r.status = ANY(%(seen)s)
        AND (%(livemode)s::bool IS NULL OR r.livemode IS NULL OR r.livemode = %(livemode)s)
"""
# What it installed by us counts although it says less: whatever it says, it is not led back.
_STANDING = """
    SELECT d.merchant_id, d.store_id, d.livemode, s.time_zone,
        (SELECT jsonb_object_agg(known.package, known.highest) FROM (
            SELECT a.package, max(u.version_code) AS highest FROM device_updates u JOIN apps a ON a.id = u.app_id
            WHERE u.psp_id = d.psp_id AND u.device_id = d.id AND u.status = %(installed)s GROUP BY a.package
        ) known)::text
    FROM devices d JOIN stores s ON s.id = d.store_id
    WHERE d.id = %(device_id)s AND d.psp_id = %(psp_id)s
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a terminal stands, and the highest versions that it has reported to have installed, by package."""

    merchant_id: int
    store_id: int
    livemode: bool
    time_zone: str
    installed: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A terminal's settings, how many commands it has not ended, the rollouts that terminals of its scope may see, each with
    its release, and where it stands.
    """

    settings: dict[str, Effective]
    commands_waiting: int
    candidates: list[tuple[Candidate, AppRelease]]
    standing: Standing


def read_known(*, scope: TenantScope, device_id: uuid.UUID, now: dt.datetime) -> Known:
    """What there is to know about a terminal, in its own scope and by one trip to the database. Raises NotFound."""
    settings, commands, candidates, standing = db.execute_together(
        scope,
        (LINE_OF_DEVICE, _OPEN_COMMANDS, _CANDIDATES, _STANDING),
        {
            "psp_id": scope.psp_id,
            "livemode": scope.livemode,
            "device_id": device_id,
            "now": now,
            "open": OPEN_NAMES,
            "seen": SEEN,
            "installed": UpdateStatus.INSTALLED.value,
        },
    )
    if not standing:
        raise NotFound
    ((commands_waiting,),) = commands
    return Known(
        settings=resolve_device(settings),
        commands_waiting=commands_waiting,
        candidates=[_candidate(row) for row in candidates],
        standing=_standing(standing[0]),
    )


def _standing(row: Sequence[Any]) -> Standing:
    merchant_id, store_id, livemode, time_zone, installed = row
    return Standing(merchant_id, store_id, livemode, time_zone, orjson.loads(installed or "{}"))


def _candidate(row: Sequence[Any]) -> tuple[Candidate, AppRelease]:
    *columns, package, lists = row
    rollout = dict(zip(OF_ROLLOUT, columns, strict=False))
    released = dict(zip(OF_RELEASE, columns[len(OF_ROLLOUT) :], strict=True))
    lists = orjson.loads(lists)
    release = AppRelease(**released, signers=lists.pop("signers"))
    candidate = Candidate(
        rollout_id=rollout.pop("id"),
        release_id=release.id,
        package=package,
        version_code=release.version_code,
        min_sdk=release.min_sdk,
        **rollout,
        **lists,
    )
    return candidate, release
