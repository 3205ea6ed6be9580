"""Groups of terminals over HTTP."""

import uuid
from collections.abc import Callable
from functools import partial

from msgspec import UNSET

from kernel import ids
from kernel.rest import Page, PageQuery, Request, operation, paginate
from mpac.portal.db import atomic
from mpac.portal.rest import fleet_views
from mpac.portal.rest.endpoint import PortalEndpoint
from mpac.portal.rest.fleet_bodies import CreateGroup, GroupMembers, UpdateGroup
from mpac.portal.rest.fleet_views import FleetDeviceView, GroupView, MembersChangedView, decode_group
from mpac.portal.selectors.device_groups import get_group, list_groups
from mpac.portal.selectors.devices import DeviceFilter, list_devices
from mpac.portal.services import device_groups

READ, WRITE = "devices:read", "devices:write"


class GroupsEndpoint(PortalEndpoint):
    """All groups that the caller sees."""

    @operation(
        "device_groups.list",
        summary="List groups of terminals",
        query=PageQuery,
        response=Page[GroupView],
        permission=READ,
    )
    def get(self, request: Request, query: PageQuery) -> Page[GroupView]:
        with atomic(self.scope):
            return paginate(list_groups(), query, fleet_views.group)

    @operation(
        "device_groups.create",
        summary="Make a group of terminals",
        body=CreateGroup,
        response=GroupView,
        status=201,
        errors=(404, 409),
        permission=WRITE,
        reach="merchant",
    )
    def post(self, request: Request, body: CreateGroup) -> GroupView:
        created = device_groups.create_group(
            scope=self.scope,
            psp_id=request.user.psp_id,
            merchant_id=body.merchant_id,
            name=body.name,
            selector=body.selector,
            priority=body.priority,
            livemode=request.user.livemode,
            now=self.now,
        )
        return fleet_views.group(created)


class GroupEndpoint(PortalEndpoint):
    """One group."""

    @operation("device_groups.read", summary="Read a group of terminals", response=GroupView, permission=READ)
    def get(self, request: Request, group_id: str) -> GroupView:
        scope = self.scope
        return fleet_views.group(get_group(scope=scope, group_id=decode_group(group_id)))

    @operation(
        "device_groups.update",
        summary="Change a group's name, priority or the labels that it goes by",
        body=UpdateGroup,
        response=GroupView,
        errors=(409,),
        permission=WRITE,
        reach="merchant",
    )
    def patch(self, request: Request, body: UpdateGroup, group_id: str) -> GroupView:
        changed = device_groups.update_group(
            scope=self.scope,
            group_id=decode_group(group_id),
            name=None if body.name is UNSET else body.name,
            selector=None if body.selector is UNSET else body.selector,
            priority=None if body.priority is UNSET else body.priority,
            now=self.now,
        )
        return fleet_views.group(changed)

    @operation(
        "device_groups.delete",
        summary="Dissolve a group that no terminal was put into, or from which all were taken out",
        response=GroupView,
        permission=WRITE,
        reach="merchant",
        errors=(409,),
    )
    def delete(self, request: Request, group_id: str) -> GroupView:
        dissolved = device_groups.delete_group(
            scope=self.scope, group_id=decode_group(group_id), now=self.now
        )
        return fleet_views.group(dissolved)


class MembersEndpoint(PortalEndpoint):
    """Base of the endpoints that let terminals join or leave."""

    def change(
        self, request: Request, body: GroupMembers, group_id: str, step: Callable[..., int]
    ) -> MembersChangedView:
        """Let terminals join or leave."""
        device_ids: list[uuid.UUID] = [ids.decode("dev", each) for each in body.device_ids]
        changed = step(
            scope=self.scope,
            group_id=decode_group(group_id),
            device_ids=device_ids,
            now=self.now,
        )
        return fleet_views.members_changed(group_id, changed=changed, now=self.now)


class GroupMembersEndpoint(MembersEndpoint):
    """Who belongs to a group, and putting terminals in."""

    @operation(
        "device_groups.members",
        summary="List the terminals of a group, members and those that bear its labels",
        query=PageQuery,
        response=Page[FleetDeviceView],
        permission=READ,
    )
    def get(self, request: Request, query: PageQuery, group_id: str) -> Page[FleetDeviceView]:
        scope = self.scope
        with atomic(scope):
            wanted = DeviceFilter(group=get_group(scope=scope, group_id=decode_group(group_id)))
            found = list_devices(wanted, now=self.now)
            return paginate(found, query, partial(fleet_views.fleet_device, now=self.now))

    @operation(
        "device_groups.add_members",
        summary="Put terminals into a group",
        body=GroupMembers,
        response=MembersChangedView,
        permission=WRITE,
    )
    def post(self, request: Request, body: GroupMembers, group_id: str) -> MembersChangedView:
        return self.change(request, body, group_id, device_groups.add_members)


class RemoveMembersEndpoint(MembersEndpoint):
    """Taking terminals out of a group."""

    @operation(
        "device_groups.remove_members",
        summary="Take terminals out of a group",
        body=GroupMembers,
        response=MembersChangedView,
        permission=WRITE,
    )
    def post(self, request: Request, body: GroupMembers, group_id: str) -> MembersChangedView:
        return self.change(request, body, group_id, device_groups.remove_members)
