"""Checking the chains, record by record, from the first that is still here to the head.

What a whole chain proves: since the head was noted, no record was changed, removed, inserted or moved. What it does not: that
the head itself is the old one. Therefore heads are logged with every record, and one that was noted elsewhere can be held
against the chain.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from kernel.tenancy import SystemScope
from mpac.audit import conf
from mpac.audit.db import atomic, db
from mpac.audit.domain.chain import digest_of
from mpac.audit.dto import ChainReport, Fault, KnownHead
from mpac.audit.models import AuditChain, AuditEvent

SCOPE = SystemScope("invariants")

# Whose records there are: one look into the index a provider, where DISTINCT would read every record.
WRITTEN = """
    WITH RECURSIVE known AS (
        SELECT min(psp_id) AS psp_id FROM audit_events
        UNION ALL
        SELECT (SELECT min(psp_id) FROM audit_events WHERE psp_id > known.psp_id) FROM known WHERE psp_id IS NOT NULL
    )
    SELECT psp_id FROM known
"""

Progress = Callable[[int, int, int], object]


class Broken(Exception):
    """The chain is broken here."""

    def __init__(self, sequence: int, words: str, event_id: str = "") -> None:
        super().__init__(words)
        self.sequence = sequence
        self.words = words
        self.event_id = event_id


@dataclass(slots=True)
class Place:
    """How far a check has come: the last record that was good."""

    sequence: int
    digest: str


def list_chains() -> list[int]:
    """Whose chains there are: those with a head, and those with records though their head is gone."""
    with atomic(SCOPE):
        heads = set(AuditChain.objects.values_list("psp_id", flat=True))
        written = {psp_id for (psp_id,) in db.execute(WRITTEN) if psp_id is not None}
        platform = {conf.PLATFORM} if AuditEvent.objects.filter(psp_id=None).exists() else set()
    return sorted(heads | written | platform)


def verify_chain(
    *,
    psp_id: int,
    resume: bool = False,
    known: Iterable[KnownHead] = (),
    keep: bool = False,
    progress: Progress | None = None,
    now: dt.datetime,
) -> ChainReport:
    """Check one chain up to the head it has now, and stop at the first fault.

    With `keep`, how far it came is kept with the chain after each batch; `resume` begins there. `known` heads must be found
    as they were noted.
    """
    with atomic(SCOPE):
        last = _of(psp_id).order_by("-sequence").values_list("sequence", flat=True).first() or 0
        # Read after the records: one that is beyond this head cannot just have been appended.
        chain = AuditChain.objects.filter(psp_id=psp_id).first() or AuditChain(psp_id=psp_id)
    place = _beginning(chain, resume=resume)
    began, fault = place.sequence, None
    noted = {head.sequence: head.digest for head in known if head.psp_id == psp_id}
    try:
        _check_head(chain, last, noted)
        for batch in _batches(chain, place):
            for event in batch:
                _check(event, place, noted)
            if keep:
                _keep(psp_id, place, now)
            if progress is not None:
                progress(psp_id, place.sequence, chain.sequence)
        if place.digest != chain.digest:
            _break(place.sequence, "the head has another digest")
    except Broken as broken:
        fault = Fault(psp_id, broken.sequence, broken.event_id, broken.words)
    return ChainReport(psp_id, place.sequence - began, chain.sequence, chain.digest, fault)


def find_faults(*, now: dt.datetime) -> list[tuple[Any, ...]]:
    """The first fault of every chain that has one, as a row for `check_invariants`."""
    reports = (verify_chain(psp_id=psp_id, now=now) for psp_id in list_chains())
    return [
        (report.fault.psp_id, report.fault.sequence, report.fault.event_id, report.fault.words)
        for report in reports
        if report.fault is not None
    ]


def _of(psp_id: int) -> Any:
    return AuditEvent.objects.filter(psp_id=None if psp_id == conf.PLATFORM else psp_id)


def _beginning(chain: AuditChain, *, resume: bool) -> Place:
    """Before the first record that is still here, or where the last check came to."""
    if resume and chain.verified_sequence > chain.archived_sequence:
        return Place(chain.verified_sequence, chain.verified_digest)
    return Place(chain.archived_sequence, chain.archived_digest)


def _check_head(chain: AuditChain, last: int, noted: Mapping[int, str]) -> None:
    """Raises Broken when records or noted heads lie beyond the head."""
    if last > chain.sequence:
        _break(last, f"the head is at {chain.sequence}")
    if noted and max(noted) > chain.sequence:
        _break(max(noted), "the end was cut off: a head was noted here")


def _batches(chain: AuditChain, place: Place) -> Iterator[list[AuditEvent]]:
    """The records after `place`, which moves with the check. Raises Broken when there should be more of them."""
    while place.sequence < chain.sequence:
        with atomic(SCOPE):
            rest = _of(chain.psp_id).filter(sequence__gt=place.sequence, sequence__lte=chain.sequence)
            batch = list(rest.order_by("sequence")[: conf.BATCH])
        if not batch:
            _break(place.sequence + 1, "the end was cut off: this record is missing")
        yield batch


def _check(event: AuditEvent, place: Place, noted: Mapping[int, str]) -> None:
    """Raises Broken unless this record is whole and the one that follows."""
    if event.sequence > place.sequence + 1:
        _break(place.sequence + 1, "this record is missing")
    if event.sequence != place.sequence + 1:
        _break(event.sequence, "its number is there twice", event)
    if event.previous_digest != place.digest:
        _break(event.sequence, "it does not follow the record before it", event)
    if digest_of(event.covered(), previous=place.digest) != event.digest:
        _break(event.sequence, "it was changed", event)
    if noted.get(event.sequence, event.digest) != event.digest:
        _break(event.sequence, "the chain was rewritten: another head was noted here", event)
    place.sequence, place.digest = event.sequence, event.digest


def _break(sequence: int, words: str, event: AuditEvent | None = None) -> NoReturn:
    raise Broken(sequence, words, event.public_id if event is not None else "")


def _keep(psp_id: int, place: Place, now: dt.datetime) -> None:
    with atomic(SCOPE):
        AuditChain.objects.filter(psp_id=psp_id).update(
            verified_sequence=place.sequence, verified_digest=place.digest, verified_at=now
        )
