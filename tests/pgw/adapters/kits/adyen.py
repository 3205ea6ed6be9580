"""Adyen: cards by token; it signs some of a notice's fields, in the notice itself."""

import httpx2

from kernel.money import Money
from mpac.pgw.adapters.adyen.adapter import AdyenAdapter
from mpac.pgw.adapters.adyen.client import AdyenClient
from tests.pgw.adapters.contract import Kit, Way

KIT = Kit(
    name="adyen",
    make=lambda transport: AdyenAdapter(AdyenClient(transport=transport)),
    setting="MPAC_ADYEN_BASE_URL",
    fields={"merchant_account": "ContractMerchant", "return_url": "https://shop.example/back"},
    credentials={"api_key": "AQE-contract-key"},
    merchant_key="api_key",
    ways=(
        Way(
            method="credit_card",
            amount=Money(12550, "THB"),
            token="shopper-7/8416038790273850",
            declined_token="shopper-7/insufficient_funds",
            holds=True,
        ),
    ),
    counts=(
        (Money(12550, "THB"), 12550),
        (Money(500, "JPY"), 500),
        (Money(250, "ISK"), 25000),
        (Money(700, "CLP"), 70000),
        (Money(900, "IDR"), 9),
    ),
    refuses=(Money(950, "IDR"),),
    signs_headers=False,
    secrets=("44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056", "00" * 32),
    accepts=lambda: httpx2.Response(202, text="[accepted]"),
)
