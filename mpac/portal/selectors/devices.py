"""Reading terminals."""

import uuid

from django.db.models import QuerySet

from kernel.errors import NotFound
from kernel.tenancy import Scope
from mpac.portal.db import atomic
from mpac.portal.dto import DeviceDTO
from mpac.portal.models import Device


def get_device(*, scope: Scope, device_id: uuid.UUID) -> Device:
    """Raises NotFound."""
    with atomic(scope):
        device: Device | None = Device.objects.filter(id=device_id).first()
    if device is None:
        raise NotFound
    return device


def list_devices(*, store_id: int, status: str | None = None) -> "QuerySet[Device]":
    """A store's terminals, in the scope of the open transaction."""
    found: QuerySet[Device] = Device.objects.filter(store_id=store_id)
    return found if status is None else found.filter(status=status)


def describe_device(*, scope: Scope, device_id: uuid.UUID) -> DeviceDTO:
    """A terminal as its neighbors need it. Raises NotFound."""
    device = get_device(scope=scope, device_id=device_id)
    return DeviceDTO(
        device_id=device.id,
        psp_id=device.psp_id,
        merchant_id=device.merchant_id,
        store_id=device.store_id,
        name=device.name,
        status=str(device.status),
        livemode=device.livemode,
    )
