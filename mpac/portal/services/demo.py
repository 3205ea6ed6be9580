"""The demonstration tenant: a provider, a merchant, two stores, an operator, a terminal and all they need to sell.

Running it again finds what is there and hands back what is still valid; only what is missing is made anew.
"""

import datetime as dt
import secrets
import time
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey

from kernel import ids
from kernel.errors import NotFound, Unauthenticated
from kernel.tenancy import SystemScope
from mpac.portal import conf
from mpac.portal.db import atomic
from mpac.portal.domain.api_keys import ApiKeyMode
from mpac.portal.domain.devices import DeviceStatus
from mpac.portal.domain.permissions import KEY_SCOPES
from mpac.portal.domain.roles import Role
from mpac.portal.dto import Profile
from mpac.portal.models import Authenticator, Device, Merchant, ProviderConfig, Psp, Store, User
from mpac.portal.services import hierarchy, people
from mpac.portal.services.activation import activate_device
from mpac.portal.services.api_keys import authenticate_api_key, issue_api_key
from mpac.portal.services.demo_accounts import seed_accounts
from mpac.portal.services.devices import register_device, revoke_device
from mpac.portal.services.provider_configs import create_provider_config
from mpac.portal.services.signing_keys import ensure_signing_key

SCOPE = SystemScope("seed")
EMAIL = "operator@mpac.example"
SERIAL_NUMBER = "DEMO-0001"
ACTOR = "seed"
PLACE: dict[str, Any] = {"country": "TH", "currency": "THB", "time_zone": "Asia/Bangkok"}
# 15 digits, as SCB numbers billers; the simulator knows every biller.
BILLER_ID = "010556000000001"


def seed_demo(*, known: dict[str, Any], now: dt.datetime) -> dict[str, Any]:
    """Make the demonstration tenant complete and return how to reach it; `known` is what the last run returned."""
    ensure_signing_key(now=now)
    store = _selling_store(now)
    versatile = _store("STORE002", "Baan Noodle House Ari", now)
    providers = known.get("providers") or {}
    is_theirs = providers.get("store_id") == versatile.id
    credentials = providers.get("credentials", {}) if is_theirs else {}
    return {
        "admin": _operator(known.get("admin") or {}, now),
        "psp": {"id": store.psp_id, "api_key": _api_key(known.get("psp") or {}, store, now)},
        "merchant_id": store.merchant_id,
        "store_id": store.id,
        "device": _terminal(known.get("device") or {}, store, now),
        "providers": {
            "store_id": versatile.id,
            "credentials": seed_accounts(known=credentials, store_id=versatile.id, now=now),
        },
    }


def _selling_store(now: dt.datetime) -> Store:
    """The store of the terminal, which has one provider account."""
    store = _store("STORE001", "Baan Noodle House Siam", now)
    with atomic(SCOPE):
        if not ProviderConfig.objects.filter(store_id=store.id, provider="scb").exists():
            create_provider_config(
                scope=SCOPE,
                store_id=store.id,
                provider="scb",
                account={"biller_id": BILLER_ID},
                credentials={"api_key": secrets.token_hex(16), "api_secret": secrets.token_hex(32)},
                now=now,
            )
    return store


def _store(code: str, name: str, now: dt.datetime) -> Store:
    """A store, and the merchant and provider above it."""
    with atomic(SCOPE):
        psp = Psp.objects.filter(code="DEMO").first() or hierarchy.create_psp(
            scope=SCOPE,
            profile=Profile(code="DEMO", name="Siam Pay", **PLACE),
            rate_limit_per_minute=100_000,
            now=now,
        )
        merchant = Merchant.objects.filter(
            psp_id=psp.id, code="MERCHANT001"
        ).first() or hierarchy.create_merchant(
            scope=SCOPE,
            psp_id=psp.id,
            profile=Profile(code="MERCHANT001", name="Baan Noodle House", **PLACE),
            now=now,
        )
        found = Store.objects.filter(merchant_id=merchant.id, code=code).first()
        return found or hierarchy.create_store(
            scope=SCOPE, merchant_id=merchant.id, profile=Profile(code=code, name=name, **PLACE), now=now
        )


