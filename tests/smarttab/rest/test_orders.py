"""Orders and bills over HTTP."""

import pytest

from tests.smarttab.conftest import Till

ORDER = {
    "currency": "THB",
    "channel": "take_away",
    "items": [
        {"name": "Pad Thai", "quantity": 2, "unit_price": 6000},
        {"name": "Tea", "quantity": 1, "unit_price": 2550},
    ],
}


def test_an_order_is_taken_up_as_the_contract_says(till):
    order = till.made("/v1/orders", ORDER)
    assert order["object"] == "order"
    assert order["id"].startswith("ord_")
    assert (order["number"], order["status"], order["payment_state"]) == ("1", "draft", "unpaid")
    assert (order["subtotal"], order["discount_total"], order["tax_total"], order["total"]) == (
        14550,
        0,
        0,
        14550,
    )
    assert [(item["name"], item["total"]) for item in order["items"]] == [("Pad Thai", 12000), ("Tea", 2550)]
    assert till.get(f"/v1/orders/{order['id']}").json() == order


def test_everything_an_order_can_say_is_understood(till):
    body = ORDER | {
        "channel": "dine_in",
        "table": "12",
        "client_reference": "till-7/123",
        "items": [
            {
                "name": "Soup", "quantity": 2, "unit_price": 5000, "sku": "S1", "product_id": "p1",
                "modifiers": [{"name": "Egg", "price": 500}], "discount": {"basis_points": 1000},
            },
        ],
        "discounts": [{"amount": 100, "name": "Voucher"}],
        "service_charge": {"basis_points": 1000},
        "tip": 77,
    }  # fmt: skip
    order = till.made("/v1/orders", body)
    assert (order["subtotal"], order["discount_total"], order["service_charge_total"]) == (11000, 1200, 980)
    assert order["total"] == 11000 - 1200 + 980 + 77
    assert (order["table"], order["client_reference"], order["tip"]) == ("12", "till-7/123", 77)
    assert order["items"][0]["modifiers"] == [{"name": "Egg", "price": 500, "quantity": 1}]
    assert order["service_charge"] == {"amount": None, "basis_points": 1000, "name": ""}


def test_plain_amounts_serve_as_discount_and_charge(till):
    items = [{"name": "Soup", "quantity": 1, "unit_price": 1000, "discount": 100}]
    order = till.made("/v1/orders", ORDER | {"items": items, "service_charge": 50})
    assert (order["discount_total"], order["service_charge_total"], order["total"]) == (100, 50, 950)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"currency": "baht"}, "currency"),
        ({"channel": "moon"}, "channel"),
        ({"items": []}, "items"),
        ({"items": [{"name": "x", "quantity": 0, "unit_price": 1}]}, "items[0].quantity"),
        ({"items": [{"name": "x", "quantity": 1, "unit_price": -1}]}, "items[0].unit_price"),
        ({"items": [{"name": "x", "quantity": 1, "unit_price": 1.5}]}, "items[0].unit_price"),
        ({"items": [{"name": "x", "quantity": 1, "unit_price": 1, "tax_code": "vat"}]}, "items[0].tax_code"),
        ({"discounts": [{"amount": 1, "basis_points": 1}]}, "discounts[0]"),
        ({"discounts": [{"amount": 99999}]}, "discounts"),
        ({"customer_id": "cus_x"}, "customer_id"),
        ({"total": 1}, "total"),
    ],
)
def test_what_is_no_order_is_refused_with_its_place_and_burns_no_key(till, change, field):
    answer = till.post("/v1/orders", ORDER | change, key="k")
    assert answer.status_code == 400, answer.content
    assert answer["content-type"] == "application/problem+json"
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert till.post("/v1/orders", ORDER, key="k").status_code == 201


def test_a_key_is_required_and_has_one_effect(till):
    first = till.post("/v1/orders", ORDER, key="once")
    again = till.post("/v1/orders", ORDER, key="once")
    assert (again.status_code, again.content, again["Idempotent-Replayed"]) == (201, first.content, "true")
    assert till.post("/v1/orders", ORDER | {"tip": 1}, key="once").status_code == 422
    missing = till.call("POST", "/v1/orders", ORDER, **{"idempotency-key": ""})
    assert (missing.status_code, len(till.get("/v1/orders").json()["data"])) == (400, 1)


def test_orders_are_listed_newest_first_in_pages(till):
    made = [till.made("/v1/orders", ORDER)["id"] for _ in range(3)]
    page = till.get("/v1/orders?limit=2").json()
    rest = till.get(f"/v1/orders?limit=2&cursor={page['next_cursor']}").json()
    listed = [order["id"] for order in page["data"] + rest["data"]]
    assert sorted(listed, reverse=True) == listed
    assert set(listed) == set(made)
    assert rest["next_cursor"] is None
    assert "items" not in page["data"][0]
    till.post(f"/v1/orders/{made[0]}/submit")
    assert [order["id"] for order in till.get("/v1/orders?status=open").json()["data"]] == [made[0]]


