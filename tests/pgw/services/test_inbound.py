"""A provider's notice ..."""

from dataclasses import replace

import pytest

from kernel.errors import NotFound
from mpac.pgw import conf
from mpac.pgw.adapters.port import Pending, Unknown, WebhookTrust
from mpac.pgw.errors import WebhookMalformed
from mpac.pgw.services.inbound import Delivery, receive_webhook, retry_webhooks
from tests.pgw.doubles import answers, show_qr

pytestmark = pytest.mark.usefixtures("healthy")


@pytest.fixture
def notify(gateway, provider):
    def send(key: str, reference: str, *, seconds: float = 0, **changes):
        values = {
            "provider": "fake",
            "headers": {"Content-Type": "application/json"},
            "remote_address": "10.0.0.1",
        }
        delivery = Delivery(**{**values, "body": provider.notice(key, reference), **changes})
        return receive_webhook(delivery=delivery, now=gateway.later(seconds))

    return send


@pytest.fixture
def keys(superuser):
    def read() -> list[tuple]:
        return superuser.execute(
            "SELECT status, deliveries, tries, psp_id FROM pgw.webhook_keys ORDER BY id"
        ).fetchall()

    return read


def paid(gateway):
    intent = gateway.shown()
    return intent, gateway.attempt(intent).provider_key, gateway.pay(intent)


def test_makes_us_ask_and_the_providers_word_counts(gateway, notify, keys, events):
    intent, key, reference = paid(gateway)

    assert notify(key, reference) == {"received": reference}
    assert gateway.intent(intent).status == "succeeded"
    assert keys() == [("applied", 1, 0, 1)] or keys() == [("applied", 1, 1, 1)]
    assert events(intent)[-1] == "payment_intent_succeeded"


def test_counts_once_when_it_comes_twice(gateway, provider, notify, keys, events):
    intent, key, reference = paid(gateway)
    for _ in range(3):
        notify(key, reference)

    assert keys()[0][:2] == ("applied", 3)
    assert len(provider.probed) == 1
    assert events(intent).count("payment_intent_succeeded") == 1


def test_is_kept_as_the_bytes_that_came(gateway, notify, superuser):
    body = b'{ "reference":"R1" ,"key":"\\u0041", "key":"B" }\n'
    notify("", "", body=body, headers={"X-Signature": "abc", "Authorization": "Bearer abcdefghijkl"})

    stored, headers, psp_id = superuser.execute(
        "SELECT body, headers, psp_id FROM pgw.webhook_events"
    ).fetchone()
    assert bytes(stored) == body
    assert headers["X-Signature"] == "abc"
    assert "abcdefghijkl" not in str(headers)
    assert psp_id is None


def test_that_is_forged_credits_nothing(gateway, notify, keys):
    intent = gateway.shown()
    notify(gateway.attempt(intent).provider_key, "FORGED")

    assert gateway.intent(intent).status == "requires_action"
    assert keys()[0][0] == "pending"


def test_that_is_forged_cannot_put_the_regular_probes_off(gateway, notify):
    intent = gateway.shown()
    before = gateway.attempt(intent).next_probe_at
    notify(gateway.attempt(intent).provider_key, "FORGED", seconds=5)
    assert gateway.attempt(intent).next_probe_at == before


def test_that_is_never_confirmed_is_left_in_the_end(gateway, provider, notify, keys):
    intent = gateway.shown()
    notify(gateway.attempt(intent).provider_key, "FORGED")
    for hour in range(10):
        retry_webhooks(now=gateway.later(3600 * hour))
    retry_webhooks(now=gateway.later(10**6))

    assert keys()[0][0] == "unconfirmed"
    assert retry_webhooks(now=gateway.later(10**7)) == 0


