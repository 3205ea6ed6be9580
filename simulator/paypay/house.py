"""PayPay's notices about payments: unsigned, and accepted by any success."""

from datetime import datetime
from secrets import randbelow
from typing import Any

from simulator.houses import House, Notice, any_success, unsigned
from simulator.merchants import Merchants
from simulator.paypay.objects import payment_status
from simulator.truth import Charge

_TIMES = {"AUTHORIZED": "authorized_at", "COMPLETED": "paid_at", "EXPIRED": "expires_at"}


class PayPayHouse(House):
    """How PayPay names a payment and tells its merchants. It gives back into a wallet of its own, for good."""

    name = "paypay"
    refunds_come_back = False

    def __init__(self, merchants: Merchants) -> None:
        self._merchants = merchants

    def payment_reference(self, charge: Charge, *, now: datetime) -> str:
        """The payment's id, which it has from the beginning."""
        return charge.provider_reference or payment_id()

    def news(self, charge: Charge) -> Notice | None:
        """The notice about a payment's new state."""
        merchant = self._merchants.find(provider=self.name, key=charge.account)
        if merchant is None:
            return None
        state = payment_status(charge)
        payload: dict[str, Any] = {
            "notification_type": "Transaction",
            "merchant_id": merchant.key,
            "store_id": "",
            "pos_id": "",
            "order_id": charge.provider_reference,
            "merchant_order_id": charge.reference,
            "state": state,
            "order_amount": str(charge.amount),
            "paid_at": None,
            "authorized_at": None,
            "expires_at": None,
        }
        if state in _TIMES:
            payload[_TIMES[state]] = (charge.paid_at or charge.created_at).isoformat(timespec="seconds")
        return Notice(
            provider=self.name,
            reference=str(charge.provider_reference),
            url=merchant.webhook_url,
            payload=payload,
            headers=unsigned,
            accepted=any_success,
        )


def payment_id() -> str:
    """A new payment's id: twenty digits."""
    return f"{randbelow(10**20):020d}"
