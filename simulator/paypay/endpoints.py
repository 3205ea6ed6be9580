"""PayPay's calls on codes, payments and refunds. Each is checked, then scripted, then carried out."""

from datetime import datetime, timedelta, timezone
from http import HTTPStatus
from secrets import token_urlsafe
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator.answers import parse_object, read_body
from simulator.bank import Bank
from simulator.desk import Answer, Call, Desk
from simulator.merchants import Merchant
from simulator.paypay.checks import Order, check_amount, check_caller, check_id, check_order, refused
from simulator.paypay.house import payment_id
from simulator.paypay.objects import code_object, envelope, payment_object, refund_object
from simulator.scripts import CALLBACKS, Behaviour, Operation
from simulator.truth import Charge

PROVIDER = "paypay"
CODE_LIFE = timedelta(minutes=5)
JAPAN = timezone(timedelta(hours=9))
# A payment is cancelled until a quarter past midnight of the next day; after that it is refunded.
CANCEL_MARGIN = timedelta(days=1, minutes=15)
_PLANNED = CALLBACKS | {Behaviour.LATE_SUCCESS}


class PayPayEndpoints:
    """The API's calls."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        failure = refused("failed").answer
        self._desk = Desk(bank, provider=PROVIDER, failure=failure, mismatch=failure)

    def routes(self) -> list[Route]:
        """The calls under the API's base path."""
        return [
            Route("/v2/codes", self.create, methods=["POST"]),
            Route("/v2/codes/payments/{reference}", self.read, methods=["GET"]),
            Route("/v2/codes/{code}", self.delete_code, methods=["DELETE"]),
            Route("/v2/payments/capture", self.capture, methods=["POST"]),
            Route("/v2/payments/preauthorize/revert", self.revert, methods=["POST"]),
            Route("/v2/payments/{reference}", self.cancel, methods=["DELETE"]),
            Route("/v2/refunds", self.refund, methods=["POST"]),
            Route("/v2/refunds/{reference}", self.read_refund, methods=["GET"]),
        ]

    async def create(self, request: Request) -> Response:
        """Show a code. The same payment id again is refused, and the code is not shown again."""
        merchant, body = await self._open(request)
        order = check_order(body)

        async def work(behaviour: Behaviour) -> Answer:
            if behaviour is Behaviour.DECLINE:
                raise refused("limit")
            if self._find(merchant, order.reference) and behaviour is not Behaviour.IGNORES_IDEMPOTENCY:
                raise refused("duplicate")
            charge = self._register(order, merchant)
            if behaviour is Behaviour.WEBHOOK_FIRST:
                await self._bank.customer.pay_first(charge)
            elif behaviour in _PLANNED:
                self._bank.customer.plan(charge, behaviour)
            return Answer(body=envelope(code_object(charge)), status=HTTPStatus.CREATED)

        return await self._desk.change(_call(merchant), operation=Operation.CREATE, work=work)

    async def read(self, request: Request) -> Response:
        """One payment, by the merchant's id of it."""
        merchant, _ = await self._open(request)
        charge = self._find(merchant, request.path_params["reference"])

        def work(behaviour: Behaviour) -> Answer:
            if charge is None:
                raise refused("payment_unknown")
            lies = behaviour is Behaviour.LIE_PENDING
            refunds = self._bank.truth.refunds(of=charge)
            return Answer(body=envelope(payment_object(charge, refunds=refunds, hides_money=lies)))

        return await self._desk.ask(refused=refused("too_many").answer, work=work)

    async def delete_code(self, request: Request) -> Response:
        """Make a code unpayable that nobody has paid."""
        merchant, _ = await self._open(request)
        code = request.path_params["code"]
        known = self._bank.truth.charges(provider=PROVIDER, account=merchant.key)
        charge = next((each for each in known if each.details["code_id"] == code), None)

        async def work(behaviour: Behaviour) -> Answer:
            if charge is None or charge.status == "voided":
                raise refused("code_unknown")
            if charge.status != "pending" or behaviour is Behaviour.DECLINE:
                raise refused("already_paid")
            return self._let_go(charge, behaviour, answer=Answer(body=envelope(None)))

        return await self._desk.change(_call(merchant), operation=Operation.VOID, work=work)

    async def cancel(self, request: Request) -> Response:
        """End a payment whatever became of it; money that was taken today goes back."""
        merchant, _ = await self._open(request)
        charge = self._find(merchant, request.path_params["reference"])

        async def work(behaviour: Behaviour) -> Answer:
            accepted = Answer(body=envelope(None, accepted=True), status=HTTPStatus.ACCEPTED)
            if charge is None:
                raise refused("order_unknown")
            if charge.status in ("failed", "voided") or behaviour is Behaviour.DECLINE:
                raise refused("not_reversible")
            if charge.status != "paid":
                return self._let_go(charge, behaviour, answer=accepted)
            if not self._is_cancelable(charge):
                raise refused("not_reversible")
            self._bank.truth.note(charge, cancelled=True)
            self._give_back(charge, amount=charge.amount, reference=f"cancel-{charge.reference}", reason="")
            return accepted

        return await self._desk.change(_call(merchant), operation=Operation.VOID, work=work)

    async def capture(self, request: Request) -> Response:
        """Take held money, once, all of it or less."""
        merchant, body = await self._open(request)
        charge = self._find(merchant, check_id(body, "merchantPaymentId"))
        amount, reference = check_amount(body), check_id(body, "merchantCaptureId")

        async def work(behaviour: Behaviour) -> Answer:
            if charge is None:
                raise refused("order_unknown")
            if charge.status == "paid" and charge.details.get("holds"):
                raise refused("already_captured")
            if charge.status != "authorized" or behaviour is Behaviour.DECLINE:
                raise refused("not_capturable")
            if amount > charge.asked:
                raise refused("too_much")
            self._bank.truth.note(charge, capture_id=reference)
            customer = self._bank.customer
            customer.tell(customer.take(charge, amount=amount), how=behaviour)
            return Answer(body=envelope(payment_object(charge)))

        return await self._desk.change(_call(merchant), operation=Operation.CAPTURE, work=work)

    async def revert(self, request: Request) -> Response:
        """Let held money go."""
        merchant, body = await self._open(request)
        check_id(body, "merchantRevertId")
        charge = self._known(merchant, check_id(body, "paymentId"))

        async def work(behaviour: Behaviour) -> Answer:
            if charge is None:
                raise refused("order_unknown")
            if charge.status != "authorized" or behaviour is Behaviour.DECLINE:
                raise refused("not_cancelable")
            data = {"status": "CANCELED", "paymentId": charge.provider_reference}
            return self._let_go(charge, behaviour, answer=Answer(body=envelope(data)))

        return await self._desk.change(_call(merchant), operation=Operation.VOID, work=work)

    async def refund(self, request: Request) -> Response:
        """Give back. Under the merchant's id of it the same refund again is the same refund."""
        merchant, body = await self._open(request)
        reference, amount = check_id(body, "merchantRefundId"), check_amount(body)
        charge = self._known(merchant, check_id(body, "paymentId"))
        reason = str(body.get("reason", ""))

        async def work(behaviour: Behaviour) -> Answer:
            if charge is None or charge.status != "paid":
                raise refused("order_unknown")
            known = self._bank.truth.find_refund(provider=PROVIDER, provider_reference=reference)
            if known and behaviour is not Behaviour.IGNORES_IDEMPOTENCY:
                if (known.charge, known.amount) != (charge.number, amount):
                    raise refused("invalid", "merchantRefundId")
                return Answer(body=envelope(refund_object(known, charge)))
            self._check_refund(charge, merchant, amount=amount, declined=behaviour is Behaviour.DECLINE)
            return self._give_back(
                charge, amount=amount, reference=reference, reason=reason, behaviour=behaviour
            )

        return await self._desk.change(_call(merchant), operation=Operation.REFUND, work=work)

    async def read_refund(self, request: Request) -> Response:
        """One refund, by the merchant's id of it."""
        merchant, _ = await self._open(request)
        reference = request.path_params["reference"]
        refund = self._bank.truth.find_refund(provider=PROVIDER, provider_reference=reference)
        charge = self._bank.truth.charge_of(refund) if refund else None

        def work(behaviour: Behaviour) -> Answer:
            if refund is None or charge is None or charge.account != merchant.key:
                raise refused("refund_unknown")
            lies = behaviour is Behaviour.LIE_PENDING
            return Answer(body=envelope(refund_object(refund, charge, hides_money=lies)))

        return await self._desk.ask(refused=refused("too_many").answer, work=work)

    async def _open(self, request: Request) -> tuple[Merchant, dict[str, Any]]:
        """Whose call this is, by its signature, and its body."""
        raw = await read_body(request)
        merchant = check_caller(request, body=raw, merchants=self._bank.merchants, now=self._bank.clock())
        return merchant, parse_object(raw) if raw else {}

    def _find(self, merchant: Merchant, reference: str) -> Charge | None:
        """The payment with this merchant's id; of several the one with money, else the newest."""
        found = self._bank.truth.find(provider=PROVIDER, biller_id=merchant.key, reference=reference)
        for charge in found:
            self._bank.customer.lapse(charge)
        with_money = (each for each in found if each.status in ("authorized", "paid"))
        return next(with_money, found[-1] if found else None)

    def _known(self, merchant: Merchant, provider_reference: str) -> Charge | None:
        charge = self._bank.truth.find_known(provider=PROVIDER, provider_reference=provider_reference)
        return charge if charge and charge.account == merchant.key else None

    def _register(self, order: Order, merchant: Merchant) -> Charge:
        truth, now, code = self._bank.truth, self._bank.clock(), token_urlsafe(12)
        charge = Charge(
            number=truth.next_number(),
            provider=PROVIDER,
            account=merchant.key,
            biller_id=merchant.key,
            reference=order.reference,
            provider_reference=payment_id(),
            amount=order.amount,
            currency="JPY",
            qr_payload=f"https://qr.paypay.ne.jp/{code}",
            created_at=now,
            details={
                "code_id": f"04-{code}",
                "description": order.description,
                "holds": order.holds,
                "lapses_at": (now + CODE_LIFE).isoformat(),
            },
        )
        return truth.register(charge)

    def _let_go(self, charge: Charge, behaviour: Behaviour, *, answer: Answer) -> Answer:
        self._bank.customer.call_off(charge)
        self._bank.customer.tell(self._bank.houses[PROVIDER].news(charge), how=behaviour)
        return answer

    def _is_cancelable(self, charge: Charge) -> bool:
        paid_at = (charge.paid_at or charge.created_at).astimezone(JAPAN)
        midnight = datetime(paid_at.year, paid_at.month, paid_at.day, tzinfo=JAPAN)
        return self._bank.clock() < midnight + CANCEL_MARGIN and not self._bank.truth.refunds(of=charge)

    def _check_refund(self, charge: Charge, merchant: Merchant, *, amount: int, declined: bool) -> None:
        """Raises Declared."""
        left = self._bank.returns.left(charge)
        if declined or not left:
            raise refused("not_refundable")
        if merchant.options.get("refunds") == "one" and self._bank.truth.refunds(of=charge):
            raise refused("one_refund_only")
        if amount > left:
            raise refused("refund_amount")

    def _give_back(
        self,
        charge: Charge,
        *,
        amount: int,
        reference: str,
        reason: str,
        behaviour: Behaviour = Behaviour.OK,
    ) -> Answer:
        refund = self._bank.returns.give_back(
            charge,
            amount=amount,
            reference=reference,
            provider_reference=reference,
            behaviour=behaviour,
            details={"reason": reason},
        )
        waits = refund.status == "pending"
        status = HTTPStatus.ACCEPTED if waits else HTTPStatus.OK
        return Answer(body=envelope(refund_object(refund, charge), accepted=waits), status=status)


def _call(merchant: Merchant) -> Call:
    """A call that is the same call again by what it says, not by a key beside it."""
    return Call(account=merchant.key, key="", fingerprint="")
