"""What terminals report of their updates, and how paying goes with what they run."""

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kernel.audit import record, state
from kernel.errors import NotFound
from kernel.scrubbing import scrub_text
from kernel.tenancy import TenantScope
from mpac.portal.db import atomic, db
from mpac.portal.domain.rollouts import UPDATE_TRANSITIONS, UpdateStatus
from mpac.portal.domain.updates import is_meant
from mpac.portal.models import Device, DeviceUpdate, Rollout
from mpac.portal.selectors.apps import get_rollout
from mpac.portal.selectors.updates import candidate_of, describe_terminal

CRASHED = "crashed"
# Only how it ended is worth a record.
RECORDED = {UpdateStatus.INSTALLED: "device_update.installed", UpdateStatus.FAILED: "device_update.failed"}
# Rows are locked in the order of their ids, so that two who count at once wait for each other and no more than that.
_COUNT = """
    WITH held AS (
        SELECT id, device_id FROM device_updates
        WHERE psp_id = %(psp_id)s AND device_id = ANY(%(devices)s::uuid[]) AND is_current
        ORDER BY id FOR UPDATE
    )
    UPDATE device_updates u
    SET payments_succeeded = u.payments_succeeded + n.succeeded, payments_failed = u.payments_failed + n.failed
    FROM held, unnest(%(devices)s::uuid[], %(succeeded)s::int[], %(failed)s::int[]) AS n (device_id, succeeded, failed)
    WHERE u.id = held.id AND n.device_id = held.device_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How far a terminal has come: a status, or `crashed` for what it runs; a code and words when something went wrong."""

    status: str
    code: str = ""
    message: str = ""


def report_update(
    *, scope: TenantScope, device_id: uuid.UUID, rollout_id: uuid.UUID, report: Report, now: dt.datetime
) -> DeviceUpdate:
    """Note what a terminal reports of a rollout that is meant for it. What is late or repeated changes nothing.

    A crash says that the release is installed, too. Raises NotFound.
    """
    with atomic(scope):
        rollout = get_rollout(scope=scope, rollout_id=rollout_id)
        terminal = describe_terminal(scope=scope, device_id=device_id, rollout=rollout, now=now)
        update = _find(device_id, rollout)
        if update is None and not is_meant(candidate_of(rollout), terminal):
            raise NotFound
        # One report of a terminal after the other, so that it runs one version of an app.
        device: Device = Device.objects.select_for_update().get(id=device_id)
        update = _find(device_id, rollout, locked=True) or DeviceUpdate(
            psp_id=device.psp_id,
            merchant_id=device.merchant_id,
            store_id=device.store_id,
            device_id=device.id,
            rollout=rollout,
            app_id=rollout.app_id,
            version_code=rollout.release.version_code,
            status="",
            updated_at=now,
        )
        _apply(update, report, now)
    return update


def count_payments(*, psp_id: int, outcomes: Mapping[uuid.UUID, tuple[int, int]]) -> None:
    """Add payments that succeeded and failed, by terminal, to what the terminals run; in the open transaction."""
    ordered = sorted(outcomes.items())
    values: dict[str, Any] = {
        "psp_id": psp_id,
        "devices": [device_id for device_id, _ in ordered],
        "succeeded": [succeeded for _, (succeeded, _failed) in ordered],
        "failed": [failed for _, (_succeeded, failed) in ordered],
    }
    db.execute(_COUNT, values)


def _find(device_id: uuid.UUID, rollout: Rollout, *, locked: bool = False) -> DeviceUpdate | None:
    """What is known of a terminal in a rollout; who writes it back locks it, for payments are counted in it meanwhile."""
    rows = DeviceUpdate.objects.select_for_update() if locked else DeviceUpdate.objects
    found: DeviceUpdate | None = rows.filter(device_id=device_id, rollout_id=rollout.id).first()
    return found


def _apply(update: DeviceUpdate, report: Report, now: dt.datetime) -> None:
    """One step, if the present status leads there."""
    before = state(update) if update.status else None
    target = UpdateStatus.INSTALLED if report.status == CRASHED else UpdateStatus(report.status)
    crashed = report.status == CRASHED
    steps = not update.status or target in UPDATE_TRANSITIONS[UpdateStatus(update.status)]
    if not steps and not crashed:
        return
    if crashed:
        update.crashes += 1
    if crashed or target is UpdateStatus.FAILED:
        update.failure_code, update.message = report.code, scrub_text(report.message)
    if steps:
        update.status = target
        if target is UpdateStatus.INSTALLED:
            update.installed_at = now
            _make_current(update)
    update.updated_at = now
    update.save(force_insert=before is None)
    if steps and target in RECORDED:
        record(db, RECORDED[target], update, before=before, now=now)


def _make_current(update: DeviceUpdate) -> None:
    """From now on the terminal runs this, unless it runs something newer."""
    others = DeviceUpdate.objects.filter(device_id=update.device_id, app_id=update.app_id, is_current=True)
    if others.filter(version_code__gt=update.version_code).exists():
        return
    others.update(is_current=False)
    update.is_current = True
