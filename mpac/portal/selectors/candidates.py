"""What decides about a terminal's updates, each by one trip to the database: every terminal asks again and again."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from kernel.errors import NotFound
from kernel.tenancy import TenantScope
from mpac.portal.db import db
from mpac.portal.domain.rollouts import RolloutStatus, UpdateStatus
from mpac.portal.domain.updates import Candidate
from mpac.portal.models import AppRelease

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


def list_candidates(scope: TenantScope) -> list[tuple[Candidate, AppRelease]]:
    """The rollouts that terminals of this scope may see, each with its release."""
    values = {"psp_id": scope.psp_id, "livemode": scope.livemode, "seen": SEEN}
    return [_candidate(row) for row in db.execute_alone(scope, _CANDIDATES, values)]


def find_standing(*, scope: TenantScope, device_id: uuid.UUID) -> Standing:
    """Where a terminal stands. Raises NotFound."""
    values = {"psp_id": scope.psp_id, "device_id": device_id, "installed": UpdateStatus.INSTALLED.value}
    rows = db.execute_alone(scope, _STANDING, values)
    if not rows:
        raise NotFound
    merchant_id, store_id, livemode, time_zone, installed = rows[0]
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
