"""What the gateway measures about itself in its tables when somebody asks for figures.

All of it reads what is open, which small partial indexes hold; no label names a tenant.
"""

from kernel.observations import Observation
from mpac.pgw.db import db

AGE = "coalesce(extract(epoch FROM %(now)s::timestamptz - min({0})), 0)"

OPEN_OUTCOME = f"SELECT {AGE.format('status_at')} FROM payment_attempts WHERE status IN ('sent', 'unknown')"
UNKNOWN = "SELECT provider, count(*) FROM payment_attempts WHERE status = 'unknown' GROUP BY provider"
UNKNOWN_AGE = f"""
    SELECT provider, {AGE.format("status_at")} FROM payment_attempts WHERE status = 'unknown' GROUP BY provider
"""
# Accounts that nobody has called for a day say nothing about today.
BREAKERS = """
    SELECT provider, state, count(*) FROM provider_breakers
    WHERE updated_at > %(now)s::timestamptz - interval '1 day' OR state <> 'closed' GROUP BY provider, state
"""
OPEN_OPERATIONS = """
    SELECT provider, count(*) FROM {table} WHERE next_probe_at IS NOT NULL AND status IN ('pending', 'processing')
    GROUP BY provider
"""
WAITING_NOTICES = """
    SELECT provider, status, count(*) FROM webhook_keys WHERE status IN ('pending', 'parked') AND next_try_at IS NOT NULL
    GROUP BY provider, status
"""
PENDING_DELIVERIES = "SELECT count(*) FROM webhook_deliveries WHERE status = 'pending'"
# What waits for an endpoint that was disabled waits for its partner.
DELIVERY_AGE = f"""
    SELECT {AGE.format("d.created_at")} FROM webhook_deliveries d JOIN webhook_endpoints e ON e.id = d.endpoint_id
    WHERE d.status = 'pending' AND e.status = 'enabled'
"""
DISABLED_ENDPOINTS = "SELECT count(*) FROM webhook_endpoints WHERE disabled_because = 'failing'"
OPEN_EXCEPTIONS = """
    SELECT provider, outcome, count(*) FROM reconciliation_exceptions WHERE status <> 'resolved' GROUP BY provider, outcome
"""
OPEN_DISPUTES = (
    "SELECT provider, status, count(*) FROM disputes WHERE closed_at IS NULL GROUP BY provider, status"
)
DISPUTES_DUE = """
    SELECT count(*) FROM disputes
    WHERE status = 'opened' AND closed_at IS NULL AND evidence_due_at <= %(now)s::timestamptz + interval '2 days'
"""


def list_observations() -> list[Observation]:
    """What is open at providers and partners, and what waits for people."""
    by_provider = ("provider",)
    what = "Age of the oldest charge whose outcome is not known"
    return [
        Observation("mpac_open_outcome_seconds", f"{what}.", db, OPEN_OUTCOME),
        Observation("mpac_unknown_attempts", "Charges that may have happened.", db, UNKNOWN, by_provider),
        Observation(
            "mpac_unknown_attempt_age_seconds", f"{what}, by provider.", db, UNKNOWN_AGE, by_provider
        ),
        Observation(
            "mpac_provider_breakers",
            "Accounts by the state of their circuit breakers.",
            db,
            BREAKERS,
            ("provider", "state"),
        ),
        *(
            Observation(
                f"mpac_open_{table}",
                f"Number of {table} whose outcome is open.",
                db,
                OPEN_OPERATIONS.format(table=table),
                by_provider,
            )
            for table in ("refunds", "captures")
        ),
        Observation(
            "mpac_waiting_notices",
            "Providers' notices that could not be applied yet.",
            db,
            WAITING_NOTICES,
            ("provider", "status"),
        ),
        *_of_partners(),
        *_for_people(),
    ]


def _of_partners() -> list[Observation]:
    what = "Age of the oldest event that an enabled endpoint has not taken."
    return [
        Observation("mpac_partner_deliveries_pending", "Deliveries under way.", db, PENDING_DELIVERIES),
        Observation("mpac_partner_delivery_age_seconds", what, db, DELIVERY_AGE),
        Observation("mpac_partner_endpoints_given_up", "Endpoints that failed.", db, DISABLED_ENDPOINTS),
    ]


def _for_people() -> list[Observation]:
    return [
        Observation(
            "mpac_reconciliation_exceptions",
            "Differences between statements and our records that nobody has resolved.",
            db,
            OPEN_EXCEPTIONS,
            ("provider", "outcome"),
        ),
        Observation("mpac_open_disputes", "Disputes by state.", db, OPEN_DISPUTES, ("provider", "status")),
        Observation("mpac_disputes_due", "Disputes whose evidence is due within two days.", db, DISPUTES_DUE),
    ]
