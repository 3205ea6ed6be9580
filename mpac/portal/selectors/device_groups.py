"""Reading groups of terminals. Who belongs to one: its members, and the terminals that bear its selector's labels.

A group of a whole provider is seen by readers of that provider alone, not by those who see one merchant.
"""

import uuid

from django.db.models import Q, QuerySet

from kernel.errors import NotFound
from kernel.tenancy import Scope
from mpac.portal.db import atomic
from mpac.portal.models import Device, DeviceGroup, DeviceGroupMember


def get_group(*, scope: Scope, group_id: uuid.UUID) -> DeviceGroup:
    """A group. Raises NotFound."""
    with atomic(scope):
        group: DeviceGroup | None = DeviceGroup.objects.filter(id=group_id).first()
    if group is None:
        raise NotFound
    return group


def list_groups() -> QuerySet[DeviceGroup]:
    """All groups of the open transaction's scope."""
    found: QuerySet[DeviceGroup] = DeviceGroup.objects.all()
    return found


def devices_in(group: DeviceGroup) -> QuerySet[Device]:
    """The terminals of a group, in the open transaction's scope."""
    belonging = Q(id__in=DeviceGroupMember.objects.filter(group_id=group.id).values("device_id"))
    if group.selector:
        belonging |= Q(labels__contains=group.selector)
    found: QuerySet[Device] = Device.objects.filter(belonging, psp_id=group.psp_id, livemode=group.livemode)
    return found if group.merchant_id is None else found.filter(merchant_id=group.merchant_id)


def groups_of(device: Device) -> QuerySet[DeviceGroup]:
    """The groups that a terminal belongs to, by name, in the open transaction's scope."""
    belonging = Q(id__in=DeviceGroupMember.objects.filter(device_id=device.id).values("group_id"))
    belonging |= Q(selector__contained_by=device.labels) & ~Q(selector={})
    found: QuerySet[DeviceGroup] = DeviceGroup.objects.filter(
        belonging,
        Q(merchant_id=None) | Q(merchant_id=device.merchant_id),
        psp_id=device.psp_id,
        livemode=device.livemode,
    )
    return found.order_by("name")
