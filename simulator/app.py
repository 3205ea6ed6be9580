"""The simulator's web application: each provider under its name, the simulator's own calls at the root."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount

from simulator.adyen.endpoints import AdyenEndpoints
from simulator.answers import Json, Refused, problem
from simulator.bank import Bank
from simulator.control import Control
from simulator.desk import Declared
from simulator.kbank.endpoints import KBankEndpoints
from simulator.omise.endpoints import OmiseEndpoints
from simulator.paypal.endpoints import PayPalEndpoints
from simulator.paypay.endpoints import PayPayEndpoints
from simulator.scb.endpoints import ScbEndpoints, refusal
from simulator.scb.protocol import Refusal
from simulator.stripe.endpoints import StripeEndpoints


def create_app(bank: Bank) -> Starlette:
    """The application on this bank."""
    scb, stripe, omise = ScbEndpoints(bank), StripeEndpoints(bank), OmiseEndpoints(bank)
    paypay, kbank = PayPayEndpoints(bank), KBankEndpoints(bank)
    adyen, paypal = AdyenEndpoints(bank), PayPalEndpoints(bank)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await bank.close()

    return Starlette(
        routes=[
            *Control(bank, forget=(kbank.reset, paypal.reset, scb.reset)).routes(),
            Mount("/adyen", routes=adyen.routes()),
            Mount("/kbank", routes=kbank.routes()),
            Mount("/omise", routes=omise.routes()),
            Mount("/paypal", routes=paypal.routes()),
            Mount("/paypay", routes=paypay.routes()),
            Mount("/scb", routes=scb.routes()),
            Mount("/stripe", routes=stripe.routes()),
        ],
        exception_handlers=dict.fromkeys((Refusal, Refused, Declared, HTTPException), _answer),
        lifespan=lifespan,
    )


async def _answer(_request: Request, error: Exception) -> Response:
    match error:
        case Refusal():
            return refusal(error)
        case Declared():
            return Json(error.answer.body, status_code=error.answer.status)
        case Refused():
            return problem(error)
        case HTTPException():
            code = error.detail.lower().replace(" ", "_")
            return problem(Refused(error.detail, code=code, status=error.status_code))
    raise error
