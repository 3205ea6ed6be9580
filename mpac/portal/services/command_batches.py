"""Telling many terminals to do something: a batch is written down at once and becomes commands a few terminals at a time.

Each part is a transaction whose event begins the next one, so that what dies goes on where it was, and nobody waits for a
transaction over a whole fleet.
"""

import datetime as dt
import uuid
from typing import Any

from django.db.models import F

from kernel import ids
from kernel.audit import record, state
from kernel.errors import NotFound
from kernel.outbox import publish
from kernel.tenancy import Scope, TenantScope
from mpac.portal.db import atomic, db
from mpac.portal.domain.commands import BATCH_TRANSITIONS, BatchStatus, CommandStatus
from mpac.portal.domain.places import Level, Place
from mpac.portal.errors import IllegalTransition
from mpac.portal.events import CommandBatchCancelled, CommandBatchDue
from mpac.portal.models import Command, CommandBatch
from mpac.portal.models.device import PREFIX as DEVICE
from mpac.portal.selectors.commands import list_batch_devices
from mpac.portal.services.commands import PLATFORM, Order, announce_commands, new_command, step

AT_A_TIME = 200
FIRST = uuid.UUID(int=0)
FOR_MANY = frozenset({Level.MERCHANT, Level.STORE, Level.GROUP})


def send_batch(*, scope: Scope, place: Place, order: Order, now: dt.datetime) -> CommandBatch:
    """Tell all active terminals of a group, store or merchant to do something.

    Raises NotFound for a wider place, MisfitParameters, and Forbidden for somebody whose reach is narrower than the place.
    """
    columns = order.columns(now)
    place.require_reach(scope)
    if place.psp_id is None or place.level not in FOR_MANY:
        raise NotFound
    with atomic(scope):
        batch = CommandBatch(
            psp_id=place.psp_id,
            merchant_id=place.merchant_id,
            store_id=place.store_id,
            group_id=place.group_id,
            livemode=scope.livemode if isinstance(scope, TenantScope) else None,
            updated_at=now,
            **columns,
        )
        batch.save(force_insert=True)
        publish(db, CommandBatchDue(**_whose(batch), after=""), now=now)
        record(db, "command_batch.created", batch, reason=order.reason, now=now)
    return batch


def expand_batch(*, batch_id: uuid.UUID, after: uuid.UUID, now: dt.datetime) -> int:
    """Write the commands of a batch's next terminals, in the open transaction; returns how many."""
    batch = _locked(batch_id)
    if batch.status != BatchStatus.EXPANDING:
        return 0
    devices = list_batch_devices(batch=batch, after=after, limit=AT_A_TIME)
    if batch.expires_at <= now:
        devices = []
    columns = {
        name: getattr(batch, name) for name in ("kind", "parameters", "sent_by", "reason", "expires_at")
    }
    commands = [new_command(device, columns, batch_id=batch.id) for device in devices]
    for command in commands:
        command.created_at = ids.created_at_of(command.id)
    if commands:
        Command.objects.bulk_create(commands)
        announce_commands(commands, owner=batch, now=now)
    if len(commands) == AT_A_TIME:
        onward = CommandBatchDue(**_whose(batch), after=ids.encode(DEVICE, devices[-1].id))
        publish(db, onward, now=now)
        _update(batch, reached=F("reached") + len(commands), now=now)
    else:
        _update(batch, reached=F("reached") + len(commands), status=BatchStatus.EXPANDED, now=now)
    return len(commands)


def cancel_batch(*, scope: Scope, batch_id: uuid.UUID, now: dt.datetime) -> CommandBatch:
    """Call a batch off: no more commands are written, and those that were not handed out are cancelled soon.

    Raises NotFound and IllegalTransition.
    """
    with atomic(scope):
        batch = _locked(batch_id)
        allowed = BATCH_TRANSITIONS[BatchStatus(batch.status)]
        if BatchStatus.CANCELLED not in allowed:
            raise IllegalTransition(allowed=sorted(allowed))
        before = state(batch)
        _update(batch, status=BatchStatus.CANCELLED, now=now)
        publish(db, CommandBatchCancelled(**_whose(batch)), now=now)
        record(db, "command_batch.cancelled", batch, before=before, now=now)
    return batch


def cancel_rest_of_batch(*, batch_id: uuid.UUID, now: dt.datetime) -> int:
    """Cancel a few commands of a batch that no terminal knows of, in the open transaction; returns how many."""
    batch = _locked(batch_id)
    queued = Command.objects.filter(psp_id=batch.psp_id, batch_id=batch.id, status=CommandStatus.QUEUED)
    commands = list(queued.order_by("pk").select_for_update()[:AT_A_TIME])
    for command in commands:
        step(command, CommandStatus.CANCELLED, actor=PLATFORM, now=now, finished_at=now)
    if len(commands) == AT_A_TIME:
        publish(db, CommandBatchCancelled(**_whose(batch)), now=now)
    return len(commands)


def _locked(batch_id: uuid.UUID) -> CommandBatch:
    batch: CommandBatch | None = CommandBatch.objects.select_for_update().filter(id=batch_id).first()
    if batch is None:
        raise NotFound
    return batch


def _update(batch: CommandBatch, *, now: dt.datetime, **columns: Any) -> None:
    CommandBatch.objects.filter(id=batch.id, status=batch.status).update(**columns, updated_at=now)
    batch.refresh_from_db()


def _whose(batch: CommandBatch) -> dict[str, Any]:
    return {
        "aggregate_id": batch.public_id,
        "psp_id": batch.psp_id,
        "merchant_id": batch.merchant_id,
        "store_id": batch.store_id,
        "batch_id": batch.public_id,
    }
