"""A process dies by SIGKILL at every crash point of a sale, and the sale ends as if it had not.

The terminal behaves as a real one: it repeats what was not answered under the same idempotency key.
"""

import importlib
import pkgutil
import uuid

import httpx2
import pytest

import mpac
from kernel.crashpoints import CRASHPOINTS
from tests.journeys.conftest import until

WHILE_PAYING = (
    "smarttab.payment_begun",
    "smarttab.intent_created",
    "pgw.attempt_sent",
    "pgw.provider_answered",
    "pgw.answer_committed",
    "smarttab.intent_confirmed",
)
WHILE_THE_BANK_CONFIRMS = ("pgw.webhook_stored", "pgw.webhook_applied")
WHILE_CANCELLING = ("smarttab.cancel_requested",)
POINTS = (*WHILE_PAYING, *WHILE_THE_BANK_CONFIRMS, *WHILE_CANCELLING)
RECOVERY_S = 120


class Sale:
    """One bill, its QR payment, and the two keys that make every repetition the same request."""

    def __init__(self, terminal) -> None:
        self.terminal = terminal
        self.bill = terminal.open_bill()
        self.keys = {"pay": str(uuid.uuid4()), "cancel": str(uuid.uuid4())}

    def ask_to_pay(self):
        body = {"method": "qr_code", "amount": self.bill["amount_due"]}
        return self._post(f"/v1/bills/{self.bill['id']}/payments", body, key=self.keys["pay"])

    def pay(self):
        return until(self.ask_to_pay, timeout_s=RECOVERY_S)

    def ask_to_cancel(self):
        return self._post(f"/v1/payments/{self.pay()['id']}/cancel", {}, key=self.keys["cancel"])

    def settled(self):
        """The payment when nothing about it is open any more."""
        path = f"/v1/payments/{self.pay()['id']}"
        return until(
            lambda: (
                (found := self.terminal.get(path))["status"] in ("completed", "failed", "cancelled") and found
            ),
            timeout_s=RECOVERY_S,
        )

    def customer_pays(self):
        self.terminal.customer_pays(self.terminal.wait_for_qr(self.pay(), timeout_s=RECOVERY_S))

    def _post(self, path, body, *, key):
        """The object that was made, or None when the call was cut off or is still running."""
        try:
            answer = self.terminal.request("POST", path, body=body, key=key)
        except httpx2.TransportError:
            return None
        assert answer.is_success or answer.status_code in (409, 503), answer.text
        return answer.json() if answer.is_success else None


def interrupted_sale(platform, terminal, point) -> Sale:
    until(platform.is_ready, timeout_s=RECOVERY_S)
    sale = Sale(terminal)
    if point in WHILE_PAYING:
        with platform.crash_at(point):
            sale.ask_to_pay()
    elif point in WHILE_THE_BANK_CONFIRMS:
        terminal.wait_for_qr(sale.pay())
        with platform.crash_at(point):
            sale.customer_pays()
    else:
        terminal.wait_for_qr(sale.pay())
        with platform.crash_at(point):
            sale.ask_to_cancel()
    return sale


def test_every_declared_point_is_in_the_table():
    importlib.import_module("config.urls")  # registers the path converters that the contexts' URLs use
    for module in pkgutil.walk_packages(mpac.__path__, "mpac."):
        importlib.import_module(module.name)
    assert set(POINTS) == set(CRASHPOINTS)


@pytest.fixture(scope="module")
def sales(running):
    """A sale for every point, interrupted there; all of them before the first is taken up again."""
    running.simulator("/__reset")
    with running.terminal() as terminal:
        made = {point: interrupted_sale(running, terminal, point) for point in POINTS}
        until(running.is_ready, timeout_s=RECOVERY_S)
        yield made


@pytest.mark.parametrize("point", WHILE_PAYING)
def test_a_payment_that_was_cut_off_is_taken_up_and_completes(sales, point):
    sale = sales[point]
    sale.customer_pays()
    assert sale.settled()["status"] == "completed"
    assert sale.terminal.get(f"/v1/bills/{sale.bill['id']}")["status"] == "closed"


@pytest.mark.parametrize("point", WHILE_THE_BANK_CONFIRMS)
def test_a_confirmation_that_was_cut_off_counts_once(sales, point):
    sale = sales[point]
    assert sale.settled()["status"] == "completed"
    assert sale.terminal.get(f"/v1/bills/{sale.bill['id']}")["status"] == "closed"


@pytest.mark.parametrize("point", WHILE_CANCELLING)
def test_a_cancellation_that_was_cut_off_is_carried_out_and_frees_the_bill(sales, point):
    sale = sales[point]
    until(sale.ask_to_cancel, timeout_s=RECOVERY_S)
    assert sale.settled()["status"] == "cancelled"
    sale.terminal.pay_cash(sale.terminal.get(f"/v1/bills/{sale.bill['id']}"))


def test_the_bank_has_charged_every_sale_once_and_no_invariant_is_broken(running, sales):
    for sale in sales.values():
        sale.settled()
    paid = [charge for charge in running.charges() if charge["status"] == "paid"]
    assert [charge["amount"] for charge in paid] == [14550] * (len(POINTS) - len(WHILE_CANCELLING))
    assert len({charge["reference"] for charge in paid}) == len(paid)
    until(lambda: running.invariants().returncode == 0, timeout_s=RECOVERY_S)
