"""The resolver ..."""

import threading

import pytest
from django.db import connections

from mpac.pgw.adapters.port import Declined, NotProcessed, Pending, Unknown
from mpac.pgw.db import atomic
from mpac.pgw.models import PaymentAttempt
from mpac.pgw.services import resolution, truth
from mpac.pgw.services.cancellation import cancel_intent
from mpac.pgw.services.confirmation import begin_confirmation
from mpac.pgw.services.resolution import resolve_due_attempts
from tests.pgw.conftest import AMOUNT, SCOPE
from tests.pgw.doubles import answers, show_qr

pytestmark = pytest.mark.usefixtures("healthy")

TIMEOUT = answers(Unknown(code="timeout", message=""))


def resolve_until_quiet(gateway, *, seconds: int) -> None:
    """Run the resolver every two seconds of a clock that nobody waits for."""
    for second in range(0, seconds, 2):
        resolve_due_attempts(now=gateway.later(second))


def test_finds_money_whose_answer_was_lost(gateway, provider):
    """The bank booked and never answered."""

    def book_and_hang(request):
        provider.pay(request.provider_key, AMOUNT)
        return Unknown(code="timeout", message="")

    provider.on_create.append(book_and_hang)
    intent = gateway.shown()
    assert intent.status == "processing"

    resolve_until_quiet(gateway, seconds=10)
    assert gateway.intent(intent).status == "succeeded"
    assert len(provider.created) == 1


def test_makes_the_same_call_again_under_the_same_key(gateway, provider, events):
    provider.on_create.append(TIMEOUT)
    intent = gateway.shown()
    resolve_until_quiet(gateway, seconds=10)

    assert gateway.intent(intent).status == "requires_action"
    assert [request.provider_key for request in provider.created] == [
        gateway.attempt(intent).provider_key
    ] * 2
    assert events(intent)[-1] == "payment_intent_action_required"


def test_never_repeats_a_call_while_it_cannot_ask(gateway, provider):
    provider.on_create.append(TIMEOUT)
    provider.on_probe += [TIMEOUT] * 50
    intent = gateway.shown()
    resolve_until_quiet(gateway, seconds=120)

    assert len(provider.created) == 1
    assert gateway.intent(intent).status == "processing"


def test_one_that_cannot_even_be_read_holds_up_no_other(gateway, monkeypatch):
    broken, paid = gateway.shown(), gateway.shown()
    gateway.pay(paid)
    read = resolution.prepare_question

    def prepare(*, attempt_id, **rest):
        if attempt_id == gateway.attempt(broken).pk:
            raise ValueError
        return read(attempt_id=attempt_id, **rest)

    monkeypatch.setattr(resolution, "prepare_question", prepare)
    assert resolve_due_attempts(now=gateway.later(11)) == 2
    assert gateway.intent(paid).status == "succeeded"


def test_gives_up_within_five_minutes_when_no_money_can_have_moved(gateway, provider):
    provider.on_create += [TIMEOUT] * 50
    intent = gateway.shown()
    resolve_until_quiet(gateway, seconds=300)

    assert gateway.intent(intent).status == "failed"
    assert gateway.attempt(intent).status == "voided"


def test_takes_up_an_attempt_whose_caller_died(gateway, provider):
    """The process was killed between the commit and the call."""
    intent = gateway.create()
    with atomic(SCOPE):
        begin_confirmation(intent_id=intent.pk, method=None, provider=None, now=gateway.now)
    resolve_due_attempts(now=gateway.later(29))
    assert provider.created == []

    resolve_until_quiet(gateway, seconds=40)
    assert gateway.intent(intent).status == "requires_action"


def test_polls_a_shown_qr_when_no_callback_comes(gateway):
    intent = gateway.shown()
    gateway.pay(intent)
    resolve_until_quiet(gateway, seconds=20)
    assert gateway.intent(intent).status == "succeeded"


def test_believes_a_payment_that_was_first_denied(gateway, provider):
    """An inquiry knew nothing although the money was there."""
    intent = gateway.shown()
    gateway.pay(intent)
    provider.on_probe.append(answers(Pending()))
    resolve_until_quiet(gateway, seconds=60)
    assert gateway.intent(intent).status == "succeeded"


