"""Writing the devices' event logs: gap-free sequences, and a wake-up for whoever listens.

The wake-up is sent after the commit and outside it: NOTIFY inside a transaction would make all commits wait for one
another. A wake-up that is lost costs one poll interval, never an event.
"""

import datetime as dt
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError
from django.db.models import Max

from kernel import ids
from kernel.logs import get_logger
from kernel.models import StoreModel
from kernel.tenancy import SystemScope, TenantScope
from mpac.smarttab.db import atomic, db, on_commit
from mpac.smarttab.models import DeviceEvent

logger = get_logger(__name__)

CHANNEL = "mpac_device_events"

# Without a target, so that the tenant's key of the table waits for the other writer, too, instead of raising.
_OPEN = """
    INSERT INTO device_streams (device_id, psp_id, merchant_id, store_id, head, floor, acknowledged, updated_at)
    VALUES (%(device_id)s, %(psp_id)s, %(merchant_id)s, %(store_id)s, 0, 1, 0, %(now)s)
    ON CONFLICT DO NOTHING
"""
_ADVANCE = """
    UPDATE device_streams SET head = head + %(count)s, updated_at = %(now)s WHERE device_id = %(device_id)s
    RETURNING head, store_id
"""
# Many at a time, each device with its own event. What is not there yet is opened first; the lock is taken in the order of ids.
_OPEN_MANY = """
    INSERT INTO device_streams (device_id, psp_id, merchant_id, store_id, head, floor, acknowledged, updated_at)
    SELECT device_id, psp_id, merchant_id, store_id, 0, 1, 0, %(now)s
    FROM unnest(%(device_ids)s::uuid[], %(psp_ids)s::int[], %(merchant_ids)s::int[], %(store_ids)s::int[])
         AS new (device_id, psp_id, merchant_id, store_id)
    ORDER BY device_id
    ON CONFLICT DO NOTHING
"""
_ADVANCE_MANY = """
    WITH held AS (
        SELECT device_id FROM device_streams WHERE device_id = ANY(%(device_ids)s::uuid[])
        ORDER BY device_id FOR UPDATE
    )
    UPDATE device_streams s SET head = s.head + 1, updated_at = %(now)s FROM held
    WHERE s.device_id = held.device_id
    RETURNING s.device_id, s.psp_id, s.merchant_id, s.store_id, s.head
"""
_ACKNOWLEDGE = """
    UPDATE device_streams SET acknowledged = GREATEST(acknowledged, LEAST(head, %(seq)s)), updated_at = %(now)s
    WHERE device_id = %(device_id)s
"""
_TRIM = """
    WITH trimmed AS (
        DELETE FROM device_events WHERE device_id = %(device_id)s AND seq <= %(last)s RETURNING 1
    )
    UPDATE device_streams SET floor = %(last)s + 1, updated_at = %(now)s
    WHERE device_id = %(device_id)s AND floor <= %(last)s
    RETURNING (SELECT count(*) FROM trimmed)
"""


@dataclass(frozen=True, kw_only=True)
class NewDeviceEvent:
    """What a device is to learn: one of the event types of the API, and the object as it is now."""

    type: str
    data: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Notice:
    """One event for one device, and where the device stands."""

    device_id: uuid.UUID
    psp_id: int
    merchant_id: int
    store_id: int
    event: NewDeviceEvent


