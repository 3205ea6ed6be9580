"""No provider at all: nothing is called, nobody can be asked, nobody calls us.

The customer is shown where to send the money and under which reference. That it came is shown by one person and agreed to
by another one, in `services.attempt_evidence`; money goes back by hand as well.
"""

import datetime as dt
from collections.abc import Mapping

from kernel.clock import rfc3339
from kernel.currencies import CURRENCIES
from kernel.money import Money
from mpac.pgw.adapters.base import NOT_HELD, OTHER_CURRENCY, ChargesOnly
from mpac.pgw.adapters.port import (
    ActionRequired,
    Capabilities,
    ChargeRequest,
    Outcome,
    Pending,
    ProviderAccount,
    WebhookHint,
    WebhookTrust,
)
from mpac.pgw.domain.methods import PaymentMethodCode
from mpac.pgw.errors import WebhookRefused

NAME = "manual"
# What a store tells its customers, as far as it is entered.
SHOWN = ("bank_name", "branch", "account_name", "account_number", "instructions")


class ManualAdapter(ChargesOnly):
    """Bank transfers that people look after."""

    name = NAME
    capabilities = Capabilities(
        methods=frozenset({PaymentMethodCode.BANK_TRANSFER}),
        currencies=frozenset(CURRENCIES),
        manual_capture=False,
        probe=False,
        reissue=True,
        customer_initiated=True,
        webhook_trust=WebhookTrust.SIGNED,
        max_amount_minor=10**12,
    )

    def create(self, request: ChargeRequest) -> Outcome:
        """What the customer has to do; saying it again is harmless."""
        if not self.capabilities.accepts(method=request.method, currency=request.amount.currency):
            return OTHER_CURRENCY
        if not request.capture:
            return NOT_HELD
        fields = request.account.fields
        return ActionRequired(
            next_action={
                "type": "bank_transfer",
                "reference": request.provider_key,
                "amount": _text(request.amount),
                "currency": request.amount.currency,
                "expires_at": rfc3339(request.expires_at),
                **{name: fields[name] for name in SHOWN if fields.get(name)},
            },
            provider_reference=request.provider_key,
        )

    def probe(self, request: ChargeRequest) -> Outcome:
        """Nothing is known of money that nobody has shown."""
        return Pending()

    def read_webhook(
        self, *, headers: Mapping[str, str], body: bytes, account: ProviderAccount | None, now: dt.datetime
    ) -> WebhookHint:
        """Nobody may tell us anything. Raises WebhookRefused."""
        raise WebhookRefused


def _text(amount: Money) -> str:
    return str(amount.to_decimal())
