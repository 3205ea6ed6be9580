"""PayPay: dynamic codes in yen."""

from kernel.money import Money
from mpac.pgw.adapters.paypay.adapter import PayPayAdapter
from mpac.pgw.adapters.paypay.client import PayPayClient
from tests.pgw.adapters.contract import Kit, Way

KIT = Kit(
    name="paypay",
    make=lambda transport: PayPayAdapter(PayPayClient(transport=transport)),
    setting="MPAC_PAYPAY_BASE_URL",
    fields={},
    credentials={
        "api_key": "contract-api-key",
        "api_secret": "contract-api-secret",
        "merchant_id": "contract-merchant",
    },
    merchant_key="merchant_id",
    options={"api_key": "contract-api-key", "api_secret": "contract-api-secret"},
    ways=(Way(method="qr_code", amount=Money(12550, "JPY"), holds=True),),
    counts=((Money(1, "JPY"), 1), (Money(99_999, "JPY"), 99_999)),
    shows_once=True,
    refunds_come_back=False,
)
