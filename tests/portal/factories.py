"""A tenant to test with: provider, merchant, store, and terminals with their keys."""

import datetime as dt
import itertools
import json
import uuid
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey

from kernel import clock, ids
from kernel.audit import AuditRecorded
from kernel.tenancy import SystemScope, TenantScope
from mpac.portal import conf
from mpac.portal.db import atomic, db
from mpac.portal.domain.api_keys import ApiKeyMode
from mpac.portal.domain.permissions import KEY_SCOPES
from mpac.portal.domain.rollouts import Gate, Wave
from mpac.portal.dto import Profile
from mpac.portal.models import App, AppRelease, Device, Merchant, Psp, Rollout, Store
from mpac.portal.services import hierarchy
from mpac.portal.services.activation import activate_device
from mpac.portal.services.api_keys import issue_api_key
from mpac.portal.services.apps import NewApp, create_app
from mpac.portal.services.devices import RegisteredDevice, register_device
from mpac.portal.services.rollouts import NewRollout, start_rollout
from tests.portal.apks import PACKAGE, SIGNER

SEED = SystemScope("seed")
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Tenant:
    """One provider with one merchant and one store."""

    psp: Psp
    merchant: Merchant
    store: Store

    @property
    def scope(self) -> TenantScope:
        return TenantScope(self.psp.id)


@dataclass(frozen=True)
class Terminal:
    """An active terminal with its private key."""

    device_id: uuid.UUID
    key: ECKey
    kid: str
    serial_number: str

    @property
    def client_id(self) -> str:
        return ids.encode("dev", self.device_id)

    def assertion(self, *, header: dict[str, Any] | None = None, key: Any = None, **claims: Any) -> str:
        """A client assertion, valid but for what the caller changes; a claim of None is left out."""
        now_s = int(clock.now().timestamp())
        body = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": conf.issuer(),
            "iat": now_s,
            "exp": now_s + 60,
            "jti": uuid.uuid4().hex,
        } | claims
        body = {name: value for name, value in body.items() if value is not None}
        return sign(body, key or self.key, {"kid": self.kid} | (header or {}))


def sign(claims: dict[str, Any], key: Any, header: dict[str, Any] | None = None) -> str:
    header = {"alg": "ES256"} | (header or {})
    header = {name: value for name, value in header.items() if value is not None}
    return jwt.encode(header, claims, key, algorithms=[header["alg"]])


def make_profile(code: str = "", **changes: str) -> Profile:
    number = next(_numbers)
    values = {
        "code": code or f"CODE{number}",
        "name": f"Name {number}",
        "country": "TH",
        "currency": "THB",
        "time_zone": "Asia/Bangkok",
    } | changes
    return Profile(**values)


def make_psp(**changes: str) -> Psp:
    return hierarchy.create_psp(scope=SEED, profile=make_profile(**changes), now=clock.now())


def make_merchant(psp: Psp, **changes: str) -> Merchant:
    return hierarchy.create_merchant(
        scope=SEED, psp_id=psp.id, profile=make_profile(**changes), now=clock.now()
    )


def make_store(merchant: Merchant, **changes: str) -> Store:
    profile = make_profile(**changes)
    return hierarchy.create_store(scope=SEED, merchant_id=merchant.id, profile=profile, now=clock.now())


def make_tenant() -> Tenant:
    psp = make_psp()
    merchant = make_merchant(psp)
    return Tenant(psp, merchant, make_store(merchant))


def register(store: Store, *, serial_number: str = "", livemode: bool = False) -> RegisteredDevice:
    return register_device(
        scope=SEED,
        store_id=store.id,
        name="Till",
        model="A920",
        serial_number=serial_number or f"SN-{next(_numbers)}",
        livemode=livemode,
        now=clock.now(),
    )


def make_proof(serial_number: str, key: ECKey, **claims: Any) -> str:
    now_s = int(clock.now().timestamp())
    body = {
        "iss": serial_number,
        "sub": serial_number,
        "aud": conf.issuer(),
        "iat": now_s,
        "exp": now_s + 120,
        "jti": uuid.uuid4().hex,
    } | claims
    return sign({name: value for name, value in body.items() if value is not None}, key)


def make_terminal(store: Store, *, livemode: bool = False) -> Terminal:
    registered = register(store, livemode=livemode)
    key = ECKey.generate_key("P-256", private=True)
    serial_number = registered.device.serial_number
    done = activate_device(
        activation_code=registered.activation_code,
        public_jwk=key.as_dict(private=False),
        proof=make_proof(serial_number, key),
        now=clock.now(),
    )
    return Terminal(done.device_id, key, key.thumbprint(), serial_number)


def make_api_key(
    psp: Psp, *, mode: ApiKeyMode = ApiKeyMode.TEST, scopes: tuple[str, ...] = KEY_SCOPES
) -> str:
    return issue_api_key(
        scope=SEED, psp_id=psp.id, name="server", mode=mode, scopes=scopes, now=clock.now()
    ).secret


def make_app(psp: Psp | None, **changes: Any) -> App:
    """An app of a provider, or of the platform for all."""
    values = {
        "package": PACKAGE,
        "name": "Till",
        "channels": ["stable", "beta"],
        "signers": [SIGNER],
        "psp_id": None if psp is None else psp.id,
    } | changes
    return create_app(scope=SEED, wanted=NewApp(**values), now=clock.now())


def make_release(app_id: str, version_code: int = 1, **changes: Any) -> AppRelease:
    """A release without a file."""
    with atomic(SEED):
        app = App.objects.get(id=ids.decode("app", app_id))
        App.objects.filter(id=app.id).update(version_code=version_code)
        values = {
            "version_name": f"1.{version_code}",
            "min_sdk": 24,
            "signature_scheme": 2,
            "signers": [SIGNER],
            "sha256": f"{version_code:064x}",
            "size_bytes": 1,
            "uploaded_by": "test",
        } | changes
        return AppRelease.objects.create(
            app=app, psp_id=app.psp_id, livemode=app.livemode, version_code=version_code, **values
        )


def make_rollout(release: AppRelease, *, shares: tuple[int, ...] = (10_000,), **changes: Any) -> Rollout:
    """A rollout whose waves are watched for an hour each; nothing halts it by itself."""
    values: dict[str, Any] = {
        "release_id": release.id,
        "channel": "stable",
        "waves": [Wave(share, 3600) for share in shares],
        "gate": Gate(max_failure_bp=10_000, max_crash_bp=10_000, min_payment_success_bp=0, min_sample=1),
        "window": "any",
    } | changes
    return start_rollout(scope=SEED, wanted=NewRollout(**values), now=clock.now())


def get_device(device_id: uuid.UUID) -> Device:
    with atomic(SEED):
        return Device.objects.get(id=device_id)


def published(kind: str = "", *, aggregate_id: str = "") -> list[dict[str, Any]]:
    """What lies in portal's outbox beside audit records, in order: type, aggregate and payload."""
    return [event for event in _outbox(kind, aggregate_id) if event["type"] != AuditRecorded.type]


def audited() -> list[dict[str, Any]]:
    """Portal's audit records, in order."""
    return _outbox(AuditRecorded.type, "")


def _outbox(kind: str, aggregate_id: str) -> list[dict[str, Any]]:
    with atomic(SEED):
        rows = db.execute("SELECT type, aggregate_id, payload::text FROM outbox ORDER BY position")
    return [
        {"type": row[0], "aggregate_id": row[1], **json.loads(row[2])}
        for row in rows
        if kind in ("", row[0]) and aggregate_id in ("", row[1])
    ]


def seconds(count: float) -> dt.timedelta:
    return dt.timedelta(seconds=count)
