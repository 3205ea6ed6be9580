"""Hashing passwords: as slow as it should be, and never more often at once than the machine has memory for."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher

from kernel.errors import Unavailable

# Each check takes 100 MB; somebody who cannot begin within this time is told to come back.
PATIENCE_S = 5.0

_turns = threading.BoundedSemaphore(settings.MPAC_PASSWORD_CHECKS)


class BoundedArgon2PasswordHasher(Argon2PasswordHasher):
    """Django's Argon2, `MPAC_PASSWORD_CHECKS` at a time in each process. Raises Unavailable when all turns are taken."""

    def encode(self, password: str, salt: str) -> str:
        with _turn():
            return str(super().encode(password, salt))

    def verify(self, password: str, encoded: str) -> bool:
        with _turn():
            return bool(super().verify(password, encoded))


@contextmanager
def _turn() -> Iterator[None]:
    if not _turns.acquire(timeout=PATIENCE_S):
        raise Unavailable("Too many people are signing in; try again.", retry_after_s=2)
    try:
        yield
    finally:
        _turns.release()
