"""PayPal: orders that their payer approves; notices are signed with the stand-in's certificate."""

import datetime as dt
from pathlib import Path
from typing import Any

from kernel.money import Money
from mpac.pgw.adapters.paypal.adapter import PayPalAdapter
from mpac.pgw.adapters.paypal.client import PayPalClient
from simulator.paypal import signing
from tests.pgw.adapters.contract import Kit, Way

_stand_in = {"base": ""}


def prepare(settings: Any, url: str, directory: Path) -> None:
    """Trust the stand-in's authority, and ask it for its certificate."""
    _stand_in["base"] = f"{url}/paypal"
    authority = directory / "authority.pem"
    authority.write_bytes(signing.pem(signing.identity().authority))
    settings.MPAC_PAYPAL_CA_FILE = str(authority)
    settings.MPAC_PAYPAL_TRUSTED_HOSTS = [url.removeprefix("http://")]


def sign(body: bytes, webhook: str, at: dt.datetime) -> dict[str, str]:
    return dict(signing.sign(body, webhook=webhook, base=_stand_in["base"], at=at))


KIT = Kit(
    name="paypal",
    make=lambda transport: PayPalAdapter(PayPalClient(transport=transport)),
    setting="MPAC_PAYPAL_BASE_URL",
    fields={"return_url": "https://shop.example/back"},
    credentials={"client_id": "contract-client-id", "client_secret": "contract-client-secret"},
    merchant_key="client_id",
    options={"client_secret": "contract-client-secret"},
    ways=(Way(method="e_wallet", amount=Money(12550, "THB"), holds=True),),
    counts=(
        (Money(12550, "THB"), 12550),
        (Money(500, "JPY"), 500),
        (Money(123400, "HUF"), 1234),
        (Money(99900, "TWD"), 999),
    ),
    refuses=(Money(123450, "HUF"), Money(50, "TWD")),
    prepare=prepare,
    sign=sign,
    secrets=("4JH86294D6297924G", "1JE4291016473214C"),
    signs_once=True,
    repeated_for_s=3 * 24 * 3600 + 3600,
    finishes=True,
    named_by_provider=True,
    refunds_come_back=False,
)
