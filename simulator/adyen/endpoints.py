"""Adyen's calls. A charge is answered at once; captures, cancellations and refunds are taken up, and a notice tells the end.

There is no call that asks.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator.adyen.checks import (
    PaymentRequest,
    check_account,
    check_amount,
    check_key,
    check_payment,
    check_payment_reference,
    check_reference,
    refused,
)
from simulator.adyen.house import AdyenHouse, psp_reference
from simulator.answers import parse_object, read_body
from simulator.bank import Bank
from simulator.cards import Verdict, judge
from simulator.desk import Answer, Desk, call_of
from simulator.houses import Notice
from simulator.scripts import Behaviour, Operation
from simulator.truth import Charge

PROVIDER = "adyen"
_FAILURE = refused("000", "Internal error", status=HTTPStatus.INTERNAL_SERVER_ERROR).answer
_MISMATCH = refused("704", "request already processed or in progress").answer
_REASONS = {
    "insufficient_funds": ("Not enough balance", "12"),
    "expired_card": ("Expired Card", "6"),
    "authentication_required": ("Authentication required", "38"),
}
# What a modification does to the books once it was taken up, under the provider's reference for it.
Effect = Callable[[Charge, dict[str, Any], str, Behaviour], None]


class AdyenEndpoints:
    """The API's calls."""

    def __init__(self, bank: Bank) -> None:
        self._bank, self._house = bank, AdyenHouse(bank.truth, bank.merchants, bank.clock)
        self._desk = Desk(bank, provider=PROVIDER, failure=_FAILURE, mismatch=_MISMATCH)

    def routes(self) -> list[Route]:
        """The calls under the API's base path."""
        return [
            Route("/v72/payments", self.pay, methods=["POST"]),
            Route("/v72/cancels", self.cancel_unnamed, methods=["POST"]),
            Route("/v72/payments/{id}/captures", self.capture, methods=["POST"]),
            Route("/v72/payments/{id}/cancels", self.cancel, methods=["POST"]),
            Route("/v72/payments/{id}/refunds", self.refund, methods=["POST"]),
        ]

    async def pay(self, request: Request) -> Response:
        """Charge a card."""
        key = check_key(request)
        body = await read_body(request)
        wanted = check_payment(parse_object(body))
        call = call_of(request, account=key, body=body)

        async def work(behaviour: Behaviour) -> Answer:
            verdict = judge(wanted.token)
            if verdict.kind == "challenged":
                verdict = Verdict(kind="declined", code="authentication_required")
            if behaviour is Behaviour.DECLINE:
                verdict = Verdict(kind="declined", code="generic_decline")
            charge = self._register(wanted, account=key)
            if verdict.kind == "declined":
                self._bank.truth.end(charge, status="failed", decline_code=verdict.code)
                self._bank.customer.tell(self._house.news(charge), how=behaviour)
            elif behaviour is Behaviour.WEBHOOK_FIRST:
                await self._bank.customer.pay_first(charge)
            else:
                late = behaviour is Behaviour.LATE_SUCCESS
                self._bank.customer.settle(charge, amount=charge.asked, how=behaviour, late=late)
            return Answer(body=_payment(charge))

        return await self._desk.change(call, operation=Operation.CREATE, work=work)

    async def capture(self, request: Request) -> Response:
        """Take held money, once; the rest is let go."""
        return await self._modify(request, operation=Operation.CAPTURE, effect=self._capture)

    async def cancel(self, request: Request) -> Response:
        """Let held money go."""
        return await self._modify(request, operation=Operation.VOID, effect=self._cancel, of_amount=False)

    async def cancel_unnamed(self, request: Request) -> Response:
        """Let a payment go that the merchant knows by its own reference only; whether there is one, a notice tells."""
        key, body = check_key(request), await read_body(request)
        fields = parse_object(body)
        account, own, wanted = check_account(fields), check_reference(fields), check_payment_reference(fields)
        call = call_of(request, account=key, body=body)

        async def work(behaviour: Behaviour) -> Answer:
            if behaviour is Behaviour.DECLINE:
                raise refused("905", "Modification is not allowed")
            psp = psp_reference()
            notice = self._cancel_unnamed(wanted, key=key, account=account, psp=psp)
            self._bank.customer.tell(notice, how=behaviour)
            body = {
                "merchantAccount": account,
                "paymentReference": wanted,
                "pspReference": psp,
                "reference": own,
                "status": "received",
            }
            return Answer(body=body, status=HTTPStatus.CREATED)

        return await self._desk.change(call, operation=Operation.VOID, work=work)

    async def refund(self, request: Request) -> Response:
        """Give money back, all that is left or a part."""
        return await self._modify(request, operation=Operation.REFUND, effect=self._refund)

    async def _modify(
        self, request: Request, *, operation: Operation, effect: Effect, of_amount: bool = True
    ) -> Response:
        key, reference = check_key(request), request.path_params["id"]
        body = await read_body(request)
        fields = parse_object(body)
        charge = self._bank.truth.find_known(provider=PROVIDER, provider_reference=reference)
        if (
            charge is None
            or charge.account != key
            or check_account(fields) != charge.details["merchant_account"]
        ):
            raise refused("167", "Original pspReference required for this operation")
        if of_amount and check_amount(fields)[1] != charge.currency:
            raise refused("137", "Invalid amount specified")
        own, known = check_reference(fields), charge
        call = call_of(request, account=key, body=body)

        async def work(behaviour: Behaviour) -> Answer:
            if behaviour is Behaviour.DECLINE:
                raise refused("905", "Modification is not allowed")
            psp = psp_reference()
            effect(known, fields, psp, behaviour)
            body = {
                "merchantAccount": known.details["merchant_account"],
                "paymentPspReference": known.provider_reference,
                "pspReference": psp,
                "reference": own,
                "status": "received",
            }
            return Answer(body=body, status=HTTPStatus.CREATED)

        return await self._desk.change(call, operation=operation, work=work)

    def _capture(self, charge: Charge, fields: dict[str, Any], psp: str, behaviour: Behaviour) -> None:
        amount = fields["amount"]["value"]
        if charge.status == "authorized" and amount <= charge.asked:
            self._bank.truth.note(charge, capture=psp)
            notice = self._bank.customer.take(charge, amount=amount)
        else:
            notice = self._house.modified(
                charge, kind="CAPTURE", reference=psp, amount=amount, succeeded=False
            )
        self._bank.customer.tell(notice, how=behaviour)

    def _cancel(self, charge: Charge, _fields: dict[str, Any], psp: str, behaviour: Behaviour) -> None:
        if charge.status == "authorized":
            self._bank.truth.end(charge, status="voided", cancellation=psp)
            notice = self._house.news(charge)
        else:
            notice = self._house.modified(charge, kind="CANCELLATION", reference=psp, succeeded=False)
        self._bank.customer.tell(notice, how=behaviour)

    def _cancel_unnamed(self, wanted: str, *, key: str, account: str, psp: str) -> Notice | None:
        named = self._bank.truth.find(provider=PROVIDER, biller_id="", reference=wanted)
        ours = (each for each in named if each.account == key)
        charge = next((each for each in ours if each.details["merchant_account"] == account), None)
        if charge is None:
            return self._house.not_found(wanted, key=key, account=account, psp=psp)
        if charge.status == "authorized":
            self._bank.truth.end(charge, status="voided", cancellation=psp, cancelled_by="TECHNICAL_CANCEL")
            return self._house.news(charge)
        return self._house.modified(charge, kind="TECHNICAL_CANCEL", reference=psp, succeeded=False)

    def _refund(self, charge: Charge, fields: dict[str, Any], psp: str, behaviour: Behaviour) -> None:
        amount, own = fields["amount"]["value"], fields["reference"]
        if amount <= self._bank.returns.left(charge):
            self._bank.returns.give_back(
                charge,
                amount=amount,
                reference=own,
                provider_reference=psp,
                behaviour=behaviour,
                details={},
            )
            return
        notice = self._house.modified(
            charge, kind="REFUND", reference=psp, amount=amount, own_reference=own, succeeded=False
        )
        self._bank.customer.tell(notice, how=behaviour)

    def _register(self, wanted: PaymentRequest, *, account: str) -> Charge:
        truth, number = self._bank.truth, self._bank.truth.next_number()
        details = {
            "holds": wanted.holds,
            "merchant_account": wanted.merchant_account,
            "merchant_reference": wanted.reference,
        }
        charge = Charge(
            number=number,
            provider=PROVIDER,
            account=account,
            reference=wanted.reference,
            provider_reference=psp_reference(),
            amount=wanted.amount,
            currency=wanted.currency,
            method="card",
            created_at=self._bank.clock(),
            details=details,
        )
        return truth.register(charge)


def _payment(charge: Charge) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "pspReference": charge.provider_reference,
        "merchantReference": charge.reference,
        "amount": {"currency": charge.currency, "value": charge.asked},
    }
    if charge.status == "failed":
        reason, code = _REASONS.get(charge.details["decline_code"], ("Refused", "2"))
        return {**shown, "resultCode": "Refused", "refusalReason": reason, "refusalReasonCode": code}
    return {**shown, "resultCode": "Received" if charge.status == "pending" else "Authorised"}
