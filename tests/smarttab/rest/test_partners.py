"""What a provider's server may do with sales: what its key's scopes say, in its key's mode, and no more."""

import pytest

from kernel import clock, ids
from kernel.tenancy import SystemScope
from mpac.portal.domain.api_keys import ApiKeyMode
from mpac.portal.domain.permissions import KEY_SCOPES
from mpac.portal.services.api_keys import api_key_reader, issue_api_key
from mpac.portal.services.tokens import Client, issue_device_token
from tests.smarttab.conftest import Till
from tests.smarttab.rest.test_orders import ORDER


class Server(Till):
    """A provider's server instead of a terminal: the same calls with an API key."""

    def __init__(self, http, shop, *, mode=ApiKeyMode.TEST, scopes=KEY_SCOPES) -> None:
        self.http, self.shop = http, shop
        self.token = issue_api_key(
            scope=SystemScope("seed"),
            psp_id=shop.psp_id,
            name="server",
            mode=mode,
            scopes=scopes,
            now=clock.now(),
        ).secret


@pytest.fixture(autouse=True)
def forgetful():
    api_key_reader.forget()


@pytest.fixture
def bill(till):
    return till.made(f"/v1/orders/{till.made('/v1/orders', ORDER)['id']}/bills")


CASH = {"method": "cash", "amount": 14550}


def test_reads_and_pays_with_the_scopes_for_it(api, shop, bill):
    server = Server(api, shop)
    assert server.get("/v1/bills").json()["data"][0]["id"] == bill["id"]
    assert server.made(f"/v1/bills/{bill['id']}/payments", CASH)["status"] == "completed"


@pytest.mark.parametrize("scopes", [("hierarchy:read", "devices:write"), ("payments:write",)])
def test_reads_nothing_without_the_scope_to_read(api, shop, bill, scopes):
    server = Server(api, shop, scopes=scopes)
    for path in ("orders", "bills", "payments", f"bills/{bill['id']}", f"bills/{bill['id']}/payments"):
        answer = server.get(f"/v1/{path}")
        assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")


def test_moves_nothing_without_the_scope_to_write(api, shop, bill):
    server = Server(api, shop, scopes=("payments:read", "hierarchy:write", "devices:write"))
    for path, body in (
        (f"bills/{bill['id']}/payments", CASH),
        (f"bills/{bill['id']}/void", None),
        (f"orders/{bill['order_id']}/cancel", None),
    ):
        answer = server.post(f"/v1/{path}", body)
        assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
    assert server.get(f"/v1/bills/{bill['id']}").json()["status"] == "open"


def test_sales_of_the_other_mode_look_like_missing_ones(api, shop, bill):
    server = Server(api, shop, mode=ApiKeyMode.LIVE)
    for path in ("orders", "bills", "payments"):
        assert server.get(f"/v1/{path}").json()["data"] == []
    for path in (f"bills/{bill['id']}", f"bills/{bill['id']}/payments", f"orders/{bill['order_id']}"):
        assert server.get(f"/v1/{path}").status_code == 404
    assert server.post(f"/v1/bills/{bill['id']}/payments", CASH).status_code == 404
    assert server.post(f"/v1/bills/{bill['id']}/void").status_code == 404
    assert server.post(f"/v1/orders/{bill['order_id']}/cancel").status_code == 404


def test_a_live_terminal_does_not_meet_the_test_sales_of_its_store(api, shop, bill):
    live = Till(api, shop)
    client = Client(ids.uuid7(), shop.psp_id, shop.merchant_id, shop.store_id, livemode=True)
    live.token = issue_device_token(client, now=clock.now())
    assert live.get(f"/v1/bills/{bill['id']}").status_code == 404
    sold = live.made("/v1/sales", ORDER | {"payment": {"method": "cash"}})
    assert sold["payment"]["livemode"] is True
    assert [each["id"] for each in live.get("/v1/bills").json()["data"]] == [sold["bill"]["id"]]


def test_one_key_in_both_modes_is_two_keys(api, shop, till):
    live = Till(api, shop)
    client = Client(ids.uuid7(), shop.psp_id, shop.merchant_id, shop.store_id, livemode=True)
    live.token = issue_device_token(client, now=clock.now())
    sale = ORDER | {"payment": {"method": "cash"}}
    tried, real = till.post("/v1/sales", sale, key="sale-1"), live.post("/v1/sales", sale, key="sale-1")
    assert (tried.status_code, real.status_code) == (201, 201)
    assert "Idempotent-Replayed" not in real.headers
    assert [answer.json()["payment"]["livemode"] for answer in (tried, real)] == [False, True]
