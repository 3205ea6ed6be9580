"""Publishing: an event is written to the context's outbox in the transaction of the change it tells about.

The wake-up of the relay is sent after the commit, on its own: NOTIFY inside a transaction takes a lock that would
serialize all commits. A lost wake-up costs one poll interval, never an event.
"""

import datetime as dt
import uuid
from typing import Any

import orjson
import structlog
from django.db import DatabaseError

from kernel import clock, ids, tracing
from kernel.db import ContextDb
from kernel.events import Event
from kernel.handlers import has_handlers
from kernel.logs import get_logger

logger = get_logger(__name__)

CHANNEL = "mpac_outbox"

INSERT = """
    INSERT INTO outbox (id, created_at, psp_id, merchant_id, store_id, type, version, aggregate_id, payload,
                        request_id, tries, next_try_at, last_error)
    VALUES (%(id)s, %(created_at)s, %(psp_id)s, %(merchant_id)s, %(store_id)s, %(type)s, %(version)s, %(aggregate_id)s,
            %(payload)s, %(request_id)s, 0, %(next_try_at)s, '')
"""


def publish(db: ContextDb, event: Event, *, now: dt.datetime, due_at: dt.datetime | None = None) -> uuid.UUID:
    """Write `event` to the outbox of `db` inside its open transaction and return the event's id.

    It is delivered at once, or not before `due_at`; later events of its aggregate wait for it.
    """
    row = outbox_row(event, now=due_at or now)
    db.execute(INSERT, row)
    if has_handlers(event.type):
        db.on_commit(lambda: wake_relay(db))
    return uuid.UUID(str(row["id"]))


def outbox_row(event: Event, *, now: dt.datetime) -> dict[str, Any]:
    """The columns of an outbox row, for `INSERT` or for a statement that writes more at once."""
    event_id = ids.uuid7()
    payload = event.payload()
    if place := tracing.parent():
        payload = {**payload, tracing.PARENT: place}
    return {
        "id": event_id,
        "created_at": ids.created_at_of(event_id),
        "psp_id": event.psp_id,
        "merchant_id": event.merchant_id,
        "store_id": event.store_id,
        "type": event.type,
        "version": event.version,
        "aggregate_id": event.aggregate_id,
        "payload": orjson.dumps(payload, default=_plain).decode(),
        "request_id": structlog.contextvars.get_contextvars().get("request_id", ""),
        "next_try_at": now,
    }


def wake_relay(db: ContextDb) -> None:
    """Tell a sleeping relay that something was committed. Never fails: what was committed must not look undone."""
    try:
        with db.connection.cursor() as cursor:
            cursor.execute(f"NOTIFY {CHANNEL}")
    except DatabaseError as error:
        logger.warning("the relay was not woken", error=str(error))


def _plain(value: object) -> str:
    if isinstance(value, dt.datetime):
        return clock.rfc3339(value)
    msg = f"events hold plain values only, not {type(value).__name__}"
    raise TypeError(msg)
