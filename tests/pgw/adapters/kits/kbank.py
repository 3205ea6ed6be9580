"""KBank: a Thai QR."""

from kernel.money import Money
from mpac.pgw.adapters.kbank.adapter import KBankAdapter
from mpac.pgw.adapters.kbank.client import KBankClient
from tests.pgw.adapters.contract import Kit, Way

KIT = Kit(
    name="kbank",
    make=lambda transport: KBankAdapter(KBankClient(transport=transport)),
    setting="MPAC_KBANK_BASE_URL",
    fields={"merchant_id": "KB000000000001", "terminal_id": "TERM0001"},
    credentials={
        "consumer_id": "the-consumer-id",
        "consumer_secret": "the-consumer-secret",
        "partner_id": "PTR0000001",
        "partner_secret": "the-partner-secret",
    },
    merchant_key="partner_id",
    options={"partner_secret": "the-partner-secret"},
    ways=(Way(method="qr_code", amount=Money(12550, "THB")),),
    counts=((Money(1, "THB"), 1), (Money(100, "THB"), 100), (Money(99_999_999, "THB"), 99_999_999)),
    shows_once=True,
    refunds_wait=False,
    refunds_come_back=False,
)
