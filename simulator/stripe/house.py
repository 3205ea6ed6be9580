"""Stripe's events: signed with the whole `whsec_...` text over the time and the body, anew for every delivery."""

import hmac
from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256
from secrets import token_hex
from typing import Any

from simulator.houses import House, Notice, any_success
from simulator.merchants import Merchant, Merchants
from simulator.stripe.objects import dispute_object, intent_object, refund_object
from simulator.truth import Charge, Dispute, Refund, Truth

API_VERSION = "2026-10-28.endive"
_EVENTS = {
    "pending": "payment_intent.created",
    "authorized": "payment_intent.amount_capturable_updated",
    "paid": "payment_intent.succeeded",
    "failed": "payment_intent.payment_failed",
    "voided": "payment_intent.canceled",
}
_REFUND_EVENTS = {
    "pending": "refund.created",
    "done": "refund.updated",
    "failed": "refund.failed",
    "reversed": "refund.failed",
}
_DISPUTE_EVENTS = {
    "opened": "charge.dispute.created",
    "under_review": "charge.dispute.updated",
    "won": "charge.dispute.closed",
    "lost": "charge.dispute.closed",
}


class StripeHouse(House):
    """How Stripe names a payment and tells its merchants."""

    name = "stripe"

    def __init__(self, truth: Truth, merchants: Merchants, clock: Callable[[], datetime]) -> None:
        self._truth, self._merchants, self._clock = truth, merchants, clock

    def payment_reference(self, charge: Charge, *, now: datetime) -> str:
        """The payment intent's id, which it has from the beginning."""
        return charge.provider_reference or f"pi_{token_hex(12)}"

    def news(self, charge: Charge) -> Notice | None:
        """The event about a payment intent's new state."""
        return self._event(charge, kind=_EVENTS[charge.status], about=intent_object(charge))

    def refund_news(self, refund: Refund) -> Notice | None:
        """The event about a refund's new state."""
        charge = self._truth.charge_of(refund)
        return self._event(charge, kind=_REFUND_EVENTS[refund.status], about=refund_object(refund, charge))

    def dispute_news(self, dispute: Dispute) -> Notice | None:
        """The event about a dispute's new state."""
        charge = self._truth.charge_of(dispute)
        about = dispute_object(dispute, charge)
        return self._event(charge, kind=_DISPUTE_EVENTS[dispute.status], about=about)

    def _event(self, charge: Charge, *, kind: str, about: dict[str, Any]) -> Notice | None:
        merchant = self._merchants.find(provider=self.name, key=charge.account)
        if merchant is None:
            return None
        event_id = f"evt_{token_hex(12)}"
        payload = {
            "id": event_id,
            "object": "event",
            "api_version": API_VERSION,
            "created": int(self._clock().timestamp()),
            "data": {"object": about},
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
            "type": kind,
        }
        return Notice(
            provider=self.name,
            reference=event_id,
            url=merchant.webhook_url,
            payload=payload,
            headers=lambda body: self._signed(merchant, body),
            accepted=any_success,
        )

    def _signed(self, merchant: Merchant, body: bytes) -> Mapping[str, str]:
        """One signature per secret in force; `v0` is a scheme of tests, which nobody may take for a signature."""
        now = int(self._clock().timestamp())
        message = f"{now}.".encode() + body
        signatures = [
            f"v1={hmac.new(secret.encode(), message, sha256).hexdigest()}"
            for secret in merchant.webhook_secrets
        ]
        return {"stripe-signature": ",".join([f"t={now}", *signatures, f"v0={'0' * 64}"])}
