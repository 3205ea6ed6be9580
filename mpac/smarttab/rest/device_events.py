"""A terminal's own event log over HTTP: the same log, with the same cursor, that the WebSocket pushes from."""

from kernel.errors import Forbidden
from kernel.principal import Principal
from kernel.rest import Request, operation
from mpac.smarttab.db import atomic
from mpac.smarttab.dto import DeviceEventPage
from mpac.smarttab.rest.bodies import ReadEvents
from mpac.smarttab.rest.endpoint import TERMINALS, SmarttabEndpoint
from mpac.smarttab.selectors import views
from mpac.smarttab.selectors.device_log import read_log


class DeviceEventsEndpoint(SmarttabEndpoint):
    """What the calling device is to learn."""

    callers = TERMINALS

    @operation(
        "devices.events",
        summary="Read this device's events after a sequence number, oldest first",
        query=ReadEvents,
        response=DeviceEventPage,
        errors=(400,),
    )
    def get(self, request: Request, query: ReadEvents) -> DeviceEventPage:
        principal: Principal = request.user
        if principal.device_id is None:
            raise Forbidden
        with atomic(principal.scope()):
            page = read_log(principal.device_id, after=query.after, limit=query.limit)
        return DeviceEventPage(
            data=[views.logged_event(event) for event in page.events],
            head=page.bounds.head,
            floor=page.bounds.floor,
        )
