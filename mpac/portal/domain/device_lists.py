"""Lists of terminals as people send them: CSV as spreadsheets write it, read into rows or into what is wrong with them."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mpac.portal.domain.labels import MAX_LABELS

MAX_ROWS = 10_000
# A file that is something else has a fault in every row; this many say so well enough.
MAX_FAULTS = 1000
# Charsets that a sender may name; without a name it is UTF-8, or UTF-16 with its mark.
CHARSETS = frozenset({"utf-8", "utf-16", "iso-8859-1", "windows-1252", "windows-874"})
DELIMITERS = ",;\t"

SERIAL = re.compile(r"[!-~]([ -~]{0,62}[!-~])?")
TEXT = re.compile(r"[^\x00-\x1f\x7f-\x9f]*")
CODE = re.compile(r"[A-Z0-9][A-Z0-9_.-]{0,63}")
LABEL = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}:[^\x00-\x1f\x7f,]{0,63}")
COLUMNS = ("serial_number", "name", "model", "merchant_code", "store_code", "labels")
# What a spreadsheet would take for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and where: rows count from 1, the header's; a fault of the whole file has no column."""

    row: int
    column: str
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedDevice:
    """One row. A terminal without a store is registered in advance."""

    row: int
    serial_number: str
    name: str = ""
    model: str = ""
    merchant_code: str = ""
    store_code: str = ""
    labels: dict[str, str] = field(default_factory=dict)


def decode_list(raw: bytes, *, charset: str = "") -> str | Fault:
    """The text of a file, without a byte order mark."""
    if charset and charset not in CHARSETS:
        return Fault(1, "", "unknown_charset", f"the charset is one of {', '.join(sorted(CHARSETS))}")
    if not charset:
        charset = "utf-16" if raw[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8"
    try:
        text = raw.decode("cp874" if charset == "windows-874" else charset).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        return Fault(line, "", "encoding", f"the text is not {charset}; save the file as UTF-8")
    if "\x00" in text:
        return Fault(1, "", "encoding", "the text holds the character U+0000; save the file as UTF-8")
    return text


def read_list(text: str, *, in_store: bool) -> Iterator[ListedDevice | Fault]:
    """The rows of a list and the faults in it; a row has either. With `in_store` all stand in one store.

    The text is trusted to have been decoded; it ends at its first fault that makes the rest unreadable.
    """
    known = COLUMNS[:3] + COLUMNS[5:] if in_store else COLUMNS
    header_line = text.partition("\n")[0]
    delimiter = max(DELIMITERS, key=header_line.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    seen: dict[str, int] = {}
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        faults = list(_header_faults(header, known))
        yield from faults
        if faults:
            return
        number = 1
        for number, cells in enumerate(reader, start=2):
            if not any(cell.strip() for cell in cells):
                continue
            if number > MAX_ROWS + 1:
                yield Fault(number, "", "too_many_rows", f"a list has at most {MAX_ROWS} rows")
                return
            yield from _read_row(number, header, cells, seen)
        if not seen:
            yield Fault(number, "", "no_rows", "there is a header and nothing else")
    except csv.Error as error:
        yield Fault(max(reader.line_num, 1), "", "malformed_csv", f"the file cannot be read as CSV: {error}")


def only_serial_numbers(text: str, *, in_store: bool) -> str:
    """A list without faults as a list of its serial numbers alone, each in its row."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["serial_number"])
    last = 1
    for row in read_list(text, in_store=in_store):
        if isinstance(row, ListedDevice):
            out.write("\r\n" * (row.row - last - 1))
            writer.writerow([row.serial_number])
            last = row.row
    return out.getvalue()


def safe_cell(value: object) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def write_report(heads: Sequence[str], rows: Iterator[Sequence[object]]) -> str:
    """A table as CSV that spreadsheets open as it is meant."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(heads)
    writer.writerows([safe_cell(cell) for cell in row] for row in rows)
    return out.getvalue()


def _header_faults(header: list[str], known: Sequence[str]) -> Iterator[Fault]:
    if "serial_number" not in header:
        yield Fault(1, "serial_number", "missing_column", f"the columns are {', '.join(known)}")
    for position, name in enumerate(header):
        if name not in known:
            yield Fault(1, name[:64], "unknown_column", f"the columns are {', '.join(known)}")
        elif name in header[:position]:
            yield Fault(1, name, "repeated_column", "this column is there twice")


def _read_row(
    number: int, header: list[str], cells: list[str], seen: dict[str, int]
) -> Iterator[ListedDevice | Fault]:
    if len(cells) != len(header):
        yield Fault(number, "", "wrong_number_of_cells", f"{len(cells)} cells under {len(header)} columns")
        seen.setdefault("", number)
        return
    values = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
    faults = list(_cell_faults(number, values))
    serial_number = values["serial_number"]
    first = seen.setdefault(serial_number, number)
    if first != number:
        faults.append(Fault(number, "serial_number", "repeated", f"the same as in row {first}"))
    yield from faults
    if not faults:
        labels = dict(pair.split(":", 1) for pair in values.pop("labels", "").split(",") if pair)
        yield ListedDevice(row=number, labels=labels, **values)


def _cell_faults(number: int, values: dict[str, str]) -> Iterator[Fault]:
    if not SERIAL.fullmatch(values["serial_number"]):
        yield Fault(number, "serial_number", "invalid", "1 to 64 visible ASCII characters")
    for name, longest in (("name", 200), ("model", 100)):
        value = values.get(name, "")
        if len(value) > longest or not TEXT.fullmatch(value):
            yield Fault(number, name, "invalid", f"at most {longest} characters, none of them a control")
    for name in ("merchant_code", "store_code"):
        if (value := values.get(name, "")) and not CODE.fullmatch(value):
            yield Fault(number, name, "invalid", "capital letters, digits, dots, dashes and underscores")
    pairs = [pair for pair in values.get("labels", "").split(",") if pair]
    if len(pairs) > MAX_LABELS or not all(LABEL.fullmatch(pair) for pair in pairs):
        yield Fault(number, "labels", "invalid", f"up to {MAX_LABELS} of name:value, joined by commas")
