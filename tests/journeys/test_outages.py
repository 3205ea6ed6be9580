"""Servers and processes die during sales; sales go on, nothing is lost, nothing needs a person."""

from concurrent.futures import ThreadPoolExecutor

from tests.journeys.conftest import until

AT_ONCE = 24


def completed(terminal, payment) -> bool:
    return terminal.get(f"/v1/payments/{payment['id']}")["status"] == "completed"


def wait_until_all_are_pushed(pushes, payments) -> None:
    """Wait for the completion of each payment; they may come in any order."""
    missing = {payment["id"] for payment in payments}

    def none_is_missing() -> bool:
        push = pushes.next(timeout_s=1)
        if push is not None and push.type == "payment.completed":
            missing.difference_update([found for found in missing if push.is_about(found)])
        return not missing

    until(none_is_missing, timeout_s=60)


def sell_by_qr(terminal):
    payment = terminal.pay_qr(terminal.open_bill())
    terminal.customer_pays(terminal.wait_for_qr(payment, timeout_s=60))
    return payment


def test_sales_go_on_while_redis_is_killed(platform, terminal):
    with terminal.pushes() as pushes:
        pushes.open()
        before = pushes.last
        platform.kill("valkey-server")
        payments = [sell_by_qr(terminal) for _ in range(3)]
        terminal.pay_cash(terminal.open_bill())
        wait_until_all_are_pushed(pushes, payments)
    log = terminal.events(before)
    assert [entry.seq for entry in log] == list(range(before + 1, before + 1 + len(log)))
    assert sum(entry.type == "payment.completed" for entry in log) == 4


def statuses_of_many_reads(terminal) -> set[int]:
    """Answers to reads that come at once, so that all connections of all web processes are used."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        paths = ["/v1/orders"] * AT_ONCE * 4
        return {
            answer.status_code for answer in threads.map(lambda path: terminal.request("GET", path), paths)
        }


def test_sales_go_on_at_once_when_the_killed_database_is_back(platform, terminal):
    assert statuses_of_many_reads(terminal) == {200}
    with terminal.pushes() as pushes:
        pushes.open()
        before = pushes.last
        shown = terminal.pay_qr(terminal.open_bill())
        qr = terminal.wait_for_qr(shown)
        platform.kill("bin/postgres")
        terminal.customer_pays(qr)
        until(lambda: terminal.request("GET", "/v1/orders").status_code == 200, timeout_s=60)
        assert statuses_of_many_reads(terminal) == {200}
        payments = [shown, *(sell_by_qr(terminal) for _ in range(2))]
        wait_until_all_are_pushed(pushes, payments)
    log = terminal.events(before)
    assert [entry.seq for entry in log] == list(range(before + 1, before + 1 + len(log)))
    assert sum(entry.type == "payment.completed" for entry in log) == 3


def test_no_event_is_lost_when_the_relay_and_the_workers_are_killed(platform, terminal):
    payment = terminal.pay_qr(terminal.open_bill())
    qr = terminal.wait_for_qr(payment)
    platform.kill("manage.py relay")
    platform.kill("celery")
    terminal.customer_pays(qr)
    until(lambda: completed(terminal, payment), timeout_s=120)


def test_a_terminal_sees_everything_once_when_the_realtime_process_is_killed(platform, terminal):
    with terminal.pushes() as pushes:
        pushes.open()
        platform.kill("config.asgi")
        payment = sell_by_qr(terminal)
        pushes.wait_for("payment.completed", about=payment["id"], timeout_s=60)
        assert pushes.connections >= 2


def test_no_invariant_is_broken_afterwards(platform):
    until(lambda: platform.invariants().returncode == 0, timeout_s=120)