def test_is_tried_again_when_the_provider_could_not_be_asked(gateway, provider, notify, keys):
    intent, key, reference = paid(gateway)
    provider.on_probe.append(answers(Unknown(code="timeout", message="")))
    notify(key, reference)
    assert (gateway.intent(intent).status, keys()[0][0]) == ("requires_action", "pending")

    assert retry_webhooks(now=gateway.later(10)) == 1
    assert (gateway.intent(intent).status, keys()[0][0]) == ("succeeded", "applied")


def test_is_tried_again_when_the_inquiry_is_behind(gateway, provider, notify, keys):
    intent, key, reference = paid(gateway)
    provider.on_probe.append(answers(Pending()))
    notify(key, reference)
    retry_webhooks(now=gateway.later(10))
    assert (gateway.intent(intent).status, keys()[0][0]) == ("succeeded", "applied")


def test_about_an_unknown_object_is_parked_and_answered(notify, keys):
    assert notify("NOBODYKNOWS", "R1") == {"received": "R1"}
    assert keys() == [("parked", 1, 1, None)]


def test_that_comes_before_our_call_is_answered_is_applied(gateway, provider, notify):
    def pay_and_call_back(request):
        reference = provider.pay(request.provider_key, request.amount)
        notify(request.provider_key, reference)
        return show_qr(request)

    provider.on_create.append(pay_and_call_back)
    assert gateway.shown().status == "succeeded"


def test_of_a_second_payment_is_not_taken_for_the_first(gateway, provider, notify, keys, events):
    intent, key, reference = paid(gateway)
    notify(key, reference)
    notify(key, gateway.pay(intent))

    assert [row[0] for row in keys()] == ["applied", "applied"]
    assert events(intent)[-2:] == ["late_payment_return_due", "refund_created"]


def test_cannot_flood_the_provider_with_questions(gateway, provider, notify, keys):
    intent = gateway.shown()
    key = gateway.attempt(intent).provider_key
    for number in range(conf.MAX_NOTICES_PER_ATTEMPT + 10):
        notify(key, f"FORGED{number}")

    assert len(provider.probed) == conf.MAX_NOTICES_PER_ATTEMPT
    assert len(keys()) == conf.MAX_NOTICES_PER_ATTEMPT + 10


def test_is_applied_however_many_there_were_when_it_is_signed(gateway, provider, notify, keys, monkeypatch):
    signed = replace(provider.capabilities, webhook_trust=WebhookTrust.SIGNED)
    monkeypatch.setattr(provider, "capabilities", signed)
    intent = gateway.shown()
    key = gateway.attempt(intent).provider_key
    monkeypatch.setattr(conf, "MAX_NOTICES_PER_ATTEMPT", 2)
    for number in range(2):
        notify(key, f"NEWS{number}")
    notify(key, gateway.pay(intent))

    assert [row[0] for row in keys()] == ["pending", "pending", "applied"]
    assert gateway.intent(intent).status == "succeeded"


def test_is_not_crowded_out_by_those_that_were_true(gateway, provider, notify, keys, monkeypatch):
    monkeypatch.setattr(conf, "MAX_NOTICES_PER_ATTEMPT", 2)
    intent, key, reference = paid(gateway)
    for paid_as in (reference, gateway.pay(intent), gateway.pay(intent)):
        notify(key, paid_as)

    assert [row[0] for row in keys()] == ["applied"] * 3


def test_is_answered_even_when_applying_it_fails(gateway, notify, keys, monkeypatch):
    _intent, key, reference = paid(gateway)

    def stumble(**_arguments):
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr("mpac.pgw.services.inbound.probe_attempt", stumble)
    assert notify(key, reference) == {"received": reference}
    assert keys()[0][0] == "pending"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"key": "A"}', b"\xff\xfe"])
def test_that_cannot_be_read_is_refused(gateway, notify, keys, body):
    with pytest.raises(WebhookMalformed):
        notify("", "", body=body)
    assert keys() == []


def test_of_an_unknown_provider_is_not_found(gateway, notify):
    with pytest.raises(NotFound):
        notify("A", "B", provider="nobody")
