"""A notice of a refund ..."""

from dataclasses import replace

import pytest

from kernel.money import Money
from mpac.pgw.adapters.port import Declined, Done, WebhookTrust
from mpac.pgw.db import atomic
from mpac.pgw.models import WebhookKey
from mpac.pgw.services.inbound import SCOPE as ALL
from mpac.pgw.services.inbound import Delivery, receive_webhook, retry_webhooks
from tests.pgw.doubles import TIMEOUT, answers

pytestmark = pytest.mark.usefixtures("healthy")


@pytest.fixture
def provider(refunding):
    refunding.capabilities = replace(refunding.capabilities, webhook_trust=WebhookTrust.SIGNED)
    return refunding


@pytest.fixture
def unsigned(provider):
    provider.capabilities = replace(provider.capabilities, webhook_trust=WebhookTrust.HINT)
    return provider


@pytest.fixture
def refund(gateway, provider, refunds):
    """A refund that the provider took up, to be carried out some day."""
    intent = gateway.shown()
    gateway.pay(intent)
    gateway.probe(intent)
    provider.on_refund.append(provider.take_up)
    return refunds.give(intent, 5000)


@pytest.fixture
def notify(gateway, provider):
    def send(refund, about="news"):
        body = provider.refund_notice(refund.operation_key, about)
        return receive_webhook(delivery=Delivery(provider="fake", headers={}, body=body), now=gateway.now)

    return send


def keys() -> list[tuple[str, int | None]]:
    with atomic(ALL):
        return [(key.status, key.merchant_id) for key in WebhookKey.objects.order_by("pk")]


def carry_out(provider, refund):
    provider.refunds[refund.operation_key] = Done(reference="DONE", amount=Money(5000, "THB"))


def test_that_is_signed_is_believed(provider, refund, refunds, notify):
    carry_out(provider, refund)
    notify(refund)
    assert (refunds.get(refund).status, refunds.sums(refund.intent)) == ("completed", (0, 5000))
    assert keys() == [("applied", 11)]
    assert provider.probed_refunds == []


def test_that_is_signed_tells_of_a_failure(provider, refund, refunds, notify):
    provider.refunds[refund.operation_key] = Declined(code="account_closed", message="Closed.")
    notify(refund)
    assert (refunds.get(refund).status, refunds.sums(refund.intent)) == ("failed", (0, 0))


def test_that_is_signed_tells_that_the_money_came_back(provider, refund, refunds, notify):
    carry_out(provider, refund)
    notify(refund)
    provider.return_refund(refund.operation_key)
    notify(refund, "back")
    notify(refund, "back again")
    assert (refunds.get(refund).status, refunds.sums(refund.intent)) == ("reversed", (0, 0))


def test_counts_once_when_it_comes_twice(provider, refund, refunds, notify, events):
    carry_out(provider, refund)
    for _ in range(3):
        notify(refund)
    assert events(refund.intent).count("refund_completed") == 1
    assert keys() == [("applied", 11)]


def test_that_is_unsigned_only_makes_us_ask(unsigned, refund, refunds, notify):
    unsigned.on_probe_refund.append(answers(TIMEOUT))
    carry_out(unsigned, refund)
    notify(refund)
    assert (refunds.get(refund).status, len(unsigned.probed_refunds)) == ("processing", 1)
    assert keys() == [("pending", 11)]


def test_that_is_unsigned_counts_when_the_provider_says_the_same(unsigned, refund, refunds, notify):
    carry_out(unsigned, refund)
    notify(refund)
    assert refunds.get(refund).status == "completed"
    assert keys() == [("applied", 11)]


def test_that_is_forged_moves_nothing(unsigned, refund, refunds, notify):
    taken_up = unsigned.refunds[refund.operation_key]
    carry_out(unsigned, refund)
    unsigned.on_probe_refund.append(answers(taken_up))
    notify(refund)
    assert refunds.get(refund).status == "processing"


def test_that_comes_before_its_refund_is_known_is_parked_and_applied_later(
    gateway, provider, refund, refunds, notify
):
    carry_out(provider, refund)
    unknown = replace(Delivery(provider="fake", headers={}, body=b""), body=provider.refund_notice("NOT-YET"))
    receive_webhook(delivery=unknown, now=gateway.now)
    assert keys() == [("parked", None)]

    with atomic(ALL):
        WebhookKey.objects.update(operation_key=refund.operation_key)
    retry_webhooks(now=gateway.later(10))
    assert refunds.get(refund).status == "completed"
    assert keys() == [("applied", 11)]


def test_does_not_put_the_regular_question_off(provider, refund, refunds, notify):
    due = refunds.get(refund).next_probe_at
    notify(refund)
    assert refunds.get(refund).next_probe_at == due
