"""Who calls while fuzzing: a terminal, a PSP's server, a customer's page, people and a service, with valid credentials."""

import itertools
import json
import secrets
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from joserfc import jwt
from joserfc.jwk import ECKey
from schemathesis import Case

from kernel import ids, signing
from simulator.terminal.client import Terminal
from simulator.terminal.fleet import Fleet
from tests.fuzzing.people import People
from tests.portal.apks import PACKAGE, SIGNER, apk

# What people do to their own account; whoever does it may lose it.
OWN = "/v1/auth/"
ENDING = ("/v1/auth/logout", "/v1/auth/sessions/", "/v1/auth/password")
# These can end what the callers live on; aimed at it, they go to its twin.
HURTFUL = frozenset(
    {
        *("merchants_update", "stores_update", "provider_configs_update"),
        *("devices_suspend", "devices_revoke", "devices_replace", "devices_kill"),
        *("psps_update", "login_policies_set", "api_keys_revoke", "api_keys_roll", "users_update"),
        *("users_delete", "users_end_sessions", "memberships_withdraw"),
    }
)
ELSEWHERE = 2**30
LIFE_S = 60
MISSING = 404


class Callers:
    """The demo's PSP, with a store and a terminal of its own and a twin of each that may come to harm."""

    kinds = frozenset({"device", "partner", "intent", "person", "service"})

    def __init__(self, demo: dict[str, Any], mails: Path) -> None:
        self._demo = demo
        self._people = People(demo, mails)
        self._turns = itertools.count()
        self._api = requests.Session()
        self._api.trust_env = False
        with Fleet(demo) as fleet:
            own, twin = (fleet.add_terminal(fleet.open_store()) for _ in range(2))
        self._terminal = Terminal(own)
        self._device = own["device"]
        self._client_secrets: dict[str, str] = {}
        self._own_app: dict[str, Any] = {}
        self._rollout = ""
        self._store_id = own["store_id"]
        by_qr = {"method": "qr_code", "provider": None}
        place = {"merchant_id": demo["merchant_id"], "store_id": own["store_id"], "currency": "THB"}
        self._sales: dict[str, dict[str, Any]] = {
            "payment_intents_create": place | by_qr | {"capture_method": "automatic", "metadata": {}},
            "payment_intents_confirm": by_qr,
            "payments_create": by_qr | {"tendered": None, "amount": 100},
            "sales_create": {"currency": "THB", "tip": 100, "payment": {"method": "cash"}},
        }
        self._wishes: dict[str, Callable[[], dict[str, Any]]] = {
            "memberships_grant": self._people.auditor,
            "roles_create": self._people.role,
            "invitations_create": self._people.invitation,
            "impersonations_request": self._people.impersonation,
            "api_keys_create": self._people.key,
            "psps_create": self._people.psp,
        }
        self._twins: dict[str, dict[str, Any]] = {
            "merchant_id": {str(demo["merchant_id"]): ELSEWHERE},
            "store_id": {str(place["store_id"]): twin["store_id"] for place in (own, demo)},
            "device_id": {place["device"]["device_id"]: twin["device"]["device_id"] for place in (own, demo)},
            "psp_id": {str(demo["psp"]["id"]): ELSEWHERE},
            "user_id": {str(each): ELSEWHERE for each in (self._people.operator_id, self._people.guest_id)},
            "api_key_id": dict.fromkeys(self._people.keys, ids.encode("key", ids.uuid7())),
        }

    def sign(self, request: requests.PreparedRequest, *, kind: str) -> requests.PreparedRequest:
        """Put the credentials of one of `kinds` on a request that is ready to be sent."""
        if kind == "service":
            request.headers.update(self._signature(request))
        else:
            request.headers["Authorization"] = f"Bearer {self._token(request, kind=kind)}"
        return request

    def finds(self, request: requests.PreparedRequest) -> bool:
        """Whether the operator, who sees everything, finds what a request of another's did not."""
        again = request.copy()
        again.headers["Authorization"] = f"Bearer {self._people.operator_token()}"
        return self._api.send(again, timeout=30).status_code != MISSING

    def spare(self, name: str, case: Case) -> None:
        """Turn a call of the operation `name` away from what the callers live on."""
        if name in HURTFUL:
            for parameter, twins in self._twins.items():
                given = _as_sent(case.path_parameters.get(parameter))
                if given in twins:
                    case.path_parameters[parameter] = twins[given]
        if name == "sync_merchants" and isinstance(case.body, dict):
            for merchant in case.body.get("merchants") or ():
                if isinstance(merchant, dict) and merchant.get("merchant_id") == self._demo["merchant_id"]:
                    merchant["merchant_id"] = ELSEWHERE

    def help(self, name: str, case: Case) -> None:
        """Every other time, make valid data for the operation `name` such that it can succeed. The generator likes to draw
        the same key again; most keys are made fresh.
        """
        turn = next(self._turns)
        if turn % 8 and "Idempotency-Key" in case.headers:
            case.headers["Idempotency-Key"] = uuid.uuid4().hex
        if turn % 2:
            return
        for parameter in case.path_parameters:
            case.path_parameters[parameter] = (
                self._existing(parameter, name) or case.path_parameters[parameter]
            )
        if "If-Match" in case.headers:
            case.headers["If-Match"] = "1"
        if isinstance(case.body, dict):
            case.body |= self._fitting(name)
        elif name == "releases_upload":
            case.body = apk("v2-v3")
        elif name.startswith("webhooks_"):
            case.body = json.dumps(
                {"transactionId": uuid.uuid4().hex, "billPaymentRef1": secrets.token_hex(8)}
            )

    def _existing(self, parameter: str, name: str) -> Any:
        """Something new that the path of the operation `name` can be about; None where any other will do."""
        till = self._terminal
        makers: dict[str, Callable[[], Any]] = {
            "provider": lambda: "scb",
            "intent_id": self._new_intent,
            "order_id": lambda: till.open_order()["id"],
            "bill_id": lambda: till.open_bill()["id"],
            "payment_id": lambda: till.pay_qr(till.open_bill())["id"],
            "device_id": lambda: self._new_device(suspended=name == "devices_resume"),
            "app_id": lambda: self._released()["app_id"],
            "release_id": lambda: self._released()["release_id"],
            "rollout_id": self._new_rollout,
            **self._people.existing(),
        }
        return makers[parameter]() if parameter in makers else None

    def _fitting(self, name: str) -> dict[str, Any]:
        """What only somebody who knows this tenant would send: proofs, and a store that sells in baht by QR code."""
        if name == "auth_token":
            key = ECKey.import_key(self._device["private_jwk"])
            return {"client_assertion": self._statement(key, self._device["client_id"])}
        if name == "devices_activate":
            return self._claim()
        if name == "rollouts_create":
            everybody: dict[str, Any] = {"merchant_ids": [], "store_ids": [], "group_ids": []}
            return everybody | {"release_id": self._released()["release_id"], "channel": "beta"}
        if name in self._wishes:
            return self._wishes[name]()
        return self._sales.get(name, {})

    def _token(self, request: requests.PreparedRequest, *, kind: str) -> str:
        """A page holds the secret of one payment intent; where it is about another, the PSP's server calls."""
        if kind == "device":
            return self._terminal.tokens.current()
        if kind == "person":
            return self._person_token(request)
        named = [part for part in urlsplit(request.url or "").path.split("/") if part in self._client_secrets]
        return self._client_secrets[named[0]] if kind == "intent" and named else self._demo["psp"]["api_key"]

    def _person_token(self, request: requests.PreparedRequest) -> str:
        """The guest's where the account or its session may come to harm."""
        path = urlsplit(request.url or "").path
        if path.startswith(OWN):
            return self._people.guest_token(ends=path.startswith(ENDING))
        return self._people.operator_token()

    def _signature(self, request: requests.PreparedRequest) -> dict[str, str]:
        """The headers of a signed call, over what is really sent."""
        address, timestamp, nonce = urlsplit(request.url or ""), int(time.time()), secrets.token_hex(16)
        body = request.body or b""
        signature = signing.sign(
            self._demo["sync"]["secret"],
            method=request.method or "",
            path=address.path,
            query=address.query,
            timestamp=timestamp,
            nonce=nonce,
            body=body.encode() if isinstance(body, str) else body,
        )
        key_id = self._demo["sync"]["key_id"]
        authorization = signing.authorization(key_id, timestamp=timestamp, signature=signature)
        return {"Authorization": authorization, "X-MPAC-Nonce": nonce}

    def _claim(self) -> dict[str, Any]:
        """What a new terminal sends to be activated."""
        serial_number, key = secrets.token_hex(8), ECKey.generate_key("P-256", {"kid": uuid.uuid4().hex})
        return {
            "activation_code": self._register(serial_number)["activation_code"],
            "public_jwk": key.as_dict(private=False),
            "proof": self._statement(key, serial_number),
        }

    def _new_intent(self) -> str:
        wish = self._sales["payment_intents_create"] | {"amount": 100}
        intent = self._post("/v1/payment-intents", wish)
        self._client_secrets[intent["id"]] = intent["client_secret"]
        return str(intent["id"])

    def _released(self) -> dict[str, Any]:
        """The app that the package of the tests belongs to, and a release of it."""
        if not self._own_app:
            app = self._post("/v1/apps", {"package": PACKAGE, "name": "Till", "signers": [SIGNER]})
            answer = self._api.post(
                f"{self._demo['base_url']}/v1/apps/{app['id']}/releases",
                data=apk("v2"),
                headers={
                    "Authorization": f"Bearer {self._demo['psp']['api_key']}",
                    "Content-Type": "application/vnd.android.package-archive",
                },
                timeout=30,
            )
            answer.raise_for_status()
            self._own_app = {"app_id": app["id"], "release_id": answer.json()["id"]}
        return self._own_app

    def _new_rollout(self) -> str:
        """A rollout of that release; whatever was under way before is halted."""
        if self._rollout:
            self._api.post(
                f"{self._demo['base_url']}/v1/rollouts/{self._rollout}/halt",
                json={},
                headers={"Authorization": f"Bearer {self._demo['psp']['api_key']}"},
                timeout=30,
            )
        release_id = self._released()["release_id"]
        self._rollout = str(self._post("/v1/rollouts", {"release_id": release_id})["id"])
        return self._rollout

    def _new_device(self, *, suspended: bool) -> str:
        """A registered terminal, or one that is active no more."""
        if not suspended:
            return str(self._register(secrets.token_hex(8))["id"])
        with Fleet(self._demo) as fleet:
            device_id = str(fleet.add_terminal(self._store_id)["device"]["device_id"])
        self._post(f"/v1/devices/{device_id}/suspend", {})
        return device_id

    def _register(self, serial_number: str) -> dict[str, Any]:
        name = {"name": "Fuzzed terminal", "serial_number": serial_number}
        return self._post(f"/v1/stores/{self._store_id}/devices", name)

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Something that the PSP's server does in preparation."""
        answer = self._api.post(
            f"{self._demo['base_url']}{path}",
            json=body,
            headers={
                "Authorization": f"Bearer {self._demo['psp']['api_key']}",
                "Idempotency-Key": uuid.uuid4().hex,
            },
            timeout=30,
        )
        answer.raise_for_status()
        return dict(answer.json())

    def _statement(self, key: ECKey, subject: str) -> str:
        """A JWT by which the holder of the key says who it is."""
        now = int(time.time())
        claims = {
            "iss": subject,
            "sub": subject,
            "aud": self._demo["issuer"],
            "iat": now,
            "exp": now + LIFE_S,
            "jti": uuid.uuid4().hex,
        }
        return jwt.encode({"alg": "ES256", "kid": key.as_dict(private=False)["kid"]}, claims, key)


def _as_sent(value: Any) -> str:
    """A parameter as an address names it; to JSON Schema 1.0 is an integer, too."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
