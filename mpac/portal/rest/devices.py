"""Terminals over HTTP: registered and steered by their provider, activated and read by themselves."""

from collections.abc import Callable
from functools import partial

from msgspec import UNSET

from kernel import ids
from kernel.errors import NotFound
from kernel.rest import Endpoint, Page, Request, operation, paginate
from mpac.portal.db import atomic, db
from mpac.portal.models import Device
from mpac.portal.rest import fleet_views, views
from mpac.portal.rest.bodies import ActivateDevice, ChangeDeviceStatus, ListDevices, RegisterDevice
from mpac.portal.rest.endpoint import PortalEndpoint
from mpac.portal.rest.fleet_bodies import UpdateDevice
from mpac.portal.rest.fleet_views import FleetDeviceView
from mpac.portal.rest.views import ActivationView, DeviceView, OwnDeviceView, RegisteredDeviceView
from mpac.portal.selectors.devices import DeviceFilter, get_device, list_devices
from mpac.portal.selectors.hierarchy import get_store
from mpac.portal.services import device_groups, devices
from mpac.portal.services.activation import activate_device

READ, WRITE = "devices:read", "devices:write"


class StoreDevicesEndpoint(PortalEndpoint):
    """The terminals of a store."""

    @operation(
        "devices.list",
        summary="List a store's terminals",
        query=ListDevices,
        response=Page[FleetDeviceView],
        permission=READ,
    )
    def get(self, request: Request, query: ListDevices, store_id: int) -> Page[FleetDeviceView]:
        scope = self.scope
        with atomic(scope):
            store = get_store(scope=scope, store_id=store_id)
            wanted = DeviceFilter(store_id=store.id, status=query.status)
            return paginate(
                list_devices(wanted, now=self.now), query, partial(fleet_views.fleet_device, now=self.now)
            )

    @operation(
        "devices.register",
        summary="Register a terminal; the answer holds its one-time activation code",
        body=RegisterDevice,
        response=RegisteredDeviceView,
        status=201,
        errors=(409,),
        permission=WRITE,
    )
    def post(self, request: Request, body: RegisterDevice, store_id: int) -> RegisteredDeviceView:
        registered = devices.register_device(
            scope=self.scope,
            store_id=store_id,
            name=body.name,
            model=body.model,
            serial_number=body.serial_number,
            livemode=request.user.livemode,
            now=self.now,
        )
        return views.registered_device(registered)


class ActivateEndpoint(Endpoint):
    """Anonymous: a terminal has nothing but its code and its key."""

    db = db
    authentication_classes = ()

    @operation(
        "devices.activate",
        summary="Bind a terminal's own key with its one-time activation code",
        body=ActivateDevice,
        response=ActivationView,
        errors=(403,),
    )
    def post(self, _request: Request, body: ActivateDevice) -> ActivationView:
        done = activate_device(
            activation_code=body.activation_code, public_jwk=body.public_jwk, proof=body.proof, now=self.now
        )
        return views.activation(done)


class OwnDeviceEndpoint(Endpoint):
    """A terminal reads itself."""

    callers = frozenset({"device"})
    db = db

    @operation("devices.me", summary="Read the calling terminal and its store", response=OwnDeviceView)
    def get(self, request: Request) -> OwnDeviceView:
        scope, device_id = request.user.scope(), request.user.device_id
        if device_id is None:
            raise NotFound
        with atomic(scope):
            device = get_device(scope=scope, device_id=device_id)
            return views.own_device(device, at=get_store(scope=scope, store_id=device.store_id))


class DeviceEndpoint(PortalEndpoint):
    """One terminal."""

    @operation(
        "devices.read",
        summary="Read a terminal and its last report",
        response=FleetDeviceView,
        permission=READ,
    )
    def get(self, request: Request, device_id: str) -> FleetDeviceView:
        scope = self.scope
        device = get_device(scope=scope, device_id=ids.decode("dev", device_id))
        return fleet_views.fleet_device(device, now=self.now)

    @operation(
        "devices.update",
        summary="Change a terminal's name or labels",
        body=UpdateDevice,
        response=DeviceView,
        permission=WRITE,
    )
    def patch(self, request: Request, body: UpdateDevice, device_id: str) -> DeviceView:
        changed = device_groups.update_device(
            scope=self.scope,
            device_id=ids.decode("dev", device_id),
            name=None if body.name is UNSET else body.name,
            labels=None if body.labels is UNSET else body.labels,
            now=self.now,
        )
        return views.device(changed)


class ActivationCodeEndpoint(PortalEndpoint):
    """A fresh code for a terminal whose code expired or was tried too often."""

    @operation(
        "devices.activation_code",
        summary="Issue a new activation code for a terminal that is not active yet",
        response=RegisteredDeviceView,
        status=201,
        errors=(409,),
        permission=WRITE,
    )
    def post(self, request: Request, device_id: str) -> RegisteredDeviceView:
        scope = self.scope
        with atomic(scope):
            device = get_device(scope=scope, device_id=ids.decode("dev", device_id))
            return views.registered_device(
                devices.reissue_activation_code(scope=scope, device_id=device.id, now=self.now)
            )


class StatusEndpoint(PortalEndpoint):
    """Base of the three endpoints that move a terminal to another status."""

    def move(
        self, request: Request, body: ChangeDeviceStatus, device_id: str, step: Callable[..., Device]
    ) -> DeviceView:
        scope = self.scope
        with atomic(scope):
            device = get_device(scope=scope, device_id=ids.decode("dev", device_id))
            moved = step(
                scope=scope, device_id=device.id, actor=request.user.subject, reason=body.reason, now=self.now
            )
        return views.device(moved)


class SuspendEndpoint(StatusEndpoint):
    @operation(
        "devices.suspend",
        summary="Suspend a terminal: its tokens are refused within seconds",
        body=ChangeDeviceStatus,
        response=DeviceView,
        errors=(409,),
        permission=WRITE,
    )
    def post(self, request: Request, body: ChangeDeviceStatus, device_id: str) -> DeviceView:
        return self.move(request, body, device_id, devices.suspend_device)


class ResumeEndpoint(StatusEndpoint):
    @operation(
        "devices.resume",
        summary="Let a suspended terminal work again",
        body=ChangeDeviceStatus,
        response=DeviceView,
        errors=(409,),
        permission=WRITE,
    )
    def post(self, request: Request, body: ChangeDeviceStatus, device_id: str) -> DeviceView:
        return self.move(request, body, device_id, devices.resume_device)


class RevokeEndpoint(StatusEndpoint):
    @operation(
        "devices.revoke",
        summary="Never trust a terminal's key again",
        body=ChangeDeviceStatus,
        response=DeviceView,
        errors=(409,),
        permission=WRITE,
    )
    def post(self, request: Request, body: ChangeDeviceStatus, device_id: str) -> DeviceView:
        return self.move(request, body, device_id, devices.revoke_device)