def _operator(known: dict[str, str], now: dt.datetime) -> dict[str, str]:
    with atomic(SCOPE):
        user = User.objects.filter(email=EMAIL).first()
    password = known.get("password", "")
    if user is None:
        password = secrets.token_urlsafe(15)
        user = people.create_user(
            scope=SCOPE, email=EMAIL, password=password, full_name="Demo Operator", now=now
        )
    elif not password or not user.check_password(password):
        password = secrets.token_urlsafe(15)
        people.set_password(scope=SCOPE, user=user, password=password, now=now)
    people.grant_role(scope=SCOPE, user=user, role=Role.PLATFORM_OPERATOR, now=now)
    return {"email": EMAIL, "password": password, "totp_secret": _totp_secret(user, known, now)}


def _totp_secret(user: User, known: dict[str, str], now: dt.datetime) -> str:
    with atomic(SCOPE):
        held = [authenticator.base32_secret() for authenticator in Authenticator.objects.filter(user=user)]
    if known.get("totp_secret") in held:
        return known["totp_secret"]
    return people.set_up_authenticator(scope=SCOPE, user=user, name="demo", now=now).base32_secret


def _api_key(known: dict[str, str], store: Store, now: dt.datetime) -> str:
    try:
        principal = authenticate_api_key(known.get("api_key", ""), now=now)
    except Unauthenticated:
        principal = None
    if principal is not None and principal.psp_id == store.psp_id:
        return known["api_key"]
    # The simulator, the tests and whoever tries the platform set everything up by it.
    issued = issue_api_key(
        scope=SCOPE, psp_id=store.psp_id, name="demo", mode=ApiKeyMode.TEST, scopes=KEY_SCOPES, now=now
    )
    return issued.secret


def _terminal(known: dict[str, Any], store: Store, now: dt.datetime) -> dict[str, Any]:
    """An active terminal with its private key, which lives in the demo file and nowhere else."""
    if _is_usable(known, store):
        return known
    with atomic(SCOPE):
        for stale in Device.objects.filter(psp_id=store.psp_id, serial_number=SERIAL_NUMBER).exclude(
            status=DeviceStatus.REVOKED
        ):
            revoke_device(scope=SCOPE, device_id=stale.id, actor=ACTOR, reason="its key is lost", now=now)
        registered = register_device(
            scope=SCOPE,
            store_id=store.id,
            name="Demo terminal",
            model="A920",
            serial_number=SERIAL_NUMBER,
            livemode=False,
            now=now,
        )
    key = ECKey.generate_key("P-256", private=True)
    kid = key.thumbprint()
    activated = activate_device(
        activation_code=str(registered.activation_code),
        public_jwk={**key.as_dict(private=False), "kid": kid},
        proof=_proof(key, kid),
        now=now,
    )
    device_id = ids.encode("dev", activated.device_id)
    private_jwk = {**key.as_dict(private=True), "kid": kid, "alg": "ES256", "use": "sig"}
    return {"device_id": device_id, "client_id": device_id, "private_jwk": private_jwk}


def _proof(key: ECKey, kid: str) -> str:
    """What a terminal signs to activate; its clock is the machine's."""
    now_s = int(time.time())
    claims: dict[str, Any] = {
        "iss": SERIAL_NUMBER,
        "sub": SERIAL_NUMBER,
        "aud": conf.issuer(),
        "iat": now_s,
        "exp": now_s + 60,
        "jti": secrets.token_hex(16),
    }
    return jwt.encode({"alg": "ES256", "kid": kid}, claims, key, algorithms=["ES256"])


def _is_usable(known: dict[str, Any], store: Store) -> bool:
    try:
        device_id = ids.decode("dev", str(known.get("device_id")))
        kid = known["private_jwk"]["kid"]
    except (NotFound, KeyError, TypeError):
        return False
    with atomic(SCOPE):
        return bool(
            Device.objects.filter(
                id=device_id, store_id=store.id, status=DeviceStatus.ACTIVE, key_id=kid
            ).exists()
        )
