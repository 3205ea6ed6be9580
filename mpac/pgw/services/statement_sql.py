"""The statements that store and compare a batch of lines; one batch costs a handful of them, however long it is.

A batch is named by the ids of its lines and the partition that they lie in. What is compared is found by the provider's
names first and by our own keys second; nothing is guessed from amounts and times.
"""

from collections.abc import Sequence
from typing import Any

from kernel.ids import uuid7
from mpac.pgw.domain.statements.lines import StatementLine
from mpac.pgw.models import StatementFile

STORE_LINES = """
    INSERT INTO statement_lines (
        id, created_at, psp_id, merchant_id, file_id, provider, number, kind, said, reference,
        payment_reference, our_reference, operation_reference, amount_minor, currency, occurred_at, settled_currency,
        fee_minor, expected_fee_minor, net_minor, batch
    )
    SELECT u.id, %(created_at)s, %(psp_id)s, %(merchant_id)s, %(file_id)s, %(provider)s, u.number, u.kind,
           u.said, u.reference, u.payment_reference, u.our_reference, u.operation_reference, u.amount_minor, u.currency,
           u.occurred_at, u.settled_currency, u.fee_minor, u.expected_fee_minor, u.net_minor, u.batch
    FROM unnest(
        %(ids)s::uuid[], %(number)s::int[], %(kind)s::text[], %(said)s::text[], %(reference)s::text[],
        %(payment_reference)s::text[], %(our_reference)s::text[], %(operation_reference)s::text[],
        %(amount_minor)s::bigint[], %(currency)s::text[], %(occurred_at)s::timestamptz[], %(settled_currency)s::text[],
        %(fee_minor)s::bigint[], %(expected_fee_minor)s::bigint[], %(net_minor)s::bigint[], %(batch)s::text[]
    ) AS u (
        id, number, kind, said, reference, payment_reference, our_reference, operation_reference, amount_minor, currency,
        occurred_at, settled_currency, fee_minor, expected_fee_minor, net_minor, batch
    )
"""
# One comparison at a time for a merchant's money at a provider.
LOCK = """
    SELECT pg_advisory_xact_lock(
        hashtextextended('statements:' || %(provider)s, %(psp_id)s::bigint << 32 | %(merchant_id)s)
    )
"""

# Batches are small and tables large: each line finds its counterparts through indexes, whatever the planner believes about
# the sizes of tables that grow while it plans.
BY_INDEX = """
    SELECT set_config(name, 'off', true)
    FROM unnest(ARRAY['enable_hashjoin', 'enable_mergejoin', 'enable_seqscan', 'jit']) AS name
"""

_BATCH = """
    batch AS MATERIALIZED (
        SELECT id, psp_id, merchant_id, provider, number, kind, reference, payment_reference, our_reference,
               operation_reference, amount_minor, currency, settled_currency, fee_minor, expected_fee_minor, net_minor
        FROM statement_lines
        WHERE created_at = %(created_at)s AND id = ANY(%(ids)s::uuid[]) AND outcome IS NULL AND kind = ANY({0})
    )
"""
# A join takes all it needs from one side, and nothing that was computed in the same stage: only then an index serves it.
_TENANT = "{0}.psp_id = b.psp_id AND {0}.merchant_id = b.merchant_id"
_TENANT_OF = "{0}.psp_id = {1}.psp_id AND {0}.merchant_id = {1}.merchant_id"
_COUNTED = _TENANT + " AND {0}.provider = b.provider AND {0}.kind = '{1}'"
_COUNTED_OF = _TENANT_OF + " AND {0}.provider = {1}.provider AND {0}.kind = '{2}'"
# Somebody else told it: another line under the same name, another line about the same movement.
_REPEATED = """
    (named.line_id <> b.id OR told.line_id <> b.id
     OR (b.moved_id IS NOT NULL AND row_number() OVER (PARTITION BY b.moved_id ORDER BY b.number) > 1))
"""
_FEE_IS_WRONG = """
    (b.fee_minor <> b.expected_fee_minor
     OR (b.settled_currency = b.currency AND b.amount_minor - coalesce(b.fee_minor, 0) <> b.net_minor))
"""

