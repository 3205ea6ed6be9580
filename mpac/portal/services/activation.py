"""Activation: an anonymous terminal brings a one-time code and proves that it holds a private key; the key is bound.

What is wrong with the key or the proof is said; what is wrong with the code is not: unknown, expired, used and blocked
codes get one answer. Every miss counts against the terminal that was aimed at, and a handful of misses voids its code.
"""

import datetime as dt
import hmac
from collections.abc import Iterator, Mapping

from django.conf import settings
from django.db.models import F, Q

from kernel.audit import record, state
from kernel.origin import acting
from kernel.tenancy import SystemScope
from mpac.portal import conf
from mpac.portal.db import atomic, db
from mpac.portal.domain import activation, assertions, jwk
from mpac.portal.domain.devices import DeviceStatus
from mpac.portal.domain.preregistrations import PreregistrationStatus
from mpac.portal.dto import Activation
from mpac.portal.errors import ActivationRefused, InvalidProof
from mpac.portal.models import Device, Preregistration
from mpac.portal.services.preregistrations import announce_activation

SCOPE = SystemScope("authentication")
Terminal = Device | Preregistration
# Of each kind of terminal, the status that its code ends, and the one that its key begins.
STEPS: dict[type[Terminal], tuple[str, str]] = {
    Device: (DeviceStatus.REGISTERED, DeviceStatus.ACTIVE),
    Preregistration: (PreregistrationStatus.WAITING, PreregistrationStatus.ACTIVATED),
}


def activate_device(
    *, activation_code: str, public_jwk: Mapping[str, object], proof: str, now: dt.datetime
) -> Activation:
    """Bind a terminal's key. The same code with the same key gives the same answer again, should the first be lost.

    Raises InvalidPublicKey, InvalidProof and ActivationRefused.
    """
    key = jwk.public_jwk(public_jwk)
    serial_number = _prove(key, proof, now)
    code_hash = activation.hash_code(activation_code, pepper=settings.SECRET_KEY)
    with atomic(SCOPE):
        terminal = _claim(code_hash, serial_number, now)
        done = _bind(terminal, key, now) if terminal is not None else None
    if done is None:
        raise ActivationRefused
    return done


def _prove(key: Mapping[str, str], proof: str, now: dt.datetime) -> str:
    """The serial number in a proof that `key` signed. Raises InvalidProof."""
    try:
        statement = assertions.read(proof)
        assertions.require_kid(statement, {key["kid"], jwk.thumbprint(key)})
        assertions.verify(statement, jwk.key_of(key))
        assertions.check_claims(
            statement.claims,
            audiences={conf.issuer(), conf.token_endpoint()},
            max_lifetime_s=conf.PROOF_MAX_LIFETIME_S,
            now=now,
        )
    except assertions.Refused as refused:
        msg = f"The proof does not show possession of the private key: {refused}."
        raise InvalidProof(msg) from None
    return statement.subject


def _claim(code_hash: str, serial_number: str, now: dt.datetime) -> Terminal | None:
    """The terminal whose live code this is, locked; a miss is counted against everything it may have been aimed at."""
    aimed_at = [
        *_aimed_at(Device, DeviceStatus.REGISTERED, code_hash, serial_number, now),
        *_aimed_at(Preregistration, PreregistrationStatus.WAITING, code_hash, serial_number, now),
    ]
    for terminal in aimed_at:
        if (
            hmac.compare_digest(terminal.activation_code_hash, code_hash)
            and terminal.serial_number == serial_number
        ):
            return terminal
    for terminal in aimed_at:
        before = {"activation_attempts": terminal.activation_attempts}
        after = {"activation_attempts": terminal.activation_attempts + 1}
        type(terminal).objects.filter(id=terminal.id).update(activation_attempts=F("activation_attempts") + 1)
        record(db, "device.activation_refused", terminal, before=before, after=after, now=now)
    return None


def _aimed_at(
    model: type[Terminal], waiting: str, code_hash: str, serial_number: str, now: dt.datetime
) -> Iterator[Terminal]:
    """Terminals with a live code that somebody may have meant."""
    found: Iterator[Terminal] = (
        model.objects.select_for_update()
        .filter(
            Q(activation_code_hash=code_hash) | Q(serial_number=serial_number, status=waiting),
            activation_expires_at__gt=now,
            activation_attempts__lt=conf.ACTIVATION_MAX_ATTEMPTS,
        )
        .order_by("id")
    )
    return found


def _bind(terminal: Terminal, key: Mapping[str, str], now: dt.datetime) -> Activation | None:
    key_id = jwk.thumbprint(key)
    waiting, active = STEPS[type(terminal)]
    if terminal.status == active and terminal.key_id == key_id:
        return _activation(terminal)
    if terminal.status != waiting:
        return None
    before = state(terminal)
    terminal.status = active
    terminal.public_jwk = dict(key)
    terminal.key_id = key_id
    terminal.activated_at = now
    terminal.updated_at = now
    terminal.save(update_fields=["status", "public_jwk", "key_id", "activated_at", "updated_at"])
    if isinstance(terminal, Device):
        announce_activation(terminal, now=now)
    with acting("device", terminal.public_id):
        record(db, "device.activated", terminal, before=before, now=now)
    return _activation(terminal)


def _activation(device: Terminal) -> Activation:
    return Activation(
        device_id=device.id,
        created_at=device.created_at,
        activated_at=device.activated_at or device.created_at,
        key_id=device.key_id,
    )
