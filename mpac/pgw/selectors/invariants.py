"""The gateway's invariants as queries that return the rows which break them. A healthy gateway returns none."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from kernel.invariants import Invariant, edges_of
from kernel.tenancy import SystemScope
from mpac.pgw.db import atomic, db
from mpac.pgw.domain import attempts, intents

# Processing this long without a scheduled question means that nobody will ever find out.
STUCK_AFTER_MINUTES = 5
# However a call to a bank ends, its truth is known here so soon.
RESOLVED_WITHIN_MINUTES = 2

OVER_REFUNDED = """
    SELECT id, refunded_minor, captured_minor FROM payment_intents WHERE refunded_minor > captured_minor LIMIT 20
"""
OVER_CAPTURED = """
    SELECT id, captured_minor, authorized_minor, amount_minor FROM payment_intents
    WHERE captured_minor > authorized_minor OR authorized_minor > amount_minor LIMIT 20
"""
CAPTURED_TWICE = """
    SELECT intent_id, count(*) FROM payment_attempts WHERE status = 'captured'
    GROUP BY psp_id, merchant_id, intent_id HAVING count(*) > 1 LIMIT 20
"""
PAID_WITHOUT_CHARGE = """
    SELECT i.id, i.captured_minor FROM payment_intents i
    WHERE i.status = 'succeeded' AND i.captured_minor IS DISTINCT FROM (
        SELECT sum(a.captured_minor) FROM payment_attempts a
        WHERE a.psp_id = i.psp_id AND a.merchant_id = i.merchant_id AND a.intent_id = i.id
    ) LIMIT 20
"""
CHARGE_WITHOUT_HOME = """
    SELECT a.id, i.status FROM payment_attempts a
    JOIN payment_intents i ON i.psp_id = a.psp_id AND i.merchant_id = a.merchant_id AND i.id = a.intent_id
    WHERE a.status = 'captured' AND i.status <> 'succeeded' AND NOT EXISTS (
        SELECT 1 FROM late_payments l
        WHERE l.psp_id = a.psp_id AND l.merchant_id = a.merchant_id AND l.attempt_id = a.id AND l.status <> 'accepted'
    ) LIMIT 20
"""
ILLEGAL_STEP = """
    SELECT id, intent_id, from_status, to_status FROM payment_intent_events
    WHERE (attempt_id IS NOT NULL) = %(of_attempts)s AND from_status IS NOT NULL
      AND from_status || '>' || to_status <> ALL (%(edges)s) LIMIT 20
"""
HISTORY_DISAGREES = """
    SELECT i.id, i.status FROM payment_intents i
    WHERE NOT EXISTS (
        SELECT 1 FROM payment_intent_events e
        WHERE e.psp_id = i.psp_id AND e.merchant_id = i.merchant_id AND e.intent_id = i.id AND e.attempt_id IS NULL
          AND e.sequence = i.version AND e.to_status = i.status AND e.created_at >= i.created_at
    ) LIMIT 20
"""
REFERENCE_TWICE = """
    SELECT psp_id, merchant_id, provider, reference, count(*) FROM provider_references
    GROUP BY psp_id, merchant_id, provider, reference HAVING count(*) > 1 LIMIT 20
"""
STUCK = """
    SELECT a.id, a.status, a.next_probe_at FROM payment_attempts a
    WHERE a.status IN ('sent', 'unknown') AND a.status_at < now() - make_interval(mins => %(minutes)s)
      AND (a.next_probe_at IS NULL OR a.next_probe_at < now() - make_interval(mins => %(minutes)s)) LIMIT 20
"""
PROCESSING_ALONE = """
    SELECT i.id, i.updated_at FROM payment_intents i
    WHERE i.status = 'processing' AND i.updated_at < now() - make_interval(mins => %(minutes)s) AND NOT EXISTS (
        SELECT 1 FROM payment_attempts a
        WHERE a.psp_id = i.psp_id AND a.merchant_id = i.merchant_id AND a.intent_id = i.id AND a.next_probe_at IS NOT NULL
          AND a.status IN ('sent', 'unknown', 'authorized')
    ) LIMIT 20
"""
# The bank's books are trusted from their first entry on. What the bank has taken a moment ago may still be asked about.
BANK_DISAGREES = """
    WITH charges AS (
        SELECT * FROM jsonb_to_recordset(%(charges)s::jsonb) AS c (
            provider text, reference text, provider_reference text, amount bigint, currency text, status text,
            created_at timestamptz, paid_at timestamptz
        )
    ), bank AS (
        SELECT * FROM charges WHERE status = 'paid'
    ), booked AS (
        SELECT t.provider_name AS provider, t.provider_reference, t.amount_minor, t.currency::text, a.provider_key,
               a.created_at
        FROM payment_transactions t
        JOIN payment_attempts a ON a.psp_id = t.psp_id AND a.merchant_id = t.merchant_id AND a.id = t.attempt_id
        WHERE t.status = 'captured'
    )
    SELECT provider, provider_reference, bank.reference, bank.amount, booked.provider_key, booked.amount_minor
    FROM bank FULL JOIN booked USING (provider, provider_reference)
    WHERE (bank.reference, bank.amount, bank.currency)
          IS DISTINCT FROM (booked.provider_key, booked.amount_minor, booked.currency)
      AND (bank.amount IS NOT NULL OR booked.created_at >= (SELECT min(created_at) FROM charges))
      AND NOT (booked.amount_minor IS NULL AND bank.paid_at > now() - make_interval(mins => %(minutes)s) AND EXISTS (
          SELECT 1 FROM payment_attempts a
          WHERE a.provider = bank.provider AND a.provider_key = bank.reference AND a.next_probe_at IS NOT NULL
      )) LIMIT 20
"""


def list_bank_differences(charges: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    """Movements of money that a bank's own books and ours do not agree on, with what each of them says."""
    with atomic(SystemScope("invariants")):
        return db.execute(
            BANK_DISAGREES, {"charges": json.dumps(charges), "minutes": RESOLVED_WITHIN_MINUTES}
        )


def list_invariants() -> list[Invariant]:
    """All of them, under the numbers of the list of guarantees."""
    minutes = {"minutes": STUCK_AFTER_MINUTES}
    of_intents = {"of_attempts": False, "edges": edges_of(intents.TRANSITIONS)}
    of_attempts = {"of_attempts": True, "edges": edges_of(attempts.TRANSITIONS)}
    return [
        Invariant("I2", "no intent is refunded beyond its capture", db, OVER_REFUNDED),
        Invariant("I3", "no intent is captured beyond its authorization", db, OVER_CAPTURED),
        Invariant("I5", "no intent has two successful charges", db, CAPTURED_TWICE),
        Invariant("I5", "a paid intent has the charge that paid it", db, PAID_WITHOUT_CHARGE),
        Invariant("I5", "a charge belongs to a paid intent or to a late payment", db, CHARGE_WITHOUT_HOME),
        Invariant("I6", "no illegal step in the history of intents", db, ILLEGAL_STEP, of_intents),
        Invariant("I6", "no illegal step in the history of attempts", db, ILLEGAL_STEP, of_attempts),
        Invariant("I6", "the history ends in the present state", db, HISTORY_DISAGREES),
        Invariant("I7", "a provider's reference counts once", db, REFERENCE_TWICE),
        Invariant("I9", "no open outcome without a scheduled question", db, STUCK, minutes),
        Invariant(
            "I9", "no processing intent without an attempt to ask about", db, PROCESSING_ALONE, minutes
        ),
    ]
