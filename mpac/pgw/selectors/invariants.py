"""The gateway's invariants as queries that return the rows which break them. A healthy gateway returns none."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kernel.invariants import Invariant, edges_of
from kernel.tenancy import SystemScope
from mpac.pgw.db import atomic, db
from mpac.pgw.domain import attempts, captures, intents, refunds
from mpac.pgw.selectors.case_invariants import list_case_invariants

# Processing this long without a scheduled question means that nobody will ever find out.
STUCK_AFTER_MINUTES = 5
# However a call to a bank ends, its truth is known here so soon.
RESOLVED_WITHIN_MINUTES = 2

OVER_REFUNDED = """
    SELECT id, refunding_minor, refunded_minor, captured_minor FROM payment_intents
    WHERE refunding_minor + refunded_minor > captured_minor LIMIT 20
"""
# The sums on an intent are those of its refunds or captures; late money counts on no intent.
REFUNDS_DISAGREE = """
    SELECT coalesce(i.id, r.intent_id), i.refunding_minor, i.refunded_minor, r.reserved, r.given FROM (
        SELECT psp_id, merchant_id, id, refunding_minor, refunded_minor FROM payment_intents
        WHERE refunding_minor > 0 OR refunded_minor > 0
    ) i FULL JOIN (
        SELECT psp_id, merchant_id, intent_id, sum(amount_minor) FILTER (WHERE status <> 'completed') AS reserved,
               sum(amount_minor) FILTER (WHERE status = 'completed') AS given
        FROM refunds WHERE late_payment_id IS NULL AND status IN ('pending', 'processing', 'completed')
        GROUP BY psp_id, merchant_id, intent_id
    ) r ON r.psp_id = i.psp_id AND r.merchant_id = i.merchant_id AND r.intent_id = i.id
    WHERE (coalesce(i.refunding_minor, 0), coalesce(i.refunded_minor, 0))
          IS DISTINCT FROM (coalesce(r.reserved, 0), coalesce(r.given, 0)) LIMIT 20
"""
LATE_MONEY_STAYS = """
    SELECT l.id, l.status FROM late_payments l
    WHERE l.status IN ('return_due', 'returned') AND NOT EXISTS (
        SELECT 1 FROM refunds r WHERE r.psp_id = l.psp_id AND r.merchant_id = l.merchant_id AND r.late_payment_id = l.id
          AND r.amount_minor = l.amount_minor AND (l.status = 'return_due' OR r.status = 'completed')
    ) LIMIT 20
"""
OVER_CAPTURED = """
    SELECT id, capturing_minor, captured_minor, authorized_minor, amount_minor FROM payment_intents
    WHERE capturing_minor + captured_minor > authorized_minor OR authorized_minor > amount_minor LIMIT 20
