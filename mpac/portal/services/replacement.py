"""A broken terminal gives its place to another: store, name, labels, groups and settings, and is trusted no more."""

import datetime as dt
import uuid

from kernel.audit import record
from kernel.outbox import publish
from kernel.tenancy import Scope
from mpac.portal.db import atomic, db
from mpac.portal.domain.devices import DeviceStatus
from mpac.portal.errors import AlreadyReplaced
from mpac.portal.events import DeviceReplaced
from mpac.portal.models import Device, DeviceGroupMember
from mpac.portal.selectors.devices import get_device
from mpac.portal.services.devices import (
    RegisteredDevice,
    place_of,
    register_device,
    revoke_device,
    whole_provider,
)
from mpac.portal.services.settings import take_over_settings

HOLD_GROUPS = """
    SELECT id FROM device_groups WHERE id IN (SELECT group_id FROM device_group_members WHERE device_id = %s)
    ORDER BY id FOR KEY SHARE
"""


def replace_device(
    *,
    scope: Scope,
    device_id: uuid.UUID,
    serial_number: str,
    model: str | None = None,
    actor: str,
    reason: str = "",
    now: dt.datetime,
) -> RegisteredDevice:
    """Register a terminal in the place of another, which is revoked; it may bear the same serial number.

    Raises Invalid, NotFound, AlreadyReplaced, ParentNotActive and SerialNumberTaken, and then nothing has changed.
    """
    scope = whole_provider(scope, get_device(scope=scope, device_id=device_id).psp_id)
    with atomic(scope):
        old: Device = Device.objects.select_for_update().get(id=device_id)
        if Device.objects.filter(replaces_id=old.id).exists():
            raise AlreadyReplaced
        if old.status != DeviceStatus.REVOKED:
            revoke_device(scope=scope, device_id=old.id, actor=actor, reason=reason or "replaced", now=now)
        registered = register_device(
            scope=scope,
            store_id=old.store_id,
            name=old.name,
            model=old.model if model is None else model,
            serial_number=serial_number,
            livemode=old.livemode,
            labels=old.labels,
            replaces_id=old.id,
            now=now,
        )
        _join_groups(old, registered.device)
        take_over_settings(old=old, new=registered.device, actor=actor, now=now)
        event = DeviceReplaced(
            device_id=old.public_id, replaced_by=registered.device.public_id, **place_of(old)
        )
        publish(db, event, now=now)
        record(
            db,
            "device.replaced",
            old,
            before={},
            after={"replaced_by": registered.device.public_id},
            reason=reason,
            now=now,
        )
    return registered


def _join_groups(old: Device, new: Device) -> None:
    """Put the new terminal into the groups of the old one. A group that is being dissolved either waits for that, and then
    has a member, or is gone when this looks.
    """
    held = [group_id for (group_id,) in db.execute(HOLD_GROUPS, [old.id])]
    DeviceGroupMember.objects.bulk_create(
        DeviceGroupMember(
            psp_id=new.psp_id,
            merchant_id=new.merchant_id,
            store_id=new.store_id,
            device_id=new.id,
            group_id=group_id,
        )
        for group_id in held
    )
