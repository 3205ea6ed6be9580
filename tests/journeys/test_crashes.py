"""A process dies by SIGKILL at every crash point of a sale, and the sale ends as if it had not.

The terminal behaves as a real one: it repeats what was not answered under the same idempotency key.
"""

import importlib
import pkgutil
import uuid

import httpx2

import mpac
from kernel.crashpoints import CRASHPOINTS
from tests.journeys.conftest import until
from tests.pgw.services.test_crashes import POINTS as OF_OPERATIONS
from tests.pgw.services.test_finishing import POINTS as OF_FINISHING
from tests.pgw.services.test_partner_calls import POINTS as OF_PARTNERS

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


def end_of(sale, point) -> str:
    """Go on with a sale that was interrupted until its bill is closed; how its QR payment ended."""
    if point in WHILE_PAYING:
        sale.customer_pays()
    elif point in WHILE_CANCELLING:
        until(sale.ask_to_cancel, timeout_s=RECOVERY_S)
    status = sale.settled()["status"]
    if point in WHILE_CANCELLING:
        sale.terminal.pay_cash(sale.terminal.get(f"/v1/bills/{sale.bill['id']}"))
    assert sale.terminal.get(f"/v1/bills/{sale.bill['id']}")["status"] == "closed"
    return status


def test_every_declared_point_is_in_the_table():
    importlib.import_module("config.urls")  # registers the path converters that the contexts' URLs use
    for module in pkgutil.walk_packages(mpac.__path__, "mpac."):
        importlib.import_module(module.name)
    assert {*POINTS, *OF_OPERATIONS, *OF_PARTNERS, *OF_FINISHING} == set(CRASHPOINTS)


def test_a_sale_ends_as_it_should_wherever_a_process_dies(platform, terminal):
    """All sales are interrupted before the first is taken up again, so that they recover side by side."""
    sales = {point: interrupted_sale(platform, terminal, point) for point in POINTS}
    until(platform.is_ready, timeout_s=RECOVERY_S)
    ends = {point: end_of(sale, point) for point, sale in sales.items()}
    assert ends == {point: "cancelled" if point in WHILE_CANCELLING else "completed" for point in POINTS}
    paid = [charge for charge in platform.charges() if charge["status"] == "paid"]
    assert [charge["amount"] for charge in paid] == [14550] * (len(POINTS) - len(WHILE_CANCELLING))
    assert len({charge["reference"] for charge in paid}) == len(paid)
    until(lambda: platform.invariants().returncode == 0, timeout_s=RECOVERY_S)
