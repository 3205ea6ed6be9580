"""KBank's calls. Each is checked, then scripted, then carried out: a malformed call uses up no script."""

from datetime import datetime, time, timedelta
from http import HTTPStatus
from secrets import choice, token_urlsafe
from string import ascii_uppercase, digits
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator.answers import Json, Refused, read_object
from simulator.bank import Bank
from simulator.desk import Answer, Call, Desk
from simulator.emvco import BillPaymentQr, format_baht, write_bill_payment
from simulator.forms import read_form
from simulator.kbank.checks import (
    Caller,
    QrRequest,
    check_application,
    check_caller,
    check_qr_request,
    unauthorized,
)
from simulator.kbank.house import BANGKOK
from simulator.scripts import CALLBACKS, Behaviour, Operation
from simulator.truth import Charge

PROVIDER = "kbank"
BILLER, ACQUIRER = "010753600031501", "004"
CODE_LIFE = timedelta(minutes=10)
# Nobody settles by hand while the bank closes its day.
CLOSES, OPENS = time(22, 0), time(2, 30)
_PLANNED = CALLBACKS | {Behaviour.LATE_SUCCESS}
_STATUSES = {"pending": "REQUESTED", "paid": "PAID", "failed": "CANCELLED"}


class KBankEndpoints:
    """The API's calls."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._tokens: dict[str, datetime] = {}

    def routes(self) -> list[Route]:
        """The calls under the API's base path."""
        return [
            Route("/v2/oauth/token", self.token, methods=["POST"]),
            Route("/v1/qrpayment/request", self.create, methods=["POST"]),
            Route("/v1/qrpayment/v4/inquiry", self.inquiry, methods=["POST"]),
            Route("/v1/qrpayment/cancel", self.cancel, methods=["POST"]),
            Route("/v1/qrpayment/void", self.void, methods=["POST"]),
            Route("/v1/qrpayment/settlement", self.settle, methods=["POST"]),
        ]

    def reset(self) -> None:
        """Forget every access token."""
        self._tokens.clear()

    async def token(self, request: Request) -> Response:
        """An access token for an application."""
        consumer = check_application(request)
        _raw, fields = await read_form(request)
        if fields.get("grant_type") != "client_credentials":
            raise unauthorized("unsupported_grant_type")
        failure = Answer(body={"error": "server_error"}, status=HTTPStatus.INTERNAL_SERVER_ERROR)
        desk = Desk(self._bank, provider=PROVIDER, failure=failure, mismatch=failure)

        async def work(behaviour: Behaviour) -> Answer:
            if behaviour is Behaviour.DECLINE:
                raise unauthorized("invalid_client")
            return Answer(body=self._issue_token())

        call = Call(account=consumer, key="", fingerprint="")
        return await desk.change(call, operation=Operation.TOKEN, work=work)

    async def create(self, request: Request) -> Response:
        """Show a code. The same transaction id again is refused, and the code is not shown again."""
        caller, body = await self._open(request)
        wanted = check_qr_request(body, caller)

        async def work(behaviour: Behaviour) -> Answer:
            if behaviour is Behaviour.DECLINE:
                raise caller.refused("account_closed")
            if self._find(caller, caller.key) and behaviour is not Behaviour.IGNORES_IDEMPOTENCY:
                raise caller.refused("duplicate")
            charge = self._register(wanted, caller)
            if behaviour is Behaviour.WEBHOOK_FIRST:
                await self._bank.customer.pay_first(charge)
            elif behaviour in _PLANNED:
                self._bank.customer.plan(charge, behaviour)
            return caller.answer(accountName="Test Merchant", qrCode=charge.qr_payload, sof=["PP"])

        return await self._change(caller, operation=Operation.CREATE, work=work)

    async def inquiry(self, request: Request) -> Response:
        """What became of a code."""
        caller, body = await self._open(request)
        charge = self._find(caller, body.get("origPartnerTxnUid"))

        def work(behaviour: Behaviour) -> Answer:
            if charge is None:
                return caller.answer(txnStatus="NOT_FOUND", txnNo=None)
            return caller.answer(**self._shown(charge, lies=behaviour is Behaviour.LIE_PENDING))

        return await self._desk(caller).ask(refused=caller.failure("general"), work=work)

    async def cancel(self, request: Request) -> Response:
        """Make a code unpayable that nobody has paid."""
        caller, body = await self._open(request)
        charge = self._find(caller, body.get("origPartnerTxnUid"))

        async def work(behaviour: Behaviour) -> Answer:
            if charge is None:
                raise caller.refused("unknown")
            if behaviour is Behaviour.DECLINE:
                raise caller.refused("general")
            if charge.status == "paid":
                raise caller.refused("paid")
            if charge.status != "pending":
                raise caller.refused("expired" if charge.details.get("lapsed") else "cancelled")
            self._bank.customer.call_off(charge)
            return caller.answer()

        return await self._change(caller, operation=Operation.VOID, work=work)

    async def void(self, request: Request) -> Response:
        """Give a payment back as a whole, on its day and before it is settled."""
        caller, body = await self._open(request)
        charge = self._find(caller, body.get("origPartnerTxnUid"))

        async def work(behaviour: Behaviour) -> Answer:
            if charge is None:
                raise caller.refused("unknown")
            refunds = self._bank.truth.refunds()
            if any((each.provider, each.reference) == (PROVIDER, caller.key) for each in refunds):
                raise caller.refused("duplicate")
            if charge.status != "paid" or not self._bank.returns.left(charge):
                raise caller.refused("not_voidable")
            if behaviour is Behaviour.DECLINE or self._is_settled(charge):
                raise caller.refused("settled")
            number = str(charge.provider_reference)
            self._bank.returns.give_back(
                charge,
                amount=charge.amount,
                reference=caller.key,
                provider_reference=number,
                behaviour=Behaviour.OK,
                details={},
            )
            return caller.answer(txnNo=number)

        return await self._change(caller, operation=Operation.REFUND, work=work)

    async def settle(self, request: Request) -> Response:
        """Settle by hand what a merchant was paid; it cannot be voided after that."""
        caller, _ = await self._open(request)
        at = self._bank.clock().astimezone(BANGKOK).time()
        if at >= CLOSES or at < OPENS:
            raise caller.refused("settling")
        for charge in self._bank.truth.charges(provider=PROVIDER, account=caller.partner):
            is_meant = charge.biller_id == caller.merchant and caller.terminal in ("", charge.reference3)
            if charge.status == "paid" and is_meant:
                self._bank.truth.note(charge, settled=True)
        return Json(caller.answer().body)

    async def _open(self, request: Request) -> tuple[Caller, dict[str, Any]]:
        """Who calls, and the body of the call. Raises Declared."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or self._tokens.get(token, self._bank.clock()) <= self._bank.clock():
            raise unauthorized("invalid_token")
        try:
            body = await read_object(request)
        except Refused:
            body = {}
        return check_caller(body, merchants=self._bank.merchants), body

    def _desk(self, caller: Caller) -> Desk:
        failure = caller.failure("failed", status=HTTPStatus.INTERNAL_SERVER_ERROR)
        return Desk(self._bank, provider=PROVIDER, failure=failure, mismatch=failure)

    async def _change(self, caller: Caller, *, operation: Operation, work: Any) -> Response:
        call = Call(account=caller.partner, key="", fingerprint="")
        return await self._desk(caller).change(call, operation=operation, work=work)

    def _issue_token(self) -> dict[str, Any]:
        now, life_s = self._bank.clock(), self._bank.settings.token_s
        self._tokens = {token: ends_at for token, ends_at in self._tokens.items() if ends_at > now}
        token = token_urlsafe(24)
        self._tokens[token] = now + timedelta(seconds=life_s)
        return {"token_type": "Bearer", "access_token": token, "expires_in": life_s, "status": "approved"}

    def _find(self, caller: Caller, reference: object) -> Charge | None:
        """The merchant's transaction; of several the one that was paid, else the newest."""
        found = self._bank.truth.find(provider=PROVIDER, biller_id=caller.merchant, reference=str(reference))
        own = [charge for charge in found if charge.account == caller.partner]
        for charge in own:
            self._bank.customer.lapse(charge)
        return next((each for each in own if each.status == "paid"), own[-1] if own else None)

    def _register(self, wanted: QrRequest, caller: Caller) -> Charge:
        truth, now = self._bank.truth, self._bank.clock()
        qr = BillPaymentQr(
            biller_id=BILLER,
            reference1=caller.merchant.upper(),
            reference2="".join(choice(ascii_uppercase + digits) for _ in range(13)),
            reference3="",
            amount=wanted.amount,
            acquirer=ACQUIRER,
        )
        charge = Charge(
            number=truth.next_number(),
            provider=PROVIDER,
            account=caller.partner,
            biller_id=caller.merchant,
            reference=caller.key,
            reference2=wanted.reference2,
            reference3=caller.terminal,
            amount=wanted.amount,
            currency="THB",
            qr_payload=write_bill_payment(qr),
            created_at=now,
            details={"lapses_at": (now + CODE_LIFE).isoformat(), "reference1": wanted.reference1},
        )
        return truth.register(charge)

    def _shown(self, charge: Charge, *, lies: bool) -> dict[str, Any]:
        status = self._status(charge)
        if lies and status in ("PAID", "VOIDED"):
            status = "REQUESTED" if status == "PAID" else "PAID"
        is_paid = status in ("PAID", "VOIDED")
        return {
            "txnStatus": status,
            "txnNo": charge.provider_reference if is_paid else None,
            "loyaltyId": None,
            "channel": "KPLUS" if is_paid else None,
            "merchantId": charge.biller_id,
            "terminalId": charge.reference3 or None,
            "qrType": "3",
            "txnAmount": format_baht(charge.amount),
            "txnCurrencyCode": charge.currency,
            "reference1": charge.details["reference1"],
            "reference2": charge.reference2 or None,
        }

    def _status(self, charge: Charge) -> str:
        if charge.status == "voided":
            return "EXPIRED" if charge.details.get("lapsed") else "CANCELLED"
        if charge.status == "paid" and not self._bank.returns.left(charge):
            return "VOIDED"
        return _STATUSES[charge.status]

    def _is_settled(self, charge: Charge) -> bool:
        """Settled by hand, or by the bank itself at the end of the day."""
        paid_on = (charge.paid_at or charge.created_at).astimezone(BANGKOK).date()
        is_past = paid_on != self._bank.clock().astimezone(BANGKOK).date()
        return is_past or bool(charge.details.get("settled"))
