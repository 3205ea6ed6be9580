"""Omise's calls on charges and refunds. Each is checked, then scripted, then carried out."""

import io
from datetime import datetime
from http import HTTPStatus
from secrets import token_hex
from typing import Any

import segno
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator.bank import Bank
from simulator.cards import Verdict, judge
from simulator.desk import Answer, Desk, call_of
from simulator.emvco import BillPaymentQr, write_bill_payment
from simulator.forms import read_form
from simulator.omise.checks import (
    ChargeRequest,
    check_amount,
    check_charge,
    check_key,
    check_metadata,
    refused,
)
from simulator.omise.objects import charge_object, page, picture_path, refund_object
from simulator.scripts import CALLBACKS, Behaviour, Operation
from simulator.truth import Charge, Refund

PROVIDER = "omise"
BILLER = "010556007187402"
MAX_PAGE = 100
_PLANNED = CALLBACKS | {Behaviour.LATE_SUCCESS}
_FAILURE = refused(
    "internal_error", "request could not be completed", status=HTTPStatus.INTERNAL_SERVER_ERROR
).answer
_MISMATCH = refused("bad_request", "idempotency key was used with other parameters").answer
_REFUSED_QUESTION = refused(
    "too_many_requests", "request limit exceeded", status=HTTPStatus.TOO_MANY_REQUESTS
).answer


