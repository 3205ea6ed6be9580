"""Whatever the bank does, a payment ends in the bank's truth: charged at most once, never failed when money was taken."""

import httpx2
import pytest

from tests.journeys.conftest import until

SETTLE_S = 120


def settle(terminal, payment):
    """The payment when nothing about it is open any more."""
    return until(
        lambda: (
            (found := terminal.get(f"/v1/payments/{payment['id']}"))["status"]
            in ("completed", "failed", "cancelled")
            and found
        ),
        timeout_s=SETTLE_S,
    )


def paid(platform) -> list[dict]:
    return [charge for charge in platform.charges() if charge["status"] == "paid"]


@pytest.mark.parametrize(
    ("operation", "behaviour"),
    [
        ("create", "webhook_first"),
        ("create", "webhook_twice"),
        ("create", "no_webhook"),
        ("create", "hang_before"),
        ("create", "hang_after"),
        ("create", "500_after"),
        ("create", "rst_after"),
        ("create", "late_success"),
        ("inquiry", "lie_pending"),
        ("inquiry", "hang_before"),
        ("inquiry", "500_after"),
        ("inquiry", "rst_after"),
        ("pay", "webhook_twice"),
        ("pay", "webhook_shuffled"),
        ("pay", "no_webhook"),
        ("pay", "late_success"),
    ],
)
def test_the_customer_pays_and_the_payment_completes(platform, terminal, operation, behaviour):
    platform.script(operation, behaviour)
    bill = terminal.open_bill()
    payment = terminal.pay_qr(bill)
    assert payment["status"] != "failed"
    if behaviour != "webhook_first":
        terminal.customer_pays(terminal.wait_for_qr(payment, timeout_s=60))
    assert settle(terminal, payment)["status"] == "completed"
    assert terminal.get(f"/v1/bills/{bill['id']}")["status"] == "closed"
    [charge] = paid(platform)
    assert charge["amount"] == 14550


def test_a_declined_code_fails_the_payment_and_frees_the_bill_for_cash(platform, terminal):
    platform.script("create", "decline")
    bill = terminal.open_bill()
    payment = terminal.pay_qr(bill)
    assert settle(terminal, payment)["status"] == "failed"
    assert paid(platform) == []
    terminal.pay_cash(terminal.get(f"/v1/bills/{bill['id']}"))
    assert terminal.get(f"/v1/bills/{bill['id']}")["status"] == "closed"


def test_a_bank_without_tokens_fails_the_payment_unasked_and_the_next_one_goes_through(platform, terminal):
    platform.script("token", "500_after")
    bill = terminal.open_bill()
    assert settle(terminal, terminal.pay_qr(bill))["status"] == "failed"
    assert platform.charges() == []
    payment = terminal.pay_qr(terminal.get(f"/v1/bills/{bill['id']}"))
    terminal.customer_pays(terminal.wait_for_qr(payment))
    assert settle(terminal, payment)["status"] == "completed"


def test_a_forged_callback_moves_nothing(platform, terminal):
    bill = terminal.open_bill()
    payment = terminal.pay_qr(bill)
    terminal.wait_for_qr(payment)
    [charge] = platform.charges()
    forged = {
        "transactionId": "forged0000000001",
        "amount": "145.50",
        "transactionDateandTime": "2026-11-21T10:00:00+07:00",
        "currencyCode": "764",
        "transactionType": "Domestic Transfer",
        "payeeProxyType": "BILLERID",
        "payeeProxyId": "000000000000000",
        "billPaymentRef1": charge["reference"],
        "billPaymentRef2": "X",
        "billPaymentRef3": "SCB",
        "sendingBankCode": "014",
        "receivingBankCode": "014",
    }
    answer = httpx2.post(f"{platform.demo['base_url']}/v1/webhooks/scb", json=forged)
    assert answer.status_code < 500
    assert terminal.get(f"/v1/payments/{payment['id']}")["status"] in ("pending", "processing")
    assert terminal.get(f"/v1/bills/{bill['id']}")["status"] == "open"
    terminal.customer_pays(terminal.wait_for_qr(payment))
    assert settle(terminal, payment)["status"] == "completed"
