"""Cancelling an intent ..."""

from dataclasses import replace

import pytest

from mpac.pgw.adapters.port import NotProcessed, Unknown
from mpac.pgw.db import atomic
from mpac.pgw.errors import IllegalIntentTransition
from mpac.pgw.services.cancellation import begin_cancellation, cancel_intent
from mpac.pgw.services.resolution import resolve_due_attempts
from tests.pgw.conftest import SCOPE, Gateway
from tests.pgw.doubles import answers, show_qr

pytestmark = pytest.mark.usefixtures("healthy")

TIMEOUT = Unknown(code="timeout", message="")


def cancel(gateway, intent):
    return cancel_intent(scope=SCOPE, intent_id=intent.pk, now=gateway.now)


def test_ends_an_untried_intent_at_once(gateway, provider, events):
    intent = gateway.create()
    assert cancel(gateway, intent).status == "cancelled"
    assert provider.probed == []
    assert events(intent) == ["payment_intent_created", "payment_intent_cancelled"]


def test_asks_the_provider_once_before_it_takes_a_qr_away(gateway, provider, events):
    intent = gateway.shown()
    assert cancel(gateway, intent).status == "cancelled"
    assert len(provider.probed) == 1
    assert gateway.attempt(intent).status == "voided"
    assert events(intent)[-1] == "payment_intent_cancelled"


def test_keeps_watching_the_qr_that_a_customer_may_still_hold(gateway):
    intent = gateway.shown()
    cancel(gateway, intent)
    assert gateway.attempt(intent).next_probe_at is not None


def test_refuses_when_the_money_turns_out_to_be_there(gateway):
    intent = gateway.shown()
    gateway.pay(intent)
    with pytest.raises(IllegalIntentTransition) as refusal:
        cancel(gateway, intent)
    assert refusal.value.allowed == []
    assert gateway.intent(intent).status == "succeeded"


def test_waits_for_proof_while_the_provider_cannot_be_asked(gateway, provider):
    intent = gateway.shown()
    provider.on_probe.append(answers(TIMEOUT))

    waiting = cancel(gateway, intent)
    assert waiting.status == "requires_action"
    assert waiting.cancel_requested_at is not None

    resolve_due_attempts(now=gateway.later(60))
    assert gateway.intent(intent).status == "cancelled"


def test_waits_for_proof_while_the_outcome_is_unknown(gateway, provider, events):
    provider.on_create.append(answers(TIMEOUT))
    intent = gateway.shown()

    waiting = cancel(gateway, intent)
    assert waiting.status == "processing"
    assert waiting.cancel_requested_at is not None

    resolve_due_attempts(now=gateway.now)
    assert gateway.intent(intent).status == "cancelled"
    assert len(provider.created) == 1
    assert "payment_intent_action_required" not in events(intent)


def test_again_and_again_proves_nothing_sooner(gateway, provider, monkeypatch):
    """A charge that was sent may still arrive, however often its caller insists."""
    monkeypatch.setattr(
        provider, "capabilities", replace(provider.capabilities, customer_initiated=False), raising=False
    )
    provider.on_create.append(answers(TIMEOUT))
    intent = gateway.shown()
    for second in range(10):
        cancel_intent(scope=SCOPE, intent_id=intent.pk, now=gateway.later(second))
        resolve_due_attempts(now=gateway.later(second))
    assert len(provider.probed) == 10
    assert gateway.intent(intent).status == "processing"
    for second in range(60, 180, 10):
        resolve_due_attempts(now=gateway.later(second))
    assert gateway.intent(intent).status == "cancelled"


def test_while_the_call_is_under_way_keeps_its_qr_from_the_screen(gateway, provider):
    def cancelled_meanwhile(request):
        cancel(gateway, intent)
        return show_qr(request)

    provider.on_create.append(cancelled_meanwhile)
    intent = gateway.create()

    assert gateway.confirm(intent).status == "cancelled"
    assert gateway.attempt(intent).status == "voided"


def test_again_changes_nothing(gateway, provider, events):
    intent = gateway.shown()
    cancel(gateway, intent)
    assert cancel(gateway, intent).status == "cancelled"
    assert len(provider.probed) == 1
    assert events(intent).count("payment_intent_cancelled") == 1


@pytest.fixture
def card(holding, now):
    """A gateway whose provider can end what it has shown."""
    return Gateway(holding, now)


def test_ends_what_the_customer_was_shown(card, holding, events):
    intent = card.shown()
    assert cancel(card, intent).status == "cancelled"
    assert [request.provider_key for request in holding.voided] == [card.attempt(intent).provider_key]
    assert holding.probed == []
    assert events(intent)[-1] == "payment_intent_cancelled"


def test_loses_against_a_customer_who_was_faster(card, holding):
    intent = card.shown()
    card.pay(intent)
    with pytest.raises(IllegalIntentTransition):
        cancel(card, intent)
    assert card.intent(intent).status == "succeeded"


def test_goes_on_ending_what_was_shown_until_the_provider_says_that_it_did(card, holding):
    intent = card.shown()
    holding.on_void += [answers(TIMEOUT), answers(TIMEOUT)]
    assert cancel(card, intent).status == "requires_action"
    resolve_due_attempts(now=card.later(3))
    assert card.intent(intent).status == "requires_action"
    resolve_due_attempts(now=card.later(10))
    assert card.intent(intent).status == "cancelled"
    assert (len(holding.voided), holding.probed) == (3, [])


def test_ends_what_was_shown_although_its_caller_died(card, holding):
    intent = card.shown()
    with atomic(SCOPE):
        begin_cancellation(intent_id=intent.pk, now=card.now)
    resolve_due_attempts(now=card.later(31))
    assert (card.intent(intent).status, len(holding.voided)) == ("cancelled", 1)


def test_asks_where_the_provider_refuses_to_end_what_it_has_shown(card, holding):
    intent = card.shown()
    holding.on_void.append(answers(NotProcessed(code="not_supported", message="No.")))
    assert cancel(card, intent).status == "cancelled"
    assert (len(holding.voided), len(holding.probed)) == (1, 1)


def test_is_not_needed_for_what_was_shown_to_end_with_its_time(card, holding):
    intent = card.shown(expires_in_s=60)
    resolve_due_attempts(now=card.later(61))
    assert (card.intent(intent).status, len(holding.voided)) == ("expired", 1)


def test_counts_money_of_a_code_that_was_ended_too_late(card, holding, superuser):
    intent = card.shown(source="api")
    cancel(card, intent)
    card.pay(intent)
    resolve_due_attempts(now=card.later(60))
    assert card.attempt(intent).status == "captured"
    assert superuser.execute("SELECT count(*) FROM pgw.late_payments").fetchone() == (1,)
