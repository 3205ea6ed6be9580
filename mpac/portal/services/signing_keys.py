"""The platform's signing keys: making them, and the rotation that refuses no valid token.

A rotation is a row of steps that fall due: the next key is published; when every cache of the key set must have seen it,
it signs and its predecessor only verifies; when the last token of the predecessor has expired, it is retired. A job takes
due steps; taking them twice, or from two machines, changes nothing.
"""

import datetime as dt
from dataclasses import dataclass

import orjson
from joserfc.jwk import ECKey

from kernel import audit, crypto
from kernel.logs import get_logger
from kernel.tenancy import SystemScope
from mpac.portal import conf
from mpac.portal.db import atomic, db
from mpac.portal.domain.signing_keys import SigningKeyState
from mpac.portal.models import SigningKey
from mpac.portal.models.signing_key import sealing_place

logger = get_logger(__name__)

SCOPE = SystemScope("authentication")
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('portal.signing_keys', 0))"


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a round of rotation did, by key id."""

    published: str | None = None
    activated: str | None = None
    retired: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.published or self.activated or self.retired)


def ensure_signing_key(*, now: dt.datetime) -> SigningKey:
    """The signing key, made if the platform has none yet."""
    with atomic(SCOPE):
        active = SigningKey.objects.filter(state=SigningKeyState.ACTIVE).first()
        if active is not None:
            return active
        db.execute(LOCK)
        active = SigningKey.objects.filter(state=SigningKeyState.ACTIVE).first()
        return active or _create(SigningKeyState.ACTIVE, activates_at=now, now=now)


def publish_next_key(*, now: dt.datetime) -> Rotation:
    """Begin a rotation, unless one has begun."""
    with atomic(SCOPE):
        db.execute(LOCK)
        if SigningKey.objects.filter(state=SigningKeyState.NEXT).exists():
            return Rotation()
        activates_at = now + dt.timedelta(seconds=conf.KEY_SET_MAX_AGE_S)
        key = _create(SigningKeyState.NEXT, activates_at=activates_at, now=now)
    logger.info("signing key published", kid=key.kid)
    return Rotation(published=key.kid)


def advance_rotation(*, now: dt.datetime) -> Rotation:
    """Take the steps of the rotation that are due."""
    with atomic(SCOPE):
        db.execute(LOCK)
        retired = _retire(now)
        activated = _activate(now)
    rotation = Rotation(activated=activated, retired=retired)
    if rotation:
        logger.info("signing keys rotated", activated=activated, retired=retired)
    return rotation


def retire_key_now(*, kid: str, now: dt.datetime) -> None:
    """Trust a leaked key no more, whatever it has signed; if it was the signing key, another takes its place at once."""
    with atomic(SCOPE):
        db.execute(LOCK)
        for leaked in SigningKey.objects.filter(kid=kid).exclude(state=SigningKeyState.RETIRED):
            _move(leaked, SigningKeyState.RETIRED, retires_at=now, now=now)
        if not SigningKey.objects.filter(state=SigningKeyState.ACTIVE).exists():
            waiting = SigningKey.objects.filter(state=SigningKeyState.NEXT).first()
            if waiting is not None:
                _move(waiting, SigningKeyState.ACTIVE, activates_at=now, now=now)
            else:
                _create(SigningKeyState.ACTIVE, activates_at=now, now=now)
    logger.warning("signing key retired at once", kid=kid)


def private_key(key: SigningKey) -> ECKey:
    """The key object that signs. Raises CryptoError when the platform's key-encryption key is gone."""
    opened = crypto.open_sealed(key.private_jwk_sealed, aad=sealing_place(key.kid))
    return ECKey.import_key(orjson.loads(opened))


def _create(state: SigningKeyState, *, activates_at: dt.datetime, now: dt.datetime) -> SigningKey:
    pair = ECKey.generate_key("P-256", private=True)
    kid = pair.thumbprint()
    public = {**pair.as_dict(private=False), "kid": kid, "use": "sig", "alg": "ES256"}
    sealed = crypto.seal(orjson.dumps(pair.as_dict(private=True)), aad=sealing_place(kid))
    key = SigningKey.objects.create(
        kid=kid,
        state=state,
        public_jwk=public,
        private_jwk_sealed=sealed,
        created_at=now,
        activates_at=activates_at,
    )
    audit.record(db, "signing_key.created", key, now=now)
    return key


def _move(key: SigningKey, target: SigningKeyState, *, now: dt.datetime, **times: dt.datetime) -> None:
    """Take one step, under the lock that every change of keys takes."""
    before = audit.state(key)
    key.state = target
    for name, instant in times.items():
        setattr(key, name, instant)
    key.save(update_fields=["state", *times])
    audit.record(db, f"signing_key.{target}", key, before=before, now=now)


def _retire(now: dt.datetime) -> tuple[str, ...]:
    due = SigningKey.objects.filter(state=SigningKeyState.RETIRING, retires_at__lte=now)
    keys = list(due.order_by("created_at"))
    for key in keys:
        _move(key, SigningKeyState.RETIRED, now=now)
    return tuple(key.kid for key in keys)


def _activate(now: dt.datetime) -> str | None:
    following = SigningKey.objects.filter(state=SigningKeyState.NEXT, activates_at__lte=now).first()
    if following is None:
        return None
    for former in SigningKey.objects.filter(state=SigningKeyState.ACTIVE):
        retires_at = now + dt.timedelta(seconds=conf.KEY_RETIREMENT_S)
        _move(former, SigningKeyState.RETIRING, retires_at=retires_at, now=now)
    _move(following, SigningKeyState.ACTIVE, now=now)
    return following.kid
