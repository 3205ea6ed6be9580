"""One simulated bank: its books, its scripted moods, its customers and its outgoing calls."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import httpx2

from simulator.callbacks import Callbacks, Pause
from simulator.customer import Customer
from simulator.scb.protocol import confirmation, transaction_id
from simulator.scripts import Scripts
from simulator.settings import Settings
from simulator.truth import Journal, Truth

Clock = Callable[[], datetime]


def wall_clock() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)


class Bank:
    """What the endpoints work on."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock = wall_clock,
        pause: Pause = asyncio.sleep,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self.settings, self.clock = settings, clock
        self.truth = Truth(Journal(settings.journal))
        self.scripts = Scripts()
        self.callbacks = Callbacks(
            url=settings.callback_url,
            timeout_s=settings.callback_timeout_s,
            retry_s=settings.callback_retry_s,
            shuffle_s=settings.shuffle_s,
            pause=pause,
            transport=transport,
        )
        self.customer = Customer(
            truth=self.truth,
            scripts=self.scripts,
            callbacks=self.callbacks,
            confirmation=confirmation,
            transaction_id=transaction_id,
            clock=clock,
            pause=pause,
            late_s=settings.late_s,
        )

    async def reset(self) -> None:
        """Forget charges, scripts, plans and calls under way."""
        await self.callbacks.close()
        self.callbacks.sent.clear()
        self.customer.reset()
        self.scripts.reset()
        self.truth.reset()

    async def close(self) -> None:
        """Drop what is under way and close the books."""
        await self.callbacks.close()
        self.truth.close()
