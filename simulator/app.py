"""The simulator's web application: SCB under /scb, its own calls at the root."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount

from simulator.bank import Bank
from simulator.bodies import BodyRefused
from simulator.control import Control, problem
from simulator.customer import PaymentRefused
from simulator.scb.endpoints import Endpoints, refusal
from simulator.scb.protocol import Refusal
from simulator.scripts import ScriptRefused


def create_app(bank: Bank) -> Starlette:
    """The application on this bank."""
    scb = Endpoints(bank)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await bank.callbacks.close()

    return Starlette(
        routes=[*Control(bank, scb).routes(), Mount("/scb", routes=scb.routes())],
        exception_handlers={
            Refusal: _bank_refused,
            BodyRefused: _body_refused,
            ScriptRefused: _script_refused,
            PaymentRefused: _payment_refused,
            HTTPException: _http_error,
        },
        lifespan=lifespan,
    )


async def _bank_refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return refusal(error)


async def _body_refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, BodyRefused)
    if request.url.path.startswith("/scb/") and error.status == 400:
        return refusal(Refusal(1102, str(error)))
    return problem(error.status, "body_refused", str(error))


async def _script_refused(request: Request, error: Exception) -> Response:
    return problem(400, "script_refused", str(error))


async def _payment_refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, PaymentRefused)
    return problem(error.status, error.code, str(error))


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return problem(error.status_code, "http_error", error.detail)
