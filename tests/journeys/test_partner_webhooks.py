"""A partner's server hears of every sale, whatever dies meanwhile."""

import uuid
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from tests.journeys.conftest import until
from tests.journeys.test_one_effect import redis_of
from tests.pgw.partners import is_signed

SALES = 8
RECOVERY_S = 120


class Partner:
    """A partner's server as it calls the API, and what it was told."""

    def __init__(self, platform, receiver) -> None:
        self.receiver = receiver
        self.http = httpx2.Client(
            base_url=platform.demo["base_url"],
            headers={"Authorization": f"Bearer {platform.demo['psp']['api_key']}"},
            timeout=30,
            trust_env=False,
        )
        self.endpoint = self.post("/v1/webhook-endpoints", {"url": receiver.url()})
        self.since = len(receiver.received)

    def post(self, path, body):
        answer = self.http.post(path, json=body, headers={"Idempotency-Key": str(uuid.uuid4())})
        assert answer.is_success, answer.text
        return answer.json()

    def told(self) -> dict[str, dict[int, dict]]:
        """What was received, by object and sequence; every call proves itself."""
        found = defaultdict(dict)
        for call in list(self.receiver.received)[self.since :]:
            assert is_signed(self.endpoint["secret"], call.headers, call.body)
            event = httpx2.Response(200, content=call.body).json()
            assert call.headers["webhook-id"] == event["id"]
            known = found[event["object_id"]].setdefault(event["sequence"], event)
            assert known == event
        return found

    def has_heard_the_end_of(self, intents) -> bool:
        told = self.told()
        return all(
            any(event["type"] == "payment_intent.succeeded" for event in told[intent].values())
            and sorted(told[intent]) == list(range(1, len(told[intent]) + 1))
            for intent in intents
        )


@pytest.fixture
def partner(platform, receiver):
    found = Partner(platform, receiver)
    yield found
    found.http.delete(f"/v1/webhook-endpoints/{found.endpoint['id']}")
    found.http.close()


def sell(terminal):
    payment = terminal.pay_qr(terminal.open_bill())
    terminal.customer_pays(terminal.wait_for_qr(payment, timeout_s=60))
    return payment


def test_without_a_gap_when_redis_is_emptied_and_the_workers_are_killed_at_peak(platform, partner):
    receiver = partner.receiver
    receiver.answers = [*[503] * 5, 204]
    with platform.terminal() as terminal:
        first = sell(terminal)
        until(lambda: len(receiver.received) > partner.since, timeout_s=30)
        with ThreadPoolExecutor(4) as threads:
            sales = [threads.submit(sell, terminal) for _ in range(SALES)]
            redis_of(platform).flushall()
            for words in ("valkey-server", "celery", "manage.py relay"):
                platform.kill(words)
            payments = [first, *(sale.result() for sale in sales)]
        intents = [
            until(
                lambda payment=payment: terminal.get(f"/v1/payments/{payment['id']}").get(
                    "payment_intent_id"
                ),
                timeout_s=60,
            )
            for payment in payments
        ]
    until(lambda: partner.has_heard_the_end_of(intents), timeout_s=RECOVERY_S)
    until(lambda: platform.invariants().returncode == 0, timeout_s=RECOVERY_S)


def test_within_seconds(platform, partner):
    with platform.terminal() as terminal:
        payment = sell(terminal)
        intent = terminal.get(f"/v1/payments/{payment['id']}")["payment_intent_id"]
    until(lambda: partner.has_heard_the_end_of([intent]), timeout_s=15)