def test_finds_money_on_a_cancelled_intent(gateway, events):
    intent = gateway.shown()
    cancel_intent(scope=SCOPE, intent_id=intent.pk, now=gateway.now)
    gateway.pay(intent)
    resolve_until_quiet(gateway, seconds=60)

    assert gateway.intent(intent).status == "cancelled"
    assert gateway.attempt(intent).status == "captured"
    assert events(intent)[-1] == "late_payment_received"


def test_stops_watching_after_three_days(gateway):
    intent = gateway.shown()
    cancel_intent(scope=SCOPE, intent_id=intent.pk, now=gateway.now)
    asked = 0
    for minute in range(0, 4 * 24 * 60, 7):
        asked += resolve_due_attempts(now=gateway.later(60 * minute))
    assert gateway.attempt(intent).next_probe_at is None
    assert 5 < asked < 20


def test_stops_watching_although_the_provider_still_waits_for_the_customer(gateway, provider):
    provider.on_create.append(TIMEOUT)
    intent = gateway.shown()
    provider.on_probe.append(answers(Declined(code="declined", message="No.")))
    provider.tell = show_qr
    asked = 0
    for hour in range(0, 4 * 24, 2):
        asked += resolve_due_attempts(now=gateway.later(3600 * hour + 10))
    assert gateway.attempt(intent).next_probe_at is None
    assert 5 < asked < 20


def test_ends_an_unknown_call_that_is_refused_when_repeated(gateway, provider):
    provider.on_create += [TIMEOUT, answers(NotProcessed(code="scb_1102", message="Invalid."))]
    intent = gateway.shown()
    resolve_until_quiet(gateway, seconds=10)
    assert gateway.intent(intent).status == "failed"


def test_takes_a_late_refusal_for_an_answer(gateway, provider):
    provider.on_create.append(TIMEOUT)
    provider.on_probe.append(answers(Declined(code="declined", message="No.")))
    intent = gateway.shown()
    resolve_until_quiet(gateway, seconds=10)
    assert (gateway.intent(intent).status, gateway.attempt(intent).status) == ("failed", "declined")


def test_claims_so_that_two_never_ask_about_the_same_attempt(gateway, provider):
    provider.on_create += [TIMEOUT] * 30
    for _ in range(30):
        gateway.shown()
    asked = []

    def resolve():
        try:
            asked.append(resolve_due_attempts(now=gateway.later(5)))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=resolve) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(asked) == 30
    assert len(provider.probed) == 30


def test_gets_the_claims_of_a_killed_resolver_back(gateway, provider, monkeypatch):
    provider.on_create.append(TIMEOUT)
    intent = gateway.shown()
    monkeypatch.setattr("mpac.pgw.services.resolution._apply", lambda *_args, **_kwargs: None)
    assert resolve_due_attempts(now=gateway.later(5)) == 1
    monkeypatch.undo()

    assert resolve_due_attempts(now=gateway.later(10)) == 0
    assert resolve_due_attempts(now=gateway.later(40)) == 1
    assert gateway.intent(intent).status == "requires_action"


def test_is_not_held_up_by_one_attempt_that_fails(gateway, provider, monkeypatch):
    provider.on_create += [TIMEOUT] * 3
    broken, *others = [gateway.shown() for _ in range(3)]
    broken_id = gateway.attempt(broken).pk
    apply = truth.apply_provider_truth

    def stumble(**arguments):
        if arguments["attempt_id"] == broken_id:
            raise RuntimeError("a fault of ours")
        return apply(**arguments)

    monkeypatch.setattr("mpac.pgw.services.resolution.apply_provider_truth", stumble)
    resolve_due_attempts(now=gateway.later(5))
    assert {gateway.intent(intent).status for intent in others} == {"requires_action"}


def test_reschedules_everything_that_is_open(gateway, provider):
    provider.on_create += [TIMEOUT, TIMEOUT]
    provider.on_probe += [TIMEOUT] * 100
    for _ in range(4):
        gateway.shown()
    resolve_until_quiet(gateway, seconds=30)
    with atomic(SCOPE):
        assert not PaymentAttempt.objects.filter(next_probe_at=None).exists()
