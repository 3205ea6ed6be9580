"""Payments, sales and the device's event log over HTTP."""

import pytest

from kernel.errors import Unavailable
from tests.smarttab.rest.test_orders import ORDER


def bill_of(till):
    order = till.made("/v1/orders", ORDER)
    return till.made(f"/v1/orders/{order['id']}/bills", {})


def test_cash_is_paid_and_changed_at_once(till):
    bill = bill_of(till)
    path = f"/v1/bills/{bill['id']}/payments"
    payment = till.made(path, {"method": "cash", "amount": 14550, "tendered": 20000})
    assert (payment["object"], payment["status"], payment["change"]) == ("payment", "completed", 5450)
    assert till.get(f"/v1/payments/{payment['id']}").json() == payment
    assert till.get(f"/v1/bills/{bill['id']}").json()["status"] == "closed"
    assert till.get(f"/v1/orders/{bill['order_id']}").json()["payment_state"] == "paid"
    assert [p["id"] for p in till.get(path).json()["data"]] == [payment["id"]]
    assert [p["id"] for p in till.get("/v1/payments?status=completed").json()["data"]] == [payment["id"]]


def test_cash_under_one_key_is_taken_once(till):
    bill = bill_of(till)
    body = {"method": "cash", "amount": 100}
    first = till.post(f"/v1/bills/{bill['id']}/payments", body, key="k")
    again = till.post(f"/v1/bills/{bill['id']}/payments", body, key="k")
    assert (again.content, again["Idempotent-Replayed"]) == (first.content, "true")
    assert till.get(f"/v1/bills/{bill['id']}").json()["amount_paid"] == 100


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"method": "cash", "amount": 0}, 400, "invalid"),
        ({"method": "cash", "amount": 14551}, 409, "amount_exceeds_due"),
        ({"method": "cash", "amount": 100, "tendered": 99}, 400, "tendered_too_little"),
        ({"method": "qr_code", "amount": 100, "tendered": 100}, 400, "tendered_not_cash"),
        ({"method": "shells", "amount": 100}, 400, "invalid"),
    ],
)
def test_what_cannot_be_paid_is_refused_and_burns_no_key(till, gateway, body, status, code):
    path = f"/v1/bills/{bill_of(till)['id']}/payments"
    answer = till.post(path, body, key="k")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert till.post(path, {"method": "cash", "amount": 1}, key="k").status_code == 201
    assert gateway.calls == []


def test_a_qr_payment_gives_the_terminal_something_to_show(till, gateway):
    bill = bill_of(till)
    path = f"/v1/bills/{bill['id']}/payments"
    first = till.post(path, {"method": "qr_code", "amount": 14550}, key="k")
    payment = first.json()
    assert (first.status_code, payment["status"], payment["change"]) == (201, "processing", None)
    assert payment["next_action"]["type"] == "display_qr"
    assert payment["payment_intent_id"].startswith("pi_")
    again = till.post(path, {"method": "qr_code", "amount": 14550}, key="k")
    assert (again.content, again["Idempotent-Replayed"]) == (first.content, "true")
    assert [name for name, _ in gateway.calls] == ["create", "confirm"]
    assert till.get(f"/v1/bills/{bill['id']}").json()["amount_pending"] == 14550
    cancelled = till.post(f"/v1/payments/{payment['id']}/cancel")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert till.post(f"/v1/payments/{payment['id']}/cancel").status_code == 409


def test_an_outage_of_the_gateway_is_shown_as_processing(till, gateway):
    gateway.confirm_error = Unavailable()
    payment = till.made(f"/v1/bills/{bill_of(till)['id']}/payments", {"method": "qr_code", "amount": 1})
    assert (payment["status"], payment["next_action"]) == ("processing", None)


def test_a_cash_sale_is_one_call(till):
    body = ORDER | {"payment": {"method": "cash", "amount": 14550, "tendered": 15000}}
    first = till.post("/v1/sales", body, key="k")
    sale = first.json()
    assert (first.status_code, sale["object"], sale["id"]) == (201, "sale", sale["order"]["id"])
    assert (sale["order"]["payment_state"], sale["bill"]["status"]) == ("paid", "closed")
    assert (sale["payment"]["status"], sale["payment"]["change"]) == ("completed", 450)
    assert till.post("/v1/sales", body, key="k").content == first.content
    assert len(till.get("/v1/orders").json()["data"]) == 1


def test_a_qr_sale_is_one_call_too(till, gateway):
    sale = till.made("/v1/sales", ORDER | {"payment": {"method": "qr_code"}})
    assert (sale["bill"]["status"], sale["bill"]["amount_pending"]) == ("open", 14550)
    assert sale["payment"]["next_action"]["type"] == "display_qr"


def test_the_device_reads_its_own_log_by_sequence(till, api, shop):
    bill = bill_of(till)
    till.made(f"/v1/bills/{bill['id']}/payments", {"method": "cash", "amount": 14550})
    page = till.get("/v1/devices/me/events").json()
    assert [entry["event"]["type"] for entry in page["data"]] == [
        "order.updated",
        "payment.completed",
        "bill.updated",
        "order.updated",
    ]
    assert [entry["seq"] for entry in page["data"]] == [1, 2, 3, 4]
    assert (page["head"], page["floor"], page["next_cursor"]) == (4, 1, None)
    assert page["data"][1]["event"]["id"].startswith("evt_")
    one = till.get("/v1/devices/me/events?after=1&limit=1").json()
    assert one["data"] == page["data"][1:2]
    assert till.get("/v1/devices/me/events?after=4").json()["data"] == []
    assert till.get("/v1/devices/me/events?after=-1").status_code == 400
    assert till.get("/v1/devices/me/events?limit=0").status_code == 400
    colleague = type(till)(api, shop)
    assert colleague.get("/v1/devices/me/events").json() == {
        "data": [],
        "head": 0,
        "floor": 1,
        "next_cursor": None,
    }


def test_nobody_sells_without_a_token(till, api):
    for path in ("/v1/orders", "/v1/sales", "/v1/bills", "/v1/payments", "/v1/devices/me/events"):
        answer = api.get(path)
        assert answer.status_code in {401, 405}, path
    assert api.post("/v1/orders", ORDER, content_type="application/json").status_code == 401
