"""A service that signs its calls, well or not."""

import secrets
from typing import Any

import msgspec
from django.conf import settings

from kernel import clock, signing

KEY_ID = "svc-test"


class Service:
    """Calls with `Authorization: HMAC-SHA256`; every part of a call can be made wrong."""

    def __init__(self, http: Any) -> None:
        self.http = http

    def call(self, method: str, path: str, body: Any = None, **wrong: Any) -> Any:
        """Sign and send. `body` is JSON, or bytes as they are; `sent_body`, `sent_path` go out instead of what was signed."""
        raw = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
        nonce = wrong.get("nonce", secrets.token_hex(16))
        timestamp = int(clock.now().timestamp()) + wrong.get("late_s", 0)
        secret = wrong.get("secret", settings.MPAC_SERVICE_KEYS[KEY_ID][0])
        bare_path, _, query = path.partition("?")
        signature = signing.sign(
            secret, method=method, path=bare_path, query=query, timestamp=timestamp, nonce=nonce, body=raw
        )
        headers = {
            "Authorization": wrong.get(
                "authorization",
                signing.authorization(wrong.get("key_id", KEY_ID), timestamp=timestamp, signature=signature),
            ),
            "X-MPAC-Nonce": wrong.get("sent_nonce", nonce),
        }
        return self.http.generic(
            wrong.get("sent_method", method),
            wrong.get("sent_path", path),
            wrong.get("sent_body", raw),
            content_type=wrong.get("content_type", "application/json"),
            headers={name: value for name, value in headers.items() if value is not None},
        )

    def get(self, path: str, **wrong: Any) -> Any:
        return self.call("GET", path, **wrong)

    def post(self, path: str, body: Any, **wrong: Any) -> Any:
        return self.call("POST", path, body, **wrong)
