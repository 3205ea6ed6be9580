"""Two hundred equal requests at once have one effect; the rest are replays or told to wait. Never a 5xx."""

import asyncio
import uuid

import httpx2
import pytest
import redis

from tests.journeys.conftest import until

SAME = 200


async def post_at_once(url: str, body: dict, headers: dict, *, halfway=None) -> list[httpx2.Response]:
    limits = httpx2.Limits(max_connections=40)
    async with httpx2.AsyncClient(timeout=60, limits=limits, trust_env=False) as http:
        calls = [asyncio.create_task(http.post(url, json=body, headers=headers)) for _ in range(SAME)]
        if halfway:
            await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.to_thread(halfway)
        return await asyncio.gather(*calls)


def redis_of(platform) -> redis.Redis:
    answer = platform.manage(
        "shell", "-v", "0", "-c", "from django.conf import settings; print(settings.REDIS_URL)"
    )
    return redis.Redis.from_url(answer.stdout.strip())


@pytest.mark.parametrize("flush", [False, True])
@pytest.mark.parametrize("method", ["cash", "qr_code"])
def test_of_a_payment(platform, terminal, method, flush):
    bill = terminal.open_bill()
    headers = {"Authorization": f"Bearer {terminal.tokens.current()}", "Idempotency-Key": str(uuid.uuid4())}
    body = {"method": method, "amount": bill["amount_due"]} | (
        {"tendered": 20000} if method == "cash" else {}
    )
    url = f"{platform.demo['base_url']}/v1/bills/{bill['id']}/payments"
    halfway = redis_of(platform).flushall if flush else None
    answers = asyncio.run(post_at_once(url, body, headers, halfway=halfway))
    assert {answer.status_code for answer in answers} <= {201, 409}
    created = [answer for answer in answers if answer.status_code == 201]
    assert sum("Idempotent-Replayed" not in answer.headers for answer in created) == 1
    assert len({answer.json()["id"] for answer in created}) == 1
    for answer in answers:
        if answer.status_code == 409:
            assert answer.json()["code"] == "idempotency_in_flight"
            assert int(answer.headers["Retry-After"]) >= 1
    if method == "qr_code":
        assert len(platform.charges()) == 1
        terminal.post(f"/v1/payments/{created[0].json()['id']}/cancel", {})
    else:
        after = terminal.get(f"/v1/bills/{bill['id']}")
        assert (after["status"], after["amount_due"]) == ("closed", 0)


@pytest.mark.parametrize("flush", [False, True])
def test_of_confirming_an_intent(platform, terminal, flush):
    demo = platform.demo
    intent = terminal.post(
        "/v1/payment-intents",
        {
            "amount": 5000,
            "currency": "THB",
            "merchant_id": demo["merchant_id"],
            "store_id": demo["store_id"],
            "method": "qr_code",
        },
    )
    headers = {"Authorization": f"Bearer {terminal.tokens.current()}", "Idempotency-Key": str(uuid.uuid4())}
    url = f"{demo['base_url']}/v1/payment-intents/{intent['id']}/confirm"
    halfway = redis_of(platform).flushall if flush else None
    answers = asyncio.run(post_at_once(url, {}, headers, halfway=halfway))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert any(answer.status_code == 200 for answer in answers)
    assert len(platform.charges()) == 1
    attempts = terminal.get(f"/v1/payment-intents/{intent['id']}/attempts")["data"]
    assert len(attempts) == 1
    until(
        lambda: terminal.get(f"/v1/payment-intents/{intent['id']}")["status"] == "requires_action",
        timeout_s=30,
    )
