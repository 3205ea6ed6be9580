"""One-time activation codes: short enough to type on a terminal, long enough not to be guessed in fifteen minutes."""

import hashlib
import hmac
import secrets
from urllib.parse import urlencode

# No 0/O, 1/I/L, 2/Z, 5/S, 8/B, U/V: what people mistake when they read or hear it.
ALPHABET = "34679ACDEFGHJKMNPQRTUWXY"
LENGTH = 12
GROUP = 4


def new_code() -> str:
    """A fresh code of 55 random bits, grouped for reading: `K7QM-3XWA-N9TC`."""
    characters = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    return "-".join(characters[start : start + GROUP] for start in range(0, LENGTH, GROUP))


def derived_code(seed: str, *, pepper: str) -> str:
    """The code that belongs to `seed`, the same whenever it is asked for; without the pepper nobody can tell it."""
    number = int.from_bytes(
        hmac.new(pepper.encode(), b"portal.code:" + seed.encode(), hashlib.sha256).digest()
    )
    characters = ""
    for _ in range(LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        characters += ALPHABET[digit]
    return "-".join(characters[start : start + GROUP] for start in range(0, LENGTH, GROUP))


def qr_payload(code: str, *, serial_number: str, issuer: str) -> str:
    """What a terminal reads from the picture of its code: where to activate, as whom, and with which code."""
    return "mpac://activate?" + urlencode({"issuer": issuer, "serial_number": serial_number, "code": code})


def normalize(code: str) -> str:
    """The code as it is compared: capitals, without the separators that people add or leave out."""
    return "".join(character for character in code.upper() if character not in "- ")


def hash_code(code: str, *, pepper: str) -> str:
    """What is stored of a code: a keyed hash, so that a copy of the table alone does not reveal it."""
    return hmac.new(
        pepper.encode(), b"portal.activation:" + normalize(code).encode(), hashlib.sha256
    ).hexdigest()
