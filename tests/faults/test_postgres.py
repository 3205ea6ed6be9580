"""When the wire to PostgreSQL breaks, nobody is told something untrue, and trying again with the same key is safe."""

import pytest
from django.db import close_old_connections

from tests.smarttab.rest.test_orders import ORDER


def refused(answer) -> None:
    assert (answer.status_code, answer["Content-Type"]) == (503, "application/problem+json")
    assert answer["Retry-After"]
    close_old_connections()  # as the server does at the end of a request, and the test client does not


def count(superuser, table: str) -> int:
    return superuser.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def test_an_order_whose_commit_was_not_answered_is_there_once(till, faulty, superuser):
    faulty.drop_reply_to(b"COMMIT", after=b'INSERT INTO "orders"')
    refused(till.post("/v1/orders", ORDER, key="k"))
    assert faulty.dropped.wait(5)
    assert count(superuser, "smarttab.orders") == 1
    again = till.post("/v1/orders", ORDER, key="k")
    assert (again.status_code, again["Idempotent-Replayed"]) == (201, "true")
    assert count(superuser, "smarttab.orders") == 1
    assert till.get(f"/v1/orders/{again.json()['id']}").json()["total"] == again.json()["total"]


def test_cash_whose_commit_was_not_answered_is_counted_once(till, faulty, superuser):
    order = till.made("/v1/orders", ORDER)
    bill = till.made(f"/v1/orders/{order['id']}/bills", {})
    path, body = f"/v1/bills/{bill['id']}/payments", {"method": "cash", "amount": 100}
    faulty.drop_reply_to(b"COMMIT", after=b'INSERT INTO "payments"')
    refused(till.post(path, body, key="k"))
    again = till.post(path, body, key="k")
    assert (again.status_code, again["Idempotent-Replayed"]) == (201, "true")
    assert till.get(f"/v1/bills/{bill['id']}").json()["amount_paid"] == 100
    assert count(superuser, "smarttab.payments") == 1


def test_an_intent_whose_commit_was_not_answered_is_there_once(partner, faulty, superuser):
    faulty.drop_reply_to(b"COMMIT", after=b"INSERT INTO payment_intents")
    refused(partner.post("/payment-intents", partner.wish(), key="k"))
    assert faulty.dropped.wait(5)
    again = partner.post("/payment-intents", partner.wish(), key="k")
    assert (again.status_code, again["Idempotent-Replayed"]) == (201, "true")
    assert count(superuser, "pgw.payment_intents") == 1
    assert count(superuser, "pgw.outbox") == 1


def test_an_intent_whose_statement_never_arrived_is_not_there(partner, faulty, superuser):
    faulty.cut()
    refused(partner.post("/payment-intents", partner.wish(), key="k"))
    assert count(superuser, "pgw.payment_intents") == 0
    answer = partner.post("/payment-intents", partner.wish(), key="k")
    assert (answer.status_code, answer.get("Idempotent-Replayed")) == (201, None)


@pytest.mark.parametrize("path", ["/v1/orders", "/v1/payments", "/v1/devices/me/events"])
def test_reads_are_refused_while_the_database_is_away_and_answered_after_it(till, faulty, path):
    faulty.refuse()
    refused(till.get(path))
    faulty.heal()
    assert till.get(path).status_code == 200


def test_a_cut_in_the_middle_of_an_answer_is_a_refusal(till, faulty):
    till.made("/v1/orders", ORDER)
    faulty.cut_after(40)
    refused(till.get("/v1/orders"))
    faulty.heal()
    assert len(till.get("/v1/orders").json()["data"]) == 1
