"""More stores and terminals than the demo file has: set up by the PSP's server with its API key, as a partner would.

The terminals make their own keys; no private key leaves this process.
"""

import secrets
import time
import uuid
from types import TracebackType
from typing import Any, Self

import httpx2
from joserfc import jwt
from joserfc.jwk import ECKey

from simulator.terminal.client import Terminal
from simulator.terminal.errors import Refused
from simulator.terminal.tokens import problem_of

BILLER_ID = "010556000000001"
PROOF_LIFE_S = 120


class Fleet:
    """What the demo's PSP sets up at the demo's merchant. Use as a context manager."""

    def __init__(
        self, demo: dict[str, Any], *, timeout_s: float = 30.0, transport: httpx2.BaseTransport | None = None
    ) -> None:
        self._demo, self._timeout_s, self._transport = demo, timeout_s, transport
        self._http = httpx2.Client(
            base_url=demo["base_url"], timeout=timeout_s, transport=transport, trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def open_store(self) -> int:
        """A store with an SCB account; its id. Raises Refused."""
        code = f"S-{secrets.token_hex(6).upper()}"
        body = {"merchant_id": self._demo["merchant_id"], "code": code, "name": f"Store {code}"}
        store_id = int(self._post("/v1/stores", body)["id"])
        account = {
            "provider": "scb",
            "account": {"biller_id": BILLER_ID},
            "credentials": {"api_key": secrets.token_hex(16), "api_secret": secrets.token_hex(32)},
        }
        self._post(f"/v1/stores/{store_id}/provider-configs", account)
        return store_id

    def add_terminal(self, store_id: int) -> dict[str, Any]:
        """Register and activate a terminal at the store; its own demo file. Raises Refused."""
        serial_number = f"SN-{secrets.token_hex(8)}"
        wanted = {"name": "Virtual terminal", "model": "virtual", "serial_number": serial_number}
        registered = self._post(f"/v1/stores/{store_id}/devices", wanted)
        key = ECKey.generate_key("P-256", {"kid": uuid.uuid4().hex})
        claim = {
            "activation_code": registered["activation_code"],
            "public_jwk": key.as_dict(private=False),
            "proof": self._proof(key, serial_number),
        }
        activated = self._post("/v1/devices/activate", claim, authorized=False)
        device = {
            "device_id": activated["device_id"],
            "client_id": activated["client_id"],
            "private_jwk": key.as_dict(private=True),
        }
        return self._demo | {"store_id": store_id, "device": device}

    def terminal(self, store_id: int) -> Terminal:
        """A new terminal of the store, ready to sell."""
        return Terminal(self.add_terminal(store_id), timeout_s=self._timeout_s, transport=self._transport)

    def _proof(self, key: ECKey, serial_number: str) -> str:
        """The new key's own statement about which terminal holds it."""
        now = int(time.time())
        claims = {
            "iss": serial_number,
            "sub": serial_number,
            "aud": self._demo["issuer"],
            "iat": now,
            "exp": now + PROOF_LIFE_S,
            "jti": uuid.uuid4().hex,
        }
        return jwt.encode({"alg": "ES256", "kid": key.as_dict(private=False)["kid"]}, claims, key)

    def _post(self, path: str, body: dict[str, Any], *, authorized: bool = True) -> dict[str, Any]:
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        if authorized:
            headers["Authorization"] = f"Bearer {self._demo['psp']['api_key']}"
        answer = self._http.post(path, json=body, headers=headers)
        if not answer.is_success:
            raise Refused(call=f"POST {path}", status=answer.status_code, problem=problem_of(answer))
        return dict(answer.json())