"""
# A capture that turned out to be done when its intent had ended is a late payment.
CAPTURES_DISAGREE = """
    SELECT i.id, i.capturing_minor, i.captured_minor, c.reserved, c.taken FROM (
        SELECT psp_id, merchant_id, intent_id, sum(amount_minor) FILTER (WHERE status = 'processing') AS reserved,
               sum(amount_minor) FILTER (WHERE status = 'completed' AND NOT EXISTS (
                   SELECT 1 FROM late_payments l WHERE l.psp_id = captures.psp_id AND l.merchant_id = captures.merchant_id
                      AND l.provider = captures.provider AND l.provider_reference = captures.provider_reference
                      AND l.status <> 'accepted'
               )) AS taken
        FROM captures GROUP BY psp_id, merchant_id, intent_id
    ) c JOIN payment_intents i ON i.psp_id = c.psp_id AND i.merchant_id = c.merchant_id AND i.id = c.intent_id
    WHERE (i.capturing_minor, i.captured_minor) IS DISTINCT FROM (coalesce(c.reserved, 0), coalesce(c.taken, 0))
    UNION ALL
    SELECT i.id, i.capturing_minor, i.captured_minor, NULL, NULL FROM payment_intents i
    WHERE i.capturing_minor > 0 AND NOT EXISTS (
        SELECT 1 FROM captures c WHERE c.psp_id = i.psp_id AND c.merchant_id = i.merchant_id AND c.intent_id = i.id
    ) LIMIT 20
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
# Whose step a row of the history is.
OF_INTENTS = "num_nonnulls(attempt_id, capture_id, refund_id) = 0"
ILLEGAL_STEP = """
    SELECT id, intent_id, from_status, to_status FROM payment_intent_events
    WHERE {whose} AND from_status IS NOT NULL AND from_status || '>' || to_status <> ALL (%(edges)s) LIMIT 20
"""
HISTORY_DISAGREES = """
    SELECT i.id, i.status FROM {table} i
    WHERE NOT EXISTS (
        SELECT 1 FROM payment_intent_events e
        WHERE e.psp_id = i.psp_id AND e.merchant_id = i.merchant_id AND e.intent_id = i.{intent} AND {whose}
          AND e.sequence = i.version AND e.to_status = i.status AND e.created_at >= i.created_at
    ) LIMIT 20
"""
REFERENCE_TWICE = """
    SELECT psp_id, merchant_id, provider, kind, reference, count(*) FROM provider_references
    GROUP BY psp_id, merchant_id, provider, kind, reference HAVING count(*) > 1 LIMIT 20
"""
STUCK = """
    SELECT a.id, a.status, a.next_probe_at FROM payment_attempts a
    WHERE a.status IN ('sent', 'unknown', 'authorized') AND a.status_at < now() - make_interval(mins => %(minutes)s)
      AND (a.next_probe_at IS NULL OR a.next_probe_at < now() - make_interval(mins => %(minutes)s)) LIMIT 20
"""
UNASKED = """
    SELECT id, status, next_probe_at FROM {table}
    WHERE status = 'processing' AND status_at < now() - make_interval(mins => %(minutes)s)
      AND (next_probe_at IS NULL OR next_probe_at < now() - make_interval(mins => %(minutes)s)) LIMIT 20
"""
PROCESSING_ALONE = """
    SELECT i.id, i.updated_at FROM payment_intents i
    WHERE i.status = 'processing' AND i.updated_at < now() - make_interval(mins => %(minutes)s) AND NOT EXISTS (
        SELECT 1 FROM payment_attempts a
        WHERE a.psp_id = i.psp_id AND a.merchant_id = i.merchant_id AND a.intent_id = i.id AND a.next_probe_at IS NOT NULL
          AND a.status IN ('sent', 'unknown', 'authorized')
    ) LIMIT 20
"""
# A held charge is paid under the reference of its capture (`paid_as`), and our key may be marked as a hold's there.
# The bank's books are trusted from their first entry on. What the bank has taken a moment ago may still be asked about.
BANK_DISAGREES = """
    WITH charges AS (
        SELECT * FROM jsonb_to_recordset(%(charges)s::jsonb) AS c (
            provider text, reference text, provider_reference text, paid_as text, amount bigint, currency text,
            status text, created_at timestamptz, paid_at timestamptz
        )
    ), bank AS (
        SELECT provider, regexp_replace(reference, '-hold$', '') AS reference,
               COALESCE(paid_as, provider_reference) AS provider_reference, amount, currency, paid_at
        FROM charges WHERE status = 'paid'
    ), booked AS (
        SELECT t.provider_name AS provider, t.provider_reference, t.amount_minor, t.currency::text, a.provider_key,
               a.created_at
        FROM payment_transactions t
        JOIN payment_attempts a ON a.psp_id = t.psp_id AND a.merchant_id = t.merchant_id AND a.id = t.attempt_id
        WHERE t.status = 'captured' AND t.provider_name <> 'manual'
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

# What was given back of a charge, all its refunds together: providers name their refunds in too many ways. People's own
# transfers are in no bank's books here.
BANK_REFUNDS_DISAGREE = """
    WITH told AS (
        SELECT * FROM jsonb_to_recordset(%(refunds)s::jsonb) AS r (
            provider text, charge_reference text, amount bigint, status text, created_at timestamptz
        )
    ), bank AS (
        SELECT provider, regexp_replace(charge_reference, '-hold$', '') AS provider_key,
               coalesce(sum(amount) FILTER (WHERE status = 'done'), 0) AS given, max(created_at) AS last_at
        FROM told GROUP BY 1, 2
    ), ours AS (
        SELECT a.provider, a.provider_key, coalesce(sum(r.amount_minor) FILTER (WHERE r.status = 'completed'), 0) AS given,
               min(r.created_at) AS since, bool_or(r.next_probe_at IS NOT NULL) AS asked
        FROM refunds r JOIN payment_attempts a ON a.psp_id = r.psp_id AND a.merchant_id = r.merchant_id AND a.id = r.attempt_id
        WHERE NOT r.manual AND r.provider <> 'manual' GROUP BY 1, 2
    )
    SELECT provider, provider_key, bank.given, ours.given FROM bank FULL JOIN ours USING (provider, provider_key)
    WHERE coalesce(bank.given, 0) <> coalesce(ours.given, 0)
      AND (bank.given IS NOT NULL OR ours.since >= %(since)s)
      AND NOT (coalesce(ours.asked, false) AND bank.last_at > now() - make_interval(mins => %(minutes)s)) LIMIT 20
