"""Terminals that are to come over HTTP: announced, given a store, or withdrawn."""

from kernel import ids
from kernel.rest import Page, Request, operation, paginate
from mpac.portal.db import atomic
from mpac.portal.models.device import PREFIX
from mpac.portal.rest import import_views, views
from mpac.portal.rest.bodies import ChangeDeviceStatus
from mpac.portal.rest.endpoint import PortalEndpoint
from mpac.portal.rest.fleet_bodies import AssignDevice, ListPreregistrations, Preregister
from mpac.portal.rest.import_views import AnnouncedView, PreregistrationView
from mpac.portal.rest.views import RegisteredDeviceView
from mpac.portal.selectors.imports import get_preregistration, list_preregistrations
from mpac.portal.services import preregistrations
from mpac.portal.services.devices import assign_device

READ, WRITE = "devices:read", "devices:write"


class PreregistrationsEndpoint(PortalEndpoint):
    """All terminals that are to come."""

    @operation(
        "device_preregistrations.list",
        summary="List terminals that were announced before they stand in a store",
        query=ListPreregistrations,
        response=Page[PreregistrationView],
        permission=READ,
    )
    def get(self, _request: Request, query: ListPreregistrations) -> Page[PreregistrationView]:
        with atomic(self.scope):
            found = list_preregistrations(status=query.status, text=query.q)
            return paginate(found, query, import_views.preregistration)

    @operation(
        "device_preregistrations.create",
        summary="Announce a terminal by its serial number before anybody knows its store",
        body=Preregister,
        response=AnnouncedView,
        status=201,
        permission=WRITE,
        reach="merchant",
        errors=(404, 409),
    )
    def post(self, request: Request, body: Preregister) -> AnnouncedView:
        made = preregistrations.preregister(
            scope=self.scope,
            psp_id=request.user.psp_id,
            merchant_id=body.merchant_id,
            serial_number=body.serial_number,
            model=body.model,
            labels=body.labels,
            livemode=request.user.livemode,
            now=self.now,
        )
        return import_views.announced(made)


class PreregistrationEndpoint(PortalEndpoint):
    """One of them."""

    @operation(
        "device_preregistrations.read",
        summary="Read a terminal that is to come",
        response=PreregistrationView,
        permission=READ,
    )
    def get(self, _request: Request, preregistration_id: str) -> PreregistrationView:
        entry_id = ids.decode(PREFIX, preregistration_id)
        return import_views.preregistration(get_preregistration(scope=self.scope, entry_id=entry_id))


class AssignEndpoint(PortalEndpoint):
    """A store for a terminal."""

    @operation(
        "device_preregistrations.assign",
        summary="Give a terminal a store: it becomes a device of the same id, active if it has bound its key",
        body=AssignDevice,
        response=RegisteredDeviceView,
        status=201,
        permission=WRITE,
        errors=(409,),
    )
    def post(self, _request: Request, body: AssignDevice, preregistration_id: str) -> RegisteredDeviceView:
        registered = assign_device(
            scope=self.scope,
            entry_id=ids.decode(PREFIX, preregistration_id),
            store_id=body.store_id,
            name=body.name,
            now=self.now,
        )
        return views.registered_device(registered)


class PreregistrationCodeEndpoint(PortalEndpoint):
    """A fresh code."""

    @operation(
        "device_preregistrations.activation_code",
        summary="Issue a new activation code for a terminal that is to come",
        response=AnnouncedView,
        status=201,
        permission=WRITE,
        reach="merchant",
        errors=(409,),
    )
    def post(self, _request: Request, preregistration_id: str) -> AnnouncedView:
        made = preregistrations.reissue_preregistration_code(
            scope=self.scope, entry_id=ids.decode(PREFIX, preregistration_id), now=self.now
        )
        return import_views.announced(made)


class WithdrawEndpoint(PortalEndpoint):
    """A terminal that will not come."""

    @operation(
        "device_preregistrations.withdraw",
        summary="Take a terminal off the list: it will not come",
        body=ChangeDeviceStatus,
        response=PreregistrationView,
        permission=WRITE,
        reach="merchant",
        errors=(409,),
    )
    def post(
        self, _request: Request, body: ChangeDeviceStatus, preregistration_id: str
    ) -> PreregistrationView:
        withdrawn = preregistrations.withdraw_preregistration(
            scope=self.scope,
            entry_id=ids.decode(PREFIX, preregistration_id),
            reason=body.reason,
            now=self.now,
        )
        return import_views.preregistration(withdrawn)