def append_notices(*, notices: Sequence[Notice], now: dt.datetime) -> None:
    """Append each device's event to its log, in the open transaction: for many devices by few statements.

    A device gets one event at a time. Locks the streams in the order of their ids, as `append_device_events` does.
    """
    by_device = {notice.device_id: notice for notice in sorted(notices, key=lambda each: each.device_id)}
    if not by_device:
        return
    values = {
        "device_ids": list(by_device),
        "psp_ids": [notice.psp_id for notice in by_device.values()],
        "merchant_ids": [notice.merchant_id for notice in by_device.values()],
        "store_ids": [notice.store_id for notice in by_device.values()],
        "now": now,
    }
    db.execute(_OPEN_MANY, values)
    rows = []
    for device_id, psp_id, merchant_id, store_id, head in db.execute(_ADVANCE_MANY, values):
        event, event_id = by_device[device_id].event, ids.uuid7()
        rows.append(
            DeviceEvent(
                id=event_id,
                created_at=ids.created_at_of(event_id),
                psp_id=psp_id,
                merchant_id=merchant_id,
                store_id=store_id,
                device_id=device_id,
                seq=head,
                type=event.type,
                data=event.data,
            )
        )
    DeviceEvent.objects.bulk_create(rows)
    on_commit(lambda: wake_listeners(list(by_device)))


def append_device_events(
    *,
    device_ids: Collection[uuid.UUID | None],
    owner: StoreModel,
    events: Sequence[NewDeviceEvent],
    now: dt.datetime,
) -> None:
    """Append `events` to the log of each device, in the open transaction.

    Locks the streams in the order of their ids; the lock is held until the commit, so sequences have no gaps.
    """
    devices = sorted({device_id for device_id in device_ids if device_id is not None})
    if not devices or not events:
        return
    rows: list[DeviceEvent] = []
    for device_id in devices:
        rows.extend(_numbered(device_id, owner=owner, events=events, now=now))
    DeviceEvent.objects.bulk_create(rows)
    on_commit(lambda: wake_listeners(devices))


def wake_listeners(device_ids: Sequence[uuid.UUID]) -> None:
    """Tell the realtime processes that these devices have something to read. Never fails: the poll makes up for it."""
    try:
        with db.connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_notify(%s, d) FROM unnest(%s::text[]) AS d",
                [CHANNEL, [str(d) for d in device_ids]],
            )
    except DatabaseError as error:
        logger.warning("device wake-up was not sent", error=str(error))


def acknowledge_events(*, scope: TenantScope, device_id: uuid.UUID, seq: int, now: dt.datetime) -> None:
    """Remember how far a device says it has come. It only ever moves forward, and never beyond the head."""
    with atomic(scope):
        db.execute(_ACKNOWLEDGE, {"device_id": device_id, "seq": seq, "now": now})


def trim_device_events(*, before: dt.datetime, now: dt.datetime) -> int:
    """Drop events written before an instant and raise the floors. Returns how many were dropped.

    A log is trimmed from its beginning only, so what is kept has no gaps.
    """
    dropped = 0
    oldest_kept = ids.uuid7(at=before)
    with atomic(SystemScope("upkeep")):
        old = (
            DeviceEvent.objects.filter(pk__lt=oldest_kept).values_list("device_id").annotate(last=Max("seq"))
        )
        ends = sorted(old)
    for device_id, last in ends:
        with atomic(SystemScope("upkeep")):
            rows = db.execute(_TRIM, {"device_id": device_id, "last": last, "now": now})
        dropped += sum(row[0] for row in rows)
    return dropped


def _numbered(
    device_id: uuid.UUID, *, owner: StoreModel, events: Sequence[NewDeviceEvent], now: dt.datetime
) -> list[DeviceEvent]:
    values = {
        "device_id": device_id,
        "psp_id": owner.psp_id,
        "merchant_id": owner.merchant_id,
        "store_id": owner.store_id,
        "count": len(events),
        "now": now,
    }
    advanced = db.execute(_ADVANCE, values)
    if not advanced:
        db.execute(_OPEN, values)
        advanced = db.execute(_ADVANCE, values)
    ((head, store_id),) = advanced
    first = head - len(events) + 1
    numbered = []
    for offset, event in enumerate(events):
        event_id = ids.uuid7()
        numbered.append(
            DeviceEvent(
                id=event_id,
                created_at=ids.created_at_of(event_id),
                psp_id=owner.psp_id,
                merchant_id=owner.merchant_id,
                store_id=store_id,
                device_id=device_id,
                seq=first + offset,
                type=event.type,
                data=event.data,
            )
        )
    return numbered
