"""The simulator's own calls, which no bank has: its truth, a customer's payment, scripts, forgetting."""

from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator.answers import Json, Refused, problem, read_object
from simulator.bank import Bank
from simulator.customer import PROVIDER, PaymentRefused
from simulator.faults import Reset, Silence
from simulator.scb.endpoints import Endpoints
from simulator.scripts import Behaviour, Operation, ScriptRefused
from simulator.truth import Charge


class Control:
    """Calls for tests, demonstrations and the comparison of the bank's books with the platform's."""

    def __init__(self, bank: Bank, endpoints: Endpoints) -> None:
        self._bank, self._endpoints = bank, endpoints

    def routes(self) -> list[Route]:
        """The calls at the root."""
        return [
            Route("/__truth", self.truth, methods=["GET"]),
            Route("/__pay", self.pay, methods=["POST"]),
            Route("/__script", self.scripts, methods=["GET"]),
            Route("/__script", self.script, methods=["POST"]),
            Route("/__callbacks", self.callbacks, methods=["GET"]),
            Route("/__reset", self.reset, methods=["POST"]),
            Route("/livez", self.alive, methods=["GET"]),
        ]

    async def truth(self, _request: Request) -> Response:
        """All charges and refunds, oldest first, amounts in minor units."""
        return Json({"charges": [_shown(charge) for charge in self._bank.truth.charges()], "refunds": []})

    async def pay(self, request: Request) -> Response:
        """Pay a QR code as a bank app would: {qr_payload, amount? for a code without one}."""
        body = await read_object(request)
        charge, amount = self._bank.customer.scan(
            qr_payload=body.get("qr_payload"), amount=body.get("amount")
        )
        behaviour = self._bank.scripts.take(provider=PROVIDER, operation=Operation.PAY)
        if behaviour is Behaviour.DECLINE:
            raise PaymentRefused(
                "the customer's bank declined the payment",
                code="declined",
                status=HTTPStatus.PAYMENT_REQUIRED,
            )
        if behaviour is Behaviour.HANG_BEFORE:
            return Silence(hang_s=self._bank.settings.hang_s)
        charge = self._bank.customer.confirm(charge, amount=amount, behaviour=behaviour)
        if behaviour is Behaviour.HANG_AFTER:
            return Silence(hang_s=self._bank.settings.hang_s)
        if behaviour is Behaviour.RESET_AFTER:
            return Reset()
        if behaviour is Behaviour.FAIL_AFTER:
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            return problem(Refused("paid, but the app failed", code="failed_after", status=status))
        done = "paid" if charge.status == "paid" else "accepted"
        return Json({"status": done, "provider_reference": charge.provider_reference, "amount": amount})

    async def scripts(self, _request: Request) -> Response:
        """Scripts still in force."""
        return Json({"scripts": self._bank.scripts.in_force()})

    async def script(self, request: Request) -> Response:
        """Script an operation: {provider, operation, behaviour, times?}; without times for good."""
        body = await read_object(request)
        unknown = set(body) - {"provider", "operation", "behaviour", "times"}
        if unknown:
            raise ScriptRefused(f"unknown field {min(unknown)!r}")
        self._bank.scripts.set(
            provider=body.get("provider"),
            operation=body.get("operation"),
            behaviour=body.get("behaviour"),
            times=body.get("times"),
        )
        return await self.scripts(request)

    async def callbacks(self, _request: Request) -> Response:
        """The latest callbacks and how they were answered."""
        return Json({"callbacks": list(self._bank.callbacks.sent)})

    async def reset(self, _request: Request) -> Response:
        """Forget everything, access tokens included."""
        await self._bank.reset()
        self._endpoints.reset()
        return Json({"status": "reset"})

    async def alive(self, _request: Request) -> Response:
        """The process answers."""
        return Json({"status": "ok"})


def _shown(charge: Charge) -> dict[str, Any]:
    return {
        "provider": charge.provider,
        "reference": charge.reference,
        "provider_reference": charge.provider_reference,
        "amount": charge.amount,
        "currency": charge.currency,
        "status": charge.status,
        "reference2": charge.reference2,
        "reference3": charge.reference3,
        "biller_id": charge.biller_id,
        "qr_payload": charge.qr_payload,
        "created_at": charge.created_at,
        "paid_at": charge.paid_at,
    }