CLAIM = """
    INSERT INTO statement_references (id, created_at, psp_id, merchant_id, provider, kind, reference, file_id, line_id)
    SELECT id, created_at, psp_id, merchant_id, provider, kind, reference, file_id, id FROM statement_lines
    WHERE created_at = %(created_at)s AND id = ANY(%(ids)s::uuid[]) AND outcome IS NULL AND kind = ANY(%(compared)s)
    ORDER BY number
    ON CONFLICT (psp_id, merchant_id, provider, kind, reference) DO NOTHING
"""
# A movement by the line's own name, a capture by the key that we gave it, the payment that it belongs to, our key of the
# charge. Of money that was held a part may be taken, so that only its capture says how much.
COMPARE_PAYMENTS = f"""
    WITH {_BATCH.format("'{payment}'")}, found AS MATERIALIZED (
        SELECT b.*, coalesce(m1.id, m4.id, m2.id, m3.id) AS moved_id, p.amount_minor AS asked_minor,
               coalesce(m1.attempt_id, p.attempt_id, m2.attempt_id, k.id) AS about_id,
               coalesce(m1.reference, m4.reference, m2.reference, m3.reference) AS known_as
        FROM batch b
        LEFT JOIN provider_references m1 ON {_COUNTED.format("m1", "payment")} AND m1.reference = b.reference
        LEFT JOIN captures p ON {_TENANT.format("p")} AND p.provider = b.provider AND m1.id IS NULL
             AND p.operation_key = b.operation_reference AND b.operation_reference <> ''
        LEFT JOIN provider_references m4 ON {_COUNTED_OF.format("m4", "p", "payment")} AND m4.reference = p.provider_reference
             AND p.status = 'completed'
        LEFT JOIN provider_references m2 ON {_COUNTED.format("m2", "payment")} AND m2.reference = b.payment_reference
             AND m1.id IS NULL AND p.id IS NULL AND b.payment_reference <> ''
        LEFT JOIN payment_attempts k ON {_TENANT.format("k")} AND k.provider = b.provider AND k.provider_key = b.our_reference
             AND m1.id IS NULL AND p.id IS NULL AND m2.id IS NULL AND b.our_reference <> ''
        LEFT JOIN payment_intents i ON i.id = k.intent_id AND {_TENANT_OF.format("i", "k")}
        LEFT JOIN provider_references m3 ON {_COUNTED_OF.format("m3", "k", "payment")} AND m3.reference = k.provider_reference
             AND i.capture_method = 'automatic'
    ), compared AS (
        SELECT b.id, b.moved_id, a.id AS attempt_id, v.known_minor, CASE
            WHEN {_REPEATED} THEN 'duplicate'
            WHEN a.id IS NULL THEN 'missing_in_mpac'
            WHEN b.currency <> coalesce(l.currency, a.currency) OR b.amount_minor <> v.known_minor THEN 'amount_mismatch'
            WHEN b.moved_id IS NULL THEN NULL
            WHEN {_FEE_IS_WRONG} THEN 'fee_mismatch'
            ELSE 'matched' END AS outcome
        FROM found b
        LEFT JOIN payment_attempts a ON a.id = b.about_id AND {_TENANT.format("a")} AND a.livemode = %(livemode)s
        LEFT JOIN payment_intents i ON i.id = a.intent_id AND {_TENANT_OF.format("i", "a")} AND b.moved_id IS NULL
        LEFT JOIN late_payments l ON {_TENANT.format("l")} AND l.provider = b.provider AND l.provider_reference = b.known_as
        LEFT JOIN captures c ON {_TENANT_OF.format("c", "a")} AND c.intent_id = a.intent_id AND c.status = 'completed'
             AND c.provider_reference = b.known_as
        CROSS JOIN LATERAL (
            SELECT CASE WHEN b.moved_id IS NOT NULL THEN coalesce(l.amount_minor, c.amount_minor, a.captured_minor)
                   WHEN b.asked_minor IS NOT NULL THEN b.asked_minor
                   WHEN i.capture_method = 'automatic' THEN a.amount_minor END AS known_minor
        ) v
        LEFT JOIN statement_references named ON {_COUNTED.format("named", "payment")} AND named.reference = b.reference
        LEFT JOIN statement_references told ON {_TENANT.format("told")} AND told.movement_id = b.moved_id
    )
    UPDATE statement_lines s SET outcome = x.outcome, attempt_id = x.attempt_id, movement_id = x.moved_id,
           known_minor = x.known_minor
    FROM compared x WHERE s.created_at = %(created_at)s AND s.id = x.id
"""
COMPARE_REFUNDS = f"""
    WITH {_BATCH.format("'{refund,refund_reversal}'")}, found AS MATERIALIZED (
        SELECT b.*, coalesce(r1.id, r2.id, r3.id) AS about_refund_id, coalesce(m.attempt_id, k.id) AS about_id
        FROM batch b
        LEFT JOIN refunds r1 ON {_TENANT.format("r1")} AND r1.provider = b.provider AND r1.provider_reference = b.reference
        LEFT JOIN refunds r2 ON {_TENANT.format("r2")} AND r2.provider = b.provider AND r1.id IS NULL
             AND r2.operation_key = b.operation_reference AND b.operation_reference <> ''
        LEFT JOIN refunds r3 ON {_TENANT.format("r3")} AND r3.provider = b.provider AND r1.id IS NULL AND r2.id IS NULL
             AND r3.operation_key = b.our_reference AND b.our_reference <> ''
        LEFT JOIN provider_references m ON {_COUNTED.format("m", "payment")} AND m.reference = b.payment_reference
             AND b.payment_reference <> ''
        LEFT JOIN payment_attempts k ON {_TENANT.format("k")} AND k.provider = b.provider AND k.provider_key = b.our_reference
             AND m.id IS NULL AND b.our_reference <> ''
    ), known AS MATERIALIZED (
        SELECT b.*, r.id AS refund_id, coalesce(r.attempt_id, b.about_id) AS attempt_id, r.amount_minor AS given_minor,
               r.currency AS given_currency, r.status, r.provider_reference AS given_as
        FROM found b LEFT JOIN refunds r ON r.id = b.about_refund_id AND {_TENANT.format("r")} AND r.livemode = %(livemode)s
    ), moved AS MATERIALIZED (
        SELECT b.*, m.id AS moved_id
        FROM known b LEFT JOIN provider_references m ON {_COUNTED.format("m", "refund")} AND m.reference = b.given_as
             AND b.kind = 'refund'
    ), compared AS (
        SELECT b.id, b.refund_id, b.attempt_id, b.moved_id,
               CASE WHEN b.amount_minor < 0 THEN -b.given_minor ELSE b.given_minor END AS known_minor, CASE
            WHEN {_REPEATED} THEN 'duplicate'
            WHEN b.refund_id IS NULL OR b.status IN ('pending', 'cancelled') THEN 'missing_in_mpac'
            WHEN (abs(b.amount_minor), b.currency) <> (b.given_minor, b.given_currency) THEN 'amount_mismatch'
            WHEN b.status IN ('processing', 'failed') OR (b.kind = 'refund_reversal' AND b.status = 'completed') THEN NULL
            WHEN {_FEE_IS_WRONG} THEN 'fee_mismatch'
            ELSE 'matched' END AS outcome
        FROM moved b
        LEFT JOIN statement_references named ON {_TENANT.format("named")} AND named.provider = b.provider
             AND named.kind = b.kind AND named.reference = b.reference
        LEFT JOIN statement_references told ON {_TENANT.format("told")} AND told.movement_id = b.moved_id
    )
    UPDATE statement_lines s SET outcome = x.outcome, attempt_id = x.attempt_id, refund_id = x.refund_id,
           movement_id = x.moved_id, known_minor = x.known_minor
    FROM compared x WHERE s.created_at = %(created_at)s AND s.id = x.id
"""
# The states of a dispute in which the line that tells of it is old news.
COMPARE_DISPUTES = f"""
    WITH {_BATCH.format("'{chargeback,chargeback_reversal,second_chargeback}'")}, found AS MATERIALIZED (
        SELECT b.*, d.id AS dispute_id, d.status, d.amount_minor AS disputed_minor, d.currency AS disputed_currency,
               coalesce(d.attempt_id, m.attempt_id, k.id) AS about_id
        FROM batch b
        LEFT JOIN disputes d ON {_TENANT.format("d")} AND d.provider = b.provider AND d.provider_reference = b.reference
             AND d.livemode = %(livemode)s
        LEFT JOIN provider_references m ON {_COUNTED.format("m", "payment")} AND m.reference = b.payment_reference
             AND b.payment_reference <> ''
        LEFT JOIN payment_attempts k ON {_TENANT.format("k")} AND k.provider = b.provider AND k.provider_key = b.our_reference
             AND m.id IS NULL AND b.our_reference <> ''
    ), compared AS (
        SELECT b.id, a.id AS attempt_id,
               CASE WHEN b.amount_minor < 0 THEN -b.disputed_minor ELSE b.disputed_minor END AS known_minor, CASE
            WHEN named.line_id <> b.id THEN 'duplicate'
            WHEN a.id IS NULL THEN 'missing_in_mpac'
            WHEN b.dispute_id IS NULL THEN NULL
            WHEN b.kind = 'chargeback_reversal' AND b.status NOT IN ('won', 'lost') THEN NULL
            WHEN b.kind = 'second_chargeback' AND b.status <> 'lost' THEN NULL
            WHEN (abs(b.amount_minor), b.currency) <> (b.disputed_minor, b.disputed_currency) THEN 'amount_mismatch'
            ELSE 'matched' END AS outcome
        FROM found b
        LEFT JOIN payment_attempts a ON {_TENANT.format("a")} AND a.id = b.about_id AND a.livemode = %(livemode)s
        LEFT JOIN statement_references named ON {_TENANT.format("named")} AND named.provider = b.provider
             AND named.kind = b.kind AND named.reference = b.reference
    )
    UPDATE statement_lines s SET outcome = x.outcome, attempt_id = x.attempt_id, known_minor = x.known_minor
    FROM compared x WHERE s.created_at = %(created_at)s AND s.id = x.id
"""
SET_ASIDE = """
    UPDATE statement_lines
    SET outcome = CASE WHEN kind = 'other' AND amount_minor <> 0 THEN 'missing_in_mpac' ELSE 'no_counterpart' END
    WHERE created_at = %(created_at)s AND id = ANY(%(ids)s::uuid[]) AND outcome IS NULL AND kind <> ALL(%(compared)s)
"""
# What a line tells is told: no other line may tell it, and it is missing no more.
TELL = """
    UPDATE statement_references r SET movement_id = s.movement_id FROM statement_lines s
    WHERE s.created_at = %(created_at)s AND s.id = ANY(%(ids)s::uuid[])
      AND s.outcome IN ('matched', 'amount_mismatch', 'fee_mismatch') AND s.movement_id IS NOT NULL
      AND r.psp_id = s.psp_id AND r.merchant_id = s.merchant_id AND r.provider = s.provider AND r.kind = s.kind
      AND r.reference = s.reference AND r.line_id = s.id AND r.movement_id IS NULL
"""
UNDECIDED = """
    SELECT id, kind, said, reference, payment_reference, operation_reference, amount_minor, currency, occurred_at,
           attempt_id, refund_id, file_id
    FROM statement_lines
    WHERE created_at = %(created_at)s AND id = ANY(%(ids)s::uuid[]) AND outcome IS NULL ORDER BY number
"""
WAIT = """
    UPDATE statement_lines SET outcome = 'timing'
    WHERE created_at = %(created_at)s AND id = ANY(%(ids)s::uuid[]) AND outcome IS NULL
    RETURNING attempt_id, refund_id
"""
REOPEN = """
    UPDATE statement_lines SET outcome = NULL WHERE created_at = %(created_at)s AND id = ANY(%(ids)s::uuid[])
"""
# Exceptions whose missing half is there: their line agrees, or a line tells their movement.
FOUND = """
    SELECT e.id FROM statement_lines s
    JOIN reconciliation_exceptions e ON e.psp_id = s.psp_id AND e.merchant_id = s.merchant_id AND e.line_id = s.id
    WHERE s.created_at = %(created_at)s AND s.id = ANY(%(ids)s::uuid[]) AND s.outcome = 'matched' AND e.status <> 'resolved'
    UNION
    SELECT e.id FROM statement_lines s
    JOIN reconciliation_exceptions e ON e.psp_id = s.psp_id AND e.merchant_id = s.merchant_id
         AND e.movement_id = s.movement_id
    WHERE s.created_at = %(created_at)s AND s.id = ANY(%(ids)s::uuid[]) AND e.status <> 'resolved'
      AND s.outcome IN ('matched', 'amount_mismatch', 'fee_mismatch')
"""
NEXT_LINES = """
    SELECT id, number FROM statement_lines
    WHERE created_at = %s AND psp_id = %s AND merchant_id = %s AND file_id = %s AND number > %s ORDER BY number LIMIT %s
"""
# Movements that we counted in a period and that no statement tells, in the order of their counting.
UNTOLD = """
    SELECT m.id, m.created_at, m.kind, m.reference, m.attempt_id, r.id,
           CASE WHEN m.kind = 'refund' THEN -r.amount_minor ELSE coalesce(l.amount_minor, c.amount_minor, a.captured_minor) END,
           coalesce(r.currency, l.currency, a.currency)
    FROM provider_references m
    JOIN payment_attempts a ON a.id = m.attempt_id AND a.psp_id = m.psp_id AND a.merchant_id = m.merchant_id
         AND a.livemode = %(livemode)s
    LEFT JOIN late_payments l ON m.kind = 'payment' AND l.psp_id = m.psp_id AND l.merchant_id = m.merchant_id
         AND l.provider = m.provider AND l.provider_reference = m.reference
    LEFT JOIN captures c ON m.kind = 'payment' AND c.psp_id = m.psp_id AND c.merchant_id = m.merchant_id
         AND c.intent_id = a.intent_id AND c.provider_reference = m.reference AND c.status = 'completed'
    LEFT JOIN refunds r ON m.kind = 'refund' AND r.psp_id = m.psp_id AND r.merchant_id = m.merchant_id
         AND r.provider = m.provider AND r.provider_reference = m.reference
    WHERE m.psp_id = %(psp_id)s AND m.merchant_id = %(merchant_id)s AND m.provider = %(provider)s
      AND (m.created_at, m.id) > (%(after)s, %(after_id)s) AND m.created_at < %(until)s
      AND (%(store)s::int IS NULL OR m.store_id = %(store)s::int) AND NOT EXISTS (
          SELECT 1 FROM statement_references t
          WHERE t.psp_id = m.psp_id AND t.merchant_id = m.merchant_id AND t.movement_id = m.id
      )
    ORDER BY m.created_at, m.id LIMIT %(limit)s
"""
SUMS = """
    SELECT outcome, kind, currency, settled_currency, count(*), sum(amount_minor), coalesce(sum(fee_minor), 0),
           coalesce(sum(net_minor), 0)
    FROM statement_lines WHERE created_at = %s AND psp_id = %s AND merchant_id = %s AND file_id = %s
    GROUP BY outcome, kind, currency, settled_currency ORDER BY outcome, kind, currency, settled_currency
"""

COLUMNS = (
    *("number", "kind", "said", "reference", "payment_reference", "our_reference", "operation_reference"),
    *(
        "amount_minor",
        "currency",
        "occurred_at",
        "settled_currency",
        "fee_minor",
        "expected_fee_minor",
        "net_minor",
    ),
    "batch",
)


def store_columns(file: StatementFile, lines: Sequence[StatementLine]) -> dict[str, Any]:
    """The parameters of STORE_LINES: each column of the batch as one array."""
    return {
        "created_at": file.created_at,
        "psp_id": file.psp_id,
        "merchant_id": file.merchant_id,
        "file_id": file.pk,
        "provider": file.provider,
        "ids": [uuid7() for _ in lines],
        **{name: [getattr(line, name) for line in lines] for name in COLUMNS},
    }
