"""A sale, as a terminal makes it over HTTP and sees it over its WebSocket."""

from tests.journeys.conftest import until


def test_for_cash_closes_the_bill_at_once_and_gives_change(terminal):
    order = terminal.open_order()
    bill = terminal.open_bill(order)
    payment = terminal.pay_cash(bill, tendered=20000)
    assert payment["change"] == 5450
    assert terminal.get(f"/v1/bills/{bill['id']}")["status"] == "closed"
    assert terminal.get(f"/v1/orders/{order['id']}")["payment_state"] == "paid"


def test_by_qr_is_pushed_when_the_bank_confirms(platform, terminal):
    order = terminal.open_order()
    bill = terminal.open_bill(order)
    with terminal.pushes() as pushes:
        pushes.open()
        payment = terminal.pay_qr(bill)
        terminal.customer_pays(terminal.wait_for_qr(payment))
        push = pushes.wait_for("payment.completed", about=payment["id"], timeout_s=20)
    assert terminal.get(f"/v1/payments/{payment['id']}")["status"] == "completed"
    assert terminal.get(f"/v1/bills/{bill['id']}")["status"] == "closed"
    assert terminal.get(f"/v1/orders/{order['id']}")["payment_state"] == "paid"
    assert [found.seq for found in terminal.events(push.seq - 1, limit=1)] == [push.seq]
    [charge] = platform.charges()
    assert (charge["status"], charge["amount"]) == ("paid", 14550)


def test_leaves_a_log_without_gaps_from_which_an_absent_terminal_resumes(platform, terminal):
    with terminal.pushes() as pushes:
        pushes.open()
        away_since = pushes.last
    payments = []
    for _ in range(3):
        payment = terminal.pay_qr(terminal.open_bill())
        terminal.customer_pays(terminal.wait_for_qr(payment))
        payments.append(payment["id"])
    until(
        lambda: all(terminal.get(f"/v1/payments/{found}")["status"] == "completed" for found in payments),
        timeout_s=20,
    )
    log = until(
        lambda: (
            sum(found.type == "payment.completed" for found in terminal.events(away_since)) == 3
            and terminal.events(away_since)
        ),
        timeout_s=20,
    )
    assert [found.seq for found in log] == list(range(away_since + 1, away_since + 1 + len(log)))
    with terminal.pushes(after=away_since) as resumed:
        seen = [resumed.next(timeout_s=10) for _ in log]
        assert [(push.seq, push.type) for push in seen] == [(entry.seq, entry.type) for entry in log]
        assert resumed.next(timeout_s=1) is None
