"""The virtual terminal's commands end with 0 only when everything was as the contract says."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from simulator.terminal.__main__ import main
from simulator.terminal.client import TOTAL, Terminal
from simulator.terminal.errors import ContractBroken
from simulator.terminal.sales import Steps, sell, sell_for_cash
from tests.simulator.terminal.conftest import Line, Platform
from tests.simulator.terminal.test_pushes import entry, send

QR = {"type": "display_qr", "qr_payload": "0002", "expires_at": "2026-11-21T05:15:00.000Z"}


def ok(**body: Any) -> httpx2.Response:
    return httpx2.Response(201, json=body)


def prepare(platform: Platform, *, payment: dict[str, Any], order_paid: str = "paid") -> None:
    platform.will("POST", "/v1/orders", ok(id="ord_1", total=TOTAL))
    platform.will("POST", "/v1/orders/ord_1/bills", ok(id="bil_1", status="open", amount_due=TOTAL))
    platform.will("POST", "/v1/bills/bil_1/payments", ok(id="pay_1", **payment))
    platform.will("GET", "/v1/payments/pay_1", ok(id="pay_1", status="completed"))
    platform.will("GET", "/v1/bills/bil_1", ok(id="bil_1", status="closed", amount_due=0))
    platform.will("GET", "/v1/orders/ord_1", ok(id="ord_1", payment_state=order_paid))


class Bank:
    """Answers the customer's payment and lets the platform push."""

    def __init__(self, platform: Platform, line: Line) -> None:
        self._platform, self._line = platform, line

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path != "/__pay":
            return self._platform.answer(request)
        done = entry(1, "payment.completed", payment_id="pay_1")
        self._platform.log = [done]
        send(self._line.connection(), done)
        return httpx2.Response(200, json={"provider_reference": "T1"})


def shown(lines: list[str]) -> list[str]:
    """What each step says of itself, without its time."""
    return [re.sub(r" +[0-9]+ ms$", "", line).strip() for line in lines]


def test_a_sale_shows_each_step(platform: Platform, line: Line, connect: Callable[..., Terminal]) -> None:
    prepare(platform, payment={"status": "processing", "next_action": QR})
    lines: list[str] = []
    sell(connect(line.url, answer=Bank(platform, line)), Steps(lines.append))
    assert [re.split(" {2,}", text)[0] for text in shown(lines)] == [
        "token",
        "WebSocket",
        "order",
        "bill",
        "QR payment",
        "customer pays",
        "push",
        "paid and closed",
        "event log",
        "QR sale",
    ]
    assert re.split(" {2,}", shown(lines)[6])[1] == "payment.completed at 1"


def test_a_cash_sale_shows_its_change(platform: Platform, terminal: Terminal) -> None:
    prepare(platform, payment={"status": "completed", "change": 5450})
    lines: list[str] = []
    sell_for_cash(terminal, Steps(lines.append))
    assert "pay_1 change 54.50 THB" in lines[3]
    assert len(lines) == 6


def test_an_unpaid_order_ends_the_sale(platform: Platform, terminal: Terminal) -> None:
    prepare(platform, payment={"status": "completed", "change": 5450}, order_paid="unpaid")
    steps = Steps(lambda line: None)
    with pytest.raises(ContractBroken, match="the order is not paid"):
        sell_for_cash(terminal, steps)
    assert steps.current == "paid and closed"


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["terminal", *arguments])
    return main()


def test_a_missing_demo_file_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(monkeypatch, "--demo", str(tmp_path / "demo.json"), "sell") == 1
    assert "FAILED at reading the demo file" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["sell", "cash", "watch"])
def test_a_platform_that_is_away_fails_the_run(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    terminal: Terminal,
    command: str,
) -> None:
    demo = tmp_path / "demo.json"
    away = {
        "base_url": "http://127.0.0.1:1",
        "ws_url": "ws://127.0.0.1:1/",
        "simulator_url": "http://127.0.0.1:1",
    }
    demo.write_text(json.dumps(terminal.demo | away))
    assert run(monkeypatch, "--demo", str(demo), command) == 1
    assert "FAILED at " in capsys.readouterr().err
