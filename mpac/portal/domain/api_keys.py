"""API keys of providers' servers: `sk_test_...` and `sk_live_...`."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from enum import StrEnum

ALPHABET = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
FINDER_LENGTH = 8
SECRET_LENGTH = 40
KEY = re.compile(rf"sk_(?:test|live)_[0-9A-Za-z]{{{FINDER_LENGTH + SECRET_LENGTH}}}")


class ApiKeyMode(StrEnum):
    """Which data a key reaches; the two never mix."""

    TEST = "test"  # sandbox data
    LIVE = "live"  # real money


@dataclass(frozen=True, slots=True)
class NewKey:
    """A fresh key. `secret` is shown once; the other two are kept."""

    secret: str
    prefix: str
    secret_hash: str


def new_key(mode: ApiKeyMode) -> NewKey:
    """A key of 232 random bits, and 46 more that find it."""
    characters = "".join(secrets.choice(ALPHABET) for _ in range(FINDER_LENGTH + SECRET_LENGTH))
    secret = f"sk_{mode.value}_{characters}"
    return NewKey(secret=secret, prefix=prefix_of(secret), secret_hash=hash_key(secret))


def is_key(text: str) -> bool:
    """Whether `text` has the form of a key."""
    return KEY.fullmatch(text) is not None


def prefix_of(secret: str) -> str:
    """The part of a key that finds it and that people may see."""
    return secret[: len("sk_test_") + FINDER_LENGTH]


def hash_key(secret: str) -> str:
    """SHA-256: a key is too random to be guessed, so a slow hash would only cost time."""
    return hashlib.sha256(secret.encode()).hexdigest()
