"""What the virtual terminal can be told to do, printing each step with its time."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from simulator.terminal.client import Terminal
from simulator.terminal.errors import expect

PUSH_TIMEOUT_S = 30.0
TENDERED = 20000
_NOTE_WIDTH = 48

Print = Callable[[str], None]


class Steps:
    """Prints a line per finished step; a failed one is named by the error that ends the run."""

    def __init__(self, show: Print) -> None:
        self._show = show
        self.current = "start"
        self.started = time.monotonic()

    @contextmanager
    def step(self, name: str) -> Iterator[list[str]]:
        """A step; notes put on the list are printed with it."""
        self.current, notes, since = name, list[str](), time.monotonic()
        yield notes
        self._show(
            f"  {name:<16} {', '.join(notes):<{_NOTE_WIDTH}} {1000 * (time.monotonic() - since):7.0f} ms"
        )

    def total(self, name: str) -> None:
        """A closing line with the time since the beginning."""
        self._show(f"  {name:<{_NOTE_WIDTH + 17}} {1000 * (time.monotonic() - self.started):7.0f} ms")


def sell(terminal: Terminal, steps: Steps) -> None:
    """One sale paid by QR, from the token to the push and the event log. Raises TerminalError."""
    with steps.step("token"):
        terminal.tokens.current()
    with terminal.pushes() as pushes:
        with steps.step("WebSocket") as notes:
            pushes.open()
            notes.append(f"hello at {pushes.last}")
        with steps.step("order") as notes:
            order = terminal.open_order()
            notes.append(f"{order['id']} {_baht(order['total'])}")
        with steps.step("bill") as notes:
            bill = terminal.open_bill(order)
            notes.append(bill["id"])
        with steps.step("QR payment") as notes:
            payment = terminal.pay_qr(bill)
            qr_payload = terminal.wait_for_qr(payment)
            notes.append(payment["id"])
        with steps.step("customer pays") as notes:
            notes.append(str(terminal.customer_pays(qr_payload).get("provider_reference")))
        with steps.step("push") as notes:
            push = pushes.wait_for("payment.completed", about=payment["id"], timeout_s=PUSH_TIMEOUT_S)
            notes.append(f"{push.type} at {push.seq}")
    with steps.step("paid and closed"):
        _check_paid(terminal, order_id=order["id"], bill_id=bill["id"], payment_id=payment["id"])
    with steps.step("event log"):
        logged = terminal.events(push.seq - 1, limit=1)
        expect(bool(logged) and logged[0].seq == push.seq, "the log does not hold the push", logged)
    steps.total("QR sale")


def sell_for_cash(terminal: Terminal, steps: Steps) -> None:
    """One sale paid in cash. Raises TerminalError."""
    with steps.step("token"):
        terminal.tokens.current()
    with steps.step("order") as notes:
        order = terminal.open_order()
        notes.append(f"{order['id']} {_baht(order['total'])}")
    with steps.step("bill") as notes:
        bill = terminal.open_bill(order)
        notes.append(bill["id"])
    with steps.step("cash") as notes:
        payment = terminal.pay_cash(bill, tendered=TENDERED)
        notes.append(f"{payment['id']} change {_baht(payment['change'])}")
    with steps.step("paid and closed"):
        _check_paid(terminal, order_id=order["id"], bill_id=bill["id"], payment_id=payment["id"])
    steps.total("cash sale")


def watch(terminal: Terminal, *, after: int | None, show: Print) -> None:
    """Print pushes for ever. Raises TerminalError when the platform stays away."""
    with terminal.pushes(after=after) as pushes:
        pushes.open()
        show(f"watching from {pushes.last}")
        for push in pushes:
            show(f"{push.seq:>8}  {push.created_at}  {push.type:<20} {push.data}")


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _check_paid(terminal: Terminal, *, order_id: str, bill_id: str, payment_id: str) -> None:
    payment = terminal.get(f"/v1/payments/{payment_id}")
    expect(payment.get("status") == "completed", "the payment is not completed", payment)
    bill = terminal.get(f"/v1/bills/{bill_id}")
    expect(bill.get("status") == "closed" and bill.get("amount_due") == 0, "the bill is not closed", bill)
    order = terminal.get(f"/v1/orders/{order_id}")
    expect(order.get("payment_state") == "paid", "the order is not paid", order)


def _baht(amount: int) -> str:
    return f"{amount // 100}.{amount % 100:02d} THB"
