"""SCB's payment confirmations: unsigned, accepted by 200 with `resCode` 00."""

from datetime import datetime
from http import HTTPStatus
from typing import Any

from simulator.houses import House, Notice, unsigned
from simulator.scb.protocol import confirmation, transaction_id
from simulator.truth import Charge


class ScbHouse(House):
    """How SCB names a payment and tells its merchant."""

    name = "scb"

    def __init__(self, *, url: str) -> None:
        self._url = url

    def payment_reference(self, charge: Charge, *, now: datetime) -> str:
        """A new transaction's id."""
        return transaction_id(now)

    def news(self, charge: Charge) -> Notice:
        """The payment confirmation."""
        payload = confirmation(charge)
        return Notice(
            provider=self.name,
            reference=payload["transactionId"],
            url=self._url,
            payload=payload,
            headers=unsigned,
            accepted=_accepted,
        )


def _accepted(status: int, answer: dict[str, Any]) -> bool:
    return status == HTTPStatus.OK and answer.get("resCode") == "00"
