"""A stolen terminal: shut out in one commit, whatever it was doing.

From that commit on it gets no token; those it has are refused within seconds, which also ends its WebSocket; what it began
is called off by whoever listens to `portal.device_killed`. What it holds that was never uploaded cannot be fetched from it
any more, so the kill says how much that was.
"""

import datetime as dt
import uuid

from kernel.audit import record, state
from kernel.errors import NotFound
from kernel.outbox import publish
from kernel.tenancy import Scope
from mpac.portal import conf
from mpac.portal.db import atomic, db
from mpac.portal.domain.devices import DeviceStatus
from mpac.portal.events import DeviceKilled, DeviceStatusChanged
from mpac.portal.models import Device, DeviceKill, DeviceReport, DeviceStatusChange
from mpac.portal.services.devices import place_of
from mpac.portal.services.revocations import revoke_tokens_of


def kill_device(
    *, scope: Scope, device_id: uuid.UUID, actor: str, reason: str = "", now: dt.datetime
) -> DeviceKill:
    """Shut a terminal out for ever, from whatever status. Once: a second call tells what the first did. Raises NotFound."""
    with atomic(scope):
        device: Device | None = Device.objects.select_for_update().filter(id=device_id).first()
        if device is None:
            raise NotFound
        done: DeviceKill | None = DeviceKill.objects.filter(device_id=device_id).first()
        if done is not None:
            done.device = device
            return done
        held = state(device)
        _revoke(device, actor=actor, reason=reason, now=now)
        revoke_tokens_of(scope=scope, subject=device.public_id, psp_id=device.psp_id, now=now)
        report: DeviceReport | None = DeviceReport.objects.filter(device_id=device_id).first()
        kill: DeviceKill = DeviceKill.objects.create(
            psp_id=device.psp_id,
            merchant_id=device.merchant_id,
            store_id=device.store_id,
            device=device,
            actor=actor,
            reason=reason,
            unsent_records=report.unsent_records if report else None,
            last_sequence=report.last_sequence if report else None,
            last_report_at=report.received_at if report and report.has_reported else None,
        )
        for after_s in (0.0, *conf.KILL_SAID_AGAIN_S):
            event = DeviceKilled(
                device_id=device.public_id, reason=reason, is_repeated=after_s > 0, **place_of(device)
            )
            publish(db, event, now=now, due_at=now + dt.timedelta(seconds=after_s))
        record(db, "device.killed", device, before=held, reason=reason, now=now)
    return kill


def _revoke(device: Device, *, actor: str, reason: str, now: dt.datetime) -> None:
    """The step to `revoked`, unless it was taken before."""
    before = DeviceStatus(device.status)
    if before is DeviceStatus.REVOKED:
        return
    device.status = DeviceStatus.REVOKED
    device.activation_code_hash = ""
    device.activation_expires_at = None
    device.updated_at = now
    device.save(update_fields=["status", "activation_code_hash", "activation_expires_at", "updated_at"])
    DeviceStatusChange.objects.create(
        psp_id=device.psp_id,
        merchant_id=device.merchant_id,
        store_id=device.store_id,
        device_id=device.id,
        from_status=before,
        to_status=DeviceStatus.REVOKED,
        actor=actor,
        reason=reason,
    )
    event = DeviceStatusChanged(
        device_id=device.public_id,
        from_status=before,
        to_status=DeviceStatus.REVOKED,
        reason=reason,
        **place_of(device),
    )
    publish(db, event, now=now)