"""

# Another account is tried only on proof that nothing happened at the one before; a late truth may follow.
FAILED_OVER_IN_DOUBT = """
    SELECT d.intent_id, a.number, b.status FROM routing_decisions d
    JOIN payment_attempts a ON a.psp_id = d.psp_id AND a.merchant_id = d.merchant_id AND a.id = d.attempt_id
    JOIN payment_attempts b ON b.psp_id = a.psp_id AND b.merchant_id = a.merchant_id AND b.intent_id = a.intent_id
     AND b.number = a.number - 1
    WHERE d.failover AND b.status NOT IN ('error', 'captured') LIMIT 20
"""


def list_bank_differences(
    charges: Sequence[Mapping[str, Any]], refunds: Sequence[Mapping[str, Any]]
) -> list[tuple[Any, ...]]:
    """Movements of money that a bank's own books and ours do not agree on, with what each of them says."""
    books = {
        "charges": json.dumps(charges),
        "refunds": json.dumps(refunds),
        "since": min((str(charge["created_at"]) for charge in charges), default=None),
        "minutes": RESOLVED_WITHIN_MINUTES,
    }
    with atomic(SystemScope("invariants")):
        return db.execute(BANK_DISAGREES, books) + db.execute(BANK_REFUNDS_DISAGREE, books)


def list_invariants() -> list[Invariant]:
    """All of them, under the numbers of the list of guarantees."""
    minutes = {"minutes": STUCK_AFTER_MINUTES}
    return [
        Invariant("I2", "no intent is refunded beyond its capture", db, OVER_REFUNDED),
        Invariant("I2", "an intent's refunds are its sums", db, REFUNDS_DISAGREE),
        Invariant("I2", "late money that is not due goes back", db, LATE_MONEY_STAYS),
        Invariant("I3", "no intent is captured beyond its authorization", db, OVER_CAPTURED),
        Invariant("I3", "an intent's captures are its sums", db, CAPTURES_DISAGREE),
        Invariant("I5", "no intent has two successful charges", db, CAPTURED_TWICE),
        Invariant(
            "I5", "nothing was tried elsewhere while its outcome was in doubt", db, FAILED_OVER_IN_DOUBT
        ),
        Invariant("I5", "a paid intent has the charge that paid it", db, PAID_WITHOUT_CHARGE),
        Invariant("I5", "a charge belongs to a paid intent or to a late payment", db, CHARGE_WITHOUT_HOME),
        *_of_histories(),
        *list_case_invariants(),
        Invariant("I7", "a provider's reference counts once", db, REFERENCE_TWICE),
        Invariant("I9", "no open outcome without a scheduled question", db, STUCK, minutes),
        *[
            Invariant(
                "I9",
                f"none of the {table} without a scheduled question",
                db,
                UNASKED.format(table=table),
                minutes,
            )
            for table in ("captures", "refunds")
        ],
        Invariant(
            "I9", "no processing intent without an attempt to ask about", db, PROCESSING_ALONE, minutes
        ),
    ]


def _of_histories() -> Iterator[Invariant]:
    for table, key, transitions in (
        ("payment_intents", "", intents.TRANSITIONS),
        ("payment_attempts", "attempt_id", attempts.TRANSITIONS),
        ("captures", "capture_id", captures.TRANSITIONS),
        ("refunds", "refund_id", refunds.TRANSITIONS),
    ):
        what = table.removeprefix("payment_")
        step = ILLEGAL_STEP.format(whose=f"{key} IS NOT NULL" if key else OF_INTENTS)
        present = HISTORY_DISAGREES.format(
            table=table, intent="intent_id" if key else "id", whose=f"e.{key} = i.id" if key else OF_INTENTS
        )
        edges = {"edges": edges_of(transitions)}
        yield Invariant("I6", f"no illegal step in the history of {what}", db, step, edges)
        yield Invariant("I6", f"the history of {what} ends in their present state", db, present)
