"""What the endpoints of the fleet answer."""

import datetime as dt
from typing import Any, Literal

import msgspec

from kernel import ids
from kernel.clock import rfc3339
from kernel.rest import Instant, View
from mpac.portal import conf
from mpac.portal.models import Device, DeviceGroup, DeviceKill, DeviceReport, DeviceReportSample
from mpac.portal.models.device import PREFIX as DEVICE
from mpac.portal.models.device_group import PREFIX as GROUP
from mpac.portal.rest import views
from mpac.portal.rest.settings_views import config_etag
from mpac.portal.rest.views import DeviceView
from mpac.portal.selectors.pending import Pending


class LastReportView(View):
    """What a terminal said last. `silent_since` is when somebody was told that it says nothing any more. One that has never
    said anything and is missed was last heard of when its key was bound.
    """

    received_at: Instant
    app_version: str | None
    os_version: str | None
    battery_percent: int | None
    is_charging: bool | None
    printer: str | None
    network: str | None
    unsent_records: int | None
    clock_drift_ms: int | None
    silent_since: Instant | None
    report: dict[str, Any]


class FleetDeviceView(DeviceView):
    """A terminal with what it said last."""

    online: bool
    last_report: LastReportView | None


class KilledDeviceView(View):
    """What became of a stolen terminal, and what it may still hold that was never uploaded (null: it never said)."""

    id: str
    created_at: Instant
    device: DeviceView
    reason: str
    offline_allowance: int
    unsent_records: int | None
    last_sequence: int | None
    last_report_at: Instant | None
    object: Literal["device_kill"] = "device_kill"


class HeartbeatView(View):
    """What the terminal should do next."""

    id: str
    created_at: Instant
    server_time: Instant
    next_heartbeat_s: int
    config_etag: str | None
    commands_waiting: int
    update_waiting: bool
    object: Literal["heartbeat"] = "heartbeat"


class ReportView(View):
    """A report that was kept."""

    id: str
    created_at: Instant
    device_id: str
    report: dict[str, Any]
    object: Literal["device_report"] = "device_report"


class GroupView(View):
    id: str
    created_at: Instant
    updated_at: Instant
    psp_id: int
    merchant_id: int | None
    name: str
    selector: dict[str, str]
    priority: int
    livemode: bool
    object: Literal["device_group"] = "device_group"


class MembersChangedView(View):
    """How many terminals joined or left; those that already had are not counted."""

    id: str
    created_at: Instant
    changed: int
    object: Literal["device_group_change"] = "device_group_change"


def fleet_device(entry: Device, *, now: dt.datetime) -> FleetDeviceView:
    """A terminal with its last report."""
    report: DeviceReport | None = getattr(entry, "report", None)
    shown = msgspec.structs.asdict(views.device(entry))
    return FleetDeviceView(**shown, online=is_online(entry, now=now), last_report=_last_report(report))


def is_online(entry: Device, *, now: dt.datetime) -> bool:
    """Whether an active terminal has reported lately."""
    report: DeviceReport | None = getattr(entry, "report", None)
    if report is None or entry.status != "active":
        return False
    return report.received_at > now - dt.timedelta(seconds=conf.ONLINE_WITHIN_S)


def killed_device(kill: DeviceKill) -> KilledDeviceView:
    """The answer to a kill."""
    return KilledDeviceView(
        id=ids.encode("dkl", kill.id),
        created_at=rfc3339(kill.created_at),
        device=views.device(kill.device),
        reason=kill.reason,
        offline_allowance=0,
        unsent_records=kill.unsent_records,
        last_sequence=kill.last_sequence,
        last_report_at=rfc3339(kill.last_report_at) if kill.last_report_at else None,
    )


def heartbeat(pending: Pending, *, device_id: str, now: dt.datetime) -> HeartbeatView:
    """The answer to a heartbeat."""
    return HeartbeatView(
        id=device_id,
        created_at=rfc3339(now),
        server_time=rfc3339(now),
        next_heartbeat_s=conf.HEARTBEAT_EVERY_S,
        config_etag=config_etag(pending.settings),
        commands_waiting=pending.commands_waiting,
        update_waiting=pending.update_waiting,
    )


def report(sample: DeviceReportSample) -> ReportView:
    """A kept report."""
    return ReportView(
        id=ids.encode("rep", sample.id),
        created_at=rfc3339(sample.created_at),
        device_id=ids.encode(DEVICE, sample.device_id),
        report=sample.report,
    )


def group(entry: DeviceGroup) -> GroupView:
    """A group of terminals."""
    return GroupView(
        id=entry.public_id,
        created_at=rfc3339(entry.created_at),
        updated_at=rfc3339(entry.updated_at),
        psp_id=entry.psp_id,
        merchant_id=entry.merchant_id,
        name=entry.name,
        selector=entry.selector,
        priority=entry.priority,
        livemode=entry.livemode,
    )


def members_changed(group_id: str, *, changed: int, now: dt.datetime) -> MembersChangedView:
    """How many terminals joined or left a group."""
    return MembersChangedView(id=group_id, created_at=rfc3339(now), changed=changed)


def decode_group(public_id: str) -> Any:
    """The key of a group. Raises NotFound."""
    return ids.decode(GROUP, public_id)


def _last_report(entry: DeviceReport | None) -> LastReportView | None:
    if entry is None:
        return None
    return LastReportView(
        received_at=rfc3339(entry.received_at),
        app_version=entry.app_version or None,
        os_version=entry.os_version or None,
        battery_percent=entry.battery_percent,
        is_charging=entry.is_charging,
        printer=entry.printer or None,
        network=entry.network or None,
        unsent_records=entry.unsent_records,
        clock_drift_ms=entry.clock_drift_ms,
        silent_since=rfc3339(entry.silent_since) if entry.silent_since else None,
        report=entry.report,
    )
