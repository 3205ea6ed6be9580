"""Setting old months aside: after three years a month leaves the trail and waits, whole, for the archive.

Nothing is deleted. A month goes only when its part of every chain has just been checked, and the chain remembers with which
digest the records that stay begin.
"""

import datetime as dt
from contextlib import closing

from django.db.models import Max

from kernel.logs import get_logger
from kernel.partitions import Part, Partitions
from kernel.tenancy import SystemScope
from kernel.upkeep import owner_connection
from mpac.audit import conf
from mpac.audit.db import atomic, db
from mpac.audit.models import AuditChain, AuditEvent
from mpac.audit.services.verification import list_chains, verify_chain

logger = get_logger(__name__)

SCOPE = SystemScope("upkeep")


def set_aside_old_months(*, now: dt.datetime) -> list[str]:
    """Detach the months that are older than `conf.KEEP`, oldest first; returns the tables that now wait for the archive."""
    with closing(owner_connection(db.alias)) as connection:
        partitions = Partitions(connection, AuditEvent._meta.db_table)
        old = partitions.expired(keep=conf.KEEP, now=now)
        if not old or not _all_whole(now):
            return []
        for part in old:
            _begin_after(part)
            partitions.detach(part)
            logger.info("audit records set aside for the archive", table=part.name)
    return [part.name for part in old]


def _all_whole(now: dt.datetime) -> bool:
    """Whether every chain is whole; a broken one keeps everything where it is, for whoever looks into it."""
    broken = [psp_id for psp_id in list_chains() if verify_chain(psp_id=psp_id, now=now).fault is not None]
    if broken:
        logger.error("audit records stay: a chain is broken", chains=broken)
    return not broken


def _begin_after(part: Part) -> None:
    """Let every chain begin after its last record in this month. A crash before the detachment leaves a chain that begins
    later than its records, which is whole; the next round detaches.
    """
    with atomic(SCOPE):
        inside = AuditEvent.objects.filter(created_at__gte=part.starts_at, created_at__lt=part.ends_at)
        for psp_id, sequence in inside.order_by().values_list("psp_id").annotate(last=Max("sequence")):
            digest = inside.filter(psp_id=psp_id, sequence=sequence).values_list("digest", flat=True).get()
            AuditChain.objects.filter(psp_id=psp_id or conf.PLATFORM, archived_sequence__lt=sequence).update(
                archived_sequence=sequence, archived_digest=digest
            )
