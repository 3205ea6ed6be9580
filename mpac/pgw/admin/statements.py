"""Small statements taken in from the console, and what they came to. Large ones are for `manage.py import_statement`.

Here one person brings the file, so it proves nothing: what it tells of open money makes us ask the provider.
"""

import datetime as dt
import gzip
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from django import forms
from django.core.files.uploadedfile import UploadedFile

from kernel.admin import ListAction, Panel, Person
from kernel.admin.columns import badge
from kernel.errors import NotFound
from kernel.money import Money
from mpac.pgw.db import atomic
from mpac.pgw.domain.reconciliation import EXCEPTIONS, FileStatus
from mpac.pgw.domain.statements.profiles import PROFILES
from mpac.pgw.domain.statements.reading import GZIP
from mpac.pgw.errors import StatementRefused
from mpac.pgw.models import Merchant, StatementFile
from mpac.pgw.services.statement_import import Source, import_statement

IMPORT = "pgw.import_statements"
# What is read and compared while somebody waits: some ten thousand lines.
MAX_BYTES = 2 * 1024 * 1024
MAX_UNPACKED = 8 * MAX_BYTES
CHUNK = 1 << 16
FAULTS_SHOWN = 100


class StatementForm(forms.Form):
    """A statement, whose it is, and how it is written."""

    file = forms.FileField(
        help_text=f"plain or gzipped, up to {MAX_BYTES // 1024**2} MB; larger ones go in by manage.py import_statement"
    )
    profile = forms.ChoiceField(choices=[("", ""), *((name, name) for name in sorted(PROFILES))])
    merchant_id = forms.IntegerField(label="Merchant")
    only_store_id = forms.IntegerField(
        label="Store", required=False, help_text="when it is about one store alone"
    )
    test = forms.BooleanField(label="Test payments", required=False)

    def clean_file(self) -> UploadedFile:
        """Not more than can be read while somebody waits."""
        file: UploadedFile = self.cleaned_data["file"]
        if file.size is None or file.size > MAX_BYTES or _unpacks_too_far(cast("BinaryIO", file.file)):
            raise forms.ValidationError("The file is too large for this page.")
        return file


def _unpacks_too_far(file: BinaryIO) -> bool:
    """Whether a gzipped file holds more than can be read meanwhile. One that is damaged is refused by its reading."""
    packed, size = file.read(len(GZIP)) == GZIP, 0
    file.seek(0)
    try:
        unpacked = gzip.GzipFile(fileobj=file)
        while packed and size <= MAX_UNPACKED and (piece := unpacked.read(CHUNK)):
            size += len(piece)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return False
    finally:
        file.seek(0)
    return size > MAX_UNPACKED


def take_in(
    person: Person,
    now: dt.datetime,
    *,
    file: UploadedFile,
    profile: str,
    merchant_id: int,
    only_store_id: int | None,
    test: bool,
) -> str:
    """Take a statement in and compare it. The same file counts once."""
    with atomic(person.scope):
        merchant = Merchant.objects.filter(merchant_id=merchant_id).first()
    if merchant is None or not person.may(merchant):
        raise NotFound
    source = Source(
        file=cast("BinaryIO", file.file),
        psp_id=merchant.psp_id,
        merchant_id=merchant.merchant_id,
        name=str(file.name),
        profile=PROFILES[profile],
        imported_by=person.name,
        livemode=not test,
        only_store_id=only_store_id,
        is_proof=False,
    )
    taken = import_statement(source=source, now=now, progress=lambda _what, _done, _total: None)
    if taken.status == FileStatus.REJECTED:
        raise StatementRefused
    return f"{taken.file_name} is {taken.status} with {taken.lines_total} lines."


UPLOADING = ListAction(
    name="upload",
    words="Take a statement in",
    question="It is read and compared with what was charged. The same file counts once, and nothing of a file with a "
    "faulty line is taken. What it tells of payments whose outcome is open makes us ask their provider.",
    permission=IMPORT,
    run=take_in,
    form=StatementForm,
)


def statement_panels(row: StatementFile) -> list[Panel]:
    """What comparing it came to, or why it was refused."""
    panels = []
    if "sums" in row.report:
        panels.append(
            Panel(
                title="What it came to",
                heads=("outcome", "kind", "lines", "sum", "fees"),
                rows=list(_sums(row.report)),
            )
        )
    if row.faults:
        more = len(row.faults) - FAULTS_SHOWN
        panels.append(
            Panel(
                title="Why it was refused",
                heads=("line", "what is wrong", "code"),
                rows=[(each["line"], each["message"], each["code"]) for each in row.faults[:FAULTS_SHOWN]],
                note=f"and {more} more" if more > 0 else "",
            )
        )
    return panels


def _sums(report: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    for each in report["sums"]:
        tone_name = "bad" if each["outcome"] in EXCEPTIONS else "good"
        money = [Money(each[name], each["currency"]).format() for name in ("amount_minor", "fee_minor")]
        words = badge(each["outcome"] or "-", tone_name=tone_name)
        yield words, each["kind"].replace("_", " "), each["lines"], *money
    for name in ("missing_in_provider", "timing"):
        if report.get(name):
            yield badge(name, tone_name="bad" if name in EXCEPTIONS else "waiting"), "", report[name], "", ""
