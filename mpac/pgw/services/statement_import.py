"""Taking a provider's statement in: read once to see whether all of it can be read, read again to store it, in batches.

Nothing of a file with a faulty line is stored. The bytes name the file, so that taking it in again changes nothing, and
goes on where a run was cut off: how far it came is committed with each batch.
"""

import datetime as dt
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import BinaryIO

from kernel.ids import created_at_of, uuid7
from kernel.tenancy import TenantScope
from mpac.pgw.db import atomic, db
from mpac.pgw.domain.reconciliation import FileStatus
from mpac.pgw.domain.statements.lines import COMPARED, Fault, FileFault, LineKind, StatementLine
from mpac.pgw.domain.statements.profiles import Profile
from mpac.pgw.errors import StatementProfileChanged
from mpac.pgw.models import StatementFile
from mpac.pgw.services.reconciliation import reconcile_file
from mpac.pgw.services.statement_files import Progress, advance_file
from mpac.pgw.services.statement_sql import STORE_LINES, store_columns

BATCH = 5000
CHUNK = 1 << 20
# A file that is not what its profile says has a fault in every line; this many say so well enough.
MAX_FAULTS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file that can be read from its start again, whose money it tells, and how.

    What is no proof, because one person alone could have made it up, only makes us ask, whatever its profile says.
    """

    file: BinaryIO
    psp_id: int
    merchant_id: int
    name: str
    profile: Profile
    imported_by: str
    livemode: bool = True
    only_store_id: int | None = None
    is_proof: bool = True


@dataclass(slots=True)
class _Total:
    """What the lines of one kind come to."""

    lines: int = 0
    amount_minor: int = 0
    fee_minor: int = 0
    net_minor: int = 0


@dataclass(slots=True)
class _Findings:
    """What the first reading found."""

    last: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    totals: defaultdict[tuple[str, str, str], _Total] = field(default_factory=lambda: defaultdict(_Total))
    starts_at: dt.datetime | None = None
    ends_at: dt.datetime | None = None
    faults: list[Fault] = field(default_factory=list)

    def add(self, line: StatementLine | Fault) -> None:
        if isinstance(line, Fault):
            self.faults.append(line)
            return
        self.last = line.number
        self.kinds[line.kind] += 1
        if line.kind is not LineKind.IGNORED:
            total = self.totals[line.kind, line.currency, line.settled_currency]
            total.lines += 1
            total.amount_minor += line.amount_minor
            total.fee_minor += line.fee_minor or 0
            total.net_minor += line.net_minor or 0
        if line.kind in COMPARED:
            self.starts_at = min(self.starts_at or line.occurred_at, line.occurred_at)
            self.ends_at = max(self.ends_at or line.occurred_at, line.occurred_at)


def import_statement(*, source: Source, now: dt.datetime, progress: Progress) -> StatementFile:
    """Take a file in and compare it with our books; safe to repeat and to cut off.

    Returns the file, which is rejected with its faults when it cannot be read. Raises StatementBusy when another run is
    at it, StatementProfileChanged and StatementDoesNotAddUp.
    """
    scope = TenantScope(source.psp_id, source.merchant_id)
    size, digest = _fingerprint(source.file)
    with atomic(scope):
        known: StatementFile | None = StatementFile.objects.filter(sha256=digest).first()
    if known is not None and known.status in {FileStatus.IMPORTING, FileStatus.IMPORTED}:
        _expect_profile(known, source.profile)
    if known is None or known.status in {FileStatus.REJECTED, FileStatus.IMPORTING}:
        findings = _examine(source, progress)
        known = _enter(scope, source, findings, known, size=size, digest=digest, now=now)
        if known.status == FileStatus.REJECTED:
            return known
        _store(scope, source, known, progress)
    return reconcile_file(
        scope=scope, file=known, profile=source.profile, batch=BATCH, now=now, progress=progress
    )


def _expect_profile(file: StatementFile, profile: Profile) -> None:
    """A file is read by one profile from its first line to its last. Raises StatementProfileChanged."""
    if file.report.get("profile") != profile.fingerprint:
        raise StatementProfileChanged


def _fingerprint(file: BinaryIO) -> tuple[int, str]:
    file.seek(0)
    digest = hashlib.sha256()
    while chunk := file.read(CHUNK):
        digest.update(chunk)
    return file.tell(), digest.hexdigest()


def _examine(source: Source, progress: Progress) -> _Findings:
    findings = _Findings()
    source.file.seek(0)
    try:
        for count, line in enumerate(source.profile.read(source.file), start=1):
            findings.add(line)
            if len(findings.faults) >= MAX_FAULTS:
                break
            if count % BATCH == 0:
                progress("reading", count, 0)
    except FileFault as refusal:
        findings.faults.append(refusal.fault)
    if not findings.faults and not findings.kinds:
        findings.faults.append(Fault(1, "no_lines", "there is a header and nothing else"))
    return findings


def _enter(
    scope: TenantScope,
    source: Source,
    findings: _Findings,
    known: StatementFile | None,
    *,
    size: int,
    digest: str,
    now: dt.datetime,
) -> StatementFile:
    """The row of the file, new or known, ready to be imported or rejected with its faults."""
    file = known or StatementFile(
        id=(file_id := uuid7()),
        created_at=created_at_of(file_id),
        psp_id=source.psp_id,
        merchant_id=source.merchant_id,
        sha256=digest,
        size_bytes=size,
    )
    file.provider, file.profile = source.profile.provider, source.profile.name
    file.file_name, file.imported_by = source.name, source.imported_by
    file.livemode, file.only_store_id = source.livemode, source.only_store_id
    file.status = FileStatus.REJECTED if findings.faults else FileStatus.IMPORTING
    file.finished_at = now if findings.faults else None
    file.lines_total, file.starts_at, file.ends_at = findings.last, findings.starts_at, findings.ends_at
    file.faults = [
        {"line": each.line, "code": each.code, "message": each.message} for each in findings.faults
    ]
    file.report = {
        "read": dict(findings.kinds),
        "totals": [
            {"kind": kind, "currency": currency, "settled_currency": settled, **asdict(total)}
            for (kind, currency, settled), total in sorted(findings.totals.items())
        ],
        "profile": source.profile.fingerprint,
        "is_proof": source.is_proof and source.profile.evidence,
    }
    with atomic(scope):
        file.save(force_insert=known is None)
    return file


def _store(scope: TenantScope, source: Source, file: StatementFile, progress: Progress) -> None:
    """Read the file again from its start, and store what is not stored yet."""
    source.file.seek(0)
    wanted = (
        line
        for line in source.profile.read(source.file)
        if isinstance(line, StatementLine)
        and line.number > file.stored_up_to
        and line.kind is not LineKind.IGNORED
    )
    for batch in _batches(wanted):
        last = batch[-1].number
        with atomic(scope):
            advance_file(file, stored_up_to=last)
            db.execute(STORE_LINES, store_columns(file, batch))
        progress("storing", last, file.lines_total)
    with atomic(scope):
        advance_file(file, stored_up_to=file.lines_total, status=FileStatus.IMPORTED)


def _batches(lines: Iterator[StatementLine]) -> Iterator[list[StatementLine]]:
    while batch := list(islice(lines, BATCH)):
        yield batch
