"""PayPal's calls on orders, holds, captures and refunds. Each is checked, then scripted, then carried out."""

from datetime import datetime, timedelta
from hashlib import sha256
from http import HTTPStatus
from secrets import token_urlsafe
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator.answers import parse_object, read_body
from simulator.bank import Bank
from simulator.desk import Answer, Call, Desk
from simulator.forms import read_form
from simulator.paypal.checks import (
    OrderRequest,
    check_amount,
    check_application,
    check_order,
    check_text,
    invalid,
    not_found,
    refusal,
    unauthenticated,
    unprocessable,
)
from simulator.paypal.objects import (
    authorization_object,
    capture_object,
    captures_of,
    new_id,
    order_object,
    refund_object,
)
from simulator.paypal.signing import PATH, identity, pem
from simulator.scripts import CALLBACKS, Behaviour, Operation
from simulator.truth import Charge, Refund

PROVIDER = "paypal"
ORDER_LIFE = timedelta(hours=3)
TOKEN_LIFE = timedelta(hours=9)
_PLANNED = CALLBACKS | {Behaviour.LATE_SUCCESS}
_FAILURE = refusal("INTERNAL_SERVER_ERROR", "INTERNAL_SERVICE_ERROR", status=HTTPStatus.INTERNAL_SERVER_ERROR)
_MISMATCH = refusal("UNPROCESSABLE_ENTITY", "DUPLICATE_REQUEST_ID", status=HTTPStatus.UNPROCESSABLE_ENTITY)
_REFUSED_QUESTION = refusal("RATE_LIMIT_REACHED", "RATE_LIMIT_REACHED", status=HTTPStatus.TOO_MANY_REQUESTS)


