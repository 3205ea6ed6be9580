"""From the bytes of a file, plain or gzipped, to rows of cells: one line in memory at a time, and nothing taken on trust."""

import csv
import gzip
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Final

from mpac.pgw.domain.statements.lines import FileFault

MAX_LINE_BYTES: Final = 64 * 1024
MAX_COLUMNS: Final = 200
# Plain or unpacked: far beyond any provider's statement, and little enough to be read to its end.
MAX_BYTES: Final = 8 << 30
GZIP: Final = b"\x1f\x8b"
WIDE: Final = (b"\xff\xfe", b"\xfe\xff")
BOM: Final = b"\xef\xbb\xbf"
ZIP: Final = b"PK\x03\x04"
# Encodings in which a line ends with the byte that says so; the wide ones are not among them.
ENCODINGS: Final = frozenset(
    {"utf-8", "ascii", "cp874", "tis-620", "cp932", "shift_jis", "euc_jp", "cp1252", "latin-1"}
)

Row = tuple[int, list[str]]


def read_rows(file: BinaryIO, *, encoding: str, delimiter: str = ",", skip_lines: int = 0) -> Iterator[Row]:
    """The rows with the numbers of the lines that they end on, without empty ones. Raises FileFault."""
    lines = _Lines(file, encoding)
    for _ in range(skip_lines):
        next(lines, None)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise FileFault(lines.number, "not_csv", f"this is not CSV: {error}") from None
        if row is None:
            break
        if len(row) > MAX_COLUMNS:
            raise FileFault(lines.number, "too_many_columns", f"there are more than {MAX_COLUMNS} columns")
        if any(row):
            yield lines.number, row
    if lines.number == 0:
        raise FileFault(1, "empty", "the file is empty")


class _Lines:
    """Decoded lines, counted."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        start = file.read(len(GZIP))
        file.seek(0)
        self._file: BinaryIO | gzip.GzipFile = gzip.GzipFile(fileobj=file) if start == GZIP else file
        self._encoding = encoding
        self.number, self._bytes = 0, 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        raw = self._read()
        if not raw:
            raise StopIteration
        self.number += 1
        if self.number == 1:
            raw = self._beginning(raw)
        self._bytes += len(raw)
        if self._bytes > MAX_BYTES:
            raise FileFault(self.number, "too_large", f"the file has more than {MAX_BYTES:,} bytes")
        if len(raw) > MAX_LINE_BYTES:
            raise FileFault(self.number, "line_too_long", f"the line is longer than {MAX_LINE_BYTES} bytes")
        if b"\0" in raw:
            raise FileFault(self.number, "nul", "the line has a NUL byte")
        try:
            return raw.decode(self._encoding)
        except UnicodeDecodeError:
            raise FileFault(self.number, "encoding", f"the line is not {self._encoding}") from None

    def _beginning(self, raw: bytes) -> bytes:
        """The first line without its byte order mark."""
        if raw.startswith(WIDE):
            raise FileFault(1, "wide_encoding", "the file is UTF-16; save it as UTF-8")
        if raw.startswith(ZIP):
            raise FileFault(1, "zip", "the file is a spreadsheet or an archive; save it as CSV")
        if raw.startswith(BOM) and self._encoding.lower() != "utf-8":
            raise FileFault(1, "encoding", f"the file begins like UTF-8 and should be {self._encoding}")
        return raw.removeprefix(BOM)

    def _read(self) -> bytes:
        try:
            return self._file.readline(MAX_LINE_BYTES + 1)
        except (EOFError, gzip.BadGzipFile, zlib.error):
            raise FileFault(self.number + 1, "gzip", "the compressed file is damaged or cut off") from None
