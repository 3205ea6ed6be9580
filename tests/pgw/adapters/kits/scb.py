"""SCB: a QR30 and nothing else."""

from kernel.money import Money
from mpac.pgw.adapters.scb.adapter import ScbAdapter
from mpac.pgw.adapters.scb.client import ScbClient
from tests.pgw.adapters.contract import Kit, Way

KIT = Kit(
    name="scb",
    make=lambda transport: ScbAdapter(ScbClient(transport=transport)),
    setting="MPAC_SCB_BASE_URL",
    fields={"biller_id": "123456789012345", "ref3_prefix": "SCB"},
    credentials={"api_key": "the-api-key", "api_secret": "the-api-secret"},
    ways=(Way(method="qr_code", amount=Money(12550, "THB")),),
    counts=((Money(1, "THB"), 1), (Money(100, "THB"), 100), (Money(99_999_999, "THB"), 99_999_999)),
)
