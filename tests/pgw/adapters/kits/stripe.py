"""Stripe: cards and PromptPay."""

import datetime as dt

from kernel.money import Money
from mpac.pgw.adapters.stripe.adapter import StripeAdapter
from mpac.pgw.adapters.stripe.client import StripeClient
from tests.pgw.adapters.contract import Kit, Way, hexdigest


def sign(body: bytes, secret: str, at: dt.datetime) -> dict[str, str]:
    epoch = int(at.timestamp())
    return {"Stripe-Signature": f"t={epoch},v1={hexdigest(secret.encode(), f'{epoch}.'.encode() + body)}"}


KIT = Kit(
    name="stripe",
    make=lambda transport: StripeAdapter(StripeClient(transport=transport)),
    setting="MPAC_STRIPE_BASE_URL",
    fields={"billing_email": "till@example.com"},
    credentials={"secret_key": "sk_test_contract"},
    merchant_key="secret_key",
    ways=(
        Way(
            method="credit_card",
            amount=Money(12550, "THB"),
            token="pm_card_visa",
            declined_token="pm_card_chargeDeclined",
            holds=True,
        ),
        Way(method="qr_code", amount=Money(12550, "THB")),
    ),
    counts=(
        (Money(12550, "THB"), 12550),
        (Money(500, "JPY"), 500),
        (Money(1230, "KWD"), 1230),
        (Money(250, "ISK"), 25000),
        (Money(7, "UGX"), 700),
        (Money(900, "MGA"), 9),
    ),
    refuses=(Money(1234, "KWD"), Money(950, "MGA")),
    sign=sign,
    secrets=("whsec_contract_new", "whsec_contract_old"),
)
