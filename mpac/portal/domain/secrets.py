"""Secrets that are made here, shown or sent once, and kept as digests."""

import hashlib
import hmac
import secrets

TOKEN_BYTES = 32
# Without 0, 1, o and l, which people take for one another.
ALPHABET = "23456789abcdefghijkmnpqrstuvwxyz"
CODE_DIGITS = 6
RECOVERY_LETTERS = 10
RECOVERY_CODES = 10


def new_token(kind: str) -> str:
    """A random bearer secret of 256 bits that says what it is for: `rt_…`."""
    return f"{kind}_{secrets.token_urlsafe(TOKEN_BYTES)}"


def digest(token: str) -> str:
    """What is kept of a random token; nobody can guess 256 bits, so it needs no salt."""
    return hashlib.sha256(token.encode()).hexdigest()


def short_digest(secret: str, *, place: str, pepper: str) -> str:
    """What is kept of something short enough to be guessed: keyed, so that the table alone does not give it away.

    `place` names the row it belongs to; the same code elsewhere has another digest.
    """
    return hmac.new(pepper.encode(), f"{place}:{secret}".encode(), hashlib.sha256).hexdigest()


def new_code() -> str:
    """Six random digits."""
    return f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"


def new_recovery_codes() -> list[str]:
    """Ten codes of 50 random bits in two halves: `k3xq7-9fmwp`."""
    return [_recovery_code() for _ in range(RECOVERY_CODES)]


def normalize_recovery_code(text: str) -> str:
    """A recovery code as it was made, however somebody copied it."""
    return "".join(text.split()).replace("-", "").lower()


def _recovery_code() -> str:
    letters = "".join(secrets.choice(ALPHABET) for _ in range(RECOVERY_LETTERS))
    half = RECOVERY_LETTERS // 2
    return f"{letters[:half]}-{letters[half:]}"
