"""Reading terminals."""

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db.models import Q, QuerySet

from kernel.errors import NotFound
from kernel.tenancy import Scope
from mpac.portal import conf
from mpac.portal.db import atomic
from mpac.portal.domain.devices import DeviceStatus
from mpac.portal.models import Device, DeviceGroup, DeviceReportSample
from mpac.portal.selectors.device_groups import devices_in


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFilter:
    """Which terminals are asked for; what is None does not matter. `text` is looked for in names and serial numbers."""

    status: str | None = None
    merchant_id: int | None = None
    store_id: int | None = None
    model: str | None = None
    version: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    group: DeviceGroup | None = None
    online: bool | None = None
    text: str | None = None


def get_device(*, scope: Scope, device_id: uuid.UUID) -> Device:
    """A terminal with its last report. Raises NotFound."""
    with atomic(scope):
        device: Device | None = Device.objects.select_related("report").filter(id=device_id).first()
    if device is None:
        raise NotFound
    return device


def list_devices(wanted: DeviceFilter, *, now: dt.datetime) -> "QuerySet[Device]":
    """The terminals of the open transaction's scope that are wanted, with their last reports."""
    found: QuerySet[Device] = Device.objects.all() if wanted.group is None else devices_in(wanted.group)
    columns = {
        "status": wanted.status,
        "merchant_id": wanted.merchant_id,
        "store_id": wanted.store_id,
        "model": wanted.model,
        "report__app_version": wanted.version,
    }
    found = found.filter(**{name: value for name, value in columns.items() if value is not None})
    if wanted.labels:
        found = found.filter(labels__contains=dict(wanted.labels))
    if wanted.text is not None:
        found = found.filter(Q(name__icontains=wanted.text) | Q(serial_number__icontains=wanted.text))
    if wanted.online is not None:
        online = is_online(now=now)
        found = found.filter(online) if wanted.online else found.exclude(online)
    return found.select_related("report")


def is_online(*, now: dt.datetime) -> Q:
    """The condition of an active terminal that has reported lately."""
    since = now - dt.timedelta(seconds=conf.ONLINE_WITHIN_S)
    return Q(status=DeviceStatus.ACTIVE, report__received_at__gt=since)


def list_reports(*, device: Device) -> "QuerySet[DeviceReportSample]":
    """The kept reports of a terminal, in the open transaction's scope."""
    found: QuerySet[DeviceReportSample] = DeviceReportSample.objects.filter(
        psp_id=device.psp_id, merchant_id=device.merchant_id, device_id=device.id
    )
    return found
