"""What the simulator needs to know about a provider to let its customers pay and to tell its merchants."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from simulator.truth import Charge, Dispute, Refund


@dataclass(frozen=True, kw_only=True)
class Notice:
    """A provider's call to the merchant's server. `headers` signs the body anew for every delivery."""

    provider: str
    reference: str
    url: str
    payload: dict[str, Any]
    headers: Callable[[bytes], Mapping[str, str]]
    accepted: Callable[[int, dict[str, Any]], bool]


class House:
    """One provider's way of doing what all of them do. Whoever tells nothing of a kind of news keeps the default."""

    name: str
    refunds_come_back = True  # the payer's bank may be unable to book one

    def payment_reference(self, charge: Charge, *, now: datetime) -> str:
        """The provider's reference of a payment made now."""
        raise NotImplementedError

    def news(self, charge: Charge) -> Notice | None:
        """What the merchant is told about a charge as it stands now; None when there is nobody to tell."""
        raise NotImplementedError

    def refund_news(self, _refund: Refund) -> Notice | None:
        """What the merchant is told about a refund as it stands now."""
        return None

    def dispute_news(self, _dispute: Dispute) -> Notice | None:
        """What the merchant is told about a dispute as it stands now."""
        return None


def unsigned(_body: bytes) -> Mapping[str, str]:
    """The headers of a provider that signs nothing."""
    return {}


def any_success(status: int, _answer: dict[str, Any]) -> bool:
    """How most providers take an answer: any 2xx will do."""
    return 200 <= status < 300  # noqa: PLR2004 - the range of HTTP's successes
