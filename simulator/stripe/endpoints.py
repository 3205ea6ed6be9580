"""Stripe's calls on payment intents and refunds. Each is checked, then scripted, then carried out."""

from collections.abc import Sequence
from http import HTTPStatus
from secrets import token_hex
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator.bank import Bank
from simulator.cards import Verdict, judge
from simulator.desk import Answer, Desk, call_of
from simulator.emvco import BillPaymentQr, write_bill_payment
from simulator.forms import read_form
from simulator.scripts import CALLBACKS, Behaviour, Operation
from simulator.stripe.checks import (
    IntentRequest,
    check_amount,
    check_intent,
    check_key,
    check_metadata,
    known_only,
    refused,
)
from simulator.stripe.objects import card_error, intent_object, refund_object
from simulator.truth import Charge, Refund

PROVIDER = "stripe"
BILLER = "010553509810699"
MAX_PAGE = 100
_PLANNED = CALLBACKS | {Behaviour.LATE_SUCCESS}
_FAILURE = Answer(
    status=HTTPStatus.INTERNAL_SERVER_ERROR,
    body={"error": {"type": "api_error", "message": "An error occurred while processing the request."}},
)
_MISMATCH = Answer(
    status=HTTPStatus.BAD_REQUEST,
    body={
        "error": {
            "type": "idempotency_error",
            "message": "Keys for idempotent requests can only be used with the same parameters.",
        }
    },
)
_REFUSED_QUESTION = refused("rate_limit", "Too many requests", status=HTTPStatus.TOO_MANY_REQUESTS).answer