class OmiseEndpoints:
    """The API's calls."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._desk = Desk(bank, provider=PROVIDER, failure=_FAILURE, mismatch=_MISMATCH)

    def routes(self) -> list[Route]:
        """The calls under the API's base path."""
        return [
            Route("/charges", self.create, methods=["POST"]),
            Route("/charges", self.list_charges, methods=["GET"]),
            Route("/charges/{id}", self.read, methods=["GET"]),
            Route("/charges/{id}/capture", self.capture, methods=["POST"]),
            Route("/charges/{id}/reverse", self.reverse, methods=["POST"]),
            Route("/charges/{id}/expire", self.expire, methods=["POST"]),
            Route("/charges/{id}/refunds", self.refund, methods=["POST"]),
            Route("/charges/{id}/refunds", self.list_refunds, methods=["GET"]),
            Route("/charges/{id}/refunds/{refund}", self.read_refund, methods=["GET"]),
            Route("/charges/{id}/documents/{document}/downloads/qr.svg", self.picture, methods=["GET"]),
        ]

    async def create(self, request: Request) -> Response:
        """Charge a card's token, or show a PromptPay code."""
        key = check_key(request)
        body, fields = await read_form(request)
        wanted = check_charge(fields, now=self._bank.clock())
        call = call_of(request, account=key, body=body)
        base = str(request.base_url).rstrip("/") + request.scope["root_path"]

        async def work(behaviour: Behaviour) -> Answer:
            verdict = judge(wanted.token)
            if behaviour is Behaviour.DECLINE:
                verdict = Verdict(kind="declined", code="generic_decline")
            charge = self._register(wanted, account=key, verdict=verdict, base=base)
            if verdict.kind == "declined":
                self._bank.truth.end(charge, status="failed", decline_code=verdict.code)
                self._tell(charge, behaviour)
            else:
                await self._pay(charge, behaviour, waits=bool(charge.qr_payload))
            return Answer(body=charge_object(charge))

        return await self._desk.change(call, operation=Operation.CREATE, work=work)

    async def list_charges(self, request: Request) -> Response:
        """The merchant's charges by time of creation, oldest first unless asked otherwise."""
        key, query = check_key(request), request.query_params

        def work(behaviour: Behaviour) -> Answer:
            lies = behaviour is Behaviour.LIE_PENDING
            known = [] if lies else self._bank.truth.charges(provider=PROVIDER, account=key)
            if query.get("order") == "reverse_chronological":
                known.reverse()
            within = [self._object(each) for each in known if _is_within(each, query)]
            return Answer(body=page("/charges", within, **_window(query)))

        return await self._desk.ask(refused=_REFUSED_QUESTION, work=work)

    async def read(self, request: Request) -> Response:
        """One charge."""
        charge = self._charge(request)

        def work(behaviour: Behaviour) -> Answer:
            lies = behaviour is Behaviour.LIE_PENDING
            return Answer(body=self._object(charge, hides_money=lies))

        return await self._desk.ask(refused=_REFUSED_QUESTION, work=work)

    async def capture(self, request: Request) -> Response:
        """Take held money, once; less than all of it only if that was announced."""
        charge = self._charge(request)
        body, fields = await read_form(request)
        asked = fields.get("capture_amount")
        amount = charge.asked if asked is None else check_amount(asked)
        call = call_of(request, account=charge.account, body=body)

        async def work(behaviour: Behaviour) -> Answer:
            if charge.status != "authorized" or behaviour is Behaviour.DECLINE:
                raise refused("failed_capture", "charge cannot be captured")
            partial = charge.details.get("authorization_type") == "pre_auth"
            if amount > charge.asked or (amount < charge.asked and not partial):
                raise refused("failed_capture", "capture_amount is not allowed")
            self._bank.customer.tell(self._bank.customer.take(charge, amount=amount), how=behaviour)
            return Answer(body=self._object(charge))

        return await self._desk.change(call, operation=Operation.CAPTURE, work=work)

    async def reverse(self, request: Request) -> Response:
        """Let held money go."""
        return await self._let_go(request, code="failed_reversal", states=("authorized",))

    async def expire(self, request: Request) -> Response:
        """Make a code unpayable."""
        return await self._let_go(request, code="failed_expire", states=("pending",))

    async def refund(self, request: Request) -> Response:
        """Give money back."""
        charge = self._charge(request)
        body, fields = await read_form(request)
        amount, metadata = check_amount(fields.get("amount")), check_metadata(fields)
        call = call_of(request, account=charge.account, body=body)

        async def work(behaviour: Behaviour) -> Answer:
            if behaviour is Behaviour.DECLINE or amount > self._bank.returns.left(charge):
                raise refused("failed_refund", "charge cannot be refunded for this amount")
            refund = self._bank.returns.give_back(
                charge,
                amount=amount,
                reference=metadata.get("reference", ""),
                provider_reference=f"rfnd_test_{token_hex(10)}",
                behaviour=behaviour,
                details={"metadata": metadata},
            )
            return Answer(body=refund_object(refund, charge))

        return await self._desk.change(call, operation=Operation.REFUND, work=work)

    async def list_refunds(self, request: Request) -> Response:
        """The refunds of a charge, oldest first."""
        charge, query = self._charge(request), request.query_params

        def work(behaviour: Behaviour) -> Answer:
            lies = behaviour is Behaviour.LIE_PENDING
            known = [] if lies else self._bank.truth.refunds(of=charge)
            return Answer(
                body=page("refunds", [refund_object(each, charge) for each in known], **_window(query))
            )

        return await self._desk.ask(refused=_REFUSED_QUESTION, work=work)

    async def read_refund(self, request: Request) -> Response:
        """One refund."""
        charge, reference = self._charge(request), request.path_params["refund"]
        refund: Refund | None = self._bank.truth.find_refund(provider=PROVIDER, provider_reference=reference)
        if refund is None or refund.charge != charge.number:
            raise refused("not_found", f"refund {reference} was not found", status=HTTPStatus.NOT_FOUND)
        found = refund

        def work(behaviour: Behaviour) -> Answer:
            lies = behaviour is Behaviour.LIE_PENDING
            return Answer(body=refund_object(found, charge, hides_money=lies))

        return await self._desk.ask(refused=_REFUSED_QUESTION, work=work)

    async def picture(self, request: Request) -> Response:
        """The code as a picture, which anybody with the address may see."""
        reference = request.path_params["id"]
        charge = self._bank.truth.find_known(provider=PROVIDER, provider_reference=reference)
        if charge is None or charge.details.get("document") != request.path_params["document"]:
            raise refused("not_found", "document was not found", status=HTTPStatus.NOT_FOUND)
        drawn = io.BytesIO()
        segno.make(charge.qr_payload, micro=False).save(drawn, kind="svg", scale=4)
        return Response(drawn.getvalue(), media_type="image/svg+xml")

    async def _let_go(self, request: Request, *, code: str, states: tuple[str, ...]) -> Response:
        charge = self._charge(request)
        body, _fields = await read_form(request)
        call = call_of(request, account=charge.account, body=body)

        async def work(behaviour: Behaviour) -> Answer:
            if charge.status not in states or behaviour is Behaviour.DECLINE:
                raise refused(code, f"charge is {charge.status}")
            self._bank.truth.end(charge, status="voided")
            self._tell(charge, behaviour)
            return Answer(body=self._object(charge))

        return await self._desk.change(call, operation=Operation.VOID, work=work)

    async def _pay(self, charge: Charge, behaviour: Behaviour, *, waits: bool) -> None:
        """What happens at once to a new charge: it waits for the customer, or its card is charged."""
        customer = self._bank.customer
        if behaviour is Behaviour.WEBHOOK_FIRST:
            await customer.pay_first(charge)
        elif waits:
            if behaviour in _PLANNED:
                customer.plan(charge, behaviour)
        else:
            customer.settle(
                charge, amount=charge.asked, how=behaviour, late=behaviour is Behaviour.LATE_SUCCESS
            )

    def _register(self, wanted: ChargeRequest, *, account: str, verdict: Verdict, base: str) -> Charge:
        truth, reference = self._bank.truth, f"chrg_test_{token_hex(10)}"
        details: dict[str, Any] = {
            "authorization_type": wanted.authorization_type,
            "description": wanted.description,
            "expires_at": wanted.expires_at,
            "holds": wanted.holds,
            "lapses_at": wanted.expires_at,
            "metadata": wanted.metadata,
            "webhook_endpoint": wanted.webhook_endpoint,
        }
        code, picture = "", ""
        if not wanted.token:
            document = f"docu_test_{token_hex(10)}"
            code, picture = _promptpay_code(wanted, reference), f"{base}{picture_path(reference, document)}"
            details |= {"source": f"src_test_{token_hex(10)}", "document": document}
        elif verdict.kind == "challenged":
            code = f"https://pay.omise.co/payments/{reference}/authorize"
            details["authorize_uri"] = code
        charge = Charge(
            number=truth.next_number(),
            provider=PROVIDER,
            account=account,
            reference=wanted.metadata.get("reference", ""),
            provider_reference=reference,
            amount=wanted.amount,
            currency=wanted.currency,
            method="card" if wanted.token else "promptpay",
            qr_payload=code,
            picture=picture,
            created_at=self._bank.clock(),
            details=details,
        )
        return truth.register(charge)

    def _charge(self, request: Request) -> Charge:
        key, reference = check_key(request), request.path_params["id"]
        charge = self._bank.truth.find_known(provider=PROVIDER, provider_reference=reference)
        if charge is None or charge.account != key:
            raise refused("not_found", f"charge {reference} was not found", status=HTTPStatus.NOT_FOUND)
        return charge

    def _object(self, charge: Charge, *, hides_money: bool = False) -> dict[str, Any]:
        refunds = self._bank.truth.refunds(of=charge)
        return charge_object(charge, refunds=refunds, hides_money=hides_money)

    def _tell(self, charge: Charge, behaviour: Behaviour) -> None:
        self._bank.customer.tell(self._bank.houses[PROVIDER].news(charge), how=behaviour)


def _promptpay_code(wanted: ChargeRequest, reference: str) -> str:
    qr = BillPaymentQr(
        biller_id=BILLER,
        reference1=reference.rpartition("_")[2][:20].upper(),
        reference2="",
        reference3="",
        amount=wanted.amount,
    )
    return write_bill_payment(qr)


def _is_within(charge: Charge, query: Any) -> bool:
    first, last = query.get("from"), query.get("to")
    at = charge.created_at.replace(microsecond=0)
    after = first is None or datetime.fromisoformat(first) <= at
    return after and (last is None or at <= datetime.fromisoformat(last))


def _window(query: Any) -> dict[str, int]:
    return {"offset": int(query.get("offset", "0")), "limit": min(int(query.get("limit", "20")), MAX_PAGE)}
