"""Beside the matrix: what those learn who come without a credential, who use a label twice, who push for others."""

from typing import Any

import pytest
from joserfc.jwk import ECKey

from kernel import clock, ids
from mpac.portal import conf
from mpac.portal.rest.token import ASSERTION_TYPE, FORM
from tests.architecture.answers import contents, listed, seen, traces
from tests.architecture.cases import INTENT, PAGES, Name
from tests.architecture.routes import fill
from tests.architecture.world import ORDER, REQUEST_ID, Visitor, World
from tests.portal.factories import make_proof, sign

NO_TERMINAL = ids.encode("dev", ids.uuid7())
LABEL_NAMES = ("merchant_code", "store_code", "serial_number", "reference")
# Labels that a tenant chooses: one that another tenant uses is free.
LABELS = [
    ("partner", "/v1/merchants", {"name": "New", "code": Name("merchant_code")}),
    (
        "partner",
        "/v1/stores",
        {"name": "New", "code": Name("store_code"), "merchant_id": Name("merchant_id")},
    ),
    ("partner", "/v1/stores/{store_id}/devices", {"name": "Till", "serial_number": Name("serial_number")}),
    ("device", "/v1/orders", ORDER | {"client_reference": Name("reference")}),
    ("device", "/v1/payment-intents", INTENT | {"reference": Name("reference")}),
    ("partner", "/v1/payment-intents", INTENT | {"reference": Name("reference")}),
]


@pytest.fixture
def key() -> ECKey:
    return ECKey.generate_key("P-256", private=True)


def nobody(world: World) -> Visitor:
    return next(visitor for visitor in world.visitors if visitor.kind == "anonymous")


@pytest.mark.parametrize("header", [{}, {"kid": "another"}])
def test_the_token_endpoint_does_not_say_which_terminals_there_are(api, world, untouched, key, header):
    def ask(client_id: str) -> Any:
        now_s = int(clock.now().timestamp())
        claims = {"iss": client_id, "sub": client_id, "aud": conf.issuer(), "exp": now_s + 60, "jti": "j"}
        form = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION_TYPE}
        body = "&".join(
            f"{k}={v}" for k, v in (form | {"client_assertion": sign(claims, key, header)}).items()
        )
        return seen(api.post("/v1/auth/token", body, content_type=FORM, headers={"X-Request-Id": REQUEST_ID}))

    active = ids.encode("dev", world.home.names["till_id"])
    registered = world.home.names["device_id"]
    assert ask(active)[0] == 401
    assert ask(active) == ask(registered) == ask(NO_TERMINAL) == ask("nonsense")


def test_an_activation_does_not_say_which_codes_and_serial_numbers_there_are(api, world, key):
    visitor = nobody(world)

    def ask(code: str, serial_number: str) -> Any:
        body = {
            "activation_code": code,
            "public_jwk": key.as_dict(private=False),
            "proof": make_proof(serial_number, key),
        }
        return seen(visitor.call(api, "POST", "/v1/devices/activate", body))

    names = world.home.names
    refusals = [
        ask(names["activation_code"], "SN-NOWHERE"),
        ask("ABCD-EFGH-JKLM", names["serial_number"]),
        ask("ABCD-EFGH-JKLM", "SN-NOWHERE"),
    ]
    assert refusals[0][0] == 403
    assert refusals[0] == refusals[1] == refusals[2]


def test_a_notice_does_not_say_which_payments_there_are(api, world):
    names, partner, visitor = world.home.names, world.owners["partner"], nobody(world)
    intent = f"/v1/payment-intents/{names['intent_id']}"
    assert partner.call(api, "POST", f"{intent}/confirm", {}).status_code == 200
    (attempt,) = partner.call(api, "GET", f"{intent}/attempts").json()["data"]
    answers = [
        seen(
            visitor.call(api, "POST", f"/v1/webhooks/{names['provider']}", {"key": key, "reference": "BANK1"})
        )
        for key in (attempt["provider_key"], "NO-SUCH-KEY")
    ]
    assert answers[0][0] == 200
    assert answers[0] == answers[1]
    assert partner.call(api, "GET", intent).json()["status"] == "requires_capture"


def test_a_label_that_another_tenant_uses_is_free(api, world, untouched):
    faults = []
    labels = {name: world.home.names[name] for name in LABEL_NAMES}
    for kind, path, body in LABELS:
        for visitor in world.visitors:
            if visitor.kind != kind or (
                kind == "partner" and visitor.shares
            ):  # a provider's labels are its own
                continue
            own = visitor.place.names
            answer = visitor.call(api, "POST", path.format(**own), fill(body, own | labels))
            shown = set(traces(answer, world, visitor)) - set(labels.values())
            if answer.status_code != 201 or shown:
                faults.append((path, visitor.name, answer.status_code, shown, answer.content))
    assert not faults, listed(faults)


def test_an_idempotency_key_that_another_tenant_used_is_fresh(api, world, untouched):
    faults = []
    for kind, path, body in LABELS:
        for visitor in world.visitors:
            if visitor.kind != kind:
                continue
            own = visitor.place.names | {
                "serial_number": "SN-NEW",
                "merchant_code": "M-NEW",
                "store_code": "S-NEW",
            }
            answer = visitor.call(
                api, "POST", path.format(**own), fill(body, own), key=world.home.names["key"]
            )
            if answer.status_code != 201 or "Idempotent-Replayed" in answer.headers:
                faults.append((path, visitor.name, answer.status_code, answer.content))
            faults += [(path, visitor.name, trace) for trace in traces(answer, world, visitor)]
    assert not faults, listed(faults)


def test_a_push_for_one_provider_does_not_touch_another(api, world, superuser):
    """A service speaks for every provider, and names one: what belongs to another stays as it is."""
    service, home = world.owners["service"], world.home.names
    stranger = nobody(world).place.names
    before = contents(superuser, home)

    def push(merchant_id: int, store_id: int) -> list[tuple[str, str]]:
        new = {"name": "Taken over", "version": 99}
        config = {"provider_name": home["provider"], "merchant_id": "X", "api_key_encrypted": "x"}
        store = new | {
            "store_id": store_id,
            "store_code": "S",
            "provider_configs": [config | {"enabled": True, "version": 99}],
        }
        merchant = new | {"merchant_id": merchant_id, "merchant_code": "M", "stores": [store]}
        body = {"client_partner_id": stranger["psp_id"], "merchants": [merchant]}
        answer = service.call(api, "POST", "/v1/sync/merchants", body)
        assert answer.status_code == 200, answer.content
        return [(result["kind"], result["result"]) for result in answer.json()["results"]]

    assert push(home["merchant_id"], home["store_id"]) == [("merchant", "refused")]
    assert push(stranger["merchant_id"], home["store_id"]) == [("merchant", "applied"), ("store", "refused")]
    assert contents(superuser, home) == before


def test_pages_for_everybody_show_nobodys_data(api, world, untouched):
    visitor = nobody(world)
    for owner in world.owners.values():  # what metrics and caches might remember
        owner.call(api, "GET", f"/v1/orders/{world.home.names['order_id']}")
    for page in sorted(PAGES):
        answer = visitor.call(api, "GET", f"/{page}")
        assert traces(answer, world, visitor) == [], page
