"""Calling partners' endpoints: claim what is due, call, and note how it went, for as long as anything is due.

A claim is a lease on the row, so that any number of senders may run and a killed one's claims come back by themselves. An
endpoint has a few calls in flight at most, and so has a partner, counted by their leases: a slow one holds up nobody but
itself, and a long queue takes its turns with the others. The calls are made by several threads, outside any transaction;
the threads touch no database.
"""

import datetime as dt
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

import orjson

from kernel import tracing
from kernel.crashpoints import crashpoint, declare
from kernel.crypto import CryptoError
from kernel.ids import encode
from kernel.logs import get_logger
from kernel.metrics import partner_call_duration, partner_calls
from kernel.tenancy import SystemScope
from mpac.pgw import conf
from mpac.pgw.adapters.partners.client import Call, CallRecord, PartnerClient
from mpac.pgw.db import atomic, db
from mpac.pgw.domain.partner_events import PREFIX
from mpac.pgw.domain.partner_webhooks import GONE, LEASE, SILENCE, DisabledBecause, next_try_at
from mpac.pgw.models import DeliveryAttempt, PartnerEvent, WebhookEndpoint
from mpac.pgw.services.partner_events import as_told
from mpac.pgw.services.webhook_endpoints import give_endpoint_up, valid_secrets

logger = get_logger(__name__)
declare("pgw.partner_called")

Send = Callable[[Call], CallRecord]

SCOPE = SystemScope("partner_calls")
POLL_S = 0.25

