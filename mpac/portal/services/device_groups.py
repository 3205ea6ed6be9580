"""Groups and labels of terminals."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence

from django.db import IntegrityError

from kernel.audit import record, record_removal, state
from kernel.errors import NotFound
from kernel.tenancy import Scope, TenantScope
from mpac.portal.db import atomic, db
from mpac.portal.errors import GroupNameTaken, GroupNotEmpty
from mpac.portal.models import Device, DeviceGroup, DeviceGroupMember
from mpac.portal.selectors.hierarchy import get_merchant
from mpac.portal.services.config_news import tell_of_regrouping, tell_of_relabelling


def create_group(
    *,
    scope: Scope,
    psp_id: int | None,
    merchant_id: int | None,
    name: str,
    selector: Mapping[str, str],
    priority: int = 0,
    livemode: bool,
    now: dt.datetime,
) -> DeviceGroup:
    """A new group of a merchant, or of the provider `psp_id`. Raises NotFound and GroupNameTaken."""
    with atomic(scope):
        if merchant_id is None and isinstance(scope, TenantScope):
            merchant_id = scope.merchant_id
        if merchant_id is not None:
            psp_id = get_merchant(scope=scope, merchant_id=merchant_id).psp_id
        if psp_id is None:
            raise NotFound
        group = DeviceGroup(
            psp_id=psp_id,
            merchant_id=merchant_id,
            name=name.strip(),
            selector=dict(selector),
            priority=priority,
            livemode=livemode,
            updated_at=now,
        )
        _save(group, is_new=True)
        record(db, "device_group.created", group, now=now)
    return group


def update_group(
    *,
    scope: Scope,
    group_id: uuid.UUID,
    name: str | None = None,
    selector: Mapping[str, str] | None = None,
    priority: int | None = None,
    now: dt.datetime,
) -> DeviceGroup:
    """Change a group's name, selector or priority. Raises NotFound and GroupNameTaken."""
    with atomic(scope):
        group = _lock_group(group_id)
        held = state(group)
        group.name = group.name if name is None else name.strip()
        group.selector = group.selector if selector is None else dict(selector)
        group.priority = group.priority if priority is None else priority
        if state(group) != held:
            if (group.selector, group.priority) != (held["selector"], held["priority"]):
                tell_of_regrouping(group=group, now=now)
            group.updated_at = now
            _save(group, is_new=False)
            record(db, "device_group.changed", group, before=held, now=now)
    return group


def delete_group(*, scope: Scope, group_id: uuid.UUID, now: dt.datetime) -> DeviceGroup:
    """Dissolve a group without members; terminals that bear its labels stay what they are.

    Raises NotFound and GroupNotEmpty.
    """
    with atomic(scope):
        group = _lock_group(group_id, to_delete=True)
        if DeviceGroupMember.objects.filter(group_id=group.id).exists():
            raise GroupNotEmpty
        record_removal(db, "device_group.deleted", group, now=now)
        tell_of_regrouping(group=group, now=now)
        DeviceGroup.objects.filter(id=group.id).delete()
    return group


def add_members(
    *, scope: Scope, group_id: uuid.UUID, device_ids: Sequence[uuid.UUID], now: dt.datetime
) -> int:
    """Put terminals into a group; returns how many were not in it. Raises NotFound, and then nothing has changed."""
    with atomic(scope):
        group = _lock_group(group_id)
        joining = _devices(group, device_ids)
        held = set(DeviceGroupMember.objects.filter(group_id=group.id).values_list("device_id", flat=True))
        new = [device for device in joining if device.id not in held]
        DeviceGroupMember.objects.bulk_create(
            DeviceGroupMember(
                psp_id=device.psp_id,
                merchant_id=device.merchant_id,
                store_id=device.store_id,
                device_id=device.id,
                group_id=group.id,
            )
            for device in new
        )
        if new:
            tell_of_regrouping(group=group, devices=new, now=now)
            record(db, "device_group.members_added", group, after={"devices": _names(new)}, now=now)
    return len(new)


def remove_members(
    *, scope: Scope, group_id: uuid.UUID, device_ids: Sequence[uuid.UUID], now: dt.datetime
) -> int:
    """Take terminals out of a group; returns how many were in it. Raises NotFound, and then nothing has changed."""
    with atomic(scope):
        group = _lock_group(group_id)
        leaving = _devices(group, device_ids)
        members = DeviceGroupMember.objects.filter(group_id=group.id, device_id__in=[d.id for d in leaving])
        held = set(members.values_list("device_id", flat=True))
        members.delete()
        if held:
            gone = [device for device in leaving if device.id in held]
            tell_of_regrouping(group=group, devices=gone, now=now)
            record(
                db, "device_group.members_removed", group, before={"devices": _names(gone)}, after={}, now=now
            )
    return len(held)


def update_device(
    *,
    scope: Scope,
    device_id: uuid.UUID,
    name: str | None = None,
    labels: Mapping[str, str] | None = None,
    now: dt.datetime,
) -> Device:
    """Change a terminal's name or labels. Raises NotFound."""
    with atomic(scope):
        device: Device | None = Device.objects.select_for_update().filter(id=device_id).first()
        if device is None:
            raise NotFound
        held = state(device)
        device.name = device.name if name is None else name.strip()
        device.labels = device.labels if labels is None else dict(labels)
        if state(device) != held:
            device.updated_at = now
            device.save(update_fields=["name", "labels", "updated_at"])
            if device.labels != held["labels"]:
                tell_of_relabelling(device=device, now=now)
            record(db, "device.changed", device, before=held, now=now)
    return device


def _lock_group(group_id: uuid.UUID, *, to_delete: bool = False) -> DeviceGroup:
    """A group that nobody else changes meanwhile; terminals that take over another's groups join it unless it goes."""
    held = DeviceGroup.objects.select_for_update(no_key=not to_delete)
    group: DeviceGroup | None = held.filter(id=group_id).first()
    if group is None:
        raise NotFound
    return group


def _devices(group: DeviceGroup, device_ids: Sequence[uuid.UUID]) -> list[Device]:
    """The terminals that are named; all of them have to be where the group is. Raises NotFound."""
    wanted = set(device_ids)
    found = Device.objects.filter(id__in=wanted, psp_id=group.psp_id, livemode=group.livemode)
    if group.merchant_id is not None:
        found = found.filter(merchant_id=group.merchant_id)
    devices: list[Device] = list(found.order_by("id"))
    if len(devices) < len(wanted):
        raise NotFound
    return devices


def _names(devices: Sequence[Device]) -> list[str]:
    return [device.public_id for device in devices]


def _save(group: DeviceGroup, *, is_new: bool) -> None:
    try:
        group.save(force_insert=is_new)
    except IntegrityError as error:
        if "portal_device_group_name" in str(error):
            raise GroupNameTaken from None
        raise
