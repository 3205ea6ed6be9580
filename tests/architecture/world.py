"""Two providers, their stores, and everybody who may call: what the leak tests look at, and with whose eyes.

Home is the store whose objects nobody else may see. The neighbor is another store of its merchant, the cousin another
merchant of its provider, the foreigner another provider; and its own provider's live data is as far away as theirs.
Each has one object of every kind.
"""

import datetime as dt
import itertools
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from django.conf import settings
from django.http import HttpResponse
from django.test import Client
from joserfc import jwt

from kernel import clock, ids, signing
from kernel.money import Money
from kernel.tenancy import TenantScope
from mpac.pgw.adapters import registry
from mpac.pgw.adapters.partners.client import Call, CallRecord
from mpac.pgw.adapters.port import DisputeNews
from mpac.pgw.db import atomic
from mpac.pgw.db import db as pgw_db
from mpac.pgw.models import PaymentAttempt
from mpac.pgw.services import confirmation
from mpac.pgw.services.asking import probe_attempt
from mpac.pgw.services.disputes import apply_dispute_news
from mpac.pgw.services.evidence import LearnedFrom
from mpac.pgw.services.partner_calls import send_due_webhooks
from mpac.pgw.services.refunds import NewRefund, refund_intent
from mpac.portal import conf
from mpac.portal.db import db as portal_db
from mpac.portal.domain.api_keys import ApiKeyMode
from mpac.portal.domain.authority import EVERYTHING, Person
from mpac.portal.domain.permissions import KEY_SCOPES, PERMISSIONS
from mpac.portal.domain.roles import Role
from mpac.portal.models import Device
from mpac.portal.services import hierarchy, tokens
from mpac.portal.services.api_keys import api_key_reader, issue_api_key
from mpac.portal.services.authenticators import begin_authenticator
from mpac.portal.services.custom_roles import create_custom_role
from mpac.portal.services.heartbeats import record_heartbeat
from mpac.portal.services.impersonations import Reasons, request_impersonation
from mpac.portal.services.invitations import invite_person
from mpac.portal.services.memberships import Wanted
from mpac.portal.services.people import grant_role
from mpac.portal.services.provider_configs import create_provider_config
from mpac.portal.services.sessions import open_session
from mpac.portal.services.trust import trust_reader
from mpac.portal.services.users import register_user
from mpac.portal.services.verification import token_verifier
from mpac.smarttab.selectors import stores
from mpac.smarttab.services.taxes import NewTaxRate, add_tax_rate
from mpac.sync.services.mirror import copy_merchant
from tests.delivery import deliver_all
from tests.portal.apks import PACKAGE, SIGNER
from tests.portal.factories import (
    SEED,
    make_api_key,
    make_merchant,
    make_profile,
    make_release,
    make_store,
    make_terminal,
    register,
)

LEVELS = ("psp", "merchant", "store", "object")
LEVEL_OF = {
    "api_key_id": "psp",
    "psp_id": "psp",
    "role_id": "psp",
    "merchant_id": "merchant",
    "merchant_code": "merchant",
    "group_id": "merchant",
    "preregistration_id": "merchant",
    "store_id": "store",
    "store_code": "store",
    "owner": "store",
    # Everybody at a provider may see which apps its terminals run.
    "app_id": "psp",
    "release_id": "psp",
    "rollout_id": "psp",
}
HOME_PROVIDER, OTHER_PROVIDER = "fake", "rival"
REQUEST_ID = "leak-test"
ORDER = {
    "currency": "THB",
    "channel": "take_away",
    "items": [{"name": "Tea", "quantity": 1, "unit_price": 5000}],
}
_keys = itertools.count(1)


@dataclass(frozen=True)
class Place:
    """One store. `names` are what its objects go by; `texts` are what would give them away, each with its level."""

    names: dict[str, Any]
    texts: list[tuple[str, str]]


