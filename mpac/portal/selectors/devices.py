"""Reading terminals."""

import uuid

from django.db.models import QuerySet

from kernel.errors import NotFound
from kernel.tenancy import Scope
from mpac.portal.db import atomic
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