def test_an_order_is_patched_by_version(till):
    order = till.made("/v1/orders", ORDER | {"table": "1"})
    path = f"/v1/orders/{order['id']}"
    answer = till.call("PATCH", path, {"tip": 450, "table": None}, **{"if-match": '"1"'})
    assert answer.status_code == 200, answer.content
    assert (answer.json()["total"], answer.json()["table"], answer.json()["version"]) == (15000, None, 2)
    assert answer["ETag"] == '"2"'
    stale = till.call("PATCH", path, {"tip": 0}, **{"if-match": "1"})
    assert (stale.status_code, stale.json()["code"], stale.json()["version"]) == (409, "version_mismatch", 2)
    assert till.call("PATCH", path, {"tip": 0}).json()["code"] == "if_match_required"


def test_the_steps_of_an_order_are_checked_and_named(till):
    path = f"/v1/orders/{till.made('/v1/orders', ORDER)['id']}"
    refused = till.post(f"{path}/ready", {})
    assert (refused.status_code, refused.json()["allowed"]) == (409, ["cancelled", "open"])
    for step, status in (
        ("submit", "open"),
        ("prepare", "preparing"),
        ("ready", "ready"),
        ("complete", "completed"),
    ):
        answer = till.post(f"{path}/{step}")
        assert (answer.status_code, answer.json()["status"]) == (200, status)
    assert till.post(f"{path}/cancel").status_code == 409
    assert till.post(f"{path}/cancel", {"why": "x"}).status_code == 400


def test_a_bill_says_what_is_due(till):
    order = till.made("/v1/orders", ORDER)
    bill = till.made(f"/v1/orders/{order['id']}/bills", {})
    assert (bill["object"], bill["status"], bill["total"], bill["amount_due"]) == (
        "bill",
        "open",
        14550,
        14550,
    )
    assert [line["total"] for line in bill["lines"]] == [12000, 2550]
    assert till.get(f"/v1/bills/{bill['id']}").json() == bill
    assert [b["id"] for b in till.get(f"/v1/orders/{order['id']}/bills").json()["data"]] == [bill["id"]]
    assert till.post(f"/v1/bills/{bill['id']}/void").json()["status"] == "voided"
    assert [b["status"] for b in till.get("/v1/bills?status=voided").json()["data"]] == ["voided"]


def test_a_strangers_view_is_that_of_a_missing_object(till, api, other_shop):
    order = till.made("/v1/orders", ORDER)
    bill = till.made(f"/v1/orders/{order['id']}/bills", {})
    stranger = Till(api, other_shop)
    for path in (f"/v1/orders/{order['id']}", f"/v1/bills/{bill['id']}", "/v1/orders/ord_nonsense"):
        answer = stranger.call("GET", path, **{"x-request-id": "r"})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    missing = stranger.post(f"/v1/orders/{order['id'][:-1]}0/cancel", **{"x-request-id": "r"})
    foreign = stranger.post(f"/v1/orders/{order['id']}/cancel", **{"x-request-id": "r"})
    assert (missing.status_code, missing.content) == (404, foreign.content)
    assert stranger.get("/v1/orders").json()["data"] == []


def test_an_action_needs_no_body(till):
    order = till.made("/v1/orders", ORDER)
    headers = {"authorization": f"Bearer {till.token}", "idempotency-key": "k"}
    path = f"/v1/orders/{order['id']}/submit"
    answer = till.http.generic("POST", path, b" \n", content_type="application/json", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")
    answer = till.http.generic("POST", path, b"", headers=headers)
    assert (answer.status_code, answer.json()["status"]) == (200, "open")


CARD = "4111 1111 1111 1111"


@pytest.mark.parametrize(
    "changes",
    [
        {"table": CARD},
        {"client_reference": f"paid with {CARD}"},
        {"discounts": [{"amount": 1, "name": CARD}]},
        {"items": [{"name": CARD, "quantity": 1, "unit_price": 100}]},
        {"items": [{"name": "a", "quantity": 1, "unit_price": 100, "modifiers": [{"name": CARD}]}]},
    ],
)
def test_no_card_number_gets_into_an_order(till, changes):
    answer = till.post("/v1/orders", ORDER | changes)
    assert (answer.status_code, answer.json()["code"]) == (400, "card_number_refused")
    assert "4111" not in answer.content.decode()
    order = till.made("/v1/orders", ORDER)
    patched = till.call("PATCH", f"/v1/orders/{order['id']}", changes, **{"if-match": '"1"'})
    assert (patched.status_code, patched.json()["code"]) == (400, "card_number_refused")


def test_product_codes_are_no_card_numbers(till):
    items = [{"name": "Beer", "quantity": 1, "unit_price": 100, "sku": "4006381333931"}]
    assert till.post("/v1/orders", ORDER | {"items": items}).status_code == 201