class StripeEndpoints:
    """The API's calls."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._desk = Desk(bank, provider=PROVIDER, failure=_FAILURE, mismatch=_MISMATCH)

    def routes(self) -> list[Route]:
        """The calls under the API's base path."""
        return [
            Route("/v1/payment_intents", self.create, methods=["POST"]),
            Route("/v1/payment_intents", self.list_intents, methods=["GET"]),
            Route("/v1/payment_intents/{id}", self.read, methods=["GET"]),
            Route("/v1/payment_intents/{id}/capture", self.capture, methods=["POST"]),
            Route("/v1/payment_intents/{id}/cancel", self.cancel, methods=["POST"]),
            Route("/v1/refunds", self.refund, methods=["POST"]),
            Route("/v1/refunds", self.list_refunds, methods=["GET"]),
            Route("/v1/refunds/{id}", self.read_refund, methods=["GET"]),
        ]

    async def create(self, request: Request) -> Response:
        """Make a payment intent and confirm it."""
        key = check_key(request)
        body, fields = await read_form(request)
        wanted = check_intent(fields)
        call = call_of(request, account=key, body=body)

        async def work(behaviour: Behaviour) -> Answer:
            verdict = judge(wanted.token)
            if behaviour is Behaviour.DECLINE:
                verdict = Verdict(kind="declined", code="generic_decline")
            charge = self._register(wanted, account=key, verdict=verdict)
            if verdict.kind == "declined":
                self._bank.truth.end(charge, status="failed", decline_code=verdict.code)
                self._tell(charge, behaviour)
                return Answer(body=card_error(charge), status=HTTPStatus.PAYMENT_REQUIRED)
            await self._pay(charge, behaviour, waits=charge.details.get("next_action") is not None)
            return Answer(body=intent_object(charge, expand=True))

        return await self._desk.change(call, operation=Operation.CREATE, work=work)

    async def list_intents(self, request: Request) -> Response:
        """The merchant's payment intents, newest first, by time of creation."""
        key, query = check_key(request), request.query_params

        def work(behaviour: Behaviour) -> Answer:
            lies = behaviour is Behaviour.LIE_PENDING
            known = [] if lies else self._bank.truth.charges(provider=PROVIDER, account=key)
            shown = [intent_object(charge, expand=True) for charge in reversed(known)]
            return Answer(body=_page([each for each in shown if _is_within(each, query)], query))

        return await self._desk.ask(refused=_REFUSED_QUESTION, work=work)

    async def read(self, request: Request) -> Response:
        """One payment intent."""
        charge = self._charge(request)

        def work(behaviour: Behaviour) -> Answer:
            lies = behaviour is Behaviour.LIE_PENDING
            return Answer(body=intent_object(charge, expand=True, hides_money=lies))

        return await self._desk.ask(refused=_REFUSED_QUESTION, work=work)

    async def capture(self, request: Request) -> Response:
        """Take held money, once; the rest is let go."""
        charge = self._charge(request)
        body, fields = await read_form(request)
        known_only(fields, frozenset({"amount_to_capture", "expand", "metadata"}))
        asked = fields.get("amount_to_capture")
        amount = charge.asked if asked is None else check_amount(asked, currency=charge.currency)
        call = call_of(request, account=charge.account, body=body)

        async def work(behaviour: Behaviour) -> Answer:
            if charge.status != "authorized":
                return _wrong_state(charge, "captured")
            if behaviour is Behaviour.DECLINE or amount > charge.asked:
                raise refused("amount_too_large", "This PaymentIntent cannot be captured for that amount.")
            notice = self._bank.customer.take(charge, amount=amount)
            self._bank.customer.tell(notice, how=behaviour)
            return Answer(body=intent_object(charge, expand=True))

        return await self._desk.change(call, operation=Operation.CAPTURE, work=work)

    async def cancel(self, request: Request) -> Response:
        """Let a payment intent go that has taken no money."""
        charge = self._charge(request)
        body, _fields = await read_form(request)
        call = call_of(request, account=charge.account, body=body)

        async def work(behaviour: Behaviour) -> Answer:
            if charge.status in ("paid", "voided") or behaviour is Behaviour.DECLINE:
                return _wrong_state(charge, "canceled")
            self._bank.truth.end(charge, status="voided")
            self._tell(charge, behaviour)
            return Answer(body=intent_object(charge, expand=True))

        return await self._desk.change(call, operation=Operation.VOID, work=work)

    async def refund(self, request: Request) -> Response:
        """Give money back, all that is left or a part."""
        key = check_key(request)
        body, fields = await read_form(request)
        known_only(fields, frozenset({"payment_intent", "amount", "metadata", "reason"}))
        charge = self._known(str(fields.get("payment_intent", "")), account=key)
        left = self._bank.returns.left(charge)
        asked = fields.get("amount")
        amount = left if asked is None else check_amount(asked, currency=charge.currency)
        metadata = check_metadata(fields)
        call = call_of(request, account=key, body=body)

        async def work(behaviour: Behaviour) -> Answer:
            self._check_refund(charge, amount=amount, behaviour=behaviour)
            refund = self._bank.returns.give_back(
                charge,
                amount=amount,
                reference=metadata.get("reference", ""),
                provider_reference=f"re_{token_hex(12)}",
                behaviour=behaviour,
                details={"metadata": metadata, "reason": fields.get("reason")},
            )
            return Answer(body=refund_object(refund, charge))

        return await self._desk.change(call, operation=Operation.REFUND, work=work)

    async def list_refunds(self, request: Request) -> Response:
        """The refunds of a payment intent, newest first."""
        key, query = check_key(request), request.query_params
        charge = self._known(query.get("payment_intent", ""), account=key)

        def work(behaviour: Behaviour) -> Answer:
            lies = behaviour is Behaviour.LIE_PENDING
            known = [] if lies else self._bank.truth.refunds(of=charge)
            return Answer(body=_page([refund_object(refund, charge) for refund in reversed(known)], query))

        return await self._desk.ask(refused=_REFUSED_QUESTION, work=work)

    async def read_refund(self, request: Request) -> Response:
        """One refund."""
        key, reference = check_key(request), request.path_params["id"]
        refund: Refund | None = self._bank.truth.find_refund(provider=PROVIDER, provider_reference=reference)
        if refund is None or self._bank.truth.charge_of(refund).account != key:
            raise refused("resource_missing", f"No such refund: {reference!r}", status=HTTPStatus.NOT_FOUND)
        charge, found = self._bank.truth.charge_of(refund), refund

        def work(behaviour: Behaviour) -> Answer:
            lies = behaviour is Behaviour.LIE_PENDING
            return Answer(body=refund_object(found, charge, hides_money=lies))

        return await self._desk.ask(refused=_REFUSED_QUESTION, work=work)

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

    def _register(self, wanted: IntentRequest, *, account: str, verdict: Verdict) -> Charge:
        truth, reference = self._bank.truth, f"pi_{token_hex(12)}"
        code, action = "", None
        if wanted.method == "promptpay":
            code = _promptpay_code(wanted, reference)
            action = _promptpay_action(code, reference)
        elif verdict.kind == "challenged":
            code = f"https://hooks.stripe.com/3d_secure_2/{reference}"
            action = _challenge_action(code, return_url=wanted.return_url)
        details = {
            "description": wanted.description,
            "holds": wanted.holds,
            "metadata": wanted.metadata,
            "next_action": action,
            "payment_method": f"pm_{token_hex(12)}",
        }
        charge = Charge(
            number=truth.next_number(),
            provider=PROVIDER,
            account=account,
            reference=wanted.metadata.get("reference", ""),
            provider_reference=reference,
            amount=wanted.amount,
            currency=wanted.currency,
            method=wanted.method,
            qr_payload=code,
            created_at=self._bank.clock(),
            details=details,
        )
        return truth.register(charge)

    def _check_refund(self, charge: Charge, *, amount: int, behaviour: Behaviour) -> None:
        left = self._bank.returns.left(charge)
        if charge.status == "paid" and not left:
            raise refused("charge_already_refunded", "The charge has already been refunded.")
        if behaviour is Behaviour.DECLINE or charge.status != "paid" or amount > left:
            raise refused("amount_too_large", f"Refund amount is greater than what is left ({left}).")

    def _charge(self, request: Request) -> Charge:
        return self._known(request.path_params["id"], account=check_key(request))

    def _known(self, reference: str, *, account: str) -> Charge:
        charge = self._bank.truth.find_known(provider=PROVIDER, provider_reference=reference)
        if charge is None or charge.account != account:
            raise refused(
                "resource_missing", f"No such payment_intent: {reference!r}", status=HTTPStatus.NOT_FOUND
            )
        return charge

    def _tell(self, charge: Charge, behaviour: Behaviour) -> None:
        self._bank.customer.tell(self._bank.houses[PROVIDER].news(charge), how=behaviour)


