"""A terminal keeps its token fresh and repeats a lost call with the same key."""

from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from simulator.terminal.client import ITEMS, TOTAL, Terminal
from simulator.terminal.errors import ContractBroken, Refused, Unreachable
from simulator.terminal.tokens import Tokens
from tests.simulator.terminal.conftest import Platform


def ok(**body: Any) -> httpx2.Response:
    return httpx2.Response(201, json=body)


def refused(status: int, code: str, **headers: str) -> httpx2.Response:
    body = {"code": code, "detail": "because"}
    return httpx2.Response(
        status, json=body, headers={name.replace("_", "-"): v for name, v in headers.items()}
    )


def test_the_assertion_is_signed_by_the_device_for_the_issuer(terminal: Terminal, platform: Platform) -> None:
    terminal.tokens.current()
    key = ECKey.import_key(terminal.demo["device"]["private_jwk"])
    assertion = jwt.decode(platform.assertions[0], key)
    claims = assertion.claims
    assert assertion.header == {"typ": "JWT", "alg": "ES256", "kid": "dev-key-1"}
    assert claims["iss"] == claims["sub"] == "client-1"
    assert claims["aud"] == "http://issuer.test"
    assert claims["exp"] - claims["iat"] == 60
    assert claims["jti"]


def test_a_token_is_used_until_shortly_before_its_end(terminal: Terminal, platform: Platform) -> None:
    readings = iter([0.0, 0.0, 99.0, 100.0, 100.0, 101.0])  # a fetch reads the clock once more
    with httpx2.Client(base_url="http://x.test", transport=httpx2.MockTransport(platform.answer)) as http:
        tokens = Tokens(terminal.demo, http, clock=lambda: next(readings))
        used = [tokens.current() for _ in range(4)]
    assert used == [platform.tokens[n] for n in (0, 0, 1, 1)]


def test_no_assertion_is_used_twice(terminal: Terminal, platform: Platform) -> None:
    terminal.tokens.renew()
    terminal.tokens.renew()
    assert len(set(platform.assertions)) == 2


@pytest.mark.parametrize("expires_in", [0, 121])
def test_a_token_with_a_strange_life_is_not_taken(
    terminal: Terminal, platform: Platform, expires_in: int
) -> None:
    platform.expires_in = expires_in
    with pytest.raises(ContractBroken, match="not a device's token"):
        terminal.tokens.current()


@pytest.mark.parametrize(
    ("lost", "waited"),
    [
        (httpx2.ReadTimeout("slow"), [0.5]),
        (httpx2.ConnectError("refused"), [0.5]),
        (refused(503, "unavailable", Retry_After="2"), [2.0, 0.5]),
        (refused(503, "unavailable", Retry_After="3600"), [5.0, 0.5]),
        (refused(429, "rate_limited", Retry_After="1"), [1.0, 0.5]),
        (refused(409, "idempotency_in_flight", Retry_After="1"), [1.0, 0.5]),
    ],
)
def test_a_lost_call_is_repeated_with_its_key(
    terminal: Terminal,
    platform: Platform,
    pauses: list[float],
    lost: httpx2.Response | Exception,
    waited: list[float],
) -> None:
    platform.will("POST", "/v1/orders", lost, ok(id="ord_1"))
    assert terminal.post("/v1/orders", {}) == {"id": "ord_1"}
    assert len(platform.calls) == 2
    assert len(set(platform.keys())) == 1
    assert pauses == waited


def test_a_terminal_gives_up_in_the_end(terminal: Terminal, platform: Platform) -> None:
    platform.will("POST", "/v1/orders", *[httpx2.ConnectError("refused")] * 9)
    with pytest.raises(Unreachable, match="POST /v1/orders got no answer"):
        terminal.post("/v1/orders", {})
    assert len(platform.calls) == 5


def test_a_refusal_that_lasts_is_shown(terminal: Terminal, platform: Platform) -> None:
    platform.will("POST", "/v1/orders", *[refused(503, "unavailable")] * 9)
    with pytest.raises(Refused, match="503 unavailable"):
        terminal.post("/v1/orders", {})
    assert len(platform.calls) == 5


def test_a_refusal_is_not_repeated(terminal: Terminal, platform: Platform) -> None:
    platform.will("POST", "/v1/orders", refused(409, "illegal_transition"))
    with pytest.raises(
        Refused, match="POST /v1/orders was refused: 409 illegal_transition because"
    ) as caught:
        terminal.post("/v1/orders", {})
    assert caught.value.status == 409
    assert len(platform.calls) == 1


def test_each_post_has_a_key_of_its_own_unless_given(terminal: Terminal, platform: Platform) -> None:
    platform.will("POST", "/v1/orders", ok(id="1"), ok(id="2"), ok(id="3"))
    terminal.post("/v1/orders", {})
    terminal.post("/v1/orders", {})
    terminal.post("/v1/orders", {}, key="mine")
    first, second, third = platform.keys()
    assert first != second
    assert third == "mine"


def test_cash_is_checked_for_its_change(terminal: Terminal, platform: Platform) -> None:
    platform.will("POST", "/v1/orders", ok(id="ord_1", total=TOTAL))
    platform.will("POST", "/v1/orders/ord_1/bills", ok(id="bil_1", status="open", amount_due=TOTAL))
    path = "/v1/bills/bil_1/payments"
    platform.will("POST", path, ok(status="completed", change=450), ok(status="completed", change=451))
    bill = terminal.open_bill()
    assert terminal.pay_cash(bill, tendered=15000)["change"] == 450
    with pytest.raises(ContractBroken, match="wrong change"):
        terminal.pay_cash(bill, tendered=15000)


def test_a_wrong_total_is_noticed(terminal: Terminal, platform: Platform) -> None:
    assert sum(item["quantity"] * item["unit_price"] for item in ITEMS) == TOTAL
    platform.will("POST", "/v1/orders", ok(id="ord_1", total=1))
    with pytest.raises(ContractBroken, match="a wrong order"):
        terminal.open_order()


def test_a_slow_code_is_waited_for(terminal: Terminal, platform: Platform, pauses: list[float]) -> None:
    action = {"type": "display_qr", "qr_payload": "0002"}
    platform.will(
        "GET",
        "/v1/payments/pay_1",
        ok(id="pay_1", status="processing", next_action=None),
        ok(id="pay_1", status="processing", next_action=action),
    )
    assert terminal.wait_for_qr({"id": "pay_1", "status": "processing"}) == "0002"
    assert len(pauses) == 2


def test_a_payment_that_failed_has_no_code(terminal: Terminal) -> None:
    with pytest.raises(ContractBroken, match="no QR code came"):
        terminal.wait_for_qr({"id": "pay_1", "status": "failed"})


def test_the_customer_pays_at_the_bank(terminal: Terminal, platform: Platform) -> None:
    platform.will(
        "POST", "/__pay", httpx2.Response(200, json={"status": "paid"}), refused(409, "already_paid")
    )
    assert terminal.customer_pays("0002") == {"status": "paid"}
    with pytest.raises(Refused, match="409 already_paid"):
        terminal.customer_pays("0002")
    assert platform.calls[0].url.host == "bank.test"
    assert "Authorization" not in platform.calls[0].headers


def test_the_log_is_read_to_its_end(connect: Callable[[], Terminal], platform: Platform) -> None:
    platform.log = [
        {
            "seq": seq,
            "event": {"id": f"evt_{seq}", "type": "order.updated", "created_at": "", "data": {"n": seq}},
        }
        for seq in range(1, 5)
    ]
    assert [(push.seq, push.data) for push in connect().events(2)] == [(3, {"n": 3}), (4, {"n": 4})]
