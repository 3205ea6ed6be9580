"""The simulated providers: their books, their scripted moods, their customers and their outgoing calls."""

import asyncio
from datetime import UTC, datetime

import httpx2

from simulator.adyen.house import AdyenHouse
from simulator.callbacks import Callbacks, Pause
from simulator.customer import Clock, Customer
from simulator.houses import House
from simulator.kbank.house import KBankHouse
from simulator.merchants import Merchants
from simulator.omise.house import OmiseHouse
from simulator.paypal.house import PayPalHouse
from simulator.paypal.signing import identity, pem
from simulator.paypay.house import PayPayHouse
from simulator.returns import Returns
from simulator.scb.house import ScbHouse
from simulator.scripts import Scripts
from simulator.settings import Settings
from simulator.stripe.house import StripeHouse
from simulator.truth import Journal, Truth


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
        self.merchants = Merchants(settings.journal and settings.journal.with_suffix(".merchants.json"))
        self.houses: dict[str, House] = {
            "adyen": AdyenHouse(self.truth, self.merchants, clock),
            "kbank": KBankHouse(self.merchants),
            "omise": OmiseHouse(self.truth, self.merchants, clock),
            "paypal": PayPalHouse(self.truth, self.merchants, clock),
            "paypay": PayPayHouse(self.merchants),
            "scb": ScbHouse(url=settings.callback_url),
            "stripe": StripeHouse(self.truth, self.merchants, clock),
        }
        if settings.paypal_ca:
            settings.paypal_ca.write_bytes(pem(identity().authority))
        self.callbacks = Callbacks(
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
            houses=self.houses,
            clock=clock,
            pause=pause,
            late_s=settings.late_s,
        )
        self.returns = Returns(
            truth=self.truth,
            houses=self.houses,
            customer=self.customer,
            callbacks=self.callbacks,
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