class PayPalEndpoints:
    """The API's calls."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._desk = Desk(bank, provider=PROVIDER, failure=_FAILURE, mismatch=_MISMATCH)
        self._tokens: dict[str, tuple[str, datetime]] = {}

    def routes(self) -> list[Route]:
        """The calls under the API's base path."""
        orders, payments = "/v2/checkout/orders", "/v2/payments"
        return [
            Route("/v1/oauth2/token", self.token, methods=["POST"]),
            Route(PATH + "{name}", self.certificate, methods=["GET"]),
            Route(orders, self.create, methods=["POST"]),
            Route(orders + "/{id}", self.read, methods=["GET"]),
            Route(orders + "/{id}/capture", self.finish, methods=["POST"]),
            Route(orders + "/{id}/authorize", self.finish, methods=["POST"]),
            Route(payments + "/authorizations/{id}/capture", self.capture, methods=["POST"]),
            Route(payments + "/authorizations/{id}/void", self.void, methods=["POST"]),
            Route(payments + "/captures/{id}", self.read_capture, methods=["GET"]),
            Route(payments + "/captures/{id}/refund", self.refund, methods=["POST"]),
            Route(payments + "/refunds/{id}", self.read_refund, methods=["GET"]),
        ]

    def reset(self) -> None:
        """Forget every access token."""
        self._tokens.clear()

    async def token(self, request: Request) -> Response:
        """An access token for an application."""
        client_id, secret = check_application(request)
        _raw, fields = await read_form(request)
        if fields.get("grant_type") != "client_credentials":
            raise invalid("unsupported_grant_type")
        merchant = self._bank.merchants.find(provider=PROVIDER, key=client_id)
        known = merchant.options.get("client_secret", secret) if merchant else secret

        async def work(behaviour: Behaviour) -> Answer:
            if behaviour is Behaviour.DECLINE or known != secret:
                raise unauthenticated()
            token = token_urlsafe(32)
            self._tokens[token] = (client_id, self._bank.clock() + TOKEN_LIFE)
            body = {
                "access_token": token,
                "token_type": "Bearer",
                "expires_in": int(TOKEN_LIFE.total_seconds()),
            }
            return Answer(body=body)

        return await self._desk.change(
            Call(account=client_id, key="", fingerprint=""), operation=Operation.TOKEN, work=work
        )

    async def certificate(self, request: Request) -> Response:
        """The certificate that notices are signed with."""
        if request.path_params["name"] != identity().name:
            raise not_found()
        return Response(pem(identity().certificate), media_type="application/x-pem-file")

    async def create(self, request: Request) -> Response:
        """Make an order; its payer agrees to it at the address in its links."""
        account, body, call = await self._open(request)
        wanted = check_order(body)
        base = str(request.base_url).rstrip("/") + request.scope["root_path"]

        async def work(behaviour: Behaviour) -> Answer:
            if behaviour is Behaviour.DECLINE:
                raise unprocessable("PAYEE_ACCOUNT_RESTRICTED")
            charge = self._register(wanted, account=account, base=base)
            answer = Answer(body=order_object(charge), status=HTTPStatus.CREATED)
            if behaviour is Behaviour.WEBHOOK_FIRST:
                await self._bank.customer.pay_first(charge)
            elif behaviour in _PLANNED:
                self._bank.customer.plan(charge, behaviour)
            return answer

        return await self._desk.change(call, operation=Operation.CREATE, work=work)

    async def read(self, request: Request) -> Response:
        """One order."""
        charge = self._order(request)
        refunds = self._bank.truth.refunds(of=charge)

        def work(behaviour: Behaviour) -> Answer:
            lies = behaviour is Behaviour.LIE_PENDING
            return Answer(body=order_object(charge, refunds, hides_money=lies))

        return await self._desk.ask(refused=_REFUSED_QUESTION, work=work)

    async def finish(self, request: Request) -> Response:
        """Take or hold what the payer has agreed to, once."""
        charge = self._order(request)
        _account, _body, call = await self._open(request)
        holds = request.url.path.endswith("/authorize")
        if holds is not (charge.details["intent"] == "AUTHORIZE"):
            raise unprocessable("ACTION_DOES_NOT_MATCH_INTENT")

        async def work(behaviour: Behaviour) -> Answer:
            if charge.status == "pending":
                raise unprocessable("ORDER_NOT_APPROVED")
            if charge.status != "agreed":
                raise unprocessable("ORDER_ALREADY_AUTHORIZED" if holds else "ORDER_ALREADY_CAPTURED")
            if behaviour is Behaviour.DECLINE:
                raise unprocessable("INSTRUMENT_DECLINED")
            if holds:
                held_at = self._bank.clock().isoformat()
                charge.details |= {"authorization": new_id(), "held_at": held_at, "rest": "open"}
                self._bank.truth.authorize(charge)
            else:
                self._take(charge, amount=charge.asked, invoice=charge.details["invoice"], final=True)
            self._tell(charge, behaviour)
            return Answer(body=order_object(charge), status=HTTPStatus.CREATED)

        return await self._desk.change(call, operation=Operation.FINISH, work=work)

    async def capture(self, request: Request) -> Response:
        """Take held money, all of it or a part; a final capture lets the rest go."""
        charge = self._held(request)
        _account, body, call = await self._open(request)
        left = charge.asked - sum(each["amount"] for each in captures_of(charge))
        amount = check_amount(body["amount"])[0] if "amount" in body else left
        invoice, final = check_text(body.get("invoice_id")), body.get("final_capture", False) is True

        async def work(behaviour: Behaviour) -> Answer:
            if charge.status == "voided":
                raise unprocessable("AUTHORIZATION_VOIDED")
            if charge.details["rest"] != "open":
                raise unprocessable("AUTHORIZATION_ALREADY_CAPTURED")
            if amount > left or behaviour is Behaviour.DECLINE:
                raise unprocessable("MAX_CAPTURE_AMOUNT_EXCEEDED")
            if invoice and any(each["invoice"] == invoice for each in captures_of(charge)):
                raise unprocessable("DUPLICATE_INVOICE_ID")
            self._take(charge, amount=amount, invoice=invoice, final=final or amount == left)
            self._tell(charge, behaviour)
            body = capture_object(charge, str(charge.provider_reference))
            return Answer(body=body, status=HTTPStatus.CREATED)

        return await self._desk.change(call, operation=Operation.CAPTURE, work=work)

    async def void(self, request: Request) -> Response:
        """Let held money go, or what is left of it."""
        charge = self._held(request)
        _account, _body, call = await self._open(request)

        async def work(behaviour: Behaviour) -> Answer:
            if charge.status == "voided":
                raise unprocessable("PREVIOUSLY_VOIDED")
            if charge.details["rest"] != "open" or behaviour is Behaviour.DECLINE:
                raise unprocessable("PREVIOUSLY_CAPTURED")
            if captures_of(charge):
                self._bank.truth.note(charge, rest="closed")
            else:
                self._bank.truth.end(charge, status="voided", rest="closed")
                self._tell(charge, behaviour)
            return Answer(body=authorization_object(charge, status="voided"))

        return await self._desk.change(call, operation=Operation.VOID, work=work)

    async def read_capture(self, request: Request) -> Response:
        """One capture."""
        charge, capture_id = self._captured(request), request.path_params["id"]
        refunds = self._bank.truth.refunds(of=charge)

        def work(behaviour: Behaviour) -> Answer:
            if behaviour is Behaviour.LIE_PENDING:
                raise not_found()
            return Answer(body=capture_object(charge, capture_id, refunds))

        return await self._desk.ask(refused=_REFUSED_QUESTION, work=work)

    async def refund(self, request: Request) -> Response:
        """Give money back, all that is left of a capture or a part."""
        charge, capture_id = self._captured(request), request.path_params["id"]
        _account, body, call = await self._open(request)
        left = self._left(charge, capture_id)
        amount = check_amount(body["amount"])[0] if "amount" in body else left
        invoice, custom = check_text(body.get("invoice_id")), check_text(body.get("custom_id"))

        async def work(behaviour: Behaviour) -> Answer:
            if not left:
                raise unprocessable("CAPTURE_FULLY_REFUNDED")
            if amount > left or behaviour is Behaviour.DECLINE:
                raise unprocessable("REFUND_AMOUNT_EXCEEDED")
            refund = self._bank.returns.give_back(
                charge,
                amount=amount,
                reference=invoice,
                provider_reference=new_id(),
                behaviour=behaviour,
                details={"capture": capture_id, "custom": custom},
            )
            return Answer(body=refund_object(refund, charge), status=HTTPStatus.CREATED)

        return await self._desk.change(call, operation=Operation.REFUND, work=work)

    async def read_refund(self, request: Request) -> Response:
        """One refund."""
        account, reference = self._account(request), request.path_params["id"]
        refund: Refund | None = self._bank.truth.find_refund(provider=PROVIDER, provider_reference=reference)
        if refund is None or self._bank.truth.charge_of(refund).account != account:
            raise not_found()
        charge, found = self._bank.truth.charge_of(refund), refund

        def work(behaviour: Behaviour) -> Answer:
            lies = behaviour is Behaviour.LIE_PENDING
            return Answer(body=refund_object(found, charge, hides_money=lies))

        return await self._desk.ask(refused=_REFUSED_QUESTION, work=work)

    def _register(self, wanted: OrderRequest, *, account: str, base: str) -> Charge:
        truth, order, now = self._bank.truth, new_id(), self._bank.clock()
        charge = Charge(
            number=truth.next_number(),
            provider=PROVIDER,
            account=account,
            reference=wanted.custom,
            provider_reference=order,
            amount=wanted.amount,
            currency=wanted.currency,
            method="paypal",
            qr_payload=f"https://www.sandbox.paypal.com/checkoutnow?token={order}",
            created_at=now,
            details={
                "agrees": True,
                "base": base,
                "intent": wanted.intent,
                "invoice": wanted.invoice,
                "lapses_at": (now + ORDER_LIFE).isoformat(),
                "order": order,
            },
        )
        return truth.register(charge)

    def _take(self, charge: Charge, *, amount: int, invoice: str, final: bool) -> None:
        """Book one capture; those after the first add to what was moved."""
        now, capture_id = self._bank.clock(), new_id()
        capture = {"id": capture_id, "amount": amount, "invoice": invoice, "final": final}
        capture["at"] = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        charge.details |= {"captures": [*captures_of(charge), capture], "rest": "closed" if final else "open"}
        if charge.status == "paid":
            charge.amount, charge.provider_reference = charge.amount + amount, capture_id
            self._bank.truth.note(charge)
        else:
            self._bank.truth.book(charge, amount=amount, provider_reference=capture_id, paid_at=now)

    def _left(self, charge: Charge, capture_id: str) -> int:
        """What of a capture can still be given back."""
        taken = next(each["amount"] for each in captures_of(charge) if each["id"] == capture_id)
        refunds = self._bank.truth.refunds(of=charge)
        given = [
            each.amount
            for each in refunds
            if each.status != "failed" and each.details["capture"] == capture_id
        ]
        return int(taken) - sum(given)

    async def _open(self, request: Request) -> tuple[str, dict[str, Any], Call]:
        """Who calls, what is said, and what makes it the same call again."""
        account, raw = self._account(request), await read_body(request)
        said = b"\n".join([request.url.path.encode(), raw])
        key = request.headers.get("paypal-request-id", "")
        call = Call(account=account, key=key, fingerprint=sha256(said).hexdigest())
        return account, parse_object(raw), call

    def _account(self, request: Request) -> str:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        client_id, ends_at = self._tokens.get(token, ("", self._bank.clock()))
        if scheme.lower() != "bearer" or ends_at <= self._bank.clock():
            raise unauthenticated()
        return client_id

    def _order(self, request: Request) -> Charge:
        wanted = request.path_params["id"]
        charge = self._find(request, lambda each: each.details["order"] == wanted)
        self._bank.customer.lapse(charge)
        if charge.details.get("lapsed"):
            raise not_found()
        return charge

    def _held(self, request: Request) -> Charge:
        wanted = request.path_params["id"]
        return self._find(request, lambda each: each.details.get("authorization") == wanted)

    def _captured(self, request: Request) -> Charge:
        wanted = request.path_params["id"]
        return self._find(request, lambda each: any(known["id"] == wanted for known in captures_of(each)))

    def _find(self, request: Request, fits: Any) -> Charge:
        """The caller's charge. Raises Declared."""
        account = self._account(request)
        known = self._bank.truth.find_known(provider=PROVIDER, provider_reference=request.path_params["id"])
        charges = self._bank.truth.charges(provider=PROVIDER, account=account)
        found = next((each for each in ([known] if known else []) + charges if fits(each)), None)
        if found is None or found.account != account:
            raise not_found()
        return found

    def _tell(self, charge: Charge, behaviour: Behaviour) -> None:
        self._bank.customer.tell(self._bank.houses[PROVIDER].news(charge), how=behaviour)
