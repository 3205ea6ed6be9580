"""A payment token ..."""

import psycopg
import pytest

from mpac.pgw.adapters.port import ActionRequired, Declined, NotProcessed
from mpac.pgw.db import atomic
from mpac.pgw.errors import (
    PaymentTokenNotTaken,
    PaymentTokenRefused,
    PaymentTokenRequired,
    PaymentTokenUnbound,
    ReturnUrlRefused,
)
from mpac.pgw.models import PaymentAttempt
from mpac.pgw.services.confirmation import begin_confirmation, confirm_intent
from mpac.pgw.services.resolution import resolve_due_attempts
from tests.pgw.conftest import SCOPE, Gateway
from tests.pgw.doubles import TIMEOUT, answers

pytestmark = pytest.mark.usefixtures("healthy")

TOKEN = "tokn_test_5xpz3bq8v7cn9s2m4k1"
BACK = "https://shop.example/back"


@pytest.fixture
def gateway(tokens, now):
    return Gateway(tokens, now)


def card(gateway, **changes):
    return gateway.create(**{"method": "credit_card", "provider": "fake", "source": "api", **changes})


def confirm(gateway, intent, token=TOKEN, **how):
    return confirm_intent(
        scope=SCOPE, intent_id=intent.pk, **{"payment_token": token, "now": gateway.now, **how}
    )


def sealed(gateway, intent):
    return gateway.attempt(intent).payment_token_sealed


def test_is_charged(gateway, tokens):
    intent = confirm(gateway, card(gateway), return_url=BACK)
    [request] = tokens.created
    assert (request.payment_token, request.return_url) == (TOKEN, BACK)
    assert "/v1/webhooks/fake/pca_" in request.notice_url
    assert TOKEN not in repr(request)
    assert (intent.status, intent.captured_minor, intent.return_url) == ("succeeded", 12550, BACK)


@pytest.mark.parametrize(
    "answer",
    [
        ActionRequired(next_action={"type": "redirect_to_url", "url": "https://bank.example/3ds"}),
        Declined(code="declined", message="No."),
        NotProcessed(code="refused", message="No."),
    ],
    ids=["action", "declined", "not processed"],
)
def test_is_sealed_until_its_call_is_answered(gateway, tokens, superuser, answer):
    seen = []

    def look(request):
        seen.append(sealed(gateway, intent))
        return answer

    tokens.on_create.append(look)
    intent = card(gateway)
    confirm(gateway, intent)
    assert seen[0].startswith("v1.")
    assert TOKEN not in seen[0]
    assert sealed(gateway, intent) is None


def test_survives_a_crash_and_an_answer_that_was_lost(gateway, tokens):
    intent = card(gateway)
    with atomic(SCOPE):
        begin_confirmation(
            intent_id=intent.pk, method=None, provider=None, payment_token=TOKEN, now=gateway.now
        )
    tokens.on_create += [answers(TIMEOUT)]
    resolve_due_attempts(now=gateway.later(31))
    assert gateway.attempt(intent).status == "unknown"
    assert sealed(gateway, intent) is not None
    resolve_due_attempts(now=gateway.later(60))
    assert [request.payment_token for request in tokens.created] == [TOKEN, TOKEN]
    assert (gateway.intent(intent).status, sealed(gateway, intent)) == ("succeeded", None)


def test_is_forgotten_when_the_charge_turns_out_to_have_been_made(gateway, tokens):
    tokens.on_create.append(tokens.charge_and_hang)
    intent = confirm(gateway, card(gateway))
    assert (intent.status, sealed(gateway, intent) is None) == ("processing", False)
    resolve_due_attempts(now=gateway.later(5))
    assert (gateway.intent(intent).status, sealed(gateway, intent)) == ("succeeded", None)
    assert len(tokens.created) == 1


def test_cannot_outlive_its_call_in_the_database(gateway, tokens, superuser):
    intent = confirm(gateway, card(gateway))
    with pytest.raises(psycopg.errors.CheckViolation):
        superuser.execute(
            "UPDATE pgw.payment_attempts SET payment_token_sealed = 'kept' WHERE intent_id = %s", [intent.pk]
        )


def test_opens_for_no_other_attempt(gateway, tokens):
    tokens.on_create += [answers(TIMEOUT), answers(TIMEOUT)]
    first, second = card(gateway), card(gateway)
    confirm(gateway, first)
    confirm(gateway, second, token="tokn_test_other")
    with atomic(SCOPE):
        moved = PaymentAttempt.objects.get(intent=first).payment_token_sealed
        PaymentAttempt.objects.filter(intent=second).update(payment_token_sealed=moved)
    resolve_due_attempts(now=gateway.later(5))
    assert [request.payment_token for request in tokens.created] == [TOKEN, "tokn_test_other", TOKEN]
    assert gateway.attempt(second).status == "unknown"


def test_is_asked_for_before_anything_is_written(gateway, tokens, superuser):
    named, unnamed = card(gateway), card(gateway, provider=None)
    for intent in (named, unnamed):
        with pytest.raises(PaymentTokenRequired):
            confirm(gateway, intent, token=None)
        assert gateway.intent(intent).status == "requires_confirmation"
        assert gateway.attempt(intent) is None
    assert tokens.created == []


@pytest.mark.parametrize(
    ("how", "refusal"),
    [
        ({"token": "4111 1111 1111 1111"}, PaymentTokenRefused),
        ({"token": "tok_4242424242424242"}, PaymentTokenRefused),
        ({"method": "qr_code"}, PaymentTokenNotTaken),
        ({"return_url": "http://shop.example"}, ReturnUrlRefused),
    ],
)
def test_is_refused_without_a_trace(gateway, tokens, how, refusal):
    intent = card(gateway)
    with pytest.raises(refusal):
        confirm(gateway, intent, **how)
    assert gateway.intent(intent).status == "requires_confirmation"
    assert tokens.created == []


def test_belongs_to_a_provider_that_is_named(gateway, tokens):
    intent = card(gateway, provider=None)
    with pytest.raises(PaymentTokenUnbound):
        confirm(gateway, intent)
    assert confirm(gateway, intent, provider="fake").status == "succeeded"


def test_stays_where_the_caller_wanted_it_at_the_next_try(gateway, tokens):
    tokens.on_create.append(answers(Declined(code="declined", message="No.")))
    intent = confirm(gateway, card(gateway))
    assert intent.status == "requires_payment_method"
    assert confirm(gateway, intent, token="tokn_test_second").status == "succeeded"
    assert [request.payment_token for request in tokens.created] == [TOKEN, "tokn_test_second"]
