"""The customer: scans a QR code and confirms the payment in the bank's app."""

from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus

import msgspec

from simulator.answers import Refused
from simulator.callbacks import Callbacks, Pause
from simulator.emvco import QrMalformed, read_bill_payment
from simulator.houses import House, Notice
from simulator.scripts import CALLBACKS, Behaviour, Operation, Scripts
from simulator.truth import Charge, Truth

Clock = Callable[[], datetime]
MAX_AMOUNT = 10**12 - 1


class PaymentRefused(Refused):
    """The app shows an error and no money moves."""


class Customer:
    """Pays registered codes; what was promised at registration or scripted for the payment comes with it."""

    def __init__(
        self,
        *,
        truth: Truth,
        scripts: Scripts,
        callbacks: Callbacks,
        houses: Mapping[str, House],
        clock: Clock,
        pause: Pause,
        late_s: float,
    ) -> None:
        self._truth, self._scripts, self._callbacks = truth, scripts, callbacks
        self._houses = houses
        self._clock, self._pause, self._late_s = clock, pause, late_s
        self._plans: dict[int, Behaviour] = {}
        self._promised: set[int] = set()

    def plan(self, charge: Charge, behaviour: Behaviour) -> None:
        """Remember how this charge's payment will go."""
        self._plans[charge.number] = behaviour

    def reset(self) -> None:
        """Forget every plan and promise."""
        self._plans.clear()
        self._promised.clear()

    def scan(self, *, qr_payload: object, amount: object) -> tuple[Charge, int]:
        """The charge behind a code and what the customer would pay, in minor units.

        A code without an amount takes the one given. Raises PaymentRefused: 400 for a broken code or a wrong
        amount, 404 for a code that nobody knows.
        """
        if not isinstance(qr_payload, str) or not qr_payload.isascii():
            raise PaymentRefused("qr_payload is the text of a QR code", code="qr_malformed")
        charges = self._truth.find_shown(qr_payload)
        fixed = _fixed_amount(qr_payload, charges)
        if not charges:
            raise PaymentRefused(
                "the bank knows no such code", code="qr_unknown", status=HTTPStatus.NOT_FOUND
            )
        paying = _amount(of_code=fixed, given=amount)
        due = [
            charge for charge in charges if charge.status == "pending" and charge.number not in self._promised
        ]
        return (due or charges)[0], paying

    def confirm(self, charge: Charge, *, amount: int, behaviour: Behaviour) -> Charge:
        """Pay, now or late, and let the bank call back. Returns the charge, still pending when it is paid late.

        A bank that ignores idempotency takes the money for a paid code again, as another charge. Raises
        PaymentRefused 409 when the code was paid, or can no longer be.
        """
        plan = self._plans.get(charge.number, Behaviour.OK)
        self.lapse(charge)
        if charge.status in ("failed", "voided"):
            raise PaymentRefused("this code is void", code="code_void", status=HTTPStatus.CONFLICT)
        if charge.status in ("paid", "authorized", "agreed") or charge.number in self._promised:
            if behaviour is not Behaviour.IGNORES_IDEMPOTENCY:
                raise PaymentRefused("this code was paid", code="already_paid", status=HTTPStatus.CONFLICT)
            charge = self._truth.register(_again(charge, number=self._truth.next_number(), at=self._clock()))
        how = next((shown for shown in (plan, behaviour) if shown in CALLBACKS), Behaviour.OK)
        self.settle(charge, amount=amount, how=how, late=Behaviour.LATE_SUCCESS in (behaviour, plan))
        return charge

    def lapse(self, charge: Charge) -> None:
        """End a code that has outlived its time, if it has one; a payment that is on its way still arrives."""
        until = charge.details.get("lapses_at")
        waits = charge.status == "pending" and charge.number not in self._promised
        if waits and until and datetime.fromisoformat(until) <= self._clock():
            self._truth.end(charge, status="voided", lapsed=True)

    def call_off(self, charge: Charge) -> None:
        """Let a charge go before money moved; a payment that was on its way does not arrive any more."""
        self._promised.discard(charge.number)
        self._truth.end(charge, status="voided")

    def settle(self, charge: Charge, *, amount: int, how: Behaviour, late: bool) -> None:
        """Move the money, now or some seconds later, and tell the merchant."""
        if late:
            self._promised.add(charge.number)
            self._callbacks.start(self._pay_late(charge, amount=amount, how=how))
            return
        self.tell(self.book(charge, amount=amount), how=how)

    async def pay_first(self, charge: Charge) -> None:
        """Move the money and tell the merchant before anybody else learns of it."""
        if notice := self.book(charge, amount=charge.asked):
            await self._callbacks.send_now(notice)

    def book(self, charge: Charge, *, amount: int) -> Notice | None:
        """Move the money, hold it where that was asked for, or only agree where the merchant has the last word.

        Returns the notice that the provider owes the merchant for it.
        """
        if charge.details.get("agrees"):
            return self._houses[charge.provider].news(self._truth.agree(charge))
        if not charge.details.get("holds"):
            return self.take(charge, amount=amount)
        self._truth.authorize(charge)
        return self._houses[charge.provider].news(charge)

    def take(self, charge: Charge, *, amount: int) -> Notice | None:
        """Move the money, held or not; the notice the provider owes the merchant for it."""
        house, now = self._houses[charge.provider], self._clock()
        reference = house.payment_reference(charge, now=now)
        self._truth.book(charge, amount=amount, provider_reference=reference, paid_at=now)
        return house.news(charge)

    def tell(self, notice: Notice | None, *, how: Behaviour) -> None:
        """Send a notice, if there is anybody to send it to, as scripted for its cause or for notices at large."""
        if notice is None:
            return
        scripted = (
            how
            if how in CALLBACKS
            else self._scripts.take(provider=notice.provider, operation=Operation.WEBHOOK)
        )
        self._callbacks.send(notice, how=scripted)

    async def _pay_late(self, charge: Charge, *, amount: int, how: Behaviour) -> None:
        await self._pause(self._late_s)
        if charge.number in self._promised:
            self._promised.discard(charge.number)
            self.tell(self.book(charge, amount=amount), how=how)


def _fixed_amount(code: str, charges: list[Charge]) -> int | None:
    """The amount that a code asks for. Raises PaymentRefused unless it is a bank's code or a provider's own."""
    try:
        return read_bill_payment(code).amount
    except QrMalformed as error:
        if charges:
            return charges[0].asked
        raise PaymentRefused(str(error), code="qr_malformed") from None


def _amount(*, of_code: int | None, given: object) -> int:
    if given is None:
        if of_code is None:
            raise PaymentRefused("the code has no amount, so give one", code="amount_required")
        return of_code
    if not isinstance(given, int) or isinstance(given, bool) or not 0 < given <= MAX_AMOUNT:
        raise PaymentRefused(f"amount is satang, from 1 to {MAX_AMOUNT}", code="amount_invalid")
    if of_code not in (None, given):
        raise PaymentRefused("the code fixes the amount", code="amount_fixed")
    return given


def _again(charge: Charge, *, number: int, at: datetime) -> Charge:
    return msgspec.structs.replace(
        charge,
        number=number,
        amount=charge.asked,
        created_at=at,
        status="pending",
        provider_reference=None,
        paid_at=None,
    )
