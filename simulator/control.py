"""The simulator's own calls, which no bank has: its truth, a customer's payment, scripts, forgetting."""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator.answers import Json, Refused, problem, read_object
from simulator.bank import Bank
from simulator.customer import PaymentRefused
from simulator.faults import Silence, lost_answer
from simulator.scripts import Behaviour, Operation, ScriptRefused
from simulator.truth import Charge, Refund


class Control:
    """Calls for tests, demonstrations and the comparison of the bank's books with the platform's."""

    def __init__(self, bank: Bank, *, forget: Sequence[Callable[[], None]]) -> None:
        self._bank, self._forget = bank, forget

    def routes(self) -> list[Route]:
        """The calls at the root."""
        return [
            Route("/__truth", self.truth, methods=["GET"]),
            Route("/__pay", self.pay, methods=["POST"]),
            Route("/__script", self.scripts, methods=["GET"]),
            Route("/__script", self.script, methods=["POST"]),
            Route("/__return", self.send_back, methods=["POST"]),
            Route("/__dispute", self.dispute, methods=["POST"]),
            Route("/__merchants", self.merchant, methods=["POST"]),
            Route("/__callbacks", self.callbacks, methods=["GET"]),
            Route("/__reset", self.reset, methods=["POST"]),
            Route("/livez", self.alive, methods=["GET"]),
        ]

    async def truth(self, _request: Request) -> Response:
        """All charges and refunds, oldest first, amounts in minor units as their providers count them."""
        truth = self._bank.truth
        refunds = [_given_back(refund, charge=truth.charge_of(refund)) for refund in truth.refunds()]
        return Json({"charges": [_shown(charge) for charge in truth.charges()], "refunds": refunds})

    async def pay(self, request: Request) -> Response:
        """Pay a QR code as a bank app would: {qr_payload, amount? for a code without one}."""
        body = await read_object(request)
        charge, amount = self._bank.customer.scan(
            qr_payload=body.get("qr_payload"), amount=body.get("amount")
        )
        behaviour = self._bank.scripts.take(provider=charge.provider, operation=Operation.PAY)
        if behaviour is Behaviour.DECLINE:
            raise PaymentRefused(
                "the customer's bank declined the payment",
                code="declined",
                status=HTTPStatus.PAYMENT_REQUIRED,
            )
        if behaviour is Behaviour.HANG_BEFORE:
            return Silence(hang_s=self._bank.settings.hang_s)
        charge = self._bank.customer.confirm(charge, amount=amount, behaviour=behaviour)
        if lost := lost_answer(behaviour, hang_s=self._bank.settings.hang_s):
            return lost
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

    async def send_back(self, request: Request) -> Response:
        """The payer's bank sends a refund back: {provider, provider_reference}."""
        body = await read_object(request)
        refund = self._bank.returns.send_back(
            provider=body.get("provider"), provider_reference=body.get("provider_reference")
        )
        return Json({"status": refund.status})

    async def dispute(self, request: Request) -> Response:
        """The payer disputes a payment, or their bank decides: {provider, provider_reference, status, reason?}."""
        body = await read_object(request)
        dispute = self._bank.returns.complain(
            provider=body.get("provider"),
            provider_reference=body.get("provider_reference"),
            status=body.get("status"),
            reason=body.get("reason"),
        )
        return Json({"provider_reference": dispute.provider_reference, "status": dispute.status})

    async def merchant(self, request: Request) -> Response:
        """Enter a merchant's webhook as in a dashboard: {provider, key, webhook_url, webhook_secrets}. Outlives a reset."""
        entry = self._bank.merchants.enter(await read_object(request))
        return Json({"provider": entry.provider, "webhook_url": entry.webhook_url})

    async def callbacks(self, _request: Request) -> Response:
        """The latest callbacks: what they said, when they were sent, in seconds of the epoch, and how they were answered."""
        return Json({"callbacks": list(self._bank.callbacks.sent)})

    async def reset(self, _request: Request) -> Response:
        """Forget everything, access tokens included."""
        await self._bank.reset()
        for forget in self._forget:
            forget()
        return Json({"status": "reset"})

    async def alive(self, _request: Request) -> Response:
        """The process answers."""
        return Json({"status": "ok"})


def _shown(charge: Charge) -> dict[str, Any]:
    return {
        "provider": charge.provider,
        "reference": charge.reference,
        "provider_reference": charge.provider_reference,
        "paid_as": charge.details.get("capture"),
        "amount": charge.amount,
        "currency": charge.currency,
        "status": charge.status,
        "reference2": charge.reference2,
        "reference3": charge.reference3,
        "biller_id": charge.biller_id,
        "method": charge.method,
        "qr_payload": charge.qr_payload,
        "created_at": charge.created_at,
        "paid_at": charge.paid_at,
    }


def _given_back(refund: Refund, *, charge: Charge) -> dict[str, Any]:
    return {
        "provider": refund.provider,
        "reference": refund.reference,
        "provider_reference": refund.provider_reference,
        "charge_reference": charge.reference,
        "payment_reference": charge.provider_reference,
        "amount": refund.amount,
        "currency": refund.currency,
        "status": refund.status,
        "created_at": refund.created_at,
    }
