"""PayPal's events: signed with its certificate over the id of the merchant's webhook, anew for every delivery."""

from collections.abc import Callable
from datetime import datetime
from secrets import token_hex
from typing import Any

from simulator.houses import House, Notice, any_success
from simulator.merchants import Merchants
from simulator.paypal.objects import (
    authorization_object,
    capture_object,
    dispute_object,
    new_id,
    order_object,
    refund_object,
)
from simulator.paypal.signing import sign
from simulator.truth import Charge, Dispute, Refund, Truth

_REFUND_EVENTS = {"pending": "PAYMENT.REFUND.PENDING", "done": "PAYMENT.CAPTURE.REFUNDED"}


class PayPalHouse(House):
    """How PayPal names a payment and tells its merchants. What went back into an account stays there."""

    name = "paypal"
    refunds_come_back = False

    def __init__(self, truth: Truth, merchants: Merchants, clock: Callable[[], datetime]) -> None:
        self._truth, self._merchants, self._clock = truth, merchants, clock

    def payment_reference(self, _charge: Charge, *, now: datetime) -> str:
        """A new capture's id."""
        return new_id()

    def news(self, charge: Charge) -> Notice | None:
        """The event about an order's last step."""
        match charge.status:
            case "agreed":
                return self._event(charge, "CHECKOUT.ORDER.APPROVED", order_object(charge))
            case "authorized":
                return self._event(charge, "PAYMENT.AUTHORIZATION.CREATED", authorization_object(charge))
            case "paid":
                about = capture_object(charge, str(charge.provider_reference))
                return self._event(charge, "PAYMENT.CAPTURE.COMPLETED", about)
            case "voided" if charge.details.get("authorization"):
                return self._event(charge, "PAYMENT.AUTHORIZATION.VOIDED", authorization_object(charge))
        return None

    def refund_news(self, refund: Refund) -> Notice | None:
        """The event about a refund's new state."""
        charge = self._truth.charge_of(refund)
        kind = _REFUND_EVENTS.get(refund.status, "PAYMENT.REFUND.FAILED")
        return self._event(charge, kind, refund_object(refund, charge))

    def dispute_news(self, dispute: Dispute) -> Notice | None:
        """The event about a dispute's new state."""
        charge = self._truth.charge_of(dispute)
        kind, about = dispute_object(dispute, charge)
        return self._event(charge, kind, about)

    def _event(self, charge: Charge, kind: str, about: dict[str, Any]) -> Notice | None:
        merchant = self._merchants.find(provider=self.name, key=charge.account)
        if merchant is None or not merchant.webhook_secrets:
            return None
        event_id = f"WH-{token_hex(8).upper()}-{token_hex(8).upper()}"
        payload = {
            "id": event_id,
            "event_version": "1.0",
            "create_time": self._clock().strftime("%Y-%m-%dT%H:%M:%SZ"),
            "resource_type": kind.split(".")[1].lower(),
            "event_type": kind,
            "resource": about,
        }
        base, webhook = charge.details["base"], merchant.webhook_secrets[0]
        return Notice(
            provider=self.name,
            reference=event_id,
            url=merchant.webhook_url,
            payload=payload,
            headers=lambda body: sign(body, webhook=webhook, base=base, at=self._clock()),
            accepted=any_success,
        )
