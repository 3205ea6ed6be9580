"""One-time activation codes: short enough to type on a terminal, long enough not to be guessed in fifteen minutes."""

import hashlib
import hmac
import secrets

# No 0/O, 1/I/L, 2/Z, 5/S, 8/B, U/V: what people mistake when they read or hear it.
ALPHABET = "34679ACDEFGHJKMNPQRTUWXY"
LENGTH = 12
GROUP = 4


def new_code() -> str:
    """A fresh code of 55 random bits, grouped for reading: `K7QM-3XWA-N9TC`."""
    characters = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    return "-".join(characters[start : start + GROUP] for start in range(0, LENGTH, GROUP))


def normalize(code: str) -> str:
    """The code as it is compared: capitals, without the separators that people add or leave out."""
    return "".join(character for character in code.upper() if character not in "- ")


def hash_code(code: str, *, pepper: str) -> str:
    """What is stored of a code: a keyed hash, so that a copy of the table alone does not reveal it."""
    return hmac.new(
        pepper.encode(), b"portal.activation:" + normalize(code).encode(), hashlib.sha256
    ).hexdigest()
