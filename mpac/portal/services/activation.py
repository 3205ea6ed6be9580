"""Activation: an anonymous terminal brings a one-time code and proves that it holds a private key; the key is bound.

What is wrong with the key or the proof is said; what is wrong with the code is not: unknown, expired, used and blocked
codes get one answer. Every miss counts against the terminal that was aimed at, and a handful of misses voids its code.
"""

import datetime as dt
import hmac
from collections.abc import Mapping

from django.conf import settings
from django.db.models import F, Q

from kernel.audit import record, state
from kernel.origin import acting
from kernel.outbox import publish
from kernel.tenancy import SystemScope
from mpac.portal import conf
from mpac.portal.db import atomic, db
from mpac.portal.domain import activation, assertions, jwk
from mpac.portal.domain.devices import DeviceStatus
from mpac.portal.dto import Activation
from mpac.portal.errors import ActivationRefused, InvalidProof
from mpac.portal.events import DeviceActivated
from mpac.portal.models import Device, DeviceStatusChange

SCOPE = SystemScope("authentication")


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
        device = _claim(code_hash, serial_number, now)
        done = _bind(device, key, now) if device is not None else None
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


def _claim(code_hash: str, serial_number: str, now: dt.datetime) -> Device | None:
    """The device whose live code this is, locked; a miss is counted against everything it may have been aimed at."""
    aimed_at: list[Device] = list(
        Device.objects.select_for_update()
        .filter(
            Q(activation_code_hash=code_hash)
            | Q(serial_number=serial_number, status=DeviceStatus.REGISTERED),
            activation_expires_at__gt=now,
            activation_attempts__lt=conf.ACTIVATION_MAX_ATTEMPTS,
        )
        .order_by("id")
    )
    for device in aimed_at:
        if (
            hmac.compare_digest(device.activation_code_hash, code_hash)
            and device.serial_number == serial_number
        ):
            return device
    Device.objects.filter(id__in=[device.id for device in aimed_at]).update(
        activation_attempts=F("activation_attempts") + 1
    )
    for device in aimed_at:
        before = {"activation_attempts": device.activation_attempts}
        after = {"activation_attempts": device.activation_attempts + 1}
        record(db, "device.activation_refused", device, before=before, after=after, now=now)
    return None


def _bind(device: Device, key: Mapping[str, str], now: dt.datetime) -> Activation | None:
    key_id = jwk.thumbprint(key)
    if device.status == DeviceStatus.ACTIVE and device.key_id == key_id:
        return _activation(device)
    if device.status != DeviceStatus.REGISTERED:
        return None
    before = state(device)
    device.status = DeviceStatus.ACTIVE
    device.public_jwk = dict(key)
    device.key_id = key_id
    device.activated_at = now
    device.updated_at = now
    device.save(update_fields=["status", "public_jwk", "key_id", "activated_at", "updated_at"])
    DeviceStatusChange.objects.create(
        psp_id=device.psp_id,
        merchant_id=device.merchant_id,
        store_id=device.store_id,
        device_id=device.id,
        from_status=DeviceStatus.REGISTERED,
        to_status=DeviceStatus.ACTIVE,
        actor=device.public_id,
        reason="activated with its code",
    )
    event = DeviceActivated(
        aggregate_id=device.public_id,
        psp_id=device.psp_id,
        merchant_id=device.merchant_id,
        store_id=device.store_id,
        device_id=device.public_id,
        key_id=key_id,
        livemode=device.livemode,
    )
    publish(db, event, now=now)
    with acting("device", device.public_id):
        record(db, "device.activated", device, before=before, now=now)
    return _activation(device)


def _activation(device: Device) -> Activation:
    return Activation(
        device_id=device.id,
        created_at=device.created_at,
        activated_at=device.activated_at or device.created_at,
        key_id=device.key_id,
    )