@dataclass(frozen=True)
class Visitor:
    """Somebody who calls, at home in `place`. `shares` is the deepest level that is theirs as well as home's."""

    name: str
    kind: str
    place: Place
    credential: str = ""
    shares: str = ""

    def call(
        self,
        http: Client,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> HttpResponse:
        """One request with all that a well-behaved client sends, and always the same request id."""
        kind = "text/csv" if isinstance(body, str) else "application/json"
        body = body.encode() if isinstance(body, str) else body
        raw = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
        sent = {"X-Request-Id": REQUEST_ID, "Idempotency-Key": key or f"key-{next(_keys)}"}
        if self.kind == "service":
            sent |= signature(method, path, raw)
        elif self.credential:
            sent["Authorization"] = f"Bearer {self.credential}"
        sent |= headers or {}
        return http.generic(method, path, raw, content_type=kind, headers=sent)

    def made(self, http: Client, path: str, body: Any, **more: Any) -> dict[str, Any]:
        answer = self.call(http, "POST", path, body, **more)
        assert answer.status_code == 201, answer.content
        return answer.json()

    def foreign(self, names: Iterable[str], home: Place) -> list[str]:
        """Those names whose objects at home this visitor must not see."""
        theirs = {name for name in names if home.names[name] != self.place.names[name]}
        return sorted(name for name in theirs if self.may_not_see(LEVEL_OF.get(name, "object")))

    def may_not_see(self, level: str) -> bool:
        return not self.shares or LEVELS.index(level) > LEVELS.index(self.shares)


@dataclass(frozen=True)
class Places:
    """Home, the other places, and home as it looks to the customer of its second intent."""

    home: Place
    near: Place
    kin: Place
    far: Place
    real: Place
    beside: Place


@dataclass(frozen=True)
class World:
    """Home, one caller of each kind who belongs there, and all who do not."""

    home: Place
    owners: dict[str, Visitor]
    visitors: list[Visitor]


def build(http: Client) -> Places:
    """Everything is made through the entrances that tenants use themselves."""
    forget()
    seven = NewTaxRate(country="TH", code="vat", rate_ppm=70_000, valid_from=dt.date(2026, 3, 1))
    add_tax_rate(scope=SEED, rate=seven, now=clock.now())
    psp, foreign_psp = make_psp("HOME"), make_psp("FOREIGN")
    test, live = make_api_key(psp), make_api_key(psp, mode=ApiKeyMode.LIVE)
    foreign_key = make_api_key(foreign_psp)
    merchant = open_merchant(psp, "HOME")
    home = furnish(http, merchant, "HOME", HOME_PROVIDER, api_key=test)
    near = furnish(http, merchant, "NEIGHBOR", OTHER_PROVIDER, api_key=test)
    kin = furnish(http, open_merchant(psp, "COUSIN"), "COUSIN", OTHER_PROVIDER, api_key=test)
    far = furnish(http, open_merchant(foreign_psp, "FOREIGN"), "FOREIGN", OTHER_PROVIDER, api_key=foreign_key)
    real = furnish(http, open_merchant(psp, "LIVE"), "LIVE", OTHER_PROVIDER, api_key=live, livemode=True)
    home.texts.extend(("psp", text) for text in (psp.code, psp.name, home.names["app_id"]))
    home.texts.extend(("merchant", text) for text in (merchant.code, merchant.name))
    second = partner_of("home's provider", home, "object").made(http, "/v1/payment-intents", wish(home.names))
    beside = Place(home.names | {"intent_id": second["id"], "client_secret": second["client_secret"]}, [])
    deliver_all([portal_db])  # to the audit trail
    return Places(home, near, kin, far, real, beside)


def forget() -> None:
    """What this process remembers is of another database."""
    for cache in (api_key_reader, token_verifier, trust_reader, tokens.client_keys):
        cache.forget()
    stores.forget_calendars()


def inhabit(places: Places) -> World:
    """Everybody who calls, each with a credential that is good from now on."""
    home, near, kin, far = places.home, places.near, places.kin, places.far
    owners = [
        partner_of("home's provider", home, "object"),
        Visitor("home's device", "device", home, device_token(home), "object"),
        customer_of("home's customer", home, "object"),
        Visitor("the platform's operator", "person", home, operator_token(home), "object"),
        Visitor("a service", "service", home, shares="object"),
    ]
    of_kin, of_near = ("psp_id", "merchant_id"), ("psp_id", "merchant_id", "store_id")
    visitors = [
        Visitor("nobody", "anonymous", far),
        Visitor("a service", "service", far),
        partner_of("another provider", far),
        Visitor("another provider's person", "person", far, person_token(far, "psp_id")),
        Visitor("another provider's device", "device", far, device_token(far)),
        customer_of("another provider's customer", far),
        Visitor("another merchant's person", "person", kin, person_token(kin, *of_kin), "psp"),
        Visitor("another merchant's device", "device", kin, device_token(kin), "psp"),
        customer_of("another merchant's customer", kin, "psp"),
        Visitor("another store's person", "person", near, person_token(near, *of_near), "merchant"),
        Visitor("another store's device", "device", near, device_token(near), "merchant"),
        partner_of("home's provider, live", places.real, "store"),
        customer_of("home's other customer", places.beside, "store"),
    ]
    return World(home, {owner.kind: owner for owner in owners}, visitors)


def partner_of(name: str, place: Place, shares: str = "") -> Visitor:
    return Visitor(name, "partner", place, place.names["server_key"], shares)


def customer_of(name: str, place: Place, shares: str = "") -> Visitor:
    return Visitor(name, "intent", place, place.names["client_secret"], shares)


def make_psp(code: str) -> Any:
    profile = make_profile(code=f"{code}-PSP", name=f"{code} psp")
    return hierarchy.create_psp(scope=SEED, profile=profile, rate_limit_per_minute=1_000_000, now=clock.now())


def open_merchant(psp: Any, code: str) -> Any:
    return make_merchant(psp, code=f"{code}-MERCHANT", name=f"{code} merchant")


def furnish(
    http: Client, merchant: Any, code: str, provider: str, *, api_key: str, livemode: bool = False
) -> Place:
    """Open a store, make one object of every kind in it, and remember what they go by."""
    store = make_store(merchant, code=f"{code}-STORE", name=f"{code} store")
    where = {"psp_id": store.psp_id, "merchant_id": store.merchant_id, "store_id": store.id}
    create_provider_config(
        scope=SEED,
        store_id=store.id,
        provider=provider,
        account={"merchant_id": f"{code}-ACCOUNT"},
        credentials={"api_key": "secret"},
        livemode=livemode,
        now=clock.now(),
    )
    copy_merchant(psp_id=store.psp_id, merchant_id=store.merchant_id, now=clock.now())
    terminal = make_terminal(store, livemode=livemode)
    server = issue_api_key(
        scope=SEED,
        psp_id=store.psp_id,
        name=f"{code} server",
        mode=ApiKeyMode.TEST,
        scopes=KEY_SCOPES,
        now=clock.now(),
    )
    registered = register(store, serial_number=f"{code}-SERIAL", livemode=livemode)
    names = where | {
        "livemode": livemode,
        "till_id": terminal.device_id,
        "level": "store",
        "owner": store.id,
        "setting": "receipt.header_lines",
        "device_id": registered.device.public_id,
        "api_key_id": server.api_key.public_id,
        "server_key": api_key,
        "provider": provider,
        "account": f"{code}-ACCOUNT",
        "reference": f"{code}-REFERENCE",
        "serial_number": f"{code}-SERIAL",
        "key": f"{code}-KEY",
        "merchant_code": merchant.code,
        "store_code": store.code,
        "activation_code": registered.activation_code,
        "hook_url": f"https://{code.lower()}.example.com/hook",
    }
    names |= employ(where, code)
    place = Place(names, [])
    device = Visitor(code, "device", place, device_token(place))
    order = device.made(
        http, "/v1/orders", ORDER | {"client_reference": names["reference"]}, key=names["key"]
    )
    bill = device.made(http, f"/v1/orders/{order['id']}/bills", {})
    payment = device.made(http, f"/v1/bills/{bill['id']}/payments", {"method": "cash", "amount": 1000})
    partner = partner_of(code, place)
    enlarge_fleet(http, partner, registered.device)
    names |= command(http, partner) | released(http, partner, device, code)
    intent = partner.made(
        http, "/v1/payment-intents", wish(names) | {"reference": names["reference"]}, key=names["key"]
    )
    paid = partner.made(http, "/v1/payment-intents", wish(names))["id"]
    names |= {
        "order_id": order["id"],
        "bill_id": bill["id"],
        "payment_id": payment["id"],
        "intent_id": intent["id"],
        "refund_id": refund_of(place, paid),
        "dispute_id": dispute_of(place, paid),
        "client_secret": intent["client_secret"],
        **listen(http, partner, intent["id"], names["hook_url"]),
    }
    private = ("device_id", "order_id", "bill_id", "payment_id", "intent_id", "refund_id", "client_secret")
    private += ("command_id", "batch_id", "dispute_id", "endpoint_id", "event_id", "delivery_id", "hook_url")
    labels = ("serial_number", "reference", "account", "activation_code")
    place.texts.extend(("object", names[name]) for name in private + labels)
    of_psp, of_store = ("api_key_id", "role_id"), ("session_id", "impersonation_id", "invitation_id", "email")
    place.texts.extend(("psp", names[name]) for name in of_psp)
    place.texts.extend(("store", text) for text in (store.code, store.name, *map(names.get, of_store)))
    return place


def greet(http: Client, partner: Visitor) -> None:
    """Have receipts of a place say where they come from."""
    names = partner.place.names
    path = f"/v1/settings/{names['level']}/{names['owner']}/{names['setting']}"
    body = {"value": [names["store_code"]], "reason": names["store_code"]}
    answer = partner.call(http, "PUT", path, body, headers={"If-Match": "0"})
    assert answer.status_code == 200, answer.content


def command(http: Client, partner: Visitor) -> dict[str, Any]:
    """Set something at a place, tell its till, and then all tills of its store, to do something, and name both."""
    greet(http, partner)
    names = partner.place.names
    wanted = {"kind": "restart", "reason": names["reference"]}
    till = ids.encode("dev", names["till_id"])
    one = partner.made(http, "/v1/commands", wanted | {"device_id": till})
    many = partner.made(http, "/v1/command-batches", wanted | {"store_id": names["store_id"]})
    deliver_all([portal_db])
    return {"command_id": one["id"], "batch_id": many["id"]}


def enlarge_fleet(http: Client, partner: Visitor, device: Device) -> None:
    """Let the terminal of a place say how it is and put it into a group, announce another, and send a list of some more."""
    names = partner.place.names
    record_heartbeat(scope=SEED, device_id=device.id, report={"model": "A920"}, now=clock.now())
    merchant = {"merchant_id": device.merchant_id}
    wanted: dict[str, tuple[str, Any]] = {
        "group_id": ("/v1/device-groups", {"name": f"group {device.store_id}"} | merchant),
        "preregistration_id": (
            "/v1/device-preregistrations",
            {"serial_number": f"TO-COME-{device.store_id}"} | merchant,
        ),
        "import_id": (f"/v1/stores/{device.store_id}/devices/imports", f"serial_number\nSN-{device.id}"),
    }
    for name, (path, body) in wanted.items():
        names[name] = partner.made(http, path, body)["id"]
        partner.place.texts.append((LEVEL_OF.get(name, "object"), names[name]))
    path, body = f"/v1/device-groups/{names['group_id']}/members", {"device_ids": [device.public_id]}
    assert partner.call(http, "POST", path, body).status_code == 200


def employ(where: Mapping[str, int], code: str) -> dict[str, Any]:
    """A manager of a store, a role that its provider made, and somebody for tokens to name."""
    now = clock.now()
    email = f"manager@{code.lower()}.example.com"
    user = register_user(scope=SEED, email=email, full_name=f"{code} manager", now=now)
    membership = grant_role(scope=SEED, user=user, role=Role.STORE_MANAGER, now=now, **where)
    caller = register_user(scope=SEED, email=f"caller@{code.lower()}.example.net", full_name="", now=now)
    role = create_custom_role(
        scope=SEED,
        by=Person(caller.pk, EVERYTHING),
        psp_id=where["psp_id"],
        name=f"{code} role",
        description="",
        permissions=["devices:read"],
        now=now,
    )
    invitation = invite_person(
        scope=SEED,
        by=Person(caller.pk, EVERYTHING),
        email=email,
        full_name="",
        wanted=Wanted(role=Role.CASHIER, store_id=where["store_id"]),
        now=now,
    )
    impersonation = request_impersonation(
        scope=SEED,
        by=Person(caller.pk, EVERYTHING),
        user_id=user.pk,
        why=Reasons(reason=f"{code} reason", ticket=f"{code}-TICKET", minutes=60),
        now=now,
    )
    return {
        "user_id": user.pk,
        "membership_id": membership.pk,
        "role_id": role.public_id,
        "impersonation_id": impersonation.public_id,
        "invitation_id": invitation.public_id,
        "email": email,
        "caller_id": caller.pk,
    } | sign_in(caller, where)


def sign_in(user: Any, where: Mapping[str, int]) -> dict[str, Any]:
    """Sign somebody in twice, with a role of their own: the tokens of tests are of one session, the other has a name."""
    now = clock.now()
    held = grant_role(scope=SEED, user=user, role=Role.CASHIER, now=now, **where)
    own, named = (open_session(user=user, method=None, known_device=None, now=now) for _ in range(2))
    factor = begin_authenticator(user_id=user.pk, name="phone", now=now).authenticator
    return {
        "own_membership_id": held.pk,
        "authenticator_id": factor.pk,
        "own_session_id": own.session.public_id,
        "session_id": named.session.public_id,
    }


def released(http: Client, partner: Visitor, device: Visitor, code: str) -> dict[str, Any]:
    """An app of the provider's terminals, with a release."""
    package = PACKAGE if code == "HOME" else f"com.example.{code.lower()}"
    app = partner.made(http, "/v1/apps", {"package": package, "name": f"{code} app", "signers": [SIGNER]})
    release = make_release(app["id"])
    rollout = partner.made(http, "/v1/rollouts", {"release_id": release.public_id})
    path = f"/v1/devices/me/updates/{rollout['id']}/result"
    assert device.call(http, "POST", path, {"status": "downloaded"}).status_code == 200
    return {"app_id": app["id"], "release_id": release.public_id, "rollout_id": rollout["id"]}


def listen(http: Client, partner: Visitor, intent_id: str, url: str) -> dict[str, Any]:
    """Have the partner of a place told of its intent, at an endpoint of its own."""
    endpoint = partner.made(http, "/v1/webhook-endpoints", {"url": url})["id"]
    deliver_all([pgw_db])
    (event,) = partner.call(http, "GET", f"/v1/events?object_id={intent_id}").json()["data"]
    asked = partner.call(http, "POST", f"/v1/events/{event['id']}/resend", {"webhook_endpoint_id": endpoint})
    assert asked.status_code == 200, asked.content
    send_due_webhooks(now=clock.now(), send=answered)
    path = f"/v1/webhook-endpoints/{endpoint}/deliveries?event_id={event['id']}"
    (delivery,) = partner.call(http, "GET", path).json()["data"]
    return {"endpoint_id": endpoint, "event_id": event["id"], "delivery_id": delivery["id"]}


def answered(call: Call) -> CallRecord:
    """What an endpoint that is well says."""
    return CallRecord(request_headers={}, request_body=call.body.decode(), status_code=204)


def wish(names: Mapping[str, Any]) -> dict[str, Any]:
    """A payment intent of a place."""
    where = {name: names[name] for name in ("merchant_id", "store_id")}
    return where | {"amount": 12550, "currency": "THB", "method": "qr_code", "capture_method": "manual"}


def refund_of(place: Place, intent_id: str) -> str:
    """Take the money of an intent at its provider, which makes a capture, give a part of it back, and name the refund."""
    scope, now = TenantScope(place.names["psp_id"], place.names["merchant_id"]), clock.now()
    key = ids.decode("pi", intent_id)
    intent = confirmation.current_intent(scope=scope, intent_id=key)
    if intent.status == "requires_confirmation":
        confirmation.confirm_intent(scope=scope, intent_id=key, now=now)
    with atomic(scope):
        attempt = PaymentAttempt.objects.get(intent_id=key)
    registry.find_adapter(attempt.provider).pay(
        attempt.provider_key, Money(attempt.amount_minor, attempt.currency), reference=attempt.provider_key
    )
    probe_attempt(scope=scope, attempt_id=attempt.pk, learned_from=LearnedFrom.PROBE, now=now)
    wanted = NewRefund(
        intent_id=key,
        amount_minor=1,
        reason=f"{place.names['reference']}-REFUND",
        idempotency_key=f"{intent_id}/refund",
        requested_by="test",
    )
    return ids.encode("re", refund_intent(scope=scope, wanted=wanted, now=now).pk)


def dispute_of(place: Place, intent_id: str) -> str:
    """Have the payer's bank take a payment back, and name the dispute."""
    scope, now = TenantScope(place.names["psp_id"], place.names["merchant_id"]), clock.now()
    with atomic(scope):
        attempt = PaymentAttempt.objects.get(intent_id=ids.decode("pi", intent_id))
    news = DisputeNews(
        reference=f"{place.names['reference']}-DISPUTE",
        status="opened",
        amount=Money(attempt.amount_minor, attempt.currency),
        reason="fraudulent",
    )
    dispute = apply_dispute_news(
        scope=scope, attempt_id=attempt.pk, news=news, learned_from=LearnedFrom.WEBHOOK, now=now
    )
    return ids.encode("dis", dispute.pk)


def device_token(place: Place) -> str:
    names = place.names
    client = tokens.Client(
        names["till_id"], names["psp_id"], names["merchant_id"], names["store_id"], names["livemode"]
    )
    return tokens.issue_device_token(client, now=clock.now())


def operator_token(place: Place) -> str:
    return person_token(place, scopes=["platform"])


def person_token(
    place: Place | None = None,
    *levels: str,
    scopes: list[str] | None = None,
    user_id: int = 0,
    actor: int = 0,
) -> str:
    """An access token of a person who may do everything down to the named levels of a place; of an `actor` in their name."""
    user_id = user_id or (place.names.get("caller_id", 1) if place else 1)
    now, signer = clock.now(), trust_reader.at(clock.now()).signer
    where = {level: place.names[level] for level in levels} if place else {}
    claims = {
        "iss": conf.issuer(),
        "aud": conf.issuer(),
        "sub": f"user:{user_id}",
        "nbf": int(now.timestamp()),
        "exp": int((now + dt.timedelta(minutes=15)).timestamp()),
        "jti": str(ids.uuid7(at=now)),
        "kind": "person",
        "psp_id": where.get("psp_id"),
        "merchant_id": where.get("merchant_id"),
        "store_ids": [where["store_id"]] if "store_id" in where else None,
        "device_id": None,
        "scope": " ".join(scopes or PERMISSIONS),
        "livemode": False,
        "act": {"sub": f"user:{actor}"} if actor else None,
        "sid": place.names.get("own_session_id") if place else None,
    }
    header = {"alg": "ES256", "typ": "at+jwt", "kid": signer.kid}
    return jwt.encode(header, claims, signer.key, algorithms=["ES256"])


def signature(method: str, path: str, body: bytes) -> dict[str, str]:
    """The headers of a signed call."""
    (key_id, key), *_ = settings.MPAC_SERVICE_KEYS.items()
    path, _, query = path.partition("?")
    timestamp, nonce = int(clock.now().timestamp()), secrets.token_hex(16)
    signed = signing.sign(
        key[0], method=method, path=path, query=query, timestamp=timestamp, nonce=nonce, body=body
    )
    return {
        "Authorization": signing.authorization(key_id, timestamp=timestamp, signature=signed),
        "X-MPAC-Nonce": nonce,
    }
