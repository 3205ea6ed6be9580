"""A terminal's calls: orders, bills, payments and the event log.

A call that was not answered is repeated with its own idempotency key: a terminal never guesses whether it
went through.
"""

import time
import uuid
from collections.abc import Callable
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

import httpx2

from simulator.terminal.errors import ContractBroken, Refused, Unreachable, expect
from simulator.terminal.pushes import Push, Pushes
from simulator.terminal.tokens import Tokens, problem_of

ITEMS = (
    {"name": "Pad Thai", "quantity": 2, "unit_price": 6000},
    {"name": "Tea", "quantity": 1, "unit_price": 2550},
)
TOTAL = 14550
_RETRIES = 4
_RETRY_S = 0.5
_MAX_RETRY_S = 5.0
# Asked again with the same key: still running, too many calls, not available just now.
_AGAIN = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})


class Terminal:
    """One device of the demo file. Use as a context manager, or call `close`."""

    def __init__(
        self,
        demo: dict[str, Any],
        *,
        timeout_s: float = 30.0,
        pause: Callable[[float], None] = time.sleep,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self.demo = demo
        self._pause = pause
        self._http = _client(demo["base_url"], timeout_s, transport)
        self._bank = _client(demo["simulator_url"], timeout_s, transport)
        self.tokens = Tokens(demo, self._http)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()
        self._bank.close()

    def request(
        self, method: str, path: str, *, body: dict[str, Any] | None = None, key: str | None = None
    ) -> httpx2.Response:
        """One call, the bare answer whatever its status. A POST without a key gets a fresh one."""
        headers = {"Authorization": f"Bearer {self.tokens.current()}"}
        if key or method == "POST":
            headers["Idempotency-Key"] = key or str(uuid.uuid4())
        return self._http.request(method, path, json=body, headers=headers)

    def post(self, path: str, body: dict[str, Any], *, key: str | None = None) -> dict[str, Any]:
        """Create something. Raises Refused, Unreachable."""
        return self._answered("POST", path, body=body, key=key or str(uuid.uuid4()))

    def get(self, path: str) -> dict[str, Any]:
        """Read something. Raises Refused, Unreachable."""
        return self._answered("GET", path)

    def open_order(self) -> dict[str, Any]:
        """An order for two Pad Thai and a tea, 145.50 baht."""
        order = self.post(
            "/v1/orders", {"currency": "THB", "channel": "take_away", "items": [dict(item) for item in ITEMS]}
        )
        expect(
            order.get("total") == TOTAL and str(order.get("id")).startswith("ord_"), "a wrong order", order
        )
        return order

    def open_bill(self, order: dict[str, Any] | None = None) -> dict[str, Any]:
        """The bill of the order, or of a new one."""
        order = order or self.open_order()
        bill = self.post(f"/v1/orders/{order['id']}/bills", {})
        expect(bill.get("amount_due") == TOTAL and bill.get("status") == "open", "a wrong bill", bill)
        return bill

    def pay_cash(self, bill: dict[str, Any], *, tendered: int | None = None) -> dict[str, Any]:
        """Take cash for what is due; the change is checked."""
        due = bill["amount_due"]
        tendered = due if tendered is None else tendered
        body = {"method": "cash", "amount": due, "tendered": tendered}
        payment = self.post(f"/v1/bills/{bill['id']}/payments", body)
        expect(payment.get("status") == "completed", "cash is not completed at once", payment)
        expect(payment.get("change") == tendered - due, "wrong change", payment)
        return payment

    def pay_qr(self, bill: dict[str, Any], *, key: str | None = None) -> dict[str, Any]:
        """Ask for a QR code for what is due; the answer may still be without one when the bank is slow."""
        return self.post(
            f"/v1/bills/{bill['id']}/payments", {"method": "qr_code", "amount": bill["amount_due"]}, key=key
        )

    def wait_for_qr(self, payment: dict[str, Any], *, timeout_s: float = 30.0) -> str:
        """The QR payload to show. Raises ContractBroken when none comes."""
        deadline = time.monotonic() + timeout_s
        while not (action := payment.get("next_action")):
            settled = payment["status"] in ("completed", "failed", "cancelled")
            expect(not settled and time.monotonic() < deadline, "no QR code came", payment)
            self._pause(_RETRY_S)
            payment = self.get(f"/v1/payments/{payment['id']}")
        expect(action.get("type") == "display_qr" and action.get("qr_payload"), "no QR code to show", payment)
        return str(action["qr_payload"])

    def customer_pays(self, qr_payload: str) -> dict[str, Any]:
        """Let the customer pay the code in the bank's app. Raises Refused."""
        answer = self._bank.post("/__pay", json={"qr_payload": qr_payload})
        if not answer.is_success:
            raise Refused(call="the bank's app", status=answer.status_code, problem=problem_of(answer))
        return dict(answer.json())

    def events(self, after: int, *, limit: int | None = None) -> list[Push]:
        """The device's log after this sequence number, oldest first."""
        found: list[Push] = []
        while True:
            last = found[-1].seq if found else after
            page = self.get(f"/v1/devices/me/events?after={last}" + (f"&limit={limit}" if limit else ""))[
                "data"
            ]
            found += [Push.of(item) for item in page]
            if not page or limit:
                return found

    def pushes(self, *, after: int | None = None) -> Pushes:
        """The device's WebSocket: what happens from now on, or since this sequence number."""
        return Pushes(
            url=self.demo["ws_url"],
            device_id=self.demo["device"]["device_id"],
            tokens=self.tokens,
            missed=self.events,
            after=after,
            pause=self._pause,
        )

    def _answered(
        self, method: str, path: str, *, body: dict[str, Any] | None = None, key: str | None = None
    ) -> dict[str, Any]:
        call, lost = f"{method} {path}", ""
        for attempt in range(_RETRIES + 1):
            if attempt:
                self._pause(_RETRY_S * attempt)
            try:
                answer = self.request(method, path, body=body, key=key)
            except httpx2.TransportError as error:
                lost = repr(error)
                continue
            if answer.is_success:
                return _object(answer, call)
            problem = problem_of(answer)
            running = problem.get("code") == "idempotency_in_flight"
            if attempt == _RETRIES or not (running or answer.status_code in _AGAIN):
                raise Refused(call=call, status=answer.status_code, problem=problem)
            self._pause(_retry_after_s(answer))
        raise Unreachable(f"{call} got no answer: {lost}")


def _client(base_url: str, timeout_s: float, transport: httpx2.BaseTransport | None) -> httpx2.Client:
    return httpx2.Client(base_url=base_url, timeout=timeout_s, transport=transport, trust_env=False)


def _object(answer: httpx2.Response, call: str) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        raise ContractBroken(f"{call} answered no JSON") from None
    expect(isinstance(body, dict), f"{call} answered no object", body)
    return dict(body)


def _retry_after_s(answer: httpx2.Response) -> float:
    text = answer.headers.get("Retry-After", "")
    return min(float(text), _MAX_RETRY_S) if text.isdigit() else 0.0
