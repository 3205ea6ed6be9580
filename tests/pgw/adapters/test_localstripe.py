"""The Stripe adapter against localstripe, somebody else's reading of Stripe's documents, in a process of its own.

localstripe leaves some things out: it does not know `created` in lists, nor how much of a payment intent was received or can
be captured, and it ignores idempotency keys. The transport makes up for the former two; nothing here rests on the latter.
"""

import http.server
import queue
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from kernel import clock
from kernel.money import Money
from mpac.pgw.adapters.port import (
    Approved,
    Authorized,
    Declined,
    Done,
    NeverHeard,
    NotProcessed,
    Pending,
    ProviderAccount,
    Voided,
)
from mpac.pgw.adapters.stripe.adapter import StripeAdapter
from mpac.pgw.adapters.stripe.client import StripeClient
from mpac.pgw.errors import WebhookRefused
from tests.pgw.adapters.contract import capture_of, known, refund_of
from tests.pgw.adapters.wire import charge_with, replaced

ACCOUNT = ProviderAccount(
    fields={"billing_email": "till@example.com"},
    credentials={"secret_key": "sk_test_1", "webhook_secret": "whsec_local"},
)
PATIENCE_S = 20


class FillsIn(httpx2.BaseTransport):
    """Leaves out what localstripe does not know, and adds what it does not tell."""

    def __init__(self) -> None:
        self._inner = httpx2.HTTPTransport(retries=3)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        for name in ("created[gte]", "created[lte]"):
            request.url = request.url.copy_remove_param(name)
        answer = self._inner.handle_request(request)
        answer.read()
        content = filled(msgspec.json.decode(answer.content))
        return httpx2.Response(answer.status_code, json=content)

    def close(self) -> None:
        self._inner.close()


def filled(content: Any) -> Any:
    if isinstance(content, list):
        return [filled(each) for each in content]
    if not isinstance(content, dict):
        return content
    content = {name: filled(value) for name, value in content.items()}
    if content.get("object") == "payment_intent":
        charges = content["charges"]["data"]
        received = sum(each["amount"] for each in charges if each["captured"])
        content["amount_received"] = received if content["status"] == "succeeded" else 0
        content["amount_capturable"] = content["amount"] if content["status"] == "requires_capture" else 0
    return content


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = Path(sys.executable).with_name("localstripe")
    command = str(program) if program.exists() else shutil.which("localstripe")
    assert command, "localstripe is a requirement of development"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = (tmp_path_factory.mktemp("localstripe") / "log").open("wb")
    process = subprocess.Popen(
        [command, "--port", str(port), "--from-scratch"], stdout=log, stderr=log, cwd=Path(log.name).parent
    )
    try:
        until_it_answers(f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
        log.close()


def until_it_answers(address: str) -> None:
    """Connecting waits for the listener inside httpx2's own retries, so nothing here sleeps."""
    transport = httpx2.HTTPTransport(retries=8)
    with httpx2.Client(transport=transport, trust_env=False, timeout=PATIENCE_S) as client:
        assert client.get(f"{address}/v1/refunds", auth=("sk_test_1", "")).status_code == 200


@pytest.fixture
def adapter(address, settings):
    settings.MPAC_STRIPE_BASE_URL = address
    with FillsIn() as transport:
        yield StripeAdapter(StripeClient(transport=transport))


@pytest.fixture
def charge():
    now = clock.now()
    return charge_with(
        ACCOUNT, payment_token="pm_card_visa", opened_at=now, now=now, expires_at=now, timeout_s=10.0
    )


def test_takes_money_and_finds_it_again(adapter, charge):
    outcome = adapter.create(charge)
    assert isinstance(outcome, Approved)
    assert [payment.amount for payment in outcome.payments] == [charge.amount]
    for asked in (charge, known(charge, outcome)):
        assert adapter.probe(asked) == outcome


def test_knows_of_no_money_for_a_charge_that_was_never_made(adapter, charge):
    assert adapter.probe(charge) == Pending()


def test_tells_that_the_cards_bank_declined(adapter, charge):
    declined = replaced(charge, payment_token="pm_card_chargeDeclined")
    assert isinstance(adapter.create(declined), Declined | NotProcessed)
    assert not isinstance(adapter.probe(declined), Approved)


def test_holds_money_and_takes_it(adapter, charge):
    outcome = adapter.create(replaced(charge, capture=False))
    assert isinstance(outcome, Authorized)
    assert outcome.amount == charge.amount
    capture = capture_of(known(charge, outcome))
    assert adapter.probe_capture(capture) == NeverHeard()
    assert isinstance(adapter.capture(capture), Done)
    assert isinstance(adapter.probe_capture(capture), Done)


def test_holds_money_and_lets_it_go(adapter, charge):
    held = known(charge, adapter.create(replaced(charge, capture=False)))
    assert adapter.void(held) == Voided()
    assert adapter.probe(held) == Voided()


def test_gives_money_back_in_parts(adapter, charge):
    paid = known(charge, adapter.create(charge))
    refund = refund_of(paid, amount=Money(5000, "THB"))
    assert adapter.probe_refund(refund) == NeverHeard()
    done = adapter.refund(refund)
    assert isinstance(done, Done)
    assert adapter.probe_refund(refund) == done
    assert adapter.probe_refund(refund_of(paid)) == NeverHeard()


class Listener(http.server.BaseHTTPRequestHandler):
    """Takes one event as it comes over the wire."""

    inbox: queue.Queue[tuple[dict[str, str], bytes]] = queue.Queue()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.inbox.put((dict(self.headers.items()), body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_said: object) -> None:
        """Say nothing."""


@pytest.fixture
def event(address) -> Iterator[tuple[dict[str, str], bytes]]:
    """An event that localstripe signed, about a customer because it sends those whole."""
    with http.server.HTTPServer(("127.0.0.1", 0), Listener) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/"
        hook = {"url": url, "secret": "whsec_local", "events": ["customer.created"]}
        with httpx2.Client(base_url=address, trust_env=False, auth=("sk_test_1", "")) as client:
            client.post("/_config/webhooks/here", json=hook).raise_for_status()
            client.post("/v1/customers", data={"email": "a@example.com"}).raise_for_status()
        yield Listener.inbox.get(timeout=PATIENCE_S)
        thread.join(PATIENCE_S)


def test_reads_the_events_that_it_signs(adapter, event):
    headers, body = event
    hint = adapter.read_webhook(headers=headers, body=body, account=ACCOUNT, now=clock.now())
    assert hint.dedupe_key.startswith("evt_")
    assert hint.provider_reference.startswith("cus_")
    assert (hint.payments, hint.refund, hint.dispute) == ((), None, None)
    with pytest.raises(WebhookRefused):
        adapter.read_webhook(headers=headers, body=body + b" ", account=ACCOUNT, now=clock.now())
