"""Adyen's notices: one item each, signed over eight of its fields with the decoded key."""

import base64
import hmac
from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256
from secrets import token_hex
from typing import Any

from simulator.houses import House, Notice, unsigned
from simulator.merchants import Merchant, Merchants
from simulator.truth import Charge, Dispute, Refund, Truth

_DISPUTES = {
    "opened": "NOTIFICATION_OF_CHARGEBACK",
    "under_review": "CHARGEBACK",
    "won": "CHARGEBACK_REVERSED",
    "lost": "SECOND_CHARGEBACK",
}


class AdyenHouse(House):
    """How Adyen names a payment and tells its merchants."""

    name = "adyen"

    def __init__(self, truth: Truth, merchants: Merchants, clock: Callable[[], datetime]) -> None:
        self._truth, self._merchants, self._clock = truth, merchants, clock

    def payment_reference(self, charge: Charge, *, now: datetime) -> str:
        """The payment's reference, which it keeps when it is captured."""
        return charge.provider_reference or psp_reference()

    def news(self, charge: Charge) -> Notice | None:
        """The notice about a charge's new state."""
        if charge.status == "voided":
            kind = charge.details.get("cancelled_by", "CANCELLATION")
            return self.modified(charge, kind=kind, reference=charge.details["cancellation"])
        if charge.status == "paid" and charge.details.get("holds"):
            reference = charge.details["capture"]
            return self.modified(charge, kind="CAPTURE", reference=reference, amount=charge.amount)
        succeeded = charge.status in ("authorized", "paid")
        return self._notice(
            charge, kind="AUTHORISATION", psp=str(charge.provider_reference), succeeded=succeeded
        )

    def modified(
        self, charge: Charge, *, kind: str, reference: str, amount: int | None = None, **more: Any
    ) -> Notice | None:
        """The notice about a capture, a cancellation or a refund."""
        original = str(charge.provider_reference)
        return self._notice(charge, kind=kind, psp=reference, original=original, amount=amount, **more)

    def not_found(self, wanted: str, *, key: str, account: str, psp: str) -> Notice | None:
        """The notice about a cancellation of a payment that there is not: it names no original, and no amount."""
        nothing = Charge(
            number=0,
            provider=self.name,
            account=key,
            reference=wanted,
            amount=0,
            currency="EUR",
            created_at=self._clock(),
            details={"merchant_account": account, "merchant_reference": wanted},
        )
        return self._notice(nothing, kind="TECHNICAL_CANCEL", psp=psp, succeeded=False)

    def refund_news(self, refund: Refund) -> Notice | None:
        """The notice about a refund's new state."""
        return self.modified(
            self._truth.charge_of(refund),
            kind="REFUND_FAILED" if refund.status == "reversed" else "REFUND",
            reference=refund.provider_reference,
            amount=refund.amount,
            own_reference=refund.reference,
            succeeded=refund.status != "failed",
        )

    def dispute_news(self, dispute: Dispute) -> Notice | None:
        """The notice about a dispute's new state."""
        return self.modified(
            self._truth.charge_of(dispute),
            kind=_DISPUTES[dispute.status],
            reference=dispute.provider_reference.removeprefix("dp_")[:16].upper(),
            amount=dispute.amount,
        )

    def _notice(
        self,
        charge: Charge,
        *,
        kind: str,
        psp: str,
        original: str = "",
        amount: int | None = None,
        own_reference: str | None = None,
        succeeded: bool = True,
    ) -> Notice | None:
        merchant = self._merchants.find(provider=self.name, key=charge.account)
        if merchant is None:
            return None
        value = charge.asked if amount is None else amount
        item = {
            "additionalData": {},
            "amount": {"currency": charge.currency, "value": value},
            "eventCode": kind,
            "eventDate": self._clock().isoformat(timespec="seconds"),
            "merchantAccountCode": charge.details["merchant_account"],
            "merchantReference": charge.details["merchant_reference"]
            if own_reference is None
            else own_reference,
            "originalReference": original,
            "paymentMethod": "visa",
            "pspReference": psp,
            "reason": "" if succeeded else "Refused",
            "success": "true" if succeeded else "false",
        }
        signed = {**item, "additionalData": _signature(item, merchant)}
        return Notice(
            provider=self.name,
            reference=f"{kind}:{psp}",
            url=merchant.webhook_url,
            payload={"live": "false", "notificationItems": [{"NotificationRequestItem": signed}]},
            headers=unsigned,
            accepted=lambda status, answer: status in (200, 202) and answer.get("text") == "[accepted]",
        )


def psp_reference() -> str:
    """A new reference: sixteen characters, never given again, also after the books were emptied."""
    return token_hex(8).upper()


def _signature(item: Mapping[str, Any], merchant: Merchant) -> dict[str, str]:
    """The signature with the newest key; there is only one, also while keys are rotated."""
    if not merchant.webhook_secrets:
        return {}
    amount = item["amount"]
    names = ("pspReference", "originalReference", "merchantAccountCode", "merchantReference")
    fields = [*(item[name] for name in names), str(amount["value"]), amount["currency"]]
    message = ":".join([*fields, item["eventCode"], item["success"]]).encode()
    key = bytes.fromhex(merchant.webhook_secrets[0])
    return {"hmacSignature": base64.b64encode(hmac.new(key, message, sha256).digest()).decode()}
