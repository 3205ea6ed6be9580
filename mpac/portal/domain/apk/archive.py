"""The ZIP archive of a package: its directory, checked against what it points to, and one entry unpacked within bounds.

What readers could take in two ways is refused: names twice, entries that overlap, sizes that disagree, encryption, ZIP64,
and anything between the directory and the end of the file. Nothing but the manifest is ever unpacked.
"""

import struct
import zlib
from dataclasses import dataclass

from mpac.portal.domain.apk.source import Source, malformed

END, DIRECTORY, LOCAL = b"PK\x05\x06", b"PK\x01\x02", b"PK\x03\x04"
END_SIZE, DIRECTORY_SIZE, LOCAL_SIZE = 22, 46, 30
LONGEST_COMMENT = 0xFFFF
MOST_ENTRIES = 0xFFFF  # which means ZIP64, as does its double
NOT_HERE = 0xFFFFFFFF
STORED, DEFLATED = 0, 8
ENCRYPTED = 0x0001 | 0x0040 | 0x2000
MOST_UNPACKED = 2 * 1024**3
LARGEST_DIRECTORY = 32 * 1024**2


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the directory and the end record are, and how many entries there should be."""

    directory_at: int
    directory_size: int
    end_at: int
    count: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the archive, as the directory describes it."""

    name: bytes
    method: int
    crc: int
    packed: int
    size: int
    at: int


def find_layout(source: Source) -> Layout:
    """Find the one end record that closes the file. Raises ApkRefused."""
    window = min(source.size, END_SIZE + LONGEST_COMMENT)
    tail = source.read(source.size - window, window, "end record")
    if not source.read(0, min(4, source.size), "first entry").startswith(LOCAL):
        raise malformed("The file is not an Android package.")
    found = [at for at in _places(tail, END) if _closes(tail, at)]
    if len(found) != 1:
        raise malformed("The archive has no end record, or more than one.")
    end = tail[found[0] : found[0] + END_SIZE]
    _mark, disk, first_disk, here, count, size, at, _comment = struct.unpack("<4s4H2IH", end)
    end_at = source.size - window + found[0]
    if disk or first_disk or here != count or count == MOST_ENTRIES or max(size, at) == NOT_HERE:
        raise malformed("Archives in several parts and ZIP64 archives are not taken.")
    if at + size != end_at or size > LARGEST_DIRECTORY or not count:
        raise malformed("The archive's directory does not end where the end record begins.")
    return Layout(at, size, end_at, count)


def list_entries(source: Source, layout: Layout, *, contents_end: int) -> dict[bytes, Entry]:
    """All entries by name, each checked against its own header before `contents_end`. Raises ApkRefused."""
    data = source.read(layout.directory_at, layout.directory_size, "directory")
    entries: dict[bytes, Entry] = {}
    at = 0
    for _ in range(layout.count):
        entry, at = _entry(data, at)
        if entry.name in entries:
            raise malformed("Two entries of the archive have the same name.")
        entries[entry.name] = entry
    if at != len(data):
        raise malformed("The archive's directory holds more entries than it says.")
    if sum(entry.size for entry in entries.values()) > MOST_UNPACKED:
        raise malformed("The archive would unpack to more than 2 GiB.")
    taken = 0
    for entry in sorted(entries.values(), key=lambda each: each.at):
        if entry.at < taken:
            raise malformed("Two entries of the archive overlap.")
        taken = _data_at(source, entry) + entry.packed
    if taken > contents_end:
        raise malformed("An entry of the archive reaches beyond the contents.")
    return entries


def unpack(source: Source, entry: Entry, *, at_most: int) -> bytes:
    """The contents of a small entry. Raises ApkRefused when they are larger than `at_most` bytes or not what is declared."""
    name = entry.name.decode(errors="replace")
    if entry.size > at_most or entry.packed > at_most:
        raise malformed(f"{name} is larger than {at_most} bytes.")
    packed = source.read(_data_at(source, entry), entry.packed, name)
    data = packed
    if entry.method == DEFLATED:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            data = inflater.decompress(packed, entry.size + 1)
        except zlib.error:
            raise malformed(f"{name} cannot be unpacked.") from None
    if len(data) != entry.size or zlib.crc32(data) != entry.crc:
        raise malformed(f"{name} is not as long as the directory says, or its checksum is wrong.")
    return data


def _places(data: bytes, mark: bytes) -> list[int]:
    found, at = [], data.find(mark)
    while at >= 0:
        found.append(at)
        at = data.find(mark, at + 1)
    return found


def _closes(tail: bytes, at: int) -> bool:
    """Whether an end record here, with its comment, ends with the file."""
    if at + END_SIZE > len(tail):
        return False
    return at + END_SIZE + int.from_bytes(tail[at + 20 : at + 22], "little") == len(tail)


def _entry(data: bytes, at: int) -> tuple[Entry, int]:
    head = data[at : at + DIRECTORY_SIZE]
    if len(head) < DIRECTORY_SIZE or not head.startswith(DIRECTORY):
        raise malformed("The archive's directory is cut off or holds fewer entries than it says.")
    flags, method = struct.unpack_from("<HH", head, 8)
    crc, packed, size, name, extra, comment = struct.unpack_from("<IIIHHH", head, 16)
    (offset,) = struct.unpack_from("<I", head, 42)
    end = at + DIRECTORY_SIZE + name + extra + comment
    if end > len(data):
        raise malformed("The archive's directory is cut off.")
    if flags & ENCRYPTED or method not in {STORED, DEFLATED}:
        raise malformed("An entry of the archive is encrypted or packed in a way that Android does not read.")
    if method == STORED and packed != size:
        raise malformed("An entry of the archive lies about its size.")
    label = data[at + DIRECTORY_SIZE : at + DIRECTORY_SIZE + name]
    return Entry(label, method, crc, packed, size, offset), end


def _data_at(source: Source, entry: Entry) -> int:
    """Where an entry's bytes begin, behind a header of its own that must agree with the directory."""
    head = source.read(entry.at, LOCAL_SIZE + len(entry.name), "entries")
    method = int.from_bytes(head[8:10], "little")
    name, extra = (int.from_bytes(head[at : at + 2], "little") for at in (26, 28))
    if not head.startswith(LOCAL) or method != entry.method or head[LOCAL_SIZE:] != entry.name:
        raise malformed("An entry of the archive is not what the directory says.")
    return entry.at + LOCAL_SIZE + name + extra
