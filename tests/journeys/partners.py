"""A partner's server that takes money at the second demonstration store, which has an account at every provider."""

import uuid
from functools import partial

import httpx2

from tests.journeys.conftest import until

WAIT_S = 120
INTENTS = "/v1/payment-intents"


class Partner:
    """A partner's server. What was not answered it repeats under the same idempotency key."""

    def __init__(self, platform) -> None:
        self.platform = platform
        self.http = httpx2.Client(
            base_url=platform.demo["base_url"],
            headers={"Authorization": f"Bearer {platform.demo['psp']['api_key']}"},
            timeout=30,
            trust_env=False,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_error) -> None:
        self.http.close()

    def ask(self, path, body, *, key):
        """The object that was made, or None when the call was cut off or is still running."""
        try:
            answer = self.http.post(path, json=body, headers={"Idempotency-Key": key})
        except httpx2.TransportError:
            return None
        assert answer.is_success or answer.status_code in (409, 503), answer.text
        return answer.json() if answer.is_success else None

    def make(self, path, body, *, key=None):
        """The object that was made, after as many repetitions as it takes."""
        return until(partial(self.ask, path, body, key=key or str(uuid.uuid4())), timeout_s=WAIT_S)

    def get(self, path, **query):
        """What stands there, or None while nobody answers."""
        try:
            answer = self.http.get(path, params=query)
        except httpx2.TransportError:
            return None
        return answer.json() if answer.is_success else None

    def list(self, path, **query):
        """The rows of a short list, newest first."""
        page = until(partial(self.get, path, limit=200, **query), timeout_s=WAIT_S)
        assert page["next_cursor"] is None
        return page["data"]

    def wanted(self, amount, **kind):
        """The body of an intent that is tried at once."""
        return {
            "amount": amount,
            "merchant_id": self.platform.demo["merchant_id"],
            "store_id": self.platform.demo["providers"]["store_id"],
            "method": "qr_code",
            "confirm": True,
            **kind,
        }
