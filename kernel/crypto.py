"""Envelope encryption of secrets at rest.

A sealed text is `v1.<key id>.<wrapped data key>.<body>`. Every record has its own random AES-256 data key, used once
for the body and wrapped with a key-encryption key from `settings.MPAC_KEKS` (the first wraps, all unwrap). Both layers
are AES-256-GCM and bound to `aad`, which names the tenant and the row: a sealed text copied to another row does not
open. Rotation rewraps the data key only; the body is never decrypted for it. Errors never quote what they were given.
"""

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

_VERSION = "v1"
_NONCE_BYTES = 12
_KEY_BYTES = 32
_PARTS = 4


class CryptoError(Exception):
    """A sealed text cannot be opened: damaged, moved to another row, or its key is gone."""


def seal(plaintext: bytes, *, aad: str) -> str:
    """Encrypt for the place that `aad` names, under the active key."""
    data_key = os.urandom(_KEY_BYTES)
    kid = _active()
    body = _encrypt(AESGCM(data_key), plaintext, aad.encode())
    return f"{_VERSION}.{kid}.{_wrap(kid, data_key, aad)}.{body}"


def open_sealed(token: str, *, aad: str) -> bytes:
    """Decrypt. Raises CryptoError."""
    kid, wrapped, body = _split(token)
    return _decrypt(AESGCM(_unwrap(kid, wrapped, aad)), body, aad.encode())


def rewrap(token: str, *, aad: str) -> str:
    """The same sealed text under the active key; unchanged when it is there already. Raises CryptoError."""
    kid, wrapped, body = _split(token)
    active = _active()
    if kid == active:
        return token
    return f"{_VERSION}.{active}.{_wrap(active, _unwrap(kid, wrapped, aad), aad)}.{body}"


def key_id_of(token: str) -> str:
    """Which key-encryption key a sealed text needs. Raises CryptoError."""
    return _split(token)[0]


def _active() -> str:
    kid = next(iter(settings.MPAC_KEKS), "")
    if not kid or "." in kid:
        msg = "MPAC_KEKS needs a first key whose id has no dot"
        raise CryptoError(msg)
    return kid


def _split(token: str) -> tuple[str, str, str]:
    parts = token.split(".")
    if len(parts) != _PARTS or parts[0] != _VERSION:
        msg = "not a sealed text"
        raise CryptoError(msg)
    return parts[1], parts[2], parts[3]


def _wrap(kid: str, data_key: bytes, aad: str) -> str:
    return _encrypt(_kek(settings.MPAC_KEKS[kid]), data_key, _wrap_aad(kid, aad))


def _unwrap(kid: str, wrapped: str, aad: str) -> bytes:
    try:
        kek = _kek(settings.MPAC_KEKS[kid])
    except KeyError:
        msg = "the key-encryption key is not in MPAC_KEKS"
        raise CryptoError(msg) from None
    return _decrypt(kek, wrapped, _wrap_aad(kid, aad))


def _wrap_aad(kid: str, aad: str) -> bytes:
    return f"{_VERSION}.{kid}.{aad}".encode()


def _encrypt(cipher: AESGCM, plaintext: bytes, aad: bytes) -> str:
    nonce = os.urandom(_NONCE_BYTES)
    return urlsafe_b64encode(nonce + cipher.encrypt(nonce, plaintext, aad)).rstrip(b"=").decode()


def _decrypt(cipher: AESGCM, encoded: str, aad: bytes) -> bytes:
    try:
        raw = urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
        return cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], aad)
    except (InvalidTag, Base64Error, ValueError):
        msg = "the sealed text does not open here"
        raise CryptoError(msg) from None


@lru_cache(maxsize=32)
def _kek(key: bytes) -> AESGCM:
    return AESGCM(key)
