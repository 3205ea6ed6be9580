"""Omise: cards by token and PromptPay."""

import base64
import datetime as dt

from kernel.money import Money
from mpac.pgw.adapters.omise.adapter import OmiseAdapter
from mpac.pgw.adapters.omise.client import OmiseClient
from tests.pgw.adapters.contract import Kit, Way, hexdigest


def sign(body: bytes, secret: str, at: dt.datetime) -> dict[str, str]:
    epoch = str(int(at.timestamp()))
    signature = hexdigest(base64.b64decode(secret), epoch.encode() + b"." + body)
    return {"Omise-Signature": signature, "Omise-Signature-Timestamp": epoch}


KIT = Kit(
    name="omise",
    make=lambda transport: OmiseAdapter(OmiseClient(transport=transport)),
    setting="MPAC_OMISE_BASE_URL",
    fields={"partial_capture": "yes"},
    credentials={"secret_key": "skey_test_contract"},
    merchant_key="secret_key",
    ways=(
        Way(
            method="credit_card",
            amount=Money(12550, "THB"),
            token="tokn_test_1",
            declined_token="tokn_test_insufficient_fund",
            holds=True,
        ),
        Way(method="qr_code", amount=Money(12550, "THB")),
    ),
    counts=((Money(12550, "THB"), 12550), (Money(500, "JPY"), 500)),
    sign=sign,
    secrets=(base64.b64encode(b"contract-new").decode(), base64.b64encode(b"contract-old").decode()),
)
