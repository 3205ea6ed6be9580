"""What the endpoints of commands answer."""

from typing import Any, Literal

from kernel import ids
from kernel.clock import rfc3339
from kernel.rest import Instant, View
from mpac.portal.models import Command, CommandBatch
from mpac.portal.models.command import BATCH_PREFIX
from mpac.portal.models.device import PREFIX as DEVICE
from mpac.portal.models.device_group import PREFIX as GROUP


class OwnCommandView(View, kw_only=True):
    """What a terminal has to do. It does it once, however often it gets it."""

    id: str
    created_at: Instant
    kind: str
    parameters: dict[str, object]
    status: str
    expires_at: Instant
    object: Literal["command"] = "command"


class CommandView(OwnCommandView, kw_only=True):
    """`result` is what the terminal said at the end, `late_result` what it said after the command had expired."""

    psp_id: int
    merchant_id: int
    store_id: int
    device_id: str
    batch_id: str | None
    livemode: bool
    sent_by: str
    reason: str
    sent_at: Instant | None
    acknowledged_at: Instant | None
    finished_at: Instant | None
    result: dict[str, object] | None
    late_result: dict[str, object] | None


class CommandBatchView(View, kw_only=True):
    """A command for many. `reached` counts the commands that were written so far, `progress` them by their states."""

    id: str
    created_at: Instant
    psp_id: int
    merchant_id: int | None
    store_id: int | None
    group_id: str | None
    kind: str
    parameters: dict[str, object]
    status: str
    sent_by: str
    reason: str
    expires_at: Instant
    reached: int
    progress: dict[str, int]
    object: Literal["command_batch"] = "command_batch"


def own_command(row: Command) -> OwnCommandView:
    """A command as its terminal sees it."""
    return OwnCommandView(**_shared(row))


def command(row: Command) -> CommandView:
    """A command as people and servers see it."""
    return CommandView(
        **_shared(row),
        psp_id=row.psp_id,
        merchant_id=row.merchant_id,
        store_id=row.store_id,
        device_id=ids.encode(DEVICE, row.device_id),
        batch_id=ids.encode(BATCH_PREFIX, row.batch_id) if row.batch_id else None,
        livemode=row.livemode,
        sent_by=row.sent_by,
        reason=row.reason,
        sent_at=rfc3339(row.sent_at) if row.sent_at else None,
        acknowledged_at=rfc3339(row.acknowledged_at) if row.acknowledged_at else None,
        finished_at=rfc3339(row.finished_at) if row.finished_at else None,
        result=row.result,
        late_result=row.late_result,
    )


def batch(row: CommandBatch, *, progress: dict[str, int]) -> CommandBatchView:
    """A batch as the API shows it."""
    return CommandBatchView(
        id=row.public_id,
        created_at=rfc3339(row.created_at),
        psp_id=row.psp_id,
        merchant_id=row.merchant_id,
        store_id=row.store_id,
        group_id=ids.encode(GROUP, row.group_id) if row.group_id else None,
        kind=str(row.kind),
        parameters=row.parameters,
        status=str(row.status),
        sent_by=row.sent_by,
        reason=row.reason,
        expires_at=rfc3339(row.expires_at),
        reached=row.reached,
        progress=progress,
    )


def _shared(row: Command) -> dict[str, Any]:
    return {
        "id": row.public_id,
        "created_at": rfc3339(row.created_at),
        "kind": str(row.kind),
        "parameters": row.parameters,
        "status": str(row.status),
        "expires_at": rfc3339(row.expires_at),
    }
