"""Omise's events: signed with the decoded secret over the time and the body, in hexadecimal."""

import base64
import hmac
from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256
from secrets import token_hex
from typing import Any

from simulator.houses import House, Notice, any_success
from simulator.merchants import Merchant, Merchants
from simulator.omise.objects import charge_object, dispute_object, refund_object, rfc3339
from simulator.truth import Charge, Dispute, Refund, Truth

_EVENTS = {
    "pending": "charge.create",
    "authorized": "charge.complete",
    "paid": "charge.complete",
    "failed": "charge.complete",
    "voided": "charge.reverse",
}
_DISPUTE_EVENTS = {
    "opened": "dispute.create",
    "under_review": "dispute.update",
    "won": "dispute.close",
    "lost": "dispute.close",
}


class OmiseHouse(House):
    """How Omise names a payment and tells its merchants."""

    name = "omise"

    def __init__(self, truth: Truth, merchants: Merchants, clock: Callable[[], datetime]) -> None:
        self._truth, self._merchants, self._clock = truth, merchants, clock

    def payment_reference(self, charge: Charge, *, now: datetime) -> str:
        """The charge's id, which it has from the beginning."""
        return charge.provider_reference or f"chrg_test_{token_hex(10)}"

    def news(self, charge: Charge) -> Notice | None:
        """The event about a charge's new state."""
        kind = _EVENTS[charge.status]
        if charge.status == "paid" and charge.details.get("holds"):
            kind = "charge.capture"
        if charge.status == "voided" and not charge.details.get("holds"):
            kind = "charge.expire"
        about = charge_object(charge, refunds=self._truth.refunds(of=charge))
        return self._event(charge, kind=kind, about=about)

    def refund_news(self, refund: Refund) -> Notice | None:
        """The event about a refund."""
        charge = self._truth.charge_of(refund)
        return self._event(charge, kind="refund.create", about=refund_object(refund, charge))

    def dispute_news(self, dispute: Dispute) -> Notice | None:
        """The event about a dispute's new state."""
        charge = self._truth.charge_of(dispute)
        about = dispute_object(dispute, charge)
        return self._event(charge, kind=_DISPUTE_EVENTS[dispute.status], about=about)

    def _event(self, charge: Charge, *, kind: str, about: dict[str, Any]) -> Notice | None:
        merchant = self._merchants.find(provider=self.name, key=charge.account)
        if merchant is None:
            return None
        event_id = f"evnt_test_{token_hex(10)}"
        payload = {
            "object": "event",
            "id": event_id,
            "livemode": False,
            "location": f"/events/{event_id}",
            "webhook_deliveries": [],
            "key": kind,
            "created_at": rfc3339(self._clock()),
            "data": about,
        }
        return Notice(
            provider=self.name,
            reference=event_id,
            url=charge.details.get("webhook_endpoint") or merchant.webhook_url,
            payload=payload,
            headers=lambda body: self._signed(merchant, body),
            accepted=any_success,
        )

    def _signed(self, merchant: Merchant, body: bytes) -> Mapping[str, str]:
        """One signature per secret in force, comma-separated."""
        now = str(int(self._clock().timestamp()))
        message = now.encode() + b"." + body
        keys = [base64.b64decode(secret) for secret in merchant.webhook_secrets]
        signatures = [hmac.new(key, message, sha256).hexdigest() for key in keys]
        return {"omise-signature": ",".join(signatures), "omise-signature-timestamp": now}
