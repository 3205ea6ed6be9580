"""Appending to a chain: one line per tenant, whoever writes and however many relays deliver."""

import datetime as dt
import uuid

from kernel import ids
from kernel.audit import AuditRecorded
from kernel.logs import get_logger
from mpac.audit.conf import PLATFORM
from mpac.audit.db import db
from mpac.audit.domain.chain import GENESIS, digest_of
from mpac.audit.models import AuditEvent

logger = get_logger(__name__)

# Makes the chain's row or locks the one that is there, and says where the chain ends. A transaction appends to one chain
# only, so nobody waits for two.
HEAD = """
    INSERT INTO audit_chains (psp_id, sequence, digest, appended_at, archived_sequence, archived_digest,
                              verified_sequence, verified_digest)
    VALUES (%(psp_id)s, 0, %(genesis)s, %(now)s, 0, %(genesis)s, 0, %(genesis)s)
    ON CONFLICT (psp_id) DO UPDATE SET sequence = audit_chains.sequence
    RETURNING sequence, digest, appended_at
"""
ADVANCE = "UPDATE audit_chains SET sequence = %s, digest = %s, appended_at = %s WHERE psp_id = %s"


def append_event(recorded: AuditRecorded, *, event_id: uuid.UUID, now: dt.datetime) -> AuditEvent:
    """Append a record to its tenant's chain, inside the open transaction that receipts it.

    A chain's records never go back in time, so a month that is set aside is always its oldest part.
    """
    chain = recorded.psp_id or PLATFORM
    ((sequence, previous, appended_at),) = db.execute(HEAD, {"psp_id": chain, "genesis": GENESIS, "now": now})
    key = ids.uuid7(at=max(now, appended_at))
    event = AuditEvent(
        id=key,
        created_at=ids.created_at_of(key),
        psp_id=recorded.psp_id,
        merchant_id=recorded.merchant_id,
        store_id=recorded.store_id,
        livemode=recorded.livemode,
        sequence=sequence + 1,
        event_id=event_id,
        context=recorded.context,
        action=recorded.action,
        object_type=recorded.object_type,
        object_id=recorded.object_id,
        actor_kind=recorded.actor_kind,
        actor_id=recorded.actor_id,
        acting_as=recorded.acting_as,
        before=recorded.before,
        after=recorded.after,
        reason=recorded.reason,
        request_id=recorded.request_id,
        address=recorded.address,
        user_agent=recorded.user_agent,
        occurred_at=recorded.occurred_at,
        previous_digest=previous,
    )
    event.digest = digest_of(event.covered(), previous=previous)
    event.save(force_insert=True)
    db.execute(ADVANCE, [event.sequence, event.digest, event.created_at, chain])
    # A copy of the head where no database administrator can reach it: an end that was cut off is missed here.
    db.on_commit(
        lambda: logger.info("audit chain", psp_id=chain, sequence=event.sequence, digest=event.digest)
    )
    return event
