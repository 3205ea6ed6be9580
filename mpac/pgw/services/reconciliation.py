"""Comparing a stored statement with our books, batch by batch, and what each line makes us learn or ask.

A line of a file that is proof may tell what became of an attempt or refund whose outcome is open: it is then evidence like
a probe's answer, and the line is compared again. What does not agree becomes an exception, which people or a later
statement settle. How far the comparison came is committed with each batch; a batch that was cut off is compared again.
"""

import datetime as dt
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from kernel.logs import get_logger
from kernel.tenancy import TenantScope
from mpac.pgw.db import atomic, db
from mpac.pgw.domain.reconciliation import WAITING, ExceptionStatus, FileStatus
from mpac.pgw.domain.statements.lines import COMPARED
from mpac.pgw.domain.statements.profiles import Profile
from mpac.pgw.models import ReconciliationException, StatementFile
from mpac.pgw.services import statement_sql as sql
from mpac.pgw.services.exceptions import open_exceptions, open_untold, settle_found
from mpac.pgw.services.statement_evidence import apply_line, ask_soon
from mpac.pgw.services.statement_files import Progress, advance_file
from mpac.pgw.services.statement_report import Sums, make_report

logger = get_logger(__name__)

NIL = uuid.UUID(int=0)


def reconcile_file(
    *,
    scope: TenantScope,
    file: StatementFile,
    profile: Profile,
    batch: int,
    now: dt.datetime,
    progress: Progress,
) -> StatementFile:
    """Compare what is not compared yet, look for what the file should have told, and return it with its report.

    Raises StatementBusy when another run is at it, and StatementDoesNotAddUp.
    """
    if file.status != FileStatus.IMPORTED:
        return file
    while lines := _next_lines(scope, file, batch):
        compare_lines(scope=scope, file=file, ids=list(lines), now=now)
        with atomic(scope):
            advance_file(file, compared_up_to=max(lines.values()))
        progress("comparing", file.compared_up_to, file.lines_total)
    recheck_waiting(scope=scope, file=file, batch=batch, now=now)
    with atomic(scope):
        missing, waiting = _find_untold(file, profile, batch=batch)
        file.report = {**file.report, **make_report(file, missing=missing, waiting=waiting)}
        advance_file(file, status=FileStatus.RECONCILED, finished_at=now, report=file.report)
    return file


def compare_lines(*, scope: TenantScope, file: StatementFile, ids: list[uuid.UUID], now: dt.datetime) -> None:
    """Compare these lines of one file: by our books, then by what they prove, then by our books again."""
    batch = {
        "created_at": file.created_at,
        "ids": ids,
        "provider": file.provider,
        "psp_id": file.psp_id,
        "merchant_id": file.merchant_id,
        "livemode": file.livemode,
        "compared": [str(kind) for kind in COMPARED],
    }
    with atomic(scope):
        _compare(batch)
        undecided = db.execute(sql.UNDECIDED, batch)
    learned = 0
    for line in undecided if file.report.get("is_proof") else ():
        try:
            learned += apply_line(scope=scope, line=line, now=now)
        except Exception:
            logger.exception("a line could not be applied", file=str(file.pk), line=str(line[0]))
    with atomic(scope):
        db.execute(sql.BY_INDEX)
        if learned:
            _compare(batch)
        ask_soon(db.execute(sql.WAIT, batch), now=now)
        settle_found(file, ids, now=now)
        open_exceptions(file, ids)


def recheck_waiting(*, scope: TenantScope, file: StatementFile, batch: int, now: dt.datetime) -> None:
    """Compare those lines once more that waited for something of ours, also those of earlier files."""
    after = NIL
    while True:
        with atomic(scope):
            waiting = list(
                ReconciliationException.objects.filter(
                    provider=file.provider, outcome__in=sorted(WAITING), line_id__isnull=False, pk__gt=after
                )
                .exclude(status=ExceptionStatus.RESOLVED)
                .select_related("file")
                .order_by("pk")[:batch]
            )
            for of_file, ids in _by_file(waiting):
                db.execute(sql.REOPEN, {"created_at": of_file.created_at, "ids": ids})
        if not waiting:
            return
        for of_file, ids in _by_file(waiting):
            compare_lines(scope=scope, file=of_file, ids=ids, now=now)
        after = waiting[-1].pk


def _compare(batch: dict[str, Any]) -> None:
    """The set-based comparison of what has no outcome yet. Runs alone for a merchant's money at a provider."""
    db.execute(sql.LOCK, batch)
    db.execute(sql.BY_INDEX)
    for statement in (
        sql.CLAIM,
        sql.SET_ASIDE,
        sql.COMPARE_PAYMENTS,
        sql.COMPARE_REFUNDS,
        sql.COMPARE_DISPUTES,
        sql.TELL,
    ):
        db.execute(statement, batch)


def _next_lines(scope: TenantScope, file: StatementFile, limit: int) -> dict[uuid.UUID, int]:
    place = [file.created_at, file.psp_id, file.merchant_id, file.pk, file.compared_up_to, limit]
    with atomic(scope):
        return dict(db.execute(sql.NEXT_LINES, place))


def _by_file(
    waiting: Sequence[ReconciliationException],
) -> Iterator[tuple[StatementFile, list[uuid.UUID]]]:
    files = {each.file_id: each.file for each in waiting}
    for file_id, file in files.items():
        yield file, [each.line_id for each in waiting if each.file_id == file_id and each.line_id]


def _find_untold(file: StatementFile, profile: Profile, *, batch: int) -> tuple[Sums, Sums]:
    """Which of our movements are missing in the file, and which may still come with the next one, added up.

    What was counted before the file's end less the provider's lag should have been told; each movement is judged once.
    Runs in the caller's transaction, with the report: a run that was cut off judges them again.
    """
    missing, waiting = Sums(), Sums()
    if file.starts_at is None or file.ends_at is None:
        return missing, waiting
    db.execute(sql.BY_INDEX)
    since = _checked_until(file) or file.starts_at
    until = max(since, file.ends_at - profile.lag)
    for rows in _untold(file, since=since, until=until, limit=batch):
        missing.add((each.currency, each.known_minor) for each in open_untold(file, rows))
    for rows in _untold(file, since=until, until=file.ends_at, limit=batch):
        waiting.add((currency, known_minor) for *_, known_minor, currency in rows)
    advance_file(file, checked_until=until)
    return missing, waiting


def _checked_until(file: StatementFile) -> dt.datetime | None:
    """How far earlier files have been looked through for what they should have told."""
    checked: dt.datetime | None = (
        StatementFile.objects.filter(
            provider=file.provider,
            livemode=file.livemode,
            only_store_id=file.only_store_id,
            checked_until__isnull=False,
        )
        .order_by("-checked_until")
        .values_list("checked_until", flat=True)
        .first()
    )
    return checked


def _untold(
    file: StatementFile, *, since: dt.datetime, until: dt.datetime, limit: int
) -> Iterator[list[tuple[Any, ...]]]:
    place = {
        "psp_id": file.psp_id,
        "merchant_id": file.merchant_id,
        "provider": file.provider,
        "livemode": file.livemode,
        "store": file.only_store_id,
        "after": since,
        "after_id": NIL,
        "until": until,
        "limit": limit,
    }
    while rows := db.execute(sql.UNTOLD, place):
        yield rows
        place |= {"after_id": rows[-1][0], "after": rows[-1][1]}
