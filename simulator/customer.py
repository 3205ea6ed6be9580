"""The customer: scans a QR code and confirms the payment in the bank's app."""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any

from simulator.answers import Refused
from simulator.callbacks import Callbacks, Pause
from simulator.emvco import QrMalformed, read_bill_payment
from simulator.scripts import CALLBACKS, Behaviour, Operation, Scripts
from simulator.truth import Charge, Truth

PROVIDER = "scb"
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
        confirmation: Callable[[Charge], dict[str, Any]],
        transaction_id: Callable[[datetime], str],
        clock: Callable[[], datetime],
        pause: Pause,
        late_s: float,
    ) -> None:
        self._truth, self._scripts, self._callbacks = truth, scripts, callbacks
        self._confirmation, self._transaction_id = confirmation, transaction_id
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
        """The charge behind a code and what the customer would pay, in satang.

        A code without an amount takes the one given. Raises PaymentRefused: 400 for a broken code or a wrong
        amount, 404 for a code the bank does not know.
        """
        if not isinstance(qr_payload, str) or not qr_payload.isascii():
            raise PaymentRefused("qr_payload is the text of a QR code", code="qr_malformed")
        try:
            qr = read_bill_payment(qr_payload)
        except QrMalformed as error:
            raise PaymentRefused(str(error), code="qr_malformed") from None
        charges = self._truth.find(
            provider=PROVIDER, biller_id=qr.biller_id, reference=qr.reference1, reference2=qr.reference2
        )
        if not charges:
            raise PaymentRefused(
                "the bank knows no such code", code="qr_unknown", status=HTTPStatus.NOT_FOUND
            )
        paying = _amount(of_code=qr.amount, given=amount)
        due = [
            charge for charge in charges if charge.status == "pending" and charge.number not in self._promised
        ]
        return (due or charges)[0], paying

    def confirm(self, charge: Charge, *, amount: int, behaviour: Behaviour) -> Charge:
        """Pay, now or late, and let the bank call back. Returns the charge, still pending when it is paid late.

        A bank that ignores idempotency takes the money for a paid code again, as another charge. Raises
        PaymentRefused 409 when the code was paid.
        """
        plan = self._plans.get(charge.number, Behaviour.OK)
        if charge.status == "paid" or charge.number in self._promised:
            if behaviour is not Behaviour.IGNORES_IDEMPOTENCY:
                raise PaymentRefused("this code was paid", code="already_paid", status=HTTPStatus.CONFLICT)
            charge = self._truth.register(_again(charge, number=self._truth.next_number(), at=self._clock()))
        how = next((shown for shown in (plan, behaviour) if shown in CALLBACKS), None)
        if Behaviour.LATE_SUCCESS in (behaviour, plan):
            self._promised.add(charge.number)
            self._callbacks.start(self._pay_late(charge, amount=amount, how=how))
            return charge
        self.book(charge, amount=amount)
        self._call_back(charge, how=how)
        return charge

    def book(self, charge: Charge, *, amount: int) -> dict[str, Any]:
        """Move the money; the confirmation the bank owes the merchant for it."""
        now = self._clock()
        self._truth.book(charge, amount=amount, provider_reference=self._transaction_id(now), paid_at=now)
        return self._confirmation(charge)

    async def _pay_late(self, charge: Charge, *, amount: int, how: Behaviour | None) -> None:
        await self._pause(self._late_s)
        if charge.number in self._promised:
            self._promised.discard(charge.number)
            self.book(charge, amount=amount)
            self._call_back(charge, how=how)

    def _call_back(self, charge: Charge, *, how: Behaviour | None) -> None:
        scripted = how or self._scripts.take(provider=charge.provider, operation=Operation.CALLBACK)
        self._callbacks.send(self._confirmation(charge), how=scripted)


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
    return Charge(
        number=number,
        provider=charge.provider,
        biller_id=charge.biller_id,
        reference=charge.reference,
        reference2=charge.reference2,
        reference3=charge.reference3,
        amount=charge.amount,
        currency=charge.currency,
        qr_payload=charge.qr_payload,
        created_at=at,
    )
