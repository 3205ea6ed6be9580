"""Smarttab's invariants as queries that return the rows which break them. A healthy till returns none."""

from kernel.invariants import Invariant, edges_of
from mpac.smarttab.db import db
from mpac.smarttab.domain.states import BILL_TRANSITIONS, ORDER_TRANSITIONS, PAYMENT_TRANSITIONS

BILL_DISAGREES = """
    SELECT b.id, b.paid_minor, b.reserved_minor FROM bills b
    LEFT JOIN LATERAL (
        SELECT coalesce(sum(p.captured_minor), 0) AS captured,
               coalesce(sum(p.amount_minor) FILTER (WHERE p.status IN ('pending', 'processing')), 0) AS open
        FROM payments p WHERE p.psp_id = b.psp_id AND p.merchant_id = b.merchant_id AND p.bill_id = b.id
    ) s ON true
    WHERE b.paid_minor <> s.captured OR b.reserved_minor <> s.open LIMIT 20
"""
ORDER_DISAGREES = """
    SELECT o.id, o.paid_minor FROM orders o
    LEFT JOIN LATERAL (
        SELECT coalesce(sum(b.paid_minor), 0) AS paid FROM bills b
        WHERE b.psp_id = o.psp_id AND b.merchant_id = o.merchant_id AND b.order_id = o.id
    ) s ON true
    WHERE o.paid_minor <> s.paid LIMIT 20
"""
HISTORY_DISAGREES = """
    SELECT r.subject, r.id, r.status FROM (
        SELECT 'order' AS subject, psp_id, merchant_id, id, status FROM orders
        UNION ALL SELECT 'bill', psp_id, merchant_id, id, status FROM bills
        UNION ALL SELECT 'payment', psp_id, merchant_id, id, status FROM payments
    ) r WHERE NOT EXISTS (
        SELECT 1 FROM state_changes c WHERE c.psp_id = r.psp_id AND c.merchant_id = r.merchant_id
          AND c.subject = r.subject AND c.subject_id = r.id AND c.to_status = r.status
    ) LIMIT 20
"""
PAID_AND_OPEN = """
    SELECT id, total_minor FROM bills WHERE status = 'open' AND total_minor > 0 AND paid_minor = total_minor LIMIT 20
"""
OTHER_TENANT = """
    SELECT p.id, b.id FROM payments p JOIN bills b ON b.id = p.bill_id
    WHERE (p.psp_id, p.merchant_id, p.store_id) IS DISTINCT FROM (b.psp_id, b.merchant_id, b.store_id) LIMIT 20
"""
ILLEGAL_STEP = """
    SELECT id, subject_id, from_status, to_status FROM state_changes
    WHERE subject = %(subject)s AND from_status <> '' AND from_status || '>' || to_status <> ALL (%(edges)s) LIMIT 20
"""
LOG_WITH_GAPS = """
    SELECT s.device_id, s.head, s.floor, count(e.seq) FROM device_streams s
    LEFT JOIN device_events e ON e.device_id = s.device_id AND e.psp_id = s.psp_id AND e.merchant_id = s.merchant_id
      AND e.seq BETWEEN s.floor AND s.head
    GROUP BY s.device_id, s.head, s.floor HAVING count(e.seq) <> s.head - s.floor + 1 LIMIT 20
"""
FORGOTTEN = """
    SELECT id, started_at FROM payments
    WHERE status = 'processing' AND payment_intent_id IS NULL AND started_at < now() - interval '5 minutes' LIMIT 20
"""


def list_invariants() -> list[Invariant]:
    """All of them, under the numbers of the list of guarantees."""
    steps = (("order", ORDER_TRANSITIONS), ("bill", BILL_TRANSITIONS), ("payment", PAYMENT_TRANSITIONS))
    return [
        Invariant("I4", "a bill's sums are those of its payments", db, BILL_DISAGREES),
        Invariant("I4", "an order is paid as far as its bills are", db, ORDER_DISAGREES),
        Invariant("I4", "no bill is paid in full and open", db, PAID_AND_OPEN),
        Invariant("I6", "every state was reached by a step of the history", db, HISTORY_DISAGREES),
        *(
            Invariant(
                "I6",
                f"no illegal step of {subject}s",
                db,
                ILLEGAL_STEP,
                {"subject": subject, "edges": edges_of(transitions)},
            )
            for subject, transitions in steps
        ),
        Invariant("I9", "no payment is under way without an intent", db, FORGOTTEN),
        Invariant("I10", "every terminal's log is without gaps", db, LOG_WITH_GAPS),
        Invariant("I13", "a payment belongs to its bill's store", db, OTHER_TENANT),
    ]
