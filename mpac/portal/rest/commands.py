"""Commands over HTTP: sent and looked after by people and providers' servers, fetched and answered by terminals."""

import uuid

from kernel import ids
from kernel.errors import FieldError, Invalid, NotFound
from kernel.rest import Endpoint, Page, PageQuery, Request, operation, paginate
from mpac.portal.db import atomic, db
from mpac.portal.domain.commands import CommandKind, CommandStatus
from mpac.portal.models import CommandBatch
from mpac.portal.models.command import BATCH_PREFIX, PREFIX
from mpac.portal.models.device import PREFIX as DEVICE
from mpac.portal.rest import commands_views as views
from mpac.portal.rest.commands_bodies import (
    LARGEST_COMMAND_BYTES,
    GiveResult,
    ListCommands,
    ListOwnCommands,
    NewCommand,
    SendBatch,
    SendCommand,
)
from mpac.portal.rest.commands_views import CommandBatchView, CommandView, OwnCommandView
from mpac.portal.rest.endpoint import PortalEndpoint
from mpac.portal.selectors import commands as select
from mpac.portal.selectors.places import get_place
from mpac.portal.services import command_batches, commands
from mpac.portal.services.commands import Order, Result

READ, SEND = "commands:read", "commands:send"


class CommandsEndpoint(PortalEndpoint):
    """All commands that the caller sees."""

    @operation(
        "commands.list",
        summary="List commands",
        query=ListCommands,
        response=Page[CommandView],
        errors=(404,),
        permission=READ,
    )
    def get(self, request: Request, query: ListCommands) -> Page[CommandView]:
        with atomic(self.scope):
            found = select.list_commands(
                device_id=_decoded(DEVICE, query.device_id),
                batch_id=_decoded(BATCH_PREFIX, query.batch_id),
                status=query.status,
                kind=query.kind,
            )
            return paginate(found, query, views.command)

    @operation(
        "commands.send",
        summary="Tell a terminal to do something",
        body=SendCommand,
        response=CommandView,
        status=201,
        idempotent=True,
        errors=(404, 409),
        max_body_bytes=LARGEST_COMMAND_BYTES,
        permission=SEND,
    )
    def post(self, request: Request, body: SendCommand) -> CommandView:
        sent = commands.send_command(
            scope=self.scope,
            device_id=ids.decode(DEVICE, body.device_id),
            order=order_of(request, body),
            now=self.now,
        )
        return views.command(sent)


class CommandEndpoint(PortalEndpoint):
    """One command."""

    @operation("commands.read", summary="Read a command", response=CommandView, permission=READ)
    def get(self, request: Request, command_id: str) -> CommandView:
        return views.command(select.get_command(scope=self.scope, command_id=ids.decode(PREFIX, command_id)))


class CancelCommandEndpoint(PortalEndpoint):
    """Calling one off."""

    @operation(
        "commands.cancel",
        summary="Call a command off that its terminal has not been handed",
        response=CommandView,
        errors=(409,),
        permission=SEND,
    )
    def post(self, request: Request, command_id: str) -> CommandView:
        cancelled = commands.cancel_command(
            scope=self.scope,
            command_id=ids.decode(PREFIX, command_id),
            actor=request.user.actor or request.user.subject,
            now=self.now,
        )
        return views.command(cancelled)


class BatchesEndpoint(PortalEndpoint):
    """Commands for many."""

    @operation(
        "command_batches.list",
        summary="List commands that were sent to many terminals",
        query=PageQuery,
        response=Page[CommandBatchView],
        permission=READ,
    )
    def get(self, request: Request, query: PageQuery) -> Page[CommandBatchView]:
        with atomic(self.scope):
            return paginate(select.list_batches(), query, _batch)

    @operation(
        "command_batches.send",
        summary="Tell all active terminals of a group, store or merchant to do something",
        body=SendBatch,
        response=CommandBatchView,
        status=201,
        idempotent=True,
        errors=(404,),
        max_body_bytes=LARGEST_COMMAND_BYTES,
        permission=SEND,
    )
    def post(self, request: Request, body: SendBatch) -> CommandBatchView:
        level, key = body.target()
        if not level:
            fault = FieldError("", "one_target", "Name one of merchant_id, store_id and group_id.")
            raise Invalid(errors=[fault])
        with atomic(self.scope):
            place = get_place(scope=self.scope, level=level, key=key)
            batch = command_batches.send_batch(
                scope=self.scope, place=place, order=order_of(request, body), now=self.now
            )
            return _batch(batch)


class BatchEndpoint(PortalEndpoint):
    """One command for many."""

    @operation(
        "command_batches.read",
        summary="Read a command for many terminals, with how far it has come",
        response=CommandBatchView,
        permission=READ,
    )
    def get(self, request: Request, batch_id: str) -> CommandBatchView:
        with atomic(self.scope):
            return _batch(select.get_batch(scope=self.scope, batch_id=ids.decode(BATCH_PREFIX, batch_id)))


class CancelBatchEndpoint(PortalEndpoint):
    """Calling many off."""

    @operation(
        "command_batches.cancel",
        summary="Call off what terminals have not been handed, and write no more",
        response=CommandBatchView,
        errors=(409,),
        permission=SEND,
    )
    def post(self, request: Request, batch_id: str) -> CommandBatchView:
        with atomic(self.scope):
            cancelled = command_batches.cancel_batch(
                scope=self.scope, batch_id=ids.decode(BATCH_PREFIX, batch_id), now=self.now
            )
            return _batch(cancelled)


class OwnCommandsEndpoint(Endpoint):
    """What the calling terminal has to do."""

    callers = frozenset({"device"})
    db = db

    @operation(
        "devices.commands",
        summary="Fetch what the calling terminal has to do, the oldest first",
        query=ListOwnCommands,
        response=Page[OwnCommandView],
    )
    def get(self, request: Request, query: ListOwnCommands) -> Page[OwnCommandView]:
        due = commands.hand_out_commands(
            scope=request.user.scope(), device_id=own_id(request), limit=query.limit, now=self.now
        )
        return Page(data=[views.own_command(each) for each in due])


class OwnResultEndpoint(Endpoint):
    """What the calling terminal says about a command."""

    callers = frozenset({"device"})
    db = db

    @operation(
        "devices.command_result",
        summary="Say that a command was begun, or how it ended",
        body=GiveResult,
        response=OwnCommandView,
        errors=(409,),
        max_body_bytes=LARGEST_COMMAND_BYTES,
    )
    def post(self, request: Request, body: GiveResult, command_id: str) -> OwnCommandView:
        result = Result(status=CommandStatus(body.status), code=body.code, detail=body.detail, data=body.data)
        taken = commands.take_result(
            scope=request.user.scope(),
            device_id=own_id(request),
            command_id=ids.decode(PREFIX, command_id),
            result=result,
            now=self.now,
        )
        return views.own_command(taken)


def order_of(request: Request, body: NewCommand) -> Order:
    """What is to be done, as the services know it."""
    return Order(
        kind=CommandKind(body.kind),
        parameters=body.parameters,
        expires_in_s=body.expires_in,
        sent_by=request.user.actor or request.user.subject,
        reason=body.reason,
    )


def own_id(request: Request) -> uuid.UUID:
    """Which terminal calls. Raises NotFound for a token that names none."""
    if request.user.device_id is None:
        raise NotFound
    return request.user.device_id


def _batch(row: CommandBatch) -> CommandBatchView:
    return views.batch(row, progress=select.count_progress(batch=row))


def _decoded(prefix: str, text: str | None) -> uuid.UUID | None:
    return None if text is None else ids.decode(prefix, text)