def _wrong_state(charge: Charge, verb: str) -> Answer:
    """The refusal of a call that the state does not allow; the payment intent comes with it."""
    shown = intent_object(charge, expand=True)
    message = f"You cannot have this PaymentIntent {verb} because it has a status of {shown['status']}."
    return refused("payment_intent_unexpected_state", message, payment_intent=shown).answer


def _promptpay_code(wanted: IntentRequest, reference: str) -> str:
    qr = BillPaymentQr(
        biller_id=BILLER,
        reference1=reference.removeprefix("pi_")[:20].upper(),
        reference2="",
        reference3="",
        amount=wanted.amount,
    )
    return write_bill_payment(qr)


def _promptpay_action(code: str, reference: str) -> dict[str, Any]:
    shown = {
        "data": code,
        "hosted_instructions_url": f"https://payments.stripe.com/qr/instructions/{reference}",
        "image_url_png": f"https://qr.stripe.com/{reference}.png",
        "image_url_svg": f"https://qr.stripe.com/{reference}.svg",
    }
    return {"type": "promptpay_display_qr_code", "promptpay_display_qr_code": shown}


def _challenge_action(url: str, *, return_url: str) -> dict[str, Any]:
    if not return_url:
        return {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
    return {"type": "redirect_to_url", "redirect_to_url": {"url": url, "return_url": return_url}}


def _is_within(shown: dict[str, Any], query: QueryParams) -> bool:
    created, first, last = shown["created"], query.get("created[gte]", "0"), query.get("created[lte]")
    return int(first) <= created and (last is None or created <= int(last))


def _page(shown: Sequence[dict[str, Any]], query: QueryParams) -> dict[str, Any]:
    """One page of a list that begins after the object named in the query."""
    after, limit = query.get("starting_after"), min(int(query.get("limit", "10")), MAX_PAGE)
    ids = [each["id"] for each in shown]
    start = ids.index(after) + 1 if after in ids else 0
    page = list(shown[start : start + limit])
    return {"object": "list", "data": page, "has_more": start + limit < len(shown), "url": "/v1/list"}
