"""SCB's three calls. Each is checked, then scripted, then carried out: a malformed call uses up no script."""

import base64
import io
from datetime import datetime, timedelta
from http import HTTPStatus
from secrets import token_urlsafe
from typing import Any

import segno
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator.answers import Json, Refused, read_object
from simulator.bank import Bank
from simulator.emvco import BillPaymentQr, write_bill_payment
from simulator.faults import Silence, lost_answer
from simulator.scb.protocol import (
    BANGKOK,
    QrRequest,
    Refusal,
    check_headers,
    check_inquiry,
    check_qr_request,
    envelope,
    inquiry_record,
)
from simulator.scripts import CALLBACKS, Behaviour, Operation
from simulator.truth import Charge

PROVIDER = "scb"
# Shown not by the answer but by what comes after it.
_PLANNED = CALLBACKS | {Behaviour.LATE_SUCCESS}


class ScbEndpoints:
    """The API's calls on one bank."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._tokens: dict[str, tuple[str, datetime]] = {}

    def routes(self) -> list[Route]:
        """The calls under the API's base path."""
        return [
            Route("/v1/oauth/token", self.token, methods=["POST"]),
            Route("/v1/payment/qrcode/create", self.create, methods=["POST"]),
            Route("/v1/payment/billpayment/inquiry", self.inquiry, methods=["GET"]),
        ]

    def reset(self) -> None:
        """Forget every access token."""
        self._tokens.clear()

    async def token(self, request: Request) -> Response:
        """An access token for an application's key and secret."""
        body = await _read(request)
        owner = check_headers(request.headers)
        key, secret = body.get("applicationKey"), body.get("applicationSecret")
        if key is None or secret is None:
            raise Refusal(1101, "applicationKey and applicationSecret")
        applications = self._bank.settings.applications
        if not (isinstance(key, str) and isinstance(secret, str) and key and secret):
            raise Refusal(1102, "applicationKey and applicationSecret")
        if applications and applications.get(key) != secret:
            raise Refusal(9500)
        behaviour = self._bank.scripts.take(provider=PROVIDER, operation=Operation.TOKEN)
        if refused := self._before(behaviour, Refusal(9500)):
            return refused
        return self._after(behaviour, envelope(self._issue_token(owner)))

    async def create(self, request: Request) -> Response:
        """Register a bill payment QR code. The same references again are refused with 1111."""
        body = await _read(request)
        self._check_token(request)
        wanted = check_qr_request(body, ref3_prefix=self._bank.settings.ref3_prefix)
        behaviour = self._bank.scripts.take(provider=PROVIDER, operation=Operation.CREATE)
        if refused := self._before(behaviour, Refusal(8102)):
            return refused
        known = self._bank.truth.find(
            provider=PROVIDER,
            biller_id=wanted.biller_id,
            reference=wanted.reference1,
            reference2=wanted.reference2,
        )
        if known and behaviour is not Behaviour.IGNORES_IDEMPOTENCY:
            raise Refusal(1111)
        charge = self._register(wanted)
        if behaviour in _PLANNED:
            self._bank.customer.plan(charge, behaviour)
        if behaviour is Behaviour.WEBHOOK_FIRST:
            await self._bank.customer.pay_first(charge)
        image = _image(charge.qr_payload) if self._bank.settings.draws_images else ""
        return self._after(behaviour, envelope({"qrRawData": charge.qr_payload, "qrImage": image}))

    async def inquiry(self, request: Request) -> Response:
        """The payments of a day with these references; an empty list when no money arrived."""
        self._check_token(request)
        asked = check_inquiry(request.query_params)
        behaviour = self._bank.scripts.take(provider=PROVIDER, operation=Operation.PROBE)
        if refused := self._before(behaviour, Refusal(9503)):
            return refused
        found = self._bank.truth.find(
            provider=PROVIDER,
            biller_id=asked.biller_id,
            reference=asked.reference1,
            reference2=asked.reference2,
        )
        records = [
            inquiry_record(charge)
            for charge in found
            if charge.paid_at is not None
            and charge.paid_at.astimezone(BANGKOK).date() == asked.on
            and asked.amount in (None, charge.amount)
        ]
        return self._after(behaviour, envelope([] if behaviour is Behaviour.LIE_PENDING else records))

    def _before(self, behaviour: Behaviour, declined: Refusal) -> Response | None:
        if behaviour is Behaviour.DECLINE:
            return refusal(declined)
        if behaviour is Behaviour.HANG_BEFORE:
            return Silence(hang_s=self._bank.settings.hang_s)
        return None

    def _after(self, behaviour: Behaviour, answer: dict[str, Any]) -> Response:
        if lost := lost_answer(behaviour, hang_s=self._bank.settings.hang_s):
            return lost
        if behaviour is Behaviour.FAIL_AFTER:
            return refusal(Refusal(9700))
        return Json(answer)

    def _issue_token(self, owner: str) -> dict[str, Any]:
        now, life_s = self._bank.clock(), self._bank.settings.token_s
        self._tokens = {token: kept for token, kept in self._tokens.items() if kept[1] > now}
        token, expires_at = token_urlsafe(24), now + timedelta(seconds=life_s)
        self._tokens[token] = (owner, expires_at)
        return {
            "accessToken": token,
            "tokenType": "Bearer",
            "expiresIn": life_s,
            "expiresAt": int(expires_at.timestamp()),
        }

    def _check_token(self, request: Request) -> None:
        owner = check_headers(request.headers)
        authorization = request.headers.get("authorization", "")
        if not authorization:
            raise Refusal(9100, "authorization")
        scheme, _, token = authorization.partition(" ")
        token_owner, expires_at = self._tokens.get(token, ("", self._bank.clock()))
        if scheme.lower() != "bearer" or expires_at <= self._bank.clock():
            raise Refusal(9300)
        if token_owner != owner:
            raise Refusal(9500, "resourceOwnerId")

    def _register(self, wanted: QrRequest) -> Charge:
        qr = BillPaymentQr(
            biller_id=wanted.biller_id,
            reference1=wanted.reference1,
            reference2=wanted.reference2,
            reference3=wanted.reference3,
            amount=wanted.amount,
        )
        return self._bank.truth.register(
            Charge(
                number=self._bank.truth.next_number(),
                provider=PROVIDER,
                biller_id=wanted.biller_id,
                reference=wanted.reference1,
                reference2=wanted.reference2,
                reference3=wanted.reference3,
                amount=wanted.amount,
                currency="THB",
                qr_payload=write_bill_payment(qr),
                created_at=self._bank.clock(),
            )
        )


def refusal(error: Refusal) -> Response:
    """The bank's error as an answer."""
    return Json(
        {"status": {"code": error.code, "description": str(error)}, "data": None},
        status_code=error.http_status,
    )


async def _read(request: Request) -> dict[str, Any]:
    try:
        return await read_object(request)
    except Refused as error:
        if error.status == HTTPStatus.BAD_REQUEST:
            raise Refusal(1102, str(error)) from None
        raise


def _image(payload: str) -> str:
    picture = io.BytesIO()
    segno.make(payload, micro=False).save(picture, kind="png", scale=4)
    return base64.b64encode(picture.getvalue()).decode()
