"""Confirming an intent ..."""

import pytest

from mpac.pgw.adapters.port import Declined, NotProcessed, Unknown
from mpac.pgw.errors import IllegalIntentTransition, ProviderNotUsable
from tests.pgw.doubles import answers

pytestmark = pytest.mark.usefixtures("healthy")


def test_shows_the_providers_qr(gateway, events):
    intent = gateway.shown()

    attempt = gateway.attempt(intent)
    assert intent.status == "requires_action"
    assert intent.next_action == {"type": "display_qr", "qr_payload": f"QR:{attempt.provider_key}"}
    assert (attempt.status, attempt.number, attempt.provider) == ("requires_action", 1, "fake")
    assert events(intent) == [
        "payment_intent_created",
        "payment_intent_processing",
        "payment_intent_action_required",
    ]


def test_commits_the_attempt_before_the_provider_is_called(gateway, provider):
    seen = []

    def look(request):
        attempt = gateway.attempt(intent)
        seen.append(
            (attempt.status, gateway.intent(intent).status, request.provider_key == attempt.provider_key)
        )
        return Unknown(code="timeout", message="")

    provider.on_create.append(look)
    intent = gateway.create()
    gateway.confirm(intent)

    assert seen == [("sent", "processing", True)]


def test_takes_a_timeout_for_no_answer_at_all(gateway, provider, events):
    provider.on_create.append(answers(Unknown(code="timeout", message="")))
    intent = gateway.shown()

    assert intent.status == "processing"
    assert gateway.attempt(intent).status == "unknown"
    assert gateway.attempt(intent).next_probe_at is not None
    assert events(intent)[-1] == "payment_intent_processing"


def test_opens_no_second_attempt_while_the_first_is_unknown(gateway, provider):
    provider.on_create.append(answers(Unknown(code="timeout", message="")))
    intent = gateway.shown()

    with pytest.raises(IllegalIntentTransition):
        gateway.confirm(intent)
    assert len(provider.created) == 1


def test_fails_a_bills_payment_that_was_declined(gateway, provider, events):
    provider.on_create.append(answers(Declined(code="declined", message="No.")))
    intent = gateway.shown()

    assert (intent.status, intent.error_code) == ("failed", "declined")
    assert gateway.attempt(intent).status == "declined"
    assert events(intent)[-1] == "payment_intent_failed"


def test_lets_a_partner_try_again_after_a_decline(gateway, provider, events):
    provider.on_create.append(answers(Declined(code="declined", message="No.")))
    intent = gateway.shown(source="api")
    assert intent.status == "requires_payment_method"

    again = gateway.confirm(intent)

    assert again.status == "requires_action"
    assert gateway.attempt(intent).number == 2
    assert provider.created[0].provider_key != provider.created[1].provider_key
    assert "payment_intent_declined" in events(intent)


def test_tells_proof_of_no_charge_from_doubt(gateway, provider):
    provider.on_create.append(answers(NotProcessed(code="not_reached", message="")))
    intent = gateway.shown(source="api")

    assert intent.status == "requires_payment_method"
    assert gateway.attempt(intent).status == "error"


def test_refuses_a_store_without_a_provider_and_changes_nothing(gateway):
    intent = gateway.create(method="credit_card")

    with pytest.raises(ProviderNotUsable):
        gateway.confirm(intent)
    assert gateway.intent(intent).status == "requires_confirmation"
    assert gateway.attempt(intent) is None


def test_refuses_an_intent_that_is_overdue(gateway):
    intent = gateway.create(expires_in_s=60)

    with pytest.raises(IllegalIntentTransition):
        gateway.confirm(intent, now=gateway.later(61))
