"""Creating an intent in one round trip: key, intent, history and event in one statement, in one transaction.

The same rows as `creation.create_intent` under `kernel.idempotency.run_once`, for the path that has to be fast. Whatever the
statement does not do, because the key is known, held by another request, or the store is not usable, is left to that slow
and readable path, which also words every refusal.
"""

import datetime as dt
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from kernel.idempotency import Keyed, KeyInFlight, Stored, run_once
from kernel.ids import created_at_of, uuid7
from kernel.outbox import outbox_row
from kernel.tenancy import TenantScope, scope_sql
from mpac.pgw.db import db
from mpac.pgw.events import PaymentIntentCreated
from mpac.pgw.models import PaymentIntent
from mpac.pgw.services.announcements import fact
from mpac.pgw.services.creation import NewIntent, build_intent, create_intent

Render = Callable[[PaymentIntent], tuple[int, bytes]]

# Every column is written through a named, typed parameter, so that a benchmark can run the very same text.
CREATE_INTENT = """
WITH held AS MATERIALIZED (
    SELECT pg_try_advisory_xact_lock(hashtextextended(%(lock)s::text, 0)) AS ok
), usable AS (
    SELECT 1 FROM held, stores s
    JOIN merchants m ON m.psp_id = s.psp_id AND m.merchant_id = s.merchant_id AND m.deleted_at IS NULL AND m.is_active
    JOIN client_partners p ON p.psp_id = s.psp_id AND p.deleted_at IS NULL AND p.is_active
    WHERE held.ok AND s.psp_id = %(psp_id)s::int AND s.merchant_id = %(merchant_id)s::int
      AND s.store_id = %(store_id)s::int AND s.deleted_at IS NULL AND s.is_active
      AND EXISTS (SELECT 1 FROM currencies WHERE code = %(currency)s::varchar AND is_active)
      AND (%(method)s::text IS NULL OR EXISTS (SELECT 1 FROM payment_methods WHERE code = %(method)s::text AND is_active))
), keyed AS (
    INSERT INTO idempotency_keys (psp_id, merchant_id, store_id, operation, key, fingerprint, state, resource_id,
                                  status, body, locked_until, created_at)
    SELECT %(key_psp_id)s::int, %(key_merchant_id)s::int, %(key_store_id)s::int, %(operation)s::text, %(key)s::text,
           %(fingerprint)s::bytea, 'finished', '', %(answer_status)s::smallint, %(answer_body)s::bytea,
           %(now)s::timestamptz, %(now)s::timestamptz
    FROM usable WHERE NOT EXISTS (
        SELECT 1 FROM payment_intents WHERE psp_id = %(psp_id)s::int AND merchant_id = %(merchant_id)s::int
           AND idempotency_key = %(idempotency_key)s::text
    )
    ON CONFLICT (psp_id, merchant_id, store_id, operation, key) DO NOTHING RETURNING 1
), intent AS (
    INSERT INTO payment_intents (id, created_at, updated_at, psp_id, merchant_id, store_id, status, version, amount_minor,
                                 currency, authorized_minor, capturing_minor, captured_minor, refunding_minor,
                                 refunded_minor, method, provider, capture_method, source, device_id, livemode,
                                 reference, description, return_url, metadata, idempotency_key, expires_at)
    SELECT %(id)s::uuid, %(created_at)s::timestamptz, %(now)s::timestamptz, %(psp_id)s::int, %(merchant_id)s::int,
           %(store_id)s::int, %(intent_status)s::text, 1, %(amount_minor)s::bigint, %(currency)s::varchar, 0, 0, 0, 0, 0,
           %(method)s::text, %(provider)s::text, %(capture_method)s::text, %(source)s::text, %(device_id)s::uuid,
           %(livemode)s::boolean, %(reference)s::text, %(description)s::text, %(return_url)s::text, %(metadata)s::jsonb,
           %(idempotency_key)s::text, %(expires_at)s::timestamptz
    FROM keyed RETURNING 1
), history AS (
    INSERT INTO payment_intent_events (id, created_at, psp_id, merchant_id, store_id, intent_id, sequence, to_status,
                                       actor, reason)
    SELECT %(step_id)s::uuid, %(step_created_at)s::timestamptz, %(psp_id)s::int, %(merchant_id)s::int, %(store_id)s::int,
           %(id)s::uuid, 1, %(intent_status)s::text, %(source)s::text, ''
    FROM intent
), announced AS (
    INSERT INTO outbox (id, created_at, psp_id, merchant_id, store_id, type, version, aggregate_id, payload, request_id,
                        tries, next_try_at, last_error)
    SELECT %(event_id)s::uuid, %(event_created_at)s::timestamptz, %(psp_id)s::int, %(merchant_id)s::int,
           %(store_id)s::int, %(event_type)s::text, %(event_version)s::smallint, %(aggregate_id)s::text,
           %(payload)s::jsonb, %(request_id)s::text, 0, %(now)s::timestamptz, ''
    FROM intent
)
SELECT held.ok, EXISTS (SELECT 1 FROM keyed) FROM held
"""


