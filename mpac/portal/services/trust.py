"""What this process believes about tokens just now: which keys count, which of them signs, what is revoked.

Read from the database at most every two seconds, by one thread while the others go on with what was known, so a
revocation works everywhere within that time and no request pays for it. Nothing is kept in Redis. When the database
cannot be asked, old knowledge is used a few seconds longer and then refused.
"""

import datetime as dt
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from django.db import DatabaseError
from joserfc.jwk import ECKey

from kernel.errors import Unavailable
from kernel.logs import get_logger
from kernel.tenancy import SystemScope
from mpac.portal import conf
from mpac.portal.db import atomic
from mpac.portal.domain.signing_keys import PUBLISHED, SigningKeyState
from mpac.portal.models import Revocation, SigningKey
from mpac.portal.services.signing_keys import ensure_signing_key, private_key

logger = get_logger(__name__)

SCOPE = SystemScope("authentication")


@dataclass(frozen=True, slots=True)
class Signer:
    """The key that signs."""

    kid: str
    key: ECKey


@dataclass(frozen=True, slots=True)
class Trust:
    """One reading. `revoked` holds, for each subject, the instant from which new tokens count again, or None."""

    keys: Mapping[str, ECKey]
    public_jwks: tuple[Mapping[str, str], ...]
    signer: Signer
    revoked: Mapping[str, dt.datetime | None]
    read_at: dt.datetime

    def refuses(self, subjects: tuple[str, ...], issued_at: dt.datetime) -> bool:
        """Whether a token of any of these subjects, issued then, is revoked."""
        for subject in subjects:
            if subject in self.revoked:
                lifted_at = self.revoked[subject]
                if lifted_at is None or issued_at < lifted_at:
                    return True
        return False


class TrustReader:
    """Keeps the latest reading of one process."""

    def __init__(self) -> None:
        self._trust: Trust | None = None
        self._lock = threading.Lock()
        self._parsed: dict[str, ECKey] = {}
        self._signer: Signer | None = None

    def at(self, now: dt.datetime, *, max_age_s: float = conf.TRUST_MAX_AGE_S) -> Trust:
        """A reading no older than `max_age_s`, or up to five seconds while it is being renewed. Raises Unavailable."""
        trust = self._trust
        age_s = _age_s(trust, now)
        if trust is not None and age_s <= max_age_s:
            return trust
        usable = trust is not None and age_s <= conf.TRUST_STALE_LIMIT_S and max_age_s > 0
        if not self._lock.acquire(blocking=not usable):
            return trust  # type: ignore[return-value]  # usable, so there is one
        try:
            if self._trust is not None and self._trust is not trust and _age_s(self._trust, now) <= max_age_s:
                return self._trust
            return self._read_or_keep(trust if usable else None, now)
        finally:
            self._lock.release()

    def forget(self) -> None:
        """Read again at the next question; what changes keys or revocations in this process calls it."""
        self._trust = None

    def _read_or_keep(self, known: Trust | None, now: dt.datetime) -> Trust:
        try:
            self._trust = self._read(now)
        except DatabaseError:
            if known is None:
                raise Unavailable from None
            logger.warning(
                "keys and revocations could not be read; using the last reading", read_at=str(known.read_at)
            )
            return known
        return self._trust

    def _read(self, now: dt.datetime) -> Trust:
        with atomic(SCOPE):
            published = list(SigningKey.objects.filter(state__in=PUBLISHED).order_by("created_at"))
            if not any(key.state == SigningKeyState.ACTIVE for key in published):
                published.append(ensure_signing_key(now=now))
            revoked = _revoked(now)
        active = next(key for key in published if key.state == SigningKeyState.ACTIVE)
        self._parsed = {
            key.kid: self._parsed.get(key.kid) or ECKey.import_key(dict(key.public_jwk)) for key in published
        }
        if self._signer is None or self._signer.kid != active.kid:
            self._signer = Signer(active.kid, private_key(active))
        public_jwks = tuple(dict(key.public_jwk) for key in published)
        return Trust(self._parsed, public_jwks, self._signer, revoked, now)


def _revoked(now: dt.datetime) -> dict[str, dt.datetime | None]:
    """Open revocations win over lifted ones of the same subject, later liftings over earlier ones."""
    revoked: dict[str, dt.datetime | None] = {}
    rows = Revocation.objects.filter(expires_at__gt=now).values_list("subject", "lifted_at")
    for subject, lifted_at in rows:
        known = revoked.get(subject, lifted_at)
        revoked[subject] = None if known is None or lifted_at is None else max(known, lifted_at)
    return revoked


def _age_s(trust: Trust | None, now: dt.datetime) -> float:
    return float("inf") if trust is None else abs((now - trust.read_at).total_seconds())


trust_reader = TrustReader()


def published_keys(*, now: dt.datetime) -> tuple[Mapping[str, str], ...]:
    """The key set as anybody may read it: public JWKs of every key that signs, has signed or will sign."""
    return trust_reader.at(now).public_jwks
