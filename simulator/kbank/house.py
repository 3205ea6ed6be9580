"""KBank's callbacks: unsigned, about payments only, accepted by 200 with `statusCode` 00."""

from datetime import datetime, timedelta, timezone
from http import HTTPStatus
from secrets import randbelow
from typing import Any

from simulator.houses import House, Notice, unsigned
from simulator.merchants import Merchants
from simulator.truth import Charge

BANGKOK = timezone(timedelta(hours=7))


class KBankHouse(House):
    """How KBank names a payment and tells its partners. What it voids has not been settled, so nothing comes back."""

    name = "kbank"
    refunds_come_back = False

    def __init__(self, merchants: Merchants) -> None:
        self._merchants = merchants

    def payment_reference(self, charge: Charge, *, now: datetime) -> str:
        """A new transaction's number."""
        return f"{now.astimezone(BANGKOK):%Y%m%d}{randbelow(10**7):07d}"

    def news(self, charge: Charge) -> Notice | None:
        """The payment notification."""
        partner = self._merchants.find(provider=self.name, key=charge.account)
        if partner is None or charge.status != "paid":
            return None
        payload: dict[str, Any] = {
            "partnerTxnUid": charge.reference,
            "partnerId": charge.account,
            "statusCode": "00",
            "errorCode": None,
            "errorDesc": None,
            "merchantId": charge.biller_id,
            "txnAmount": charge.amount / 100,  # a JSON number, as the bank writes it
            "txnCurrencyCode": charge.currency,
            "loyaltyId": None,
            "txnNo": charge.provider_reference,
            "additionalInfo": None,
        }
        return Notice(
            provider=self.name,
            reference=str(charge.provider_reference),
            url=partner.webhook_url,
            payload=payload,
            headers=unsigned,
            accepted=_accepted,
        )


def _accepted(status: int, answer: dict[str, Any]) -> bool:
    return status == HTTPStatus.OK and answer.get("statusCode") == "00"