def create_intent_once(
    *, scope: TenantScope, keyed: Keyed, wanted: NewIntent, render: Render, now: dt.datetime
) -> Stored:
    """A new intent and the answer to store with its key, or what that key answered before.

    Raises KeyReused, KeyInFlight and what `creation.create_intent` raises.
    """
    intent = build_intent(psp_id=scope.psp_id, wanted=wanted, now=now)
    status, body = render(intent)
    values = statement_values(keyed=keyed, intent=intent, status=status, body=body, now=now)
    held, made = _run(scope, values)
    if made:  # nobody waits for the news of an intent: the relay need not be woken for each
        return Stored(status, body)
    if not held:
        raise KeyInFlight(retry_after_s=1)
    return run_once(
        db, scope, keyed, lambda: render(create_intent(scope=scope, wanted=wanted, now=now)), now=now
    )


def statement_values(
    *, keyed: Keyed, intent: PaymentIntent, status: int, body: bytes, now: dt.datetime
) -> dict[str, Any]:
    """Every parameter of `CREATE_INTENT`."""
    step_id = uuid7()
    event = outbox_row(fact(PaymentIntentCreated, intent), now=now)
    key_psp_id, key_merchant_id, key_store_id = keyed.tenant
    return {
        "lock": f"{db.name}:{keyed.lock_name}",
        "key_psp_id": key_psp_id,
        "key_merchant_id": key_merchant_id,
        "key_store_id": key_store_id,
        "operation": keyed.operation,
        "key": keyed.key,
        "fingerprint": keyed.fingerprint,
        "answer_status": status,
        "answer_body": body,
        "now": now,
        "id": intent.pk,
        "created_at": intent.created_at,
        "psp_id": intent.psp_id,
        "merchant_id": intent.merchant_id,
        "store_id": intent.store_id,
        "intent_status": str(intent.status),
        "amount_minor": intent.amount_minor,
        "currency": intent.currency,
        "method": None if intent.method is None else str(intent.method),
        "provider": intent.provider,
        "capture_method": str(intent.capture_method),
        "source": str(intent.source),
        "device_id": intent.device_id,
        "livemode": intent.livemode,
        "reference": intent.reference,
        "description": intent.description,
        "return_url": intent.return_url,
        "metadata": Jsonb(intent.metadata),
        "idempotency_key": intent.idempotency_key,
        "expires_at": intent.expires_at,
        "step_id": step_id,
        "step_created_at": created_at_of(step_id),
        "event_id": event["id"],
        "event_created_at": event["created_at"],
        "event_type": event["type"],
        "event_version": event["version"],
        "aggregate_id": event["aggregate_id"],
        "payload": event["payload"],
        "request_id": event["request_id"],
    }


def _run(scope: TenantScope, values: dict[str, Any]) -> tuple[bool, bool]:
    """BEGIN, the scope, the statement and COMMIT in one round trip; returns whether the key was held and was new."""
    wrapper = db.connection
    wrapper.ensure_connection()
    connection: psycopg.Connection[Any] = wrapper.connection
    with wrapper.wrap_database_errors:
        try:
            row = _pipeline(connection, scope, values)
        except psycopg.Error:
            connection.rollback()
            raise
    return row


def _pipeline(
    connection: psycopg.Connection[Any], scope: TenantScope, values: dict[str, Any]
) -> tuple[bool, bool]:
    threshold, connection.prepare_threshold = connection.prepare_threshold, 0
    try:
        with connection.pipeline(), psycopg.Cursor(connection) as plain, psycopg.Cursor(connection) as cursor:
            for command in ("BEGIN", *scope_sql(scope).split("; ")):
                plain.execute(command, prepare=False)
            cursor.execute(CREATE_INTENT, values, prepare=True)
            plain.execute("COMMIT", prepare=False)
            row = cursor.fetchone()
    finally:
        connection.prepare_threshold = threshold
    return (bool(row[0]), bool(row[1])) if row else (False, False)
