"""Reconciliation: compare checksums of source and mirror, merchant by merchant, and copy what differs.

Copying obeys the versions, too: what only the mirror knows, or knows in a higher version, is left alone and reported. It
takes a person to say which side is right.
"""

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
    """A merchant whose mirror is not what portal says. `in_source` is false when only the mirror has it."""

    psp_id: int
    merchant_id: int
    in_source: bool


def find_drift() -> Iterator[Drift]:
    """Compare every merchant that either side knows, by versions."""
    source = portal.checksums()
    copy = pgw.mirror_checksums()
    for key in sorted(source.keys() | copy.keys()):
        if source.get(key) != copy.get(key):
            yield Drift(psp_id=key[0], merchant_id=key[1], in_source=key in source)


def repair_drift(*, now: dt.datetime) -> int:
    """Copy every merchant that drifted; returns how many agree now. One that cannot be copied holds up no other."""
    drifted = set(find_drift())
    for drift in drifted:
        if drift.in_source:
            _copy(drift, now=now)
    left = drifted & set(find_drift()) if drifted else set()
    for drift in left:
        logger.warning(
            "the mirror differs from its source and could not be repaired",
            psp_id=drift.psp_id,
            merchant_id=drift.merchant_id,
            in_source=drift.in_source,
        )
    return len(drifted) - len(left)


def _copy(drift: Drift, *, now: dt.datetime) -> None:
    try:
        mirror.copy_merchant(psp_id=drift.psp_id, merchant_id=drift.merchant_id, now=now)
    except Exception:
        logger.exception("copying a merchant failed", psp_id=drift.psp_id, merchant_id=drift.merchant_id)