# Two senders that count at once would both see the same room at an endpoint.
ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtextextended('pgw.partner_calls', 0))"
CLAIM_DUE = """
    WITH busy AS (
        SELECT endpoint_id, psp_id, count(*) AS calls FROM webhook_deliveries WHERE leased_until > %(now)s GROUP BY 1, 2
    ), partners AS (
        SELECT psp_id, sum(calls) AS calls FROM busy GROUP BY psp_id
    ), room AS (
        SELECT e.id, e.psp_id, %(each)s - coalesce(b.calls, 0) AS free, %(per_partner)s - coalesce(p.calls, 0) AS share
        FROM webhook_endpoints e LEFT JOIN busy b ON b.endpoint_id = e.id LEFT JOIN partners p ON p.psp_id = e.psp_id
        WHERE e.status = 'enabled'
    ), waiting AS (
        SELECT room.psp_id, room.share, d.*, row_number() OVER (PARTITION BY room.id ORDER BY d.next_try_at) AS of_endpoint
        FROM room CROSS JOIN LATERAL (
            SELECT w.id, w.created_at, w.next_try_at FROM webhook_deliveries w
            WHERE w.endpoint_id = room.id AND w.status = 'pending' AND w.next_try_at <= %(now)s
            ORDER BY w.next_try_at LIMIT room.free FOR UPDATE SKIP LOCKED
        ) d
        WHERE room.free > 0 AND room.share > 0
    ), turns AS (
        SELECT *, row_number() OVER (PARTITION BY psp_id ORDER BY of_endpoint, next_try_at) AS of_partner FROM waiting
    ), due AS (
        SELECT id, created_at FROM turns WHERE of_partner <= share ORDER BY of_partner, next_try_at LIMIT %(batch)s
    )
    UPDATE webhook_deliveries t SET next_try_at = %(lease)s, leased_until = %(lease)s, tries = least(t.tries, 999) + 1
    FROM due WHERE t.id = due.id AND t.created_at = due.created_at
    RETURNING t.id, t.created_at, t.endpoint_id, t.event_id, t.tries, t.expires_at
"""
# A partner's event has the identity of ours, whose row knows the trace that it belongs to.
TRACES = """
    SELECT id, coalesce(payload->>'traceparent', '') FROM outbox WHERE id = ANY(%s) AND created_at = ANY(%s)
"""
DELIVERED = """
    UPDATE webhook_deliveries d SET status = 'delivered', delivered_at = %(now)s, next_try_at = NULL, leased_until = NULL,
        last_status_code = done.code, last_error = ''
    FROM unnest(%(ids)s::uuid[], %(created)s::timestamptz[], %(codes)s::smallint[]) AS done (id, created_at, code)
    WHERE d.id = done.id AND d.created_at = done.created_at AND d.status = 'pending'
"""
# Who lost the lease lost the right to postpone or to give up.
FAILED = """
    UPDATE webhook_deliveries SET status = %(status)s, next_try_at = %(next)s, leased_until = NULL,
        last_status_code = %(code)s, last_error = %(error)s
    WHERE id = %(id)s AND created_at = %(created_at)s AND status = 'pending' AND leased_until = %(lease)s
"""
WELL = "UPDATE webhook_endpoints SET failing_since = NULL WHERE id = ANY(%s) AND failing_since IS NOT NULL"
FAILING = "UPDATE webhook_endpoints SET failing_since = %s WHERE id = %s AND failing_since IS NULL"
FAILING_SINCE = "SELECT failing_since FROM webhook_endpoints WHERE id = %s"
GIVE_UP = """
    UPDATE webhook_deliveries d SET status = 'failed', next_try_at = NULL, leased_until = NULL,
        last_error = 'endpoint_disabled'
    FROM webhook_endpoints e
    WHERE e.id = d.endpoint_id AND e.status = 'disabled' AND d.status = 'pending' AND d.expires_at <= %s
    RETURNING 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    """A delivery that this sender holds until `lease`."""

    id: uuid.UUID
    created_at: dt.datetime
    endpoint: WebhookEndpoint
    event: PartnerEvent
    tries: int
    expires_at: dt.datetime
    lease: dt.datetime
    trace: str


def send_due_webhooks(*, now: dt.datetime, send: Send | None = None) -> int:
    """Make all calls that are due, and those that fall due meanwhile; returns how many were made.

    After a while only partners are called to whom no call is under way, so that the run comes to its end although somebody
    does not answer, and nobody else waits for that end.
    """
    send = send or PartnerClient().send
    started, made = time.monotonic(), 0
    running: dict[Future[CallRecord], _Claim] = {}
    with ThreadPoolExecutor(max_workers=conf.SEND_THREADS, thread_name_prefix="pgw-webhook") as pool:
        while True:
            elapsed = time.monotonic() - started
            at = now + dt.timedelta(seconds=elapsed)
            for claim in _take_on(room=conf.SEND_THREADS - len(running), elapsed=elapsed, now=at):
                running[pool.submit(tracing.carried(_call), send, claim, at)] = claim
            if not running:
                return made
            done, _open = wait(running, timeout=POLL_S, return_when=FIRST_COMPLETED)
            at = now + dt.timedelta(seconds=time.monotonic() - started)
            if done:
                crashpoint("pgw.partner_called")
            _note_all([(running.pop(each), each.result()) for each in done], now=at)
            made += len(done)


def give_up_webhooks(*, now: dt.datetime) -> int:
    """End the deliveries that ran out while their endpoint was disabled; returns how many it were."""
    with atomic(SCOPE):
        return len(db.execute(GIVE_UP, [now]))


def _take_on(*, room: int, elapsed: float, now: dt.datetime) -> list[_Claim]:
    if room <= 0 or elapsed >= conf.LAST_CLAIM_S:
        return []
    if elapsed >= conf.CLAIM_WINDOW_S:
        return _claim_due(limit=room, each=1, per_partner=1, now=now)
    return _claim_due(limit=room, each=conf.SENDS_PER_ENDPOINT, per_partner=conf.SENDS_PER_PARTNER, now=now)


def _claim_due(*, limit: int, each: int, per_partner: int, now: dt.datetime) -> list[_Claim]:
    lease = now + LEASE
    with atomic(SCOPE):
        db.execute(ONE_AT_A_TIME)
        values = {"each": each, "per_partner": per_partner, "now": now, "lease": lease, "batch": limit}
        rows = db.execute(CLAIM_DUE, values)
        if not rows:
            return []
        endpoints = WebhookEndpoint.objects.in_bulk({row[2] for row in rows})
        events = {
            event.pk: event
            for event in PartnerEvent.objects.filter(
                pk__in={row[3] for row in rows}, created_at__in={row[1] for row in rows}
            )
        }
        traces = dict(db.execute(TRACES, [list(events), [row[1] for row in rows]])) if tracing.is_on() else {}
    return [
        _Claim(
            id=row[0],
            created_at=row[1],
            endpoint=endpoints[row[2]],
            event=events[row[3]],
            tries=row[4],
            expires_at=row[5],
            lease=lease,
            trace=traces.get(row[3], ""),
        )
        for row in rows
    ]


def _call(send: Send, claim: _Claim, now: dt.datetime) -> CallRecord:
    """Make one call, signed for this very instant."""
    body = orjson.dumps(as_told(claim.event))
    try:
        secrets = valid_secrets(claim.endpoint, now=now)
    except CryptoError:
        logger.exception("a webhook secret cannot be opened", endpoint=str(claim.endpoint.pk))
        return CallRecord(request_headers={}, request_body="", error="secret_unreadable")
    call = Call(
        url=claim.endpoint.url,
        secrets=secrets,
        message_id=encode(PREFIX, claim.event.pk),
        body=body,
        timestamp=int(now.timestamp()),
    )
    with tracing.span("partner call", kind="client", parent=claim.trace) as step:
        record = send(call)
        step.set(event_id=claim.event.pk, endpoint_id=claim.endpoint.pk, psp_id=claim.event.psp_id)
        step.set(tries=claim.tries, status=record.status_code, error=record.error or None)
    return record


def _note_all(ended: Sequence[tuple[_Claim, CallRecord]], *, now: dt.datetime) -> None:
    if not ended:
        return
    with atomic(SCOPE):
        DeliveryAttempt.objects.bulk_create([_attempt(claim, record) for claim, record in ended])
        for claim, record in ended:
            if not record.delivered:
                _note_failure(claim, record, now=now)
        _note_successes([(claim, record) for claim, record in ended if record.delivered], now=now)
    for _claim, record in ended:
        outcome = "delivered" if record.delivered else "refused" if record.status_code else "unreachable"
        partner_calls.labels(outcome).inc()
        partner_call_duration.observe(record.duration_ms / 1000)


def _note_successes(done: Sequence[tuple[_Claim, CallRecord]], *, now: dt.datetime) -> None:
    """Also when the lease was lost meanwhile: what got through got through."""
    if not done:
        return
    values = {
        "now": now,
        "ids": [claim.id for claim, _ in done],
        "created": [claim.created_at for claim, _ in done],
        "codes": [record.status_code for _, record in done],
    }
    db.execute(DELIVERED, values)
    db.execute(WELL, [list({claim.endpoint.pk for claim, _ in done})])


def _note_failure(claim: _Claim, record: CallRecord, *, now: dt.datetime) -> None:
    """Postpone or give up; an endpoint that is gone, or let nothing through until a delivery ran out, is disabled."""
    spread = (claim.id.int & 0xFF) / 0xFF
    following = next_try_at(tries=claim.tries, expires_at=claim.expires_at, spread=spread, now=now)
    where = {"id": claim.id, "created_at": claim.created_at, "lease": claim.lease}
    db.execute(
        FAILED,
        {
            **where,
            "status": "pending" if following else "failed",
            "next": following,
            "code": record.status_code,
            "error": record.error or f"http_{record.status_code}",
        },
    )
    db.execute(FAILING, [now, claim.endpoint.pk])
    if record.status_code == GONE:
        give_endpoint_up(endpoint_id=claim.endpoint.pk, because=DisabledBecause.GONE, now=now)
    elif following is None and db.execute(FAILING_SINCE, [claim.endpoint.pk])[0][0] <= now - SILENCE:
        give_endpoint_up(endpoint_id=claim.endpoint.pk, because=DisabledBecause.FAILING, now=now)


def _attempt(claim: _Claim, record: CallRecord) -> DeliveryAttempt:
    return DeliveryAttempt(
        psp_id=claim.event.psp_id,
        livemode=claim.event.livemode,
        delivery_id=claim.id,
        endpoint_id=claim.endpoint.pk,
        event_id=claim.event.pk,
        number=claim.tries,
        url=claim.endpoint.url,
        request_headers=dict(record.request_headers),
        request_body=record.request_body,
        status_code=record.status_code,
        response_headers=dict(record.response_headers),
        response_body=record.response_body,
        error=record.error,
        duration_ms=record.duration_ms,
        remote_address=record.remote_address,
    )
