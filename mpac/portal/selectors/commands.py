"""Reading commands: single ones, batches with their progress, and which terminals a batch goes to."""

import uuid
from typing import Any

from django.db.models import Count, QuerySet

from kernel.errors import NotFound
from kernel.tenancy import Scope
from mpac.portal.db import atomic, db
from mpac.portal.domain.commands import CommandStatus
from mpac.portal.domain.places import Level, Place
from mpac.portal.models import Command, CommandBatch, Device
from mpac.portal.selectors.places import IN_REACH, parameters_of


def get_command(*, scope: Scope, command_id: uuid.UUID) -> Command:
    """Raises NotFound."""
    with atomic(scope):
        command: Command | None = Command.objects.filter(id=command_id).first()
    if command is None:
        raise NotFound
    return command


def list_commands(
    *,
    device_id: uuid.UUID | None = None,
    batch_id: uuid.UUID | None = None,
    status: str | None = None,
    kind: str | None = None,
) -> "QuerySet[Command]":
    """Commands in the scope of the open transaction."""
    wanted = {"device_id": device_id, "batch_id": batch_id, "status": status, "kind": kind}
    found: QuerySet[Command] = Command.objects.filter(
        **{name: value for name, value in wanted.items() if value is not None}
    )
    return found


def get_batch(*, scope: Scope, batch_id: uuid.UUID) -> CommandBatch:
    """Raises NotFound."""
    with atomic(scope):
        batch: CommandBatch | None = CommandBatch.objects.filter(id=batch_id).first()
    if batch is None:
        raise NotFound
    return batch


def list_batches() -> "QuerySet[CommandBatch]":
    """Batches in the scope of the open transaction."""
    found: QuerySet[CommandBatch] = CommandBatch.objects.all()
    return found


def count_progress(*, batch: CommandBatch) -> dict[str, int]:
    """How many of a batch's commands are in each state, in the scope of the open transaction."""
    found = Command.objects.filter(psp_id=batch.psp_id, batch_id=batch.id).order_by()
    counted = dict(found.values_list("status").annotate(count=Count("pk")))
    return {status.value: counted.get(status.value, 0) for status in CommandStatus}


def place_of_batch(batch: CommandBatch) -> Place:
    """Whose terminals a batch goes to."""
    of: dict[str, Any] = {
        "psp_id": batch.psp_id,
        "merchant_id": batch.merchant_id,
        "store_id": batch.store_id,
    }
    if batch.group_id is not None:
        return Place(level=Level.GROUP, key=str(batch.group_id), group_id=batch.group_id, **of)
    level = Level.MERCHANT if batch.store_id is None else Level.STORE
    return Place(level=level, key=str(batch.store_id or batch.merchant_id), **of)


def list_batch_devices(*, batch: CommandBatch, after: uuid.UUID, limit: int) -> list[Device]:
    """The next active terminals of a batch, in the order of their ids; in the scope of the open transaction."""
    place = place_of_batch(batch)
    sql = (
        f"SELECT d.id FROM devices d WHERE {IN_REACH[place.level]} AND d.status = 'active' AND d.id > %(after)s"
        " AND (%(livemode)s::bool IS NULL OR d.livemode = %(livemode)s) ORDER BY d.id LIMIT %(limit)s"
    )
    parameters = parameters_of(place) | {"after": after, "livemode": batch.livemode, "limit": limit}
    rows = [row[0] for row in db.execute(sql, parameters)]
    return list(Device.objects.filter(id__in=rows).order_by("id"))
