"""Heartbeats: the last report of a terminal written over, one in five minutes kept, and who has fallen silent.

A heartbeat is one statement and one trip to the database, but for a terminal's first and for the one that ends its silence.
A report that comes after a later one changes nothing.
"""

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

import orjson

from kernel import ids
from kernel.clock import rfc3339
from kernel.errors import NotFound
from kernel.outbox import publish
from kernel.tenancy import Scope, SystemScope
from mpac.portal import conf
from mpac.portal.db import atomic, db
from mpac.portal.domain.reports import figures_of
from mpac.portal.events import DeviceHeardAgain, DeviceSilent

BATCH = 500

# A terminal that has not reported yet gets its row; never over one that somebody else has just made.
_OPEN = """
    INSERT INTO device_reports (device_id, psp_id, merchant_id, store_id, received_at, sampled_at, app_version, os_version,
        printer, network, report)
    SELECT id, psp_id, merchant_id, store_id, '-infinity', '-infinity', '', '', '', '', '{}' FROM devices
    WHERE id = %(device_id)s
    ON CONFLICT DO NOTHING
    RETURNING 1
"""
# Nobody waits for the disk: what a dying server forgets is said again with the next heartbeat.
_NOT_AWAITED = "SET LOCAL synchronous_commit = off"
_WRITE = """
    WITH known AS (
        SELECT device_id, silent_since FROM device_reports WHERE device_id = %(device_id)s FOR UPDATE
    ), written AS (
        UPDATE device_reports r SET
            received_at = %(now)s,
            sampled_at = CASE WHEN r.sampled_at <= %(sample_before)s THEN %(now)s ELSE r.sampled_at END,
            silent_since = NULL,
            app_version = %(app_version)s,
            app_version_code = %(app_version_code)s,
            os_version = %(os_version)s,
            battery_percent = %(battery_percent)s,
            is_charging = %(is_charging)s,
            printer = %(printer)s,
            network = %(network)s,
            unsent_records = COALESCE(%(unsent_records)s, r.unsent_records),
            last_sequence = GREATEST(%(last_sequence)s, r.last_sequence),
            clock_drift_ms = %(clock_drift_ms)s,
            report = %(report)s
        FROM known WHERE r.device_id = known.device_id AND r.received_at < %(now)s
            AND (known.silent_since IS NULL OR %(ends_silence)s)
        RETURNING r.*, r.sampled_at = %(now)s AS is_sampled, known.silent_since AS was_silent_since
    ), kept AS (
        INSERT INTO device_report_samples (id, created_at, psp_id, merchant_id, store_id, device_id, report)
        SELECT %(id)s, %(created_at)s, psp_id, merchant_id, store_id, device_id, report FROM written WHERE is_sampled
    )
    SELECT written.psp_id, written.merchant_id, written.store_id, was_silent_since, known.silent_since
    FROM known LEFT JOIN written USING (device_id)
"""
# Some terminal is heard now and was heard a while ago. One that comes back after five minutes or more is sampled at once, so
# that for that while this is not true of it.
_IS_LISTENING = """
    SELECT EXISTS (
        SELECT 1 FROM device_reports WHERE received_at > %(online_since)s AND sampled_at <= %(listening_since)s
    )
"""
# Binding its key was the last that was heard of a terminal that has never reported.
_OPEN_UNHEARD = """
    INSERT INTO device_reports (device_id, psp_id, merchant_id, store_id, received_at, sampled_at, app_version, os_version,
        printer, network, report)
    SELECT d.id, d.psp_id, d.merchant_id, d.store_id, d.activated_at, d.activated_at, '', '', '', '', '{}' FROM devices d
    WHERE d.status = 'active' AND d.activated_at < %(before)s
        AND NOT EXISTS (SELECT 1 FROM device_reports r WHERE r.device_id = d.id)
    LIMIT %(batch)s
    ON CONFLICT DO NOTHING
"""
# One that was let in a moment ago has had no time to report.
_FIND_SILENT = """
    WITH found AS (
        SELECT r.device_id FROM device_reports r JOIN devices d ON d.id = r.device_id
        WHERE d.status = 'active' AND r.silent_since IS NULL AND r.received_at < %(before)s
            AND NOT EXISTS (
                SELECT 1 FROM device_status_changes c
                WHERE c.device_id = d.id AND c.to_status = 'active' AND c.created_at >= %(before)s
            )
        LIMIT %(batch)s
        FOR UPDATE OF r SKIP LOCKED
    )
    UPDATE device_reports r SET silent_since = %(now)s FROM found WHERE r.device_id = found.device_id
    RETURNING r.device_id, r.psp_id, r.merchant_id, r.store_id, r.received_at
"""


def record_heartbeat(
    *, scope: Scope, device_id: uuid.UUID, report: Mapping[str, Any], now: dt.datetime
) -> None:
    """Keep what a terminal says about itself. Raises NotFound."""
    sample_id = ids.uuid7(at=now)
    values = figures_of(report, now=now) | {
        "device_id": device_id,
        "now": now,
        "sample_before": now - dt.timedelta(seconds=conf.REPORT_SAMPLE_EVERY_S),
        "report": orjson.dumps(report, default=rfc3339, option=orjson.OPT_PASSTHROUGH_DATETIME).decode(),
        "id": sample_id,
        "created_at": ids.created_at_of(sample_id),
    }
    rows = db.execute_together(scope, (_NOT_AWAITED, _WRITE), values | {"ends_silence": False})[0]
    if rows and rows[0][-1] is None:
        return
    with atomic(scope):  # the end of a silence is told in the transaction that ends it
        if not rows:
            db.execute(_OPEN, values)
        rows = db.execute(_WRITE, values | {"ends_silence": True})
        if not rows:
            raise NotFound
        psp_id, merchant_id, store_id, was_silent_since, _ = rows[0]
        if was_silent_since is not None:
            again = DeviceHeardAgain(
                device_id=ids.encode("dev", device_id),
                silent_since=was_silent_since,
                **_place(device_id, psp_id, merchant_id, store_id),
            )
            publish(db, again, now=now)


def find_silent_devices(*, now: dt.datetime) -> int:
    """Tell of every active terminal that has not been heard of for too long, once; returns how many.

    While nobody is heard, it is more likely that we are out than that all terminals are: then, and for as long after it as
    terminals need to come back, nobody is told of. Who has never reported was heard of when its key was bound.
    """
    told = 0
    known = {
        "now": now,
        "before": now - dt.timedelta(seconds=conf.SILENT_AFTER_S),
        "online_since": now - dt.timedelta(seconds=conf.ONLINE_WITHIN_S),
        "listening_since": now - dt.timedelta(seconds=conf.LISTENING_AFTER_S),
        "batch": BATCH,
    }
    while True:
        with atomic(SystemScope("upkeep")):
            ((listening,),) = db.execute(_IS_LISTENING, known)
            if not listening:
                return told
            db.execute(_OPEN_UNHEARD, known)
            rows = db.execute(_FIND_SILENT, known)
            for device_id, psp_id, merchant_id, store_id, received_at in rows:
                event = DeviceSilent(
                    device_id=ids.encode("dev", device_id),
                    last_heard_at=received_at,
                    **_place(device_id, psp_id, merchant_id, store_id),
                )
                publish(db, event, now=now)
        told += len(rows)
        if len(rows) < BATCH:
            return told


def _place(device_id: uuid.UUID, psp_id: int, merchant_id: int, store_id: int) -> dict[str, Any]:
    return {
        "aggregate_id": ids.encode("dev", device_id),
        "psp_id": psp_id,
        "merchant_id": merchant_id,
        "store_id": store_id,
    }
