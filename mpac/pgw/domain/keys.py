"""The key under which a provider knows an attempt.

Every retry of an attempt uses the same key, and the key is a function of the attempt's id, so that a crash between
storing the attempt and calling the provider loses nothing. Bank references take at most 20 characters of [A-Z0-9], and
some fewer: a shorter key keeps the millisecond and as many random bits as there is room for.
"""

import string
import uuid

KEY_LENGTH = 20
_ALPHABET = string.digits + string.ascii_uppercase
_MAX_RANDOM_BITS = 62
_TIME_BITS = 41
_EPOCH_MS = 1_577_836_800_000  # 2020-01-01; 41 bits of milliseconds last until 2089


def provider_key(attempt_id: uuid.UUID, *, length: int = KEY_LENGTH) -> str:
    """Characters of [A-Z0-9] from a UUIDv7: its millisecond and its last random bits, all 62 in twenty characters.

    So keys of one length sort by time.
    """
    if attempt_id.version != 7:  # noqa: PLR2004 - the version of the id, not a magic number
        message = "a provider key needs a UUIDv7"
        raise ValueError(message)
    milliseconds = (attempt_id.int >> 80) - _EPOCH_MS
    random_bits = min(_MAX_RANDOM_BITS, (len(_ALPHABET) ** length).bit_length() - 1 - _TIME_BITS)
    number = (milliseconds % (1 << _TIME_BITS)) << random_bits | attempt_id.int & ((1 << random_bits) - 1)
    characters = []
    for _ in range(length):
        number, digit = divmod(number, len(_ALPHABET))
        characters.append(_ALPHABET[digit])
    return "".join(reversed(characters))
