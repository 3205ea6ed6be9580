"""Money that goes back: refunds by the merchant's call, refunds that the payer's bank sends back, and disputes."""

from collections.abc import Mapping
from http import HTTPStatus
from secrets import token_hex
from typing import Any, Literal

from simulator.answers import Refused
from simulator.callbacks import Callbacks, Pause
from simulator.customer import Clock, Customer
from simulator.houses import House
from simulator.scripts import CALLBACKS, Behaviour
from simulator.truth import Charge, Dispute, Refund, Truth

Step = Literal["opened", "under_review", "won", "lost"]
STEPS: tuple[Step, ...] = ("opened", "under_review", "won", "lost")


class Returns:
    """Gives back and takes back; every step is told to the merchant."""

    def __init__(
        self,
        *,
        truth: Truth,
        houses: Mapping[str, House],
        customer: Customer,
        callbacks: Callbacks,
        clock: Clock,
        pause: Pause,
        late_s: float,
    ) -> None:
        self._truth, self._houses, self._customer = truth, houses, customer
        self._callbacks, self._clock, self._pause, self._late_s = callbacks, clock, pause, late_s

    def left(self, charge: Charge) -> int:
        """What of a paid charge can still be given back."""
        if charge.status != "paid":
            return 0
        given = (each.amount for each in self._truth.refunds(of=charge) if each.status in ("pending", "done"))
        return charge.amount - sum(given)

    def give_back(
        self,
        charge: Charge,
        *,
        amount: int,
        reference: str,
        provider_reference: str,
        behaviour: Behaviour,
        details: dict[str, Any],
    ) -> Refund:
        """Give money back, now or some seconds later."""
        refund = Refund(
            number=self._truth.next_refund_number(),
            provider=charge.provider,
            charge=charge.number,
            reference=reference,
            provider_reference=provider_reference,
            amount=amount,
            currency=charge.currency,
            created_at=self._clock(),
            details=details,
        )
        self._truth.give_back(refund)
        how = behaviour if behaviour in CALLBACKS else Behaviour.OK
        if behaviour is Behaviour.LATE_SUCCESS:
            self._callbacks.start(self._finish_late(refund))
        else:
            self._finish(refund, how=how)
        return refund

    def send_back(self, *, provider: object, provider_reference: object) -> Refund:
        """The payer's bank could not book a refund, and the money is the merchant's again. Raises Refused."""
        if not isinstance(provider, str) or not isinstance(provider_reference, str):
            raise Refused("provider and provider_reference are texts", code="refund_unknown")
        refund = self._truth.find_refund(provider=provider, provider_reference=provider_reference)
        if refund is None or refund.status not in ("pending", "done"):
            raise Refused("no such refund on its way", code="refund_unknown", status=HTTPStatus.NOT_FOUND)
        if refund.status == "done" and not self._houses[provider].refunds_come_back:
            raise Refused("this refund is final", code="refund_final", status=HTTPStatus.CONFLICT)
        refund.status = "reversed" if refund.status == "done" else "failed"
        self._truth.give_back(refund)
        self._customer.tell(self._houses[provider].refund_news(refund), how=Behaviour.OK)
        return refund

    def complain(
        self, *, provider: object, provider_reference: object, status: object, reason: object
    ) -> Dispute:
        """The payer disputes a payment at their bank, or the bank decides about it. Raises Refused."""
        if not isinstance(provider, str) or not isinstance(provider_reference, str):
            raise Refused("provider and provider_reference are texts", code="charge_unknown")
        charge = self._truth.find_known(provider=provider, provider_reference=provider_reference)
        if charge is None or charge.status != "paid":
            raise Refused("no such payment", code="charge_unknown", status=HTTPStatus.NOT_FOUND)
        step = next((each for each in STEPS if each == status), None)
        if step is None:
            raise Refused(f"status is one of {', '.join(STEPS)}", code="dispute_refused")
        known = self._truth.find_dispute(charge)
        dispute = known or Dispute(
            number=self._truth.next_dispute_number(),
            charge=charge.number,
            provider_reference=f"dp_{token_hex(12)}",
            amount=charge.amount,
            currency=charge.currency,
            reason=reason if isinstance(reason, str) and reason else "fraudulent",
            status=step,
            created_at=self._clock(),
        )
        dispute.status = step
        self._truth.dispute(dispute)
        self._customer.tell(self._houses[provider].dispute_news(dispute), how=Behaviour.OK)
        return dispute

    def _finish(self, refund: Refund, *, how: Behaviour) -> None:
        refund.status = "done"
        self._truth.give_back(refund)
        self._customer.tell(self._houses[refund.provider].refund_news(refund), how=how)

    async def _finish_late(self, refund: Refund) -> None:
        await self._pause(self._late_s)
        if refund.status == "pending":
            self._finish(refund, how=Behaviour.OK)
