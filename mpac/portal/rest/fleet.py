"""The fleet over HTTP: found, replaced, killed; and what terminals say about themselves."""

import datetime as dt
from functools import partial
from typing import Any

import msgspec

from kernel import ids
from kernel.errors import NotFound
from kernel.rest import Endpoint, Page, PageQuery, Request, operation, paginate
from mpac.portal.db import atomic, db
from mpac.portal.domain.labels import parse_labels
from mpac.portal.rest import fleet_views, views
from mpac.portal.rest.endpoint import PortalEndpoint
from mpac.portal.rest.fleet_bodies import FilterDevices, KillDevice, ReplaceDevice, SendHeartbeat
from mpac.portal.rest.fleet_views import FleetDeviceView, HeartbeatView, KilledDeviceView, ReportView
from mpac.portal.rest.views import RegisteredDeviceView
from mpac.portal.selectors.device_groups import get_group
from mpac.portal.selectors.devices import DeviceFilter, get_device, list_devices, list_reports
from mpac.portal.selectors.pending import get_pending
from mpac.portal.services import heartbeats, killing, replacement

READ, WRITE, KILL = "devices:read", "devices:write", "devices:kill"
MAX_HEARTBEAT_BYTES = 32 * 1024


class DevicesEndpoint(PortalEndpoint):
    """All terminals that the caller sees."""

    @operation(
        "devices.find",
        summary="List terminals by status, place, model, version, labels, group, name or whether they are online",
        query=FilterDevices,
        response=Page[FleetDeviceView],
        errors=(404,),
        permission=READ,
    )
    def get(self, request: Request, query: FilterDevices) -> Page[FleetDeviceView]:
        scope = self.scope
        labels = {} if query.label is None else parse_labels(query.label)
        group_id = None if query.group is None else fleet_views.decode_group(query.group)
        with atomic(scope):
            wanted = DeviceFilter(
                status=query.status,
                merchant_id=query.merchant_id,
                store_id=query.store_id,
                model=query.model,
                version=query.version,
                labels=labels,
                group=None if group_id is None else get_group(scope=scope, group_id=group_id),
                online=query.online,
                text=query.q,
            )
            found = list_devices(wanted, now=self.now)
            return paginate(found, query, partial(fleet_views.fleet_device, now=self.now))


class ReportsEndpoint(PortalEndpoint):
    """What a terminal said earlier."""

    @operation(
        "devices.reports",
        summary="List what a terminal reported, newest first, at most one report in five minutes",
        query=PageQuery,
        response=Page[ReportView],
        permission=READ,
    )
    def get(self, request: Request, query: PageQuery, device_id: str) -> Page[ReportView]:
        scope = self.scope
        with atomic(scope):
            device = get_device(scope=scope, device_id=ids.decode("dev", device_id))
            return paginate(list_reports(device=device), query, fleet_views.report)


class ReplaceEndpoint(PortalEndpoint):
    """Another terminal in the place of a broken one."""

    @operation(
        "devices.replace",
        summary="Register a terminal in the place of a broken one, which is revoked",
        body=ReplaceDevice,
        response=RegisteredDeviceView,
        status=201,
        errors=(409,),
        permission=WRITE,
    )
    def post(self, request: Request, body: ReplaceDevice, device_id: str) -> RegisteredDeviceView:
        registered = replacement.replace_device(
            scope=self.scope,
            device_id=ids.decode("dev", device_id),
            serial_number=body.serial_number,
            model=body.model,
            actor=request.user.subject,
            reason=body.reason,
            now=self.now,
        )
        return views.registered_device(registered)


class KillEndpoint(PortalEndpoint):
    """A terminal in wrong hands."""

    @operation(
        "devices.kill",
        summary="Shut a stolen terminal out at once and for ever",
        body=KillDevice,
        response=KilledDeviceView,
        permission=KILL,
    )
    def post(self, request: Request, body: KillDevice, device_id: str) -> KilledDeviceView:
        kill = killing.kill_device(
            scope=self.scope,
            device_id=ids.decode("dev", device_id),
            actor=request.user.subject,
            reason=body.reason,
            now=self.now,
        )
        return fleet_views.killed_device(kill)


class HeartbeatEndpoint(Endpoint):
    """A terminal says how it is, and learns what waits for it."""

    callers = frozenset({"device"})
    db = db

    @operation(
        "devices.heartbeat",
        summary="Say how the calling terminal is; the answer tells what waits for it",
        body=SendHeartbeat,
        response=HeartbeatView,
        max_body_bytes=MAX_HEARTBEAT_BYTES,
    )
    def post(self, request: Request, body: SendHeartbeat) -> HeartbeatView:
        device_id = request.user.device_id
        if device_id is None:
            raise NotFound
        scope, report = request.user.scope(), said(body)
        heartbeats.record_heartbeat(scope=scope, device_id=device_id, report=report, now=self.now)
        pending = get_pending(scope=scope, device_id=device_id, report=report, now=self.now)
        return fleet_views.heartbeat(pending, device_id=request.user.subject, now=self.now)


def said(body: SendHeartbeat) -> dict[str, Any]:
    """What a report says, without what it leaves out."""
    whole: dict[str, Any] = _without_blanks(msgspec.to_builtins(body, builtin_types=(dt.datetime,)))
    return whole


def _without_blanks(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_blanks(each) for each in value]
    if isinstance(value, dict):
        return {name: _without_blanks(each) for name, each in value.items() if each not in (None, "", [])}
    return value
