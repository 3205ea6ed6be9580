"""Expiring intents ..."""

import pytest

from mpac.pgw.adapters.port import Unknown
from mpac.pgw.services.expiry import expire_untried
from mpac.pgw.services.resolution import resolve_due_attempts
from tests.pgw.doubles import answers

pytestmark = pytest.mark.usefixtures("healthy")


def test_ends_what_nobody_confirmed_in_time(gateway, events):
    intent = gateway.create(expires_in_s=60)
    assert expire_untried(now=gateway.later(59)) == 0
    assert expire_untried(now=gateway.later(61)) == 1
    assert expire_untried(now=gateway.later(62)) == 0
    assert gateway.intent(intent).status == "expired"
    assert events(intent)[-1] == "payment_intent_expired"


def test_asks_a_last_time_before_it_takes_a_qr_away(gateway, provider, events):
    intent = gateway.shown(expires_in_s=60)
    resolve_due_attempts(now=gateway.later(61))

    assert gateway.intent(intent).status == "expired"
    assert gateway.attempt(intent).status == "voided"
    assert len(provider.probed) == 1
    assert events(intent)[-1] == "payment_intent_expired"


def test_finds_the_money_of_the_last_second(gateway):
    intent = gateway.shown(expires_in_s=60)
    gateway.pay(intent)
    resolve_due_attempts(now=gateway.later(61))
    assert gateway.intent(intent).status == "succeeded"


def test_waits_while_the_provider_cannot_be_asked(gateway, provider):
    intent = gateway.shown(expires_in_s=60)
    provider.on_probe.append(answers(Unknown(code="timeout", message="")))
    resolve_due_attempts(now=gateway.later(61))
    assert gateway.intent(intent).status == "requires_action"


def test_never_ends_what_may_be_processed(gateway, provider):
    provider.on_create.append(answers(Unknown(code="timeout", message="")))
    intent = gateway.shown(expires_in_s=60)
    assert expire_untried(now=gateway.later(10_000)) == 0
    assert gateway.intent(intent).status == "processing"
