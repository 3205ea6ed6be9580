"""The simulator's web application: SCB under /scb, its own calls at the root."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount

from simulator.answers import Refused, problem
from simulator.bank import Bank
from simulator.control import Control
from simulator.scb.endpoints import Endpoints, refusal
from simulator.scb.protocol import Refusal


def create_app(bank: Bank) -> Starlette:
    """The application on this bank."""
    scb = Endpoints(bank)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await bank.close()

    return Starlette(
        routes=[*Control(bank, scb).routes(), Mount("/scb", routes=scb.routes())],
        exception_handlers=dict.fromkeys((Refusal, Refused, HTTPException), _answer),
        lifespan=lifespan,
    )


async def _answer(_request: Request, error: Exception) -> Response:
    match error:
        case Refusal():
            return refusal(error)
        case Refused():
            return problem(error)
        case HTTPException():
            code = error.detail.lower().replace(" ", "_")
            return problem(Refused(error.detail, code=code, status=error.status_code))
    raise error
