"""Reconciliation: compare checksums of source and mirror, merchant by merchant, and copy what differs."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from kernel.logs import get_logger
from mpac.pgw import api as pgw
from mpac.portal import api as portal
from mpac.sync.services import mirror

logger = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Drift:
    """A merchant whose mirror is not what portal says. `known` is false when only the mirror has it."""

    psp_id: int
    merchant_id: int
    known: bool


def find_drift() -> Iterator[Drift]:
    """Compare every merchant that either side knows, by versions."""
    source = portal.checksums()
    copy = pgw.mirror_checksums()
    for key in sorted(source.keys() | copy.keys()):
        if source.get(key) != copy.get(key):
            yield Drift(psp_id=key[0], merchant_id=key[1], known=key in source)


def repair_drift(*, now: dt.datetime) -> int:
    """Copy every merchant that drifted; returns how many. What only the mirror knows is left and reported."""
    repaired = 0
    for drift in list(find_drift()):
        if not drift.known:
            logger.warning(
                "only the mirror knows this merchant", psp_id=drift.psp_id, merchant_id=drift.merchant_id
            )
            continue
        mirror.copy_merchant(psp_id=drift.psp_id, merchant_id=drift.merchant_id, now=now)
        repaired += 1
    return repaired
