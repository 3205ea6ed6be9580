"""Identity: UUIDv7 in the database, TypeID at the edge.

A UUIDv7 carries its own millisecond, so an id alone gives the whole key `(id, created_at)` of a partitioned
table. A TypeID is `<prefix>_<26 characters>` as the public TypeID specification 0.3 defines it. `decode` refuses
everything that MPAC cannot have issued in the words used for a missing object, so that guessing teaches nothing.
"""

import re
import uuid
from datetime import UTC, datetime, timedelta

from uuid_utils.compat import uuid7 as _uuid7

from kernel.errors import NotFound

_VERSION = 7
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z, the last instant that Python can hold
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [high + low for high in _ALPHABET for low in _ALPHABET]
_TO_BASE32HEX = str.maketrans(_ALPHABET, "0123456789abcdefghijklmnopqrstuv")
_SUFFIX = "[0-7][0-9a-hjkmnp-tv-z]{25}"
_TYPEID = re.compile(rf"(?:([a-z](?:[a-z_]{{0,61}}[a-z])?)_)?({_SUFFIX})")


# Of the identifiers that `decode` takes: version 7, RFC variant, and a time that has a date.
_PATTERN = "_[0-6][0-9a-hjkmnp-tv-z]{9}[ef][0-9a-hjkmnp-tv-z]{2}[89abrstv][0-9a-hjkmnp-tv-z]{12}"


def pattern(prefix: str) -> str:
    """A regular expression of identifiers with this prefix, itself an expression, for the API document."""
    return f"^{prefix}{_PATTERN}$"


def uuid7(*, at: datetime | None = None) -> uuid.UUID:
    """A new UUIDv7, of this millisecond or of the millisecond of `at`."""
    if at is None:
        return _uuid7()
    return _uuid7(nanoseconds=(at - _EPOCH) // timedelta(milliseconds=1) * 1_000_000)


def created_at_of(u: uuid.UUID) -> datetime:
    """The millisecond inside a UUIDv7, exact. Raises ValueError for any other UUID."""
    if u.version != _VERSION:
        msg = "not a UUIDv7"
        raise ValueError(msg)
    return _EPOCH + timedelta(milliseconds=u.int >> 80)


def encode(prefix: str, u: uuid.UUID) -> str:
    """The TypeID of `u`. The prefix is a constant of the calling code and is not checked."""
    n = u.int
    high, middle, low = n >> 80, n >> 40 & 0xFFFFFFFFFF, n & 0xFFFFFFFFFF
    pairs = _PAIRS
    suffix = (
        pairs[high >> 40]
        + pairs[high >> 30 & 1023]
        + pairs[high >> 20 & 1023]
        + pairs[high >> 10 & 1023]
        + pairs[high & 1023]
        + pairs[middle >> 30]
        + pairs[middle >> 20 & 1023]
        + pairs[middle >> 10 & 1023]
        + pairs[middle & 1023]
        + pairs[low >> 30]
        + pairs[low >> 20 & 1023]
        + pairs[low >> 10 & 1023]
        + pairs[low & 1023]
    )
    return f"{prefix}_{suffix}" if prefix else suffix


def parse(text: str) -> tuple[str, uuid.UUID]:
    """Prefix and UUID of any well-formed TypeID, ours or not. Raises ValueError when it is malformed."""
    match = _TYPEID.fullmatch(text)
    if match is None:
        msg = "not a TypeID"
        raise ValueError(msg)
    return match[1] or "", uuid.UUID(int=int(match[2].translate(_TO_BASE32HEX), 32))


def decode(prefix: str, text: str) -> uuid.UUID:
    """The UUIDv7 of a TypeID with this prefix. Raises NotFound for anything else."""
    try:
        found, u = parse(text)
    except ValueError:
        raise NotFound from None
    if found != prefix or u.version != _VERSION or u.int >> 80 > _LAST_MS:
        raise NotFound
    return u
